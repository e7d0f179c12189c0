"""What the page loads: only its own files, few bytes, all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_up import made_up_sources, served
from page_driver import SHIFT, wait_for_chart, wait_for_movers

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "streams" / "web" / "static"


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
    for summary in page.locator("summary").all():
        summary.click()
    for label in page.locator(".choice label").all():
        label.click()
    page.wait_for_timeout(1_000)
    context.close()

    assert len(urls) > 20
    assert all(url.startswith((address, "data:", "blob:")) for url in urls)
    assert 100_000 < first < 1_500_000
    parts = ("shares?dimensions=origin,language,jurisdiction", "shifts")
    update = sum(sizes[f"{address}api/v1/{name}"] for name in parts)
    assert update < 20_000


def test_every_module_of_the_first_view_is_asked_for_at_once_and_no_other():
    page = (STATIC / "index.html").read_text()
    modules = {path.name for path in STATIC.glob("*.js")}

    preloaded = set(re.findall(r'rel="modulepreload" href="static/([a-z]+\.js)"', page))

    late = {
        name
        for path in STATIC.glob("*.js")
        for name in re.findall(r'await import\("\./([a-z]+\.js)"\)', path.read_text())
    }
    assert preloaded | late | {"page.js"} == modules
    assert late == {"compare.js", "movers.js"}
    assert not preloaded & late
