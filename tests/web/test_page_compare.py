"""A period against the one before and against the same days last year."""

from __future__ import annotations

import dataclasses
import time
from urllib.parse import parse_qs, urlparse

import pytest
from made_up import made_up_sources, served
from page_driver import column, plain, point_at_chart, until, view_of, wait_for_chart

pytestmark = pytest.mark.browser

DAY = 86_400


def against(page, name):
    page.locator("#against").get_by_label(name, exact=True).check()


def histories(page):
    """The questions for histories that a page asks from now on, each with its parameters."""
    asked = []
    page.on(
        "request",
        lambda request: (
            "/history?" in request.url and asked.append(parse_qs(urlparse(request.url).query))
        ),
    )
    return asked


def dashed_lines(page):
    return page.evaluate(
        "document.getElementById('chart').data.filter((each) => each.line.dash === 'dash')"
        ".map((each) => [each.name, each.x[0], each.y.filter((y) => y !== null).length])"
    )


def test_against_the_period_before_the_chart_has_a_dashed_line_and_a_table(open_page, address):
    page = open_page(address)
    wait_for_chart(page)
    asked = histories(page)

    against(page, "Before")
    page.wait_for_selector("#compared tbody tr")

    assert view_of(page) == {"against": "before"}
    words = plain(page.inner_text("#change"))
    assert words.startswith("Against the period before, ")
    assert "the largest difference is Chinese open: 2" in words
    assert column(page, "#compared", 1)[-1] == "Chinese open"
    now, then, apart = (float(plain(column(page, "#compared", number)[-1])) for number in (2, 3, 4))
    assert apart == pytest.approx(now - then, abs=0.11)
    assert 2 < apart < 4
    assert page.locator("#chart .other-line").count() == 1
    point_at_chart(page)
    until(page, "document.querySelectorAll('#chart .scatterlayer .trace').length === 7")
    ((name, first, points),) = dashed_lines(page)
    assert name == "Chinese open, the period before"
    assert first == page.evaluate("document.getElementById('chart').data[0].x[0]")
    assert points >= 27
    (other,) = (each for each in asked if each["step"] == ["1d"] and "end" in each)
    assert int(other["end"][0]) - int(other["start"][0]) == 28 * DAY
    assert "end=" in page.get_attribute("#other-csv", "href")


def test_the_tables_have_the_difference_in_points(open_page, address):
    page = open_page(f"{address}#against=before&measure=requests")
    page.wait_for_selector("#origin-shares th.apart")

    assert "Difference" in page.inner_text("#origin-shares thead")
    assert "Expected" not in page.inner_text("#origin-shares thead")
    assert "Difference" in page.inner_text("#key-shares thead")
    assert page.locator("#origin-shares td.apart").count() == 5 + 2 + 1
    assert plain(page.inner_text("#against-note")).startswith(
        "Difference: points against the period before, "
    )
    against(page, "Expected")
    page.wait_for_selector("#origin-shares th.expected")
    assert page.locator("th.apart").count() == 0
    assert page.inner_text("#against-note") == ""
    assert view_of(page) == {"measure": "requests"}


def test_the_same_days_last_year_are_52_weeks_before(open_page, address):
    page = open_page(f"{address}#against=year&over=language&from=2026-06-01&to=2026-06-30")
    page.wait_for_selector("#compared tbody tr")

    words = plain(page.inner_text("#change"))
    assert words.startswith("Against the same days last year, 2 Jun 2025 to 1 Jul 2025: ")
    assert "Same days last year" in page.inner_text("#compared thead")
    # What differs most lies at the bottom of the chart, where the dashed line is read off the axis.
    point_at_chart(page)
    until(page, "document.getElementById('chart').data.length > 7")
    first, dashed = page.evaluate(
        "(({ data }) => [data[0].name, data.at(-1).name])(document.getElementById('chart'))"
    )
    assert dashed == f"{first}, the same days last year"


def test_a_part_of_the_traffic_is_compared_with_itself(open_page, address):
    page = open_page(f"{address}#against=before&provider=bedrock")
    asked = histories(page)
    page.reload()
    page.wait_for_selector("#compared tbody tr")
    page.wait_for_selector("#origin-shares th.apart")

    assert len(asked) >= 3
    assert all(each["provider"] == ["bedrock"] for each in asked)


@pytest.mark.parametrize(
    ("days", "fragment", "words"),
    [
        (40, "against=before", "No comparison with the period before: it would begin on "),
        (40, "against=year", "No comparison with the same days last year: it would begin on "),
        (800, "against=year&range=24h", "only whole days (UTC) are kept"),
        (2000, "against=before&range=2y", "history is kept for two years"),
    ],
    ids=["young", "young-year", "hours", "two-years"],
)
def test_without_a_history_nothing_is_compared_and_why_is_said(open_page, days, fragment, words):
    with served(made_up_sources(since=time.time() - days * DAY)) as url:
        page = open_page(f"{url}#{fragment}")
        page.wait_for_selector(f"#change:has-text('{words}')")
        wait_for_chart(page)

        assert page.locator("#compared").is_hidden()
        assert page.locator("#other-csv").is_hidden()
        assert page.locator("#chart .other-line").count() == 0
        assert "Dashed" not in page.inner_text("#chart-note")


def test_a_first_day_is_not_compared_with_itself(open_page):
    with served(made_up_sources(since=time.time() - 30 * 3600)) as url:
        page = open_page(f"{url}#against=before")
        page.wait_for_selector("#against-note:has-text('No comparison with the period before')")

        assert page.locator("th.apart").count() == 0
        assert "Expected" in page.inner_text("#origin-shares thead")


def test_what_was_not_known_then_is_not_compared(open_page):
    made = made_up_sources()

    async def history(asked):
        body = await made.history(asked)
        if asked.end and asked.end < time.time() - DAY:
            for point in body["points"]:
                point["cost"] = None
        return body

    with served(dataclasses.replace(made, history=history)) as url:
        page = open_page(f"{url}#against=before&measure=cost")
        page.wait_for_selector("#change:has-text('nothing is known of its cost')")
        assert page.locator("#compared").is_hidden()
