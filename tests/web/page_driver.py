"""What tests of the page do with it in a browser, and what they wait for."""

from __future__ import annotations

import dataclasses
import time
from urllib.parse import parse_qsl

from made_up import made_up_shares, made_up_sources, only

# How long a page may take beside other work: what comes at once is not waited for.
WAIT_SECONDS = 60.0
# What stands where there is no number.
NOTHING = "\N{EN DASH}"
# Where an alert links to.
SHIFT = "#view=shift&dimension=origin&key=cn-open&measure=tokens&window=24h"
# What only the stream can do is shown without a timer.
NO_TIMERS = "globalThis.setInterval = () => 0;"
RECORDS_STREAMS = """
globalThis.streams = [];
globalThis.EventSource = class extends EventSource {
  constructor(...all) { super(...all); streams.push(this); }
};
"""
CAN_BE_HIDDEN = """
globalThis.isHidden = false;
Object.defineProperty(Document.prototype, "hidden", { get: () => isHidden });
globalThis.hide = (is) => { isHidden = is; document.dispatchEvent(new Event("visibilitychange")); };
"""


def wait_for_chart(page):
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .area", state="attached")


def point_at_chart(page):
    """Point at the chart, and wait until its library has drawn it."""
    wait_for_chart(page)
    page.locator("#chart").hover()
    # To parse the library takes seconds where other work has the processors.
    page.wait_for_selector("#chart .scatterlayer .trace", state="attached", timeout=30_000)


def until(page, condition, arg=None):
    """Wait for a condition in JavaScript; the page's policy lets only the debugger evaluate it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not page.evaluate(condition, arg):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def wait_for_shifts(page):
    page.wait_for_selector("#shifts-state:not(:empty)")


def wait_for_movers(page):
    page.wait_for_selector("#shift-list details[open] .of-movers")


def column(page, table, number):
    return page.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()


def plain(text):
    return text.replace("\u202f", " ").replace("\N{MINUS SIGN}", "-")


def view_of(page):
    return dict(parse_qsl(page.url.partition("#")[2]))


def shift_names(page):
    return [
        name.replace("Shifted", "").split("\n")[0].strip()
        for name in page.locator("#shift-list .who").all_inner_texts()
    ]


class Changing:
    """Sources whose picture changes when a test says so, and not before."""

    def __init__(self):
        self.picture = 1
        self.sources = dataclasses.replace(
            made_up_sources(),
            shares=lambda dimensions: only(
                dimensions, made_up_shares(time.time()) | {"simulated": self.picture % 2 == 1}
            ),
            moment=lambda: {"as_of": float(self.picture), "generated_at": 1.0, "ready": True},
        )


def open_everything(page):
    for summary in page.locator("details:not(.shift) > summary").all():
        summary.click()
    page.wait_for_selector("#joint tbody tr")
    page.wait_for_selector("#history-numbers tbody tr")
