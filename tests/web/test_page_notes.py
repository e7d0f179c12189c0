"""Known events on the page: marks over the chart, their texts below it, and in a shift's line."""

from __future__ import annotations

import dataclasses
import time

import pytest
from made_up import HOSTILE, made_up_note, made_up_notes, made_up_shifts, made_up_sources, served
from page_driver import plain, point_at_chart, wait_for_chart, wait_for_shifts

pytestmark = pytest.mark.browser
DAY = 86_400


def sources(*notes, **given):
    return dataclasses.replace(
        made_up_sources(), notes=lambda: made_up_notes(time.time(), *notes, **given)
    )


def ago(days, text, **given):
    return made_up_note(int(time.time() - days * DAY), text, **given)


def texts(page):
    return [plain(each) for each in page.locator("#notes li strong").all_inner_texts()]


def test_a_note_is_marked_at_its_time_and_its_mark_leads_to_its_text(open_page, address):
    page = open_page(address)
    point_at_chart(page)
    marks = page.locator("#marks .flag")

    assert marks.all_inner_texts() == ["1", "2"]
    assert texts(page) == ["Customers move to the new router", "Kimi K3 is free"]
    assert "(model moonshotai/kimi-k3)" in page.inner_text("#note-2")
    assert "Kimi K3 is free" in marks.nth(1).get_attribute("aria-label")
    # At the place of its time on the chart's own axis.
    axis = page.evaluate(
        "() => { const { xaxis } = document.getElementById('chart')._fullLayout;"
        "return [xaxis.d2p(new Date(Date.now() - 9 * 864e5).toISOString().slice(0, 19)),"
        " xaxis._offset, document.getElementById('chart').getBoundingClientRect().x]; }"
    )
    box = marks.nth(1).bounding_box()
    assert box["x"] + box["width"] / 2 == pytest.approx(sum(axis), abs=3)
    assert min(box["width"], box["height"]) >= 24

    marks.nth(1).focus()
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "note-2"
    assert page.url == address


def test_a_period_is_shaded_from_its_start_to_its_end(open_page, address):
    page = open_page(address)
    wait_for_chart(page)
    period, chart = page.locator("#marks .period").bounding_box(), page.locator("#marks")

    assert period["width"] == pytest.approx(chart.bounding_box()["width"] * 7 / 27.6, rel=0.05)


def test_marks_that_would_lie_on_each_other_are_one(open_page):
    with served(sources(ago(9, "one"), ago(8.9, "two"), ago(8.8, "three"), ago(1, "four"))) as url:
        page = open_page(url)
        wait_for_chart(page)

        assert page.locator("#marks .flag").all_inner_texts() == ["1–3", "4"]
        label = page.locator("#marks .flag").first.get_attribute("aria-label")
        assert all(text in label for text in ("one", "two", "three"))
        assert page.locator("#marks .when").count() == 4
        page.locator("#range").get_by_label("Day", exact=True).check()
        page.wait_for_selector("#change:has-text('24 hours')")
        assert page.locator("#notes li").count() <= 1


def test_notes_outside_of_the_period_are_not_shown(open_page):
    ahead = ago(-3, "ahead")
    with served(
        sources(ago(60, "before"), ahead, ago(60, "over", end=ago(40, "")["start"]))
    ) as url:
        page = open_page(url)
        wait_for_chart(page)

        assert page.locator("#notes li").count() == 0
        assert page.locator("#marks > *").count() == 0
        page.locator("#range").get_by_label("Year", exact=True).check()
        page.wait_for_selector("#note-2")
        assert sorted(texts(page)) == ["before", "over"]


def test_a_text_from_outside_stays_a_text(open_page):
    note = ago(9, HOSTILE, dimension="model", key=HOSTILE)
    with served(sources(note, ago(3, "w" * 120))) as url:
        page = open_page(url, 360)
        wait_for_chart(page)

        assert texts(page)[0] == HOSTILE
        assert page.title() != "broken"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_fault_in_the_file_and_notes_that_are_left_out_are_said(open_page):
    many = [ago(20 - number / 2, f"deploy {number}") for number in range(25)]
    with served(sources(*many, is_current=False, omitted=3)) as url:
        page = open_page(url)
        wait_for_chart(page)

        assert page.locator("#notes li").count() == 20
        said = page.inner_text("#notes-note")
        assert "not shown: 8" in said
        assert "has a fault" in said


def test_a_chart_is_whole_where_notes_cannot_be_had(open_page, address):
    gone = {"**/api/v1/notes": lambda route: route.fulfill(status=500, json={"detail": "no"})}
    page = open_page(address, routes=gone, expects=("500",))
    wait_for_chart(page)

    assert page.locator("#notes li").count() == 0
    assert page.locator("#chart .area").count() == 5


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (
            "Chinese open +5.3 points in 24 hours: hy3 +3.1; note of Mon 6 Jul: a: b",
            "hy3 +3.1; note of Mon 6 Jul: a: b",
        ),
        (
            "Chinese open +5.3 points in 24 hours; note of Mon 6 Jul: a launch",
            "note of Mon 6 Jul: a launch",
        ),
        ("Chinese open +5.3 points in 24 hours", None),
    ],
)
def test_a_shift_says_what_moved_it_and_what_is_noted(open_page, sentence, shown):
    def shifts():
        body = made_up_shifts(time.time())
        for each in body["shifts"]:
            if each["is_shifted"]:
                each["sentence"] = sentence
        return body

    with served(dataclasses.replace(made_up_sources(), shifts=shifts)) as url:
        page = open_page(url)
        wait_for_shifts(page)
        found = page.locator("#shift-list .sentence")

        assert found.count() == (0 if shown is None else 3)
        assert shown is None or found.first.inner_text() == shown
