"""The page says what groups of tenants sent to origins that a policy excludes for them."""

from __future__ import annotations

import dataclasses
import time

import pytest
from made_up import made_up_policy, made_up_sources, served
from page_driver import column, plain, until

pytestmark = pytest.mark.browser

SHOWN = "!document.getElementById('policy').hidden"


def sources(**changes):
    async def policy():
        return made_up_policy(time.time(), **changes)

    return dataclasses.replace(made_up_sources(), policy=policy)


def rows(page):
    columns = (column(page, "#policy-groups", number) for number in (1, 2, 3, 4))
    return [tuple(map(plain, row)) for row in zip(*columns, strict=True)]


def test_each_group_has_its_tokens_to_excluded_origins_in_the_chosen_window(open_page):
    with served(sources()) as url:
        page = open_page(url)
        until(page, SHOWN)

        assert rows(page) == [
            (
                "eu-public-sector",
                "1.28M",
                "7.0 %",
                "Chinese open: 1.28M, Chinese proprietary: none",
            ),
            ("labs", "none", "0.0 %", "Chinese proprietary"),
            ("pilots", "none", "–", "Unknown"),
        ]
        assert page.inner_text("#policy-line") == (
            "1 of 3 groups sent tokens to an origin that the policy excludes for it, in the last "
            "24 hours."
        )
        page.locator("#window [value='7d']").check(force=True)
        assert rows(page)[0][1] == "8.97M"
        page.locator("#window [value='5m']").check(force=True)
        assert rows(page)[0][1] == "1.28M"
        assert "counted by the hour: 24 h and 7 d have them" in page.inner_text("#policy-note")
        assert "fault" not in page.inner_text("#policy-note")


def test_without_a_policy_there_is_no_section_and_no_module_is_loaded(open_page, address):
    page = open_page(address)
    with page.expect_response("**/api/v1/policy"):
        pass
    page.wait_for_timeout(200)

    assert not page.evaluate(SHOWN)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
    assert not [each for each in loaded if each.endswith("policy.js")]


def test_a_part_of_the_traffic_has_no_policy_and_a_fault_in_the_file_is_said(open_page):
    with served(sources(is_current=False)) as url:
        page = open_page(url)
        until(page, SHOWN)

        assert "The file of the policy has a fault" in page.inner_text("#policy-note")
        page.evaluate("location.hash = '#origin=cn-open'")
        until(page, f"!({SHOWN})")


@pytest.mark.parametrize("width", [1280, 360])
def test_it_fits_a_phone(open_page, width):
    with served(sources()) as url:
        page = open_page(url, width)
        until(page, SHOWN)

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        table = page.locator("#policy-groups")
        assert table.evaluate("(it) => it.scrollWidth <= it.clientWidth")
