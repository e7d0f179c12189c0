"""The top of the page: headline, second line and verdict, in every state of a deployment."""

from __future__ import annotations

import dataclasses
import itertools
import time

import pytest
from made_up import (
    WINDOWS,
    made_up_history,
    made_up_shares,
    made_up_shifts,
    made_up_sources,
    no_traffic,
    served,
)
from page_driver import NOTHING, column, plain, wait_for_shifts

pytestmark = pytest.mark.browser


def test_the_answer_is_the_first_thing_on_the_page(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    assert plain(page.inner_text("h1")) == (
        "Chinese open models: 27.4 % of tokens in the last 24 h, "
        "5.3 points above the 22.1 % expected (normal range 20.6 to 23.6 %)"
    )
    assert "3.22M requests, 17.5B tokens" in page.inner_text("#subline")
    assert page.locator("#status").inner_text() == "Live"
    assert plain(page.title()) == "27.4 % Chinese open · tokenshare"


def test_the_language_that_shifted_most_is_the_second_line(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)

    assert plain(page.inner_text("#second")) == (
        "Russian, the language that shifted most: 2.5 % of tokens, "
        "1.2 points above the 1.3 % expected (normal range 1.1 to 1.5 %)."
    )


def test_what_has_shifted_is_said_at_the_top_and_leads_to_the_list(open_page, address):
    page = open_page(address)
    verdict = page.get_by_role(
        "link", name="2 shares have shifted: Russian +1.2, Chinese open +5.3"
    )

    verdict.click()

    assert page.evaluate("document.activeElement.id") == "shifts"
    assert page.locator("#shifts-heading").is_visible()
    assert "#" not in page.url


def test_without_a_shift_the_largest_language_after_english_is_the_second_line(open_page):
    with served(made_up_sources("quiet")) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert "Chinese (Simplified), the largest language after English: 5.0" in plain(
            page.inner_text("#second")
        )
        assert page.inner_text("#verdict").startswith("Nothing has shifted")
        assert "Nothing has shifted." in page.inner_text("#shifts-state")
        assert page.locator(".shift.shifted").count() == 0


def test_a_young_deployment_says_what_is_missing_before_shifts_can_be_reported(open_page):
    with served(made_up_sources("young")) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert "normal range" not in page.inner_text("h1")
        assert page.inner_text("#verdict") == (
            "Too early to say what is usual: 2.5 of 21 days of history"
        )
        assert "History is too short" in page.inner_text("#shifts-state")
        assert page.locator("#shifts-progress").get_attribute("value") == "2.59"
        assert page.locator("#shift-list li").count() == 5


def test_before_the_first_shift_the_change_is_taken_from_the_windows(open_page):
    with served(made_up_sources("new")) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert plain(page.inner_text("h1")).endswith(
            "in the last 24 h, 5.3 points above the 22.1 % of the last 7 days"
        )
        assert "0 of 21 days" in page.inner_text("#shifts-state")
        assert page.locator("#shift-list li").count() == 0


def test_shifts_that_are_not_worked_out_yet_are_no_history_of_no_days(open_page):
    moments = itertools.chain([0.0], itertools.repeat(time.time()))

    def shifts():
        as_of = next(moments)
        return made_up_shifts(as_of, "quiet" if as_of else "new")

    with served(dataclasses.replace(made_up_sources(), shifts=shifts)) as url:
        page = open_page(url)
        page.wait_for_selector("#shifts-state:has-text('They are computed')")
        assert page.locator("#verdict").is_hidden()

        page.wait_for_selector("#shifts-state:has-text('Nothing has shifted')")


def test_the_first_day_is_compared_with_nothing(open_page):
    windows = dict.fromkeys(WINDOWS, made_up_shares(time.time())["windows"]["24h"])
    with served(made_up_sources("new", windows=windows, since=time.time() - 7_260)) as url:
        page = open_page(url)
        wait_for_shifts(page)

        assert page.inner_text("h1").endswith("of tokens in the last 24 h")
        assert "Only 2 hours of data so far." in page.inner_text("#subline")


def test_windows_that_are_not_full_say_how_much_there_is(open_page):
    with served(made_up_sources("young", since=time.time() - 2.5 * 86_400)) as url:
        page = open_page(f"{url}#range=28d")
        page.wait_for_selector("#change:not(:empty)")

        heads = page.locator("#origin-shares thead th").all_inner_texts()
        assert [" ".join(head.split()) for head in heads[1:5]] == [
            *("5 min", "1 h", "24 h", "7 d 2 days so far")
        ]
        assert "over the 2 days of data so far" in page.inner_text("#change")
        assert "so far" not in page.inner_text("#subline")


def test_the_answer_can_be_checked_on_the_page(open_page, address):
    page = open_page(address)
    wait_for_shifts(page)
    page.wait_for_selector("#origin-shares .expected")

    expected = dict(
        zip(column(page, "#origin-shares", 1), column(page, "#origin-shares", 6), strict=True)
    )
    assert expected["Chinese open"] == "22.1"
    title = page.locator("#origin-shares tbody td.expected").first.get_attribute("title")
    assert plain(title) == "normal range 20.6 to 23.6 %"
    moment = time.strftime("%Y, %H:", time.gmtime())
    assert page.inner_text("#subline").startswith("24 h to ")
    assert moment in page.inner_text("#subline")
    assert " UTC. Counted" in page.inner_text("#subline")


def test_five_minutes_of_chance_are_no_news(open_page):
    windows = made_up_shares(time.time())["windows"]
    for name in ("requests", "tokens"):
        # Forty requests tell a share to some points.
        windows["5m"][name] = {"requests": 40, "tokens": 217_240}[name]
    with served(made_up_sources("new", windows=windows)) as url:
        page = open_page(f"{url}#window=5m&measure=requests")
        wait_for_shifts(page)

        assert plain(page.inner_text("h1")).endswith("in the last 5 min, as in the last 7 days")


def test_an_hour_of_chance_is_no_news_beside_the_chart(open_page):
    made = made_up_sources("new")

    async def history(asked):
        body = await made.history(asked)
        for point in body["points"]:
            point["requests"] = 3
        return body

    with served(dataclasses.replace(made, history=history)) as url:
        page = open_page(f"{url}#range=1h")

        page.wait_for_selector(
            "#change:has-text('No share of tokens moved by more than chance over the last hour.')"
        )


def test_no_traffic_yet_is_said_in_words(open_page):
    async def history(asked):
        body = made_up_history(asked.dimension, asked.step, asked.start, time.time())
        return body | {"points": []}

    empty = dataclasses.replace(
        made_up_sources("new", windows=no_traffic(), unknown=[], as_of=0), history=history
    )
    with served(empty) as url:
        page = open_page(url)
        page.wait_for_selector("#chart.empty")

        assert page.inner_text("h1") == "No traffic in the last 24 hours"
        assert "No traffic" in page.inner_text("#chart")
        assert set(column(page, "#origin-shares", 4)) == {NOTHING}
        assert page.inner_text("#key-shares") == "Nothing yet."
        assert page.inner_text("#unknown-note") == "Nothing yet."
        assert page.locator("#verdict").is_hidden()


def test_the_first_request_is_one(open_page):
    windows = made_up_shares(time.time())["windows"]
    with served(
        made_up_sources(windows={name: each | {"requests": 1} for name, each in windows.items()})
    ) as url:
        page = open_page(url)

        assert "Counted: 1 request, " in page.inner_text("#subline")


def test_simulated_traffic_says_so(open_page, address):
    assert open_page(address).locator("#simulated").is_visible()


def test_real_traffic_says_nothing_of_the_kind(open_page):
    with served(made_up_sources(simulated=False)) as url:
        assert open_page(url).locator("#simulated").is_hidden()
