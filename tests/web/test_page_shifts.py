"""The list of shifts on the page, and what opens below each."""

from __future__ import annotations

import dataclasses
import itertools
import time

import pytest
from made_up import HOSTILE, made_up_moved, made_up_shifts, made_up_sources, served
from page_driver import (
    SHIFT,
    column,
    plain,
    shift_names,
    until,
    view_of,
    wait_for_movers,
    wait_for_shifts,
)

pytestmark = pytest.mark.browser


def test_what_has_shifted_comes_first_then_what_is_furthest_from_usual(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    names = shift_names(page)
    assert names[:4] == ["Russian", "Chinese open", "Chinese open", "Proprietary, rest of world"]
    assert len(names) == 3 + 5
    assert page.locator(".shift.shifted").count() == 3
    said = plain(page.locator("#shift-list summary").nth(2).inner_text())
    for part in (
        "Shifted",
        "tokens, last 24 h",
        "27.4 %",
        "expected 22.1 %",
        "+5.3 points",
        "z 6.8",
    ):
        assert part in said

    page.locator("#more-shifts").click()
    assert len(shift_names(page)) == 36
    assert view_of(page) == {"shifts": "all"}
    page.locator("#more-shifts").click()
    assert len(shift_names(page)) == 8
    assert page.url == address


def test_a_shift_opens_to_its_movers_which_add_up_to_it(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    page.locator("#shift-list summary").nth(2).click()
    wait_for_movers(page)

    tables = page.locator("#shift-list details[open] .of-movers")
    assert tables.count() == 3
    for table in tables.all():
        shown = [plain(each) for each in table.locator("tr > :last-child").all_inner_texts()[1:]]
        *parts, whole = [float(each) for each in shown]
        assert whole == 5.3
        assert abs(sum(parts) - whole) < 0.005 * len(shown)
    models = tables.first.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in models[:5]] == ["new", "grew", "grew", "gone", "grew"]
    assert models[5].startswith("12 others")
    assert HOSTILE in models[4]
    assert "new or gone: +1.91 points" in page.inner_text("#shift-list details[open]")
    assert column(page, "#shift-list details[open]", 1)[6] == "Chinese (Simplified)"
    assert "9f2c1ab04d77e310" in tables.last.inner_text()


def test_a_language_is_taken_apart_by_origin(open_page, address):
    page = open_page(f"{address}#view=shift&dimension=language&key=ru&measure=tokens&window=24h")
    wait_for_movers(page)

    opened = page.inner_text("#shift-list details[open]")
    assert "models are not counted by language" in opened
    assert "new or gone: ±0.00 points" in opened
    assert "Chinese open" in column(page, "#shift-list details[open]", 1)
    assert page.locator("#shift-list details[open] .of-movers").count() == 2


def test_what_is_left_over_among_origins_is_other(open_page):
    async def moved(asked):
        body = made_up_moved(asked, time.time())
        body["joint"]["movers"][1].update(key="other", name="other")
        return body

    link = "#view=shift&dimension=language&key=ru&measure=tokens&window=24h"
    with served(dataclasses.replace(made_up_sources(), movers=moved)) as url:
        page = open_page(url + link)
        wait_for_movers(page)

        assert "Other" in column(page, "#shift-list details[open]", 1)


def test_an_opened_shift_is_a_view_and_back_closes_it(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    page.locator("#shift-list summary").nth(1).click()
    wait_for_movers(page)
    assert view_of(page) == {
        "view": "shift",
        "dimension": "origin",
        "key": "cn-open",
        "measure": "tokens",
        "window": "1h",
    }
    assert "in the last 1 h" in plain(page.inner_text("h1"))
    page.locator("#shift-list summary").nth(0).click()
    page.wait_for_selector("#shift-list details[open]:has-text('Russian')")
    until(page, "document.querySelectorAll('#shift-list details[open]').length === 1")

    page.go_back()
    page.wait_for_selector("#shift-list details[open]:has-text('Chinese open')")
    page.go_back()
    page.wait_for_selector("#shift-list details[open]", state="detached")
    assert page.url == address


@pytest.mark.parametrize(
    ("dimension", "key", "measure", "window", "name"),
    [
        ("origin", "cn-open", "tokens", "24h", "Chinese open"),
        ("language", "ko", "requests", "1h", "Korean"),
    ],
    ids=["shifted", "so-quiet-that-it-is-not-listed-at-first"],
)
def test_an_alert_links_to_a_shift(open_page, address, dimension, key, measure, window, name):
    link = f"#view=shift&dimension={dimension}&key={key}&measure={measure}&window={window}"
    page = open_page(address + link)
    wait_for_movers(page)

    item = page.locator("#shift-list details[open]")
    assert f"{measure}, last {windows(window)}" in plain(item.locator("summary").inner_text())
    assert name in item.inner_text()
    assert f"of {measure} in the last {windows(window)}" in plain(page.inner_text("h1"))
    assert page.evaluate("document.activeElement.textContent").startswith(name)
    box = item.locator("summary").bounding_box()
    assert 0 <= box["y"] <= 900


def windows(key):
    return key.replace("h", " h")


def test_an_alert_links_to_the_list_of_shifts(open_page, address):
    page = open_page(f"{address}#shifts")
    wait_for_shifts(page)
    until(page, "document.activeElement.id === 'shifts'")

    assert page.locator("#shifts-heading").bounding_box()["y"] < 900


@pytest.mark.parametrize(
    ("dimension", "key", "name"),
    [
        ("language", "eo", "Esperanto"),
        ("language", "__proto__", "__proto__"),
        ("language", "constructor", "constructor"),
        ("origin", "mars-open", "mars-open"),
    ],
)
def test_a_link_to_a_shift_that_is_over_says_so(open_page, address, dimension, key, name):
    link = f"#view=shift&dimension={dimension}&key={key}&measure=tokens&window=24h"
    page = open_page(address + link)
    page.wait_for_selector("#shift-gone:not([hidden])")

    assert f"{name} has no shift of tokens" in page.inner_text("#shift-gone")
    assert page.locator("#shift-list details[open]").count() == 0


def test_movers_that_cannot_be_found_say_why(open_page):
    async def moved(asked):
        if asked.window == "1h":
            return None
        return made_up_moved(asked, time.time()) | {"tenants": None}

    with served(dataclasses.replace(made_up_sources(), movers=moved)) as url:
        page = open_page(url + SHIFT, expects=("404",))
        wait_for_movers(page)
        assert "requests name none" in page.inner_text("#shift-list details[open]")

        page.locator("#window").get_by_label("1 h").check()

        page.wait_for_selector("#shift-list details[open]:has-text('No shift is known')")


def test_a_mover_that_moved_nothing_neither_grew_nor_has_less_than_nothing(open_page):
    async def moved(asked):
        body = made_up_moved(asked, time.time())
        models = body["models"]
        still = {"name": "still", "kind": "mix", "share": 0.0, "before": -1e-17}
        models["movers"] = [still | {"contribution": 1e-17}]
        return body

    with served(dataclasses.replace(made_up_sources(), movers=moved)) as url:
        page = open_page(url + SHIFT)
        wait_for_movers(page)

        row = page.locator(".of-movers tr:has-text('still')").inner_text()

        assert plain(row).split() == ["still", "stayed", "0.0", "%", "0.0", "%", "±0.00"]


def test_an_opened_shift_that_moves_up_the_list_keeps_the_focus_and_its_movers(open_page):
    calls = itertools.count()

    def shifts():
        body = made_up_shifts(time.time())
        is_more_unusual = next(calls) > 0
        for each in body["shifts"]:
            if is_more_unusual and (each["key"], each["window"]) == ("cn-open", "24h"):
                each["zscore"] *= 3
        return body

    with served(dataclasses.replace(made_up_sources(), shifts=shifts)) as url:
        page = open_page(url + SHIFT)
        wait_for_movers(page)
        assert page.locator("#shift-list > :nth-child(3) > details[open]").count() == 1

        page.wait_for_selector("#shift-list > :first-child > details[open]")

        assert page.evaluate("document.activeElement.closest('details').open")
        assert page.locator("#shift-list details[open] .of-movers").count() == 3
