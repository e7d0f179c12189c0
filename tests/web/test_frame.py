"""The page in a frame of another site: only of one that is named, and it works there."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager

import pytest
from made_up import made_up_sources, served
from page_driver import WAIT_SECONDS

from streams.web.access import Access

pytestmark = pytest.mark.browser


@contextmanager
def embedding(address):
    """Serve a page of another origin that has the page in a frame."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{address}" width="900" height="700">'.encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            # Another origin, as its name is another one.
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def frame_of(tabs):
    """Open a page with a frame; returns the frame, and what the browser says."""
    page = tabs.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))

    def opened(url):
        page.goto(url, wait_until="load")
        return page.frames[-1], said

    yield opened
    page.close()


def test_a_site_that_is_named_shows_it(frame_of):
    # The port of the other site is not known yet.
    access = Access(frame_ancestors=("http://localhost:*",))
    with served(made_up_sources(), access=access) as address, embedding(address) as site:
        frame, said = frame_of(site)
        frame.wait_for_selector("#status.live", timeout=WAIT_SECONDS * 1_000)

        assert "Chinese open" in frame.inner_text("h1")
        assert said == []


@pytest.mark.parametrize("allowed", [(), ("self",), ("https://wiki.example.org",)])
def test_another_does_not(frame_of, allowed):
    access = Access(frame_ancestors=allowed)
    with served(made_up_sources(), access=access) as address, embedding(address) as site:
        frame, said = frame_of(site)

        assert frame.query_selector("#status") is None
        assert any("frame-ancestors" in each for each in said)
