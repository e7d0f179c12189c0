"""The measures of the page: what a share is a share of, and what part of it is known."""

from __future__ import annotations

import dataclasses
import time

import pytest
from made_up import made_up_shares, made_up_sources, served
from page_driver import NOTHING, SHIFT, column, plain, view_of, wait_for_chart, wait_for_shifts

pytestmark = pytest.mark.browser


def choose(page, name):
    page.locator("#measure").get_by_label(name, exact=True).check()


def without_prices():
    windows = made_up_shares(time.time())["windows"]
    for window in windows.values():
        for each in (
            window,
            *(row for rows in window.values() if isinstance(rows, list) for row in rows),
        ):
            each["cost"] = None
        window["priced_ratio"] = 0.0
    return windows


@pytest.mark.parametrize(
    ("name", "of", "total"),
    [
        ("Tokens", "tokens", "17.5B"),
        ("Requests", "requests", "3.22M"),
        ("Output", "output tokens", "1.09B"),
        ("Uncached", "uncached tokens", "4.38B"),
        ("Cost", "cost", "$31.8K"),
    ],
)
def test_every_measure_changes_the_answer_the_tables_and_the_chart(
    open_page, address, name, of, total
):
    page = open_page(address)
    wait_for_chart(page)

    choose(page, name)

    assert f" of {of} in the last 24 h" in plain(page.inner_text("h1"))
    foot = page.locator("#origin-shares tfoot tr").last.inner_text().split("\t")
    assert foot[3] == total
    assert f"per cent of {of}" in page.inner_text("#key-shares caption")
    page.wait_for_selector(f"#chart-note:has-text('of {of} of each day')")


def test_a_measure_is_part_of_the_address(open_page, address):
    page = open_page(address)
    choose(page, "Cost")
    assert view_of(page) == {"measure": "cost"}

    other = open_page(page.url)

    assert " of cost in the last 24 h" in plain(other.inner_text("h1"))


def test_beside_the_cost_stands_for_what_part_prices_are_known(open_page, address):
    page = open_page(address)
    assert page.inner_text("#coverage") == ""

    choose(page, "Cost")

    assert plain(page.inner_text("#coverage")) == (
        "Prices known for 83.0 % of tokens, of them 12.0 % estimated from a list of prices."
    )
    choose(page, "Uncached")
    assert plain(page.inner_text("#coverage")) == "Cache reads known for 90.0 % of tokens."


def test_a_cost_that_is_not_known_is_no_zero(open_page, address):
    page = open_page(address)

    choose(page, "Cost")

    costs = dict(
        zip(column(page, "#origin-shares", 1), column(page, "#origin-shares", 4), strict=True)
    )
    assert costs["Unknown"] == NOTHING
    assert "are not known" in page.locator("#origin-shares tbody tr").last.locator(
        "td.picked"
    ).get_attribute("title")
    assert page.locator("#origin-shares tfoot th").last.inner_text() == "All known cost"


def test_without_any_price_there_is_no_cost_to_choose(open_page):
    with served(made_up_sources(windows=without_prices())) as url:
        page = open_page(url)
        assert page.locator("#measure").get_by_label("Output", exact=True).is_visible()
        assert page.locator("#measure label:has([value=cost])").is_hidden()

        page = open_page(f"{url}#measure=cost")
        assert page.inner_text("h1") == "No cost known in the last 24 hours"
        assert page.locator("#measure label:has([value=cost])").is_visible()
        assert plain(page.inner_text("#coverage")) == "Prices known for 0.0 % of tokens."


def test_history_that_knows_no_cost_says_so(open_page):
    made = made_up_sources()

    async def history(asked):
        body = await made.history(asked)
        for point in body["points"]:
            point["cost"] = None
            point["cells"] = {key: [*cell[:5], None] for key, cell in point["cells"].items()}
        return body

    with served(dataclasses.replace(made, history=history)) as url:
        page = open_page(f"{url}#measure=cost")
        page.wait_for_selector("#chart.empty")

        assert page.inner_text("#chart") == "No cost known in the last 28 days."


def test_a_shift_is_of_tokens_requests_or_cost(open_page, address):
    page = open_page(address + SHIFT)
    wait_for_shifts(page)

    choose(page, "Output")

    assert view_of(page) == {"measure": "output_tokens"}
    # What has not shifted is listed by tokens then.
    assert page.locator("#shift-list li").count() == 8
