"""How the page stays up to date: stream, polling, and nothing while it is hidden."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from made_up import made_up_history, made_up_shares, made_up_sources, served
from page_driver import (
    CAN_BE_HIDDEN,
    NO_TIMERS,
    RECORDS_STREAMS,
    WAIT_SECONDS,
    Changing,
    until,
    wait_for_shifts,
)

pytestmark = pytest.mark.browser


def test_a_new_snapshot_is_shown_when_the_stream_announces_it(open_page):
    changing = Changing()
    with served(changing.sources) as url:
        page = open_page(url, script=NO_TIMERS)
        assert page.locator("#simulated").is_visible()

        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_a_stream_that_is_refused_is_replaced_by_questions(open_page):
    def refuse(route):
        route.fulfill(status=503)

    changing = Changing()
    with served(changing.sources) as url:
        page = open_page(url, routes={"**/api/v1/events": refuse}, expects=("503",))
        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_a_stream_that_is_held_up_on_its_way_is_replaced_by_questions(open_page):
    changing = Changing()
    with served(changing.sources) as url:
        page = open_page(url, routes={"**/api/v1/events": lambda route: None})
        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_one_question_at_a_time(open_page):
    under_way, most = set(), []

    def asks(request):
        if "/api/" in request.url and not request.url.endswith("/events"):
            under_way.add(request)
            most.append(len(under_way))

    def is_answered(request):
        under_way.discard(request)

    async def history(asked):
        await asyncio.sleep(0.7)
        return made_up_history(asked.dimension, asked.step, asked.start, time.time())

    with served(dataclasses.replace(made_up_sources(), history=history)) as url:
        page = open_page(url)
        page.on("request", asks)
        page.on("requestfinished", is_answered)
        page.on("requestfailed", is_answered)
        for name in ("Language", "Developer", "Model", "Origin"):
            page.locator("#over").get_by_label(name).check()
        wait_for_shifts(page)
        page.locator("#shift-list summary").first.click()
        deadline = time.monotonic() + 30
        while len(most) <= 8 and time.monotonic() < deadline:
            page.wait_for_timeout(100)

    assert len(most) > 8
    assert max(most) == 1


def test_a_hidden_page_asks_nothing_and_closes_its_stream(open_page, address):
    asked = []
    page = open_page(address, script=RECORDS_STREAMS + CAN_BE_HIDDEN)
    until(page, "streams.at(-1).readyState === EventSource.OPEN")

    page.evaluate("hide(true)")
    # What was asked before is answered first.
    page.wait_for_timeout(1_500)
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5_000)
    assert asked == []
    assert page.evaluate("streams.every(({ readyState }) => readyState === EventSource.CLOSED)")

    page.evaluate("hide(false)")
    until(page, "streams.at(-1).readyState === EventSource.OPEN")
    assert page.evaluate("streams.length") == 2
    assert page.inner_text("#status") == "Live"


def test_what_has_not_changed_is_not_sent_again(open_page):
    statuses = []
    body = made_up_shares(time.time())
    with served(dataclasses.replace(made_up_sources(), shares=lambda _: body)) as url:
        page = open_page(url)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on(
            "Network.responseReceivedExtraInfo", lambda event: statuses.append(event["statusCode"])
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while 304 not in statuses and time.monotonic() < deadline:
            page.wait_for_timeout(100)

    assert 304 in statuses
