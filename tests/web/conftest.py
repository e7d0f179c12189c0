"""The page in a real Chromium, served by the real server from made-up numbers."""

from __future__ import annotations

import os
import shutil

import pytest
from made_up import made_up_sources, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if CHROMIUM is None or sync_playwright is None:
        what = "Chromium (Debian package chromium)" if sync_playwright else "playwright (extra dev)"
        if os.environ.get("CI"):
            pytest.fail(f"{what} is not installed, and CI must drive the page")
        pytest.skip(f"{what} is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address():
    with served(made_up_sources()) as url:
        yield url


@pytest.fixture
def open_page(browser):
    """Open an address in a fresh browser; whatever it complains about fails the test."""
    contexts, complaints = [], []

    def go(
        url,
        width=1280,
        height=900,
        *,
        script="",
        routes=(),
        expects=(),
        waits=True,
        **more,
    ):
        def complain(message):
            # A page may outlive its server, and asks it again.
            known = ("ERR_CONNECTION_REFUSED", *expects)
            is_expected = any(part in message.text for part in known)
            if message.type in ("error", "warning") and not is_expected:
                complaints.append(message.text)

        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.add_init_script(script)
        for pattern, handler in dict(routes).items():
            page.route(pattern, handler)
        page.goto(url)
        if waits:
            page.wait_for_selector("#status.live")
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []
