"""What the page loads: only its own files, few bytes, all at once."""

from __future__ import annotations

import dataclasses
import time

import pytest
from made_up import made_up_sources, served
from page_driver import SHIFT, point_at_chart, wait_for_chart, wait_for_movers

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with served(made_up_sources()) as url:
        yield url


def test_the_page_loads_nothing_from_elsewhere_and_stays_small(browser, address):
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes, urls, names = {}, [], {}
    session.on(
        "Network.requestWillBeSent",
        lambda event: names.update({event["requestId"]: event["request"]["url"]}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.setdefault(names[event["requestId"]], event["encodedDataLength"]),
    )
    page.on("request", lambda request: urls.append(request.url))

    page.goto(address + SHIFT)
    wait_for_chart(page)
    wait_for_movers(page)
    first = sum(sizes.values())
    assert not any("/vendor/" in url for url in urls)
    point_at_chart(page)
    for summary in page.locator("summary").all():
        summary.click()
    for label in page.locator(".choice label").all():
        label.click()
    page.wait_for_timeout(1_000)
    context.close()

    assert len(urls) > 20
    assert all(url.startswith((address, "data:", "blob:")) for url in urls)
    # The chart library alone is 1.2 MB: it comes for a reader who points at the chart.
    assert 20_000 < first < 150_000
    parts = ("shares?dimensions=origin,language,jurisdiction", "shifts")
    update = sum(sizes[f"{address}api/v1/{name}"] for name in parts)
    assert update < 20_000


def test_the_first_view_is_asked_for_at_once_and_by_few_questions(open_page, address):
    asked = []
    page = open_page("about:blank", waits=False)
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.goto(f"{address}#range=1y")
    wait_for_chart(page)

    # A browser remembers the icon of an address.
    files = [each for each in asked if not each.startswith("api/") and "icon" not in each]
    assert sorted(files) == ["", "static/dark.css", "static/page.css", "static/page.js"]
    answers = [each for each in asked if each.startswith("api/")][:5]
    assert [each.split("?")[0] for each in answers] == [
        *("api/v1/shares", "api/v1/notes", "api/v1/history", "api/v1/shifts", "api/v1/events")
    ]
    # What came early is not asked for again.
    assert sum("api/v1/history" in each for each in asked) == 1


def test_a_worker_whose_time_is_another_is_asked_for_its_own_days(open_page):
    made = made_up_sources()
    then = time.time() - 100 * 86_400

    def shares(dimensions):
        return made.shares(dimensions) | {"as_of": then}

    asked = []
    with served(dataclasses.replace(made, shares=shares)) as url:
        page = open_page("about:blank", waits=False)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}#range=28d")
        wait_for_chart(page)

    starts = [int(each.partition("start=")[2]) for each in asked if "/history" in each]
    assert len(starts) == 2
    assert starts[-1] == pytest.approx(then - 28 * 86_400, abs=86_400)
