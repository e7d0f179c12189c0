"""Shares over time on the page: the chart, its words, its table and its CSV."""

from __future__ import annotations

import csv
import dataclasses
import re
import time
from pathlib import Path

import pytest
from made_up import HOSTILE, WINDOWS, made_up_history, made_up_sources, served
from page_driver import plain, view_of, wait_for_chart

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["Hour", "Day", "Week", "28 days", "Year", "2 years"])
def test_every_period_has_its_chart_its_words_and_its_table(open_page, address, name):
    page = open_page(address)
    wait_for_chart(page)
    steps = {"Hour": 61, "Day": 276, "Week": 57, "28 days": 28, "Year": 53, "2 years": 105}[name]

    page.locator("#range").get_by_label(name, exact=True).check()
    words = {"Hour": "hour", "Day": "24 hours", "Week": "7 days"}.get(name, name.lower())
    page.wait_for_selector(f"#change:has-text('the last {words}')")
    page.locator("#history-numbers summary").click()
    page.wait_for_selector("#history-numbers tbody tr")

    assert page.locator("#chart .scatterlayer .trace").count() == 5
    assert abs(page.locator("#history-numbers tbody tr").count() - steps) <= 2


def test_the_areas_stand_before_the_chart_library_has_come(open_page, address):
    held = []
    routes = {"**/static/vendor/*": lambda route: held.append(route)}  # noqa: PLW0108
    page = open_page(f"{address}#range=2y", routes=routes)
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .sketch path", state="attached")
    # The providers, above it, come when a reader is near.
    page.wait_for_selector("#provider-shares tbody tr")
    areas = page.locator("#chart .sketch path").evaluate_all(
        "all => all.map((each) => [each.className.baseVal, each.getAttribute('d')])"
    )
    box = "e => (({ x, y, width, height }) => [x, y, width, height])(e.getBoundingClientRect())"
    sketched = page.locator("#chart .sketch").evaluate(box)
    tops = [float(re.search(r"V([\d.]+)H1000\.0V100Z$", path)[1]) for _, path in areas]
    assert [paint for paint, _ in areas] == [
        *("unknown", "row-proprietary", "row-open", "cn-proprietary", "cn-open")
    ]
    assert tops == sorted(tops)
    assert tops[0] == 0

    held[0].continue_()
    wait_for_chart(page)
    assert page.locator("#chart .sketch").count() == 0
    # Nothing moves when the chart takes its place.
    drawn = page.locator("#chart .scatterlayer").first.evaluate(box)
    assert sketched == pytest.approx(drawn, abs=3)
    share = page.evaluate("document.getElementById('chart').data[0].y.at(-1)")
    assert 100 - tops[-1] == pytest.approx(share, abs=0.1)


def test_a_year_shows_the_rise_in_words(open_page, address):
    page = open_page(f"{address}#range=1y")
    wait_for_chart(page)

    assert "Chinese open from 1." in plain(page.inner_text("#change"))


def test_a_young_deployment_starts_with_the_longest_period_it_has(open_page):
    async def history(asked):
        now = time.time()
        return made_up_history(asked.dimension, asked.step, max(asked.start, now - 7200), now)

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(url)
        wait_for_chart(page)

        assert page.get_by_label("Day", exact=True).is_checked()
        assert "range" not in view_of(page)


def test_the_chart_shows_languages_developers_and_models_too(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.locator("#over").get_by_label("Language").check()
    page.wait_for_selector("#legend:has-text('English')")
    assert "All others" in page.inner_text("#legend")
    page.locator("#over").get_by_label("Developer").check()
    page.wait_for_selector("#legend:has-text('Anthropic')")
    page.locator("#over").get_by_label("Model").check()
    page.wait_for_selector("#legend:has-text('claude')")
    # A name from outside is text in legend and chart.
    assert HOSTILE in page.inner_text("#legend")
    page.locator("#chart .nsewdrag").first.hover()
    page.wait_for_selector("#chart .hoverlayer text")
    assert "<img src=x" in page.locator("#chart .hoverlayer").text_content()
    assert page.title() != "broken"


def test_a_model_may_have_any_name(open_page):
    async def history(asked):
        body = made_up_history(asked.dimension, asked.step, asked.start, time.time())
        for point in body["points"]:
            point["cells"]["__proto__"] = point["cells"].pop("qwen/qwen3-235b-a22b-instruct-2507")
        return body

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(f"{url}#over=model")
        wait_for_chart(page)

        assert "__proto__" in page.inner_text("#legend")
        assert page.evaluate("({})[0]") is None


def test_the_chart_shows_requests_too(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.get_by_label("Requests", exact=True).check()

    page.wait_for_selector("#chart-note:has-text('of requests of each day')")


def test_bands_differ_without_colour(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    assert page.locator("#chart pattern").count() >= 3
    assert "Chinese open" in page.inner_text("#chart")


def test_without_the_chart_library_the_numbers_are_there(open_page, monkeypatch):
    monkeypatch.setattr("streams.web.assets.CHART_LIBRARY", "a_package_that_nobody_has")
    with served(made_up_sources()) as url:
        page = open_page(url)
        page.wait_for_selector("#chart.empty")

        assert "not installed" in page.inner_text("#chart")
        assert page.locator("#origin-shares tbody tr").count() == 5


def test_what_is_shown_can_be_had_as_csv(open_page, address):
    page = open_page(f"{address}#over=developer&range=7d")
    wait_for_chart(page)

    def rows_of(link):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).click()
        return list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))

    history = rows_of("This period as CSV")
    shares = rows_of("All windows as CSV")

    assert {"start", "developer", "tokens_ratio"} <= set(history[0])
    assert {row["developer"] for row in history} >= {"Anthropic", "DeepSeek"}
    assert 167 <= len({row["start"] for row in history}) <= 169
    assert {row["window"] for row in shares} == set(WINDOWS)


def test_a_history_that_fails_says_so_in_the_place_of_the_chart(open_page, address):
    page = open_page(
        address,
        expects=("503",),
        routes={
            "**/api/v1/history?*": lambda route: route.fulfill(
                status=503, body='{"detail": "Too many long queries are waiting."}'
            )
        },
    )

    page.wait_for_selector("#chart.empty")

    assert page.inner_text("#chart") == (
        "The history could not be loaded: Too many long queries are waiting."
    )
