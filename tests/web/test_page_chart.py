"""Shares over time on the page: the chart, its words, its table and its CSV."""

from __future__ import annotations

import csv
import dataclasses
import re
import time
from pathlib import Path

import pytest
from made_up import HOSTILE, WINDOWS, made_up_history, made_up_sources, served
from page_driver import plain, point_at_chart, until, view_of, wait_for_chart

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

    assert page.locator("#chart .area").count() == 5
    assert abs(page.locator("#history-numbers tbody tr").count() - steps) <= 2


BOX = "e => (({ x, y, width, height }) => [x, y, width, height])(e.getBoundingClientRect())"


def test_the_chart_library_comes_when_a_reader_points_at_the_chart(open_page, address):
    asked = []
    page = open_page(f"{address}#range=2y")
    page.on("request", lambda request: asked.append(request.url))
    wait_for_chart(page)
    # The providers, above it, come when a reader is near.
    page.wait_for_selector("#provider-shares tbody tr")
    page.wait_for_timeout(500)
    areas = page.locator("#chart .area").evaluate_all(
        "all => all.map((each) => [each.classList[1], each.getAttribute('d')])"
    )
    box = page.locator("#chart .areas").evaluate(BOX)
    tops = [float(re.search(r"V([\d.]+)H[\d.]+V[\d.]+Z$", path)[1]) / box[3] for _, path in areas]
    ticks = page.locator("#chart .sketch > text").all_text_contents()
    assert [paint for paint, _ in areas] == [
        *("unknown", "row-proprietary", "row-open", "cn-proprietary", "cn-open")
    ]
    assert tops == sorted(tops)
    assert tops[0] == pytest.approx(0, abs=0.001)
    assert not any("/vendor/" in each for each in asked)

    point_at_chart(page)
    assert page.locator("#chart .sketch").count() == 0
    assert any("/vendor/" in each for each in asked)
    # Nothing moves when the library's chart takes its place, and nothing is called otherwise.
    drawn = page.locator("#chart .scatterlayer").first.evaluate(BOX)
    assert box == pytest.approx(drawn, abs=3)
    share = page.evaluate("document.getElementById('chart').data[0].y.at(-1)")
    assert 100 * (1 - tops[-1]) == pytest.approx(share, abs=0.1)
    texts = page.locator("#chart").get_by_text(re.compile(".")).all_text_contents()
    assert len(ticks) > 10
    assert set(ticks) <= set(texts)


def test_a_chart_whose_library_does_not_come_stands_and_asks_again(open_page, address):
    routes = {"**/static/vendor/*": lambda route: route.abort()}
    page = open_page(address, routes=routes, expects=("ERR_FAILED",))
    wait_for_chart(page)

    with page.expect_request("**/static/vendor/*"):
        page.locator("#chart").hover()
    until(page, "!document.querySelector('#chart.is-loading')")
    assert page.locator("#chart .area").count() == 5
    said = "The numbers at the pointer could not be loaded."
    assert page.locator("#chart").get_attribute("title") == said

    page.unroute("**/static/vendor/*")
    page.mouse.move(0, 0)
    point_at_chart(page)
    until(page, "!document.querySelector('#chart').title")


def test_the_chart_library_comes_where_the_pointer_was_before_the_chart(open_page, address):
    held = []
    routes = {"**/api/v1/history?*": lambda route: held.append(route)}  # noqa: PLW0108
    page = open_page(address, routes=routes)
    page.locator("#chart").hover()

    held[0].continue_()

    page.wait_for_selector("#chart .scatterlayer .trace", state="attached")


def test_the_chart_is_as_wide_as_its_place(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.set_viewport_size({"width": 700, "height": 900})

    until(
        page,
        "document.querySelector('#chart .sketch').viewBox.baseVal.width"
        " === document.getElementById('chart').clientWidth",
    )
    assert page.evaluate("document.getElementById('chart').clientWidth") < 700


@pytest.mark.parametrize(
    ("period", "texts"),
    [
        ("range=1y", r"[A-Z][a-z]+ 20\d\d"),
        ("from=2026-03-02&to=2026-05-30", r"\d+ [A-Z][a-z]+"),
        ("range=24h", r"\d\d:00|\d+ [A-Z][a-z]+"),
        ("range=1h", r"\d\d:[0-5][05]|\d+ [A-Z][a-z]+"),
    ],
)
def test_the_times_below_the_chart_are_round(open_page, address, period, texts):
    page = open_page(f"{address}#{period}")
    wait_for_chart(page)

    found = page.locator("#chart .sketch > text[text-anchor=middle]").all_text_contents()

    assert 3 <= len(found) <= 11
    assert all(re.fullmatch(texts, each) for each in found), found


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
    point_at_chart(page)
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


def test_without_the_chart_library_there_is_a_chart_and_no_picture(open_page, monkeypatch):
    monkeypatch.setattr("streams.web.assets.CHART_LIBRARY", "a_package_that_nobody_has")
    with served(made_up_sources()) as url:
        page = open_page(url)
        wait_for_chart(page)
        page.locator("#chart").hover()

        page.get_by_role("button", name="Chart as PNG").click()

        page.wait_for_selector("#chart-saved:has-text('not installed')")
        assert page.locator("#chart .area").count() == 5
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
    # Whole points of the chart, of 3 hours in UTC: the first one may begin 2 hours before the week,
    # and the last one ends with the hour that runs; another one may begin meanwhile.
    starts = sorted({row["start"] for row in history})
    assert int(starts[0][11:13]) % 3 == 0
    assert 167 <= len(starts) <= 172
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
