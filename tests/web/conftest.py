"""The page in a real Chromium, served by the real server from made-up numbers."""

from __future__ import annotations

import asyncio
import os
import shutil
from urllib.parse import urlsplit

import pytest
from made_up import made_up_sources, served
from page_driver import WAIT_SECONDS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


#: What a page of the shared profile can be given; another option takes a context of its own.
SHARED = {"color_scheme", "reduced_motion", "permissions"}
LAUNCH = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def _playwright():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if CHROMIUM is None or sync_playwright is None:
        what = "Chromium (Debian package chromium)" if sync_playwright else "playwright (extra dev)"
        if os.environ.get("CI"):
            pytest.fail(f"{what} is not installed, and CI must drive the page")
        pytest.skip(f"{what} is not installed")
    with sync_playwright() as running:
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield running, loop
        asyncio._set_running_loop(loop)


@pytest.fixture
def playwright(_playwright):
    """Playwright, whose event loop counts as running during a test of the page only.

    It stays for all modules, and a test that runs a loop of its own could not while it does.
    """
    running, loop = _playwright
    asyncio._set_running_loop(loop)
    yield running
    asyncio._set_running_loop(None)


@pytest.fixture
def browser(playwright):
    """A browser whose contexts have nothing in common."""
    chromium = playwright.chromium.launch(**LAUNCH)
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def _tabs(_playwright, tmp_path_factory):
    running, loop = _playwright
    asyncio._set_running_loop(loop)
    profile = tmp_path_factory.mktemp("profile")
    context = running.chromium.launch_persistent_context(profile, **LAUNCH)
    asyncio._set_running_loop(None)
    yield context
    asyncio._set_running_loop(loop)
    context.close()
    asyncio._set_running_loop(None)


@pytest.fixture
def tabs(playwright, _tabs):
    """A window with one profile: its pages share files and what is compiled of them.

    Chromium takes a second to read the chart library, and keeps it for the next page.
    """
    return _tabs


@pytest.fixture
def address(open_page):
    with served(made_up_sources()) as url:
        yield url
        open_page.close()


class Opener:
    """Opens pages that share no storage, and keeps what they complain about."""

    def __init__(self, tabs, new_context):
        self.complaints = []
        self._tabs, self._new_context = tabs, new_context
        self._pages, self._contexts = [], []

    def __call__(
        self,
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
                self.complaints.append(message.text)

        page = self._new_page(more)
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(WAIT_SECONDS * 1_000)
        page.on("console", complain)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if script:
            page.add_init_script(script)
        for pattern, handler in dict(routes).items():
            page.route(pattern, handler)
        page.goto(url)
        if waits:
            page.wait_for_selector("#status.live")
        return page

    def _new_page(self, more):
        if set(more) - SHARED:
            self._contexts.append(self._new_context(**more))
            return self._contexts[-1].new_page()
        page = self._tabs.new_page()
        self._pages.append(page)
        page.emulate_media(
            color_scheme=more.get("color_scheme"), reduced_motion=more.get("reduced_motion")
        )
        self._tabs.grant_permissions(more.get("permissions", []))
        return page

    def close(self):
        """Close what is open, and forget what it stored."""
        for page in self._pages:
            parts = urlsplit(page.url)
            if parts.netloc and not page.is_closed():
                origin = f"{parts.scheme}://{parts.netloc}"
                self._tabs.new_cdp_session(page).send(
                    "Storage.clearDataForOrigin",
                    {"origin": origin, "storageTypes": "local_storage"},
                )
            page.close()
        for context in self._contexts:
            context.close()
        if self._pages:
            self._tabs.clear_permissions()
            self._tabs.clear_cookies()
        self._pages, self._contexts = [], []


@pytest.fixture
def open_page(tabs, request):
    """Open an address in a page of its own; whatever it complains about fails the test."""

    def new_context(**more):
        return request.getfixturevalue("browser").new_context(**more)

    opener = Opener(tabs, new_context)
    yield opener
    opener.close()
    assert opener.complaints == []
