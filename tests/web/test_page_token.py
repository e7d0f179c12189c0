"""The page of a worker that requires a token."""

from __future__ import annotations

import pytest
from made_up import served
from page_driver import NO_TIMERS, RECORDS_STREAMS, Changing, until, wait_for_chart, wait_for_shifts

from streams.web.access import Access

pytestmark = pytest.mark.browser


def test_a_browser_that_has_the_token_gets_page_files_answers_and_stream(open_page):
    changing = Changing()
    with served(changing.sources, access=Access("s3cret")) as url:
        page = open_page(
            url,
            script=NO_TIMERS + RECORDS_STREAMS,
            http_credentials={"username": "anybody", "password": "s3cret"},
        )
        wait_for_chart(page)
        wait_for_shifts(page)
        until(page, "streams.at(-1).readyState === EventSource.OPEN")

        changing.picture = 2

        page.wait_for_selector("#simulated", state="hidden")


def test_a_token_that_changed_is_asked_for_in_words(open_page, address):
    page = open_page(address, expects=("401",))

    page.route("**/api/v1/shares?*", lambda route: route.fulfill(status=401))

    page.wait_for_selector("#banner:has-text('The worker wants its token')")


def test_whoever_has_not_the_new_token_is_not_asked_for_it_again_and_again(open_page, address):
    page = open_page(address, expects=("401",))
    refused = []

    def refuse(route):
        refused.append(route)
        route.fulfill(status=401)

    page.route("**/api/v1/shares?*", refuse)
    page.wait_for_selector("#banner:has-text('The worker wants its token')")
    page.wait_for_timeout(4_000)

    assert len(refused) == 1
