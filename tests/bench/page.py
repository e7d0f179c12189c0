"""What the page costs whoever looks at it, in front of a worker with two years of history.

    .venv/bin/python tests/bench/page.py [--broker apache] [--loads 9] [--json FILE]

How to read the numbers

- One real worker with the state of full_state.py (two years, 12 partitions, 300 models, 30 languages
  in each of five origins, 64 tenants) on a real broker, and Debian's Chromium on the same two cores.
  Milliseconds are of the wall clock, the median of the loads; another process on the machine is in
  them.
- Each load is of a browser that has never seen the page: nothing is cached. "first numbers" is from
  the start of the navigation until the headline says a share and the tables of origins and languages
  stand, "first view" until the areas of `#range=2y` stand beside them. "numbers at the pointer" is
  from when the chart is pointed at until the chart library has come and has drawn the same areas.
- "wire" is what came over the network, headers included, for all that a load asks; not the live
  updates that come meanwhile, which are "update". Chromium takes brotli on the loopback; where a
  page comes over plain http from another host it takes gzip, which is "wire, gzip". With "pointed
  at", the chart library is in it.
- "update" is what the worker sends for one new picture, with 20,000 events a second coming in: all
  bytes of 20 seconds over the pictures in them, so the shifts and the history that are asked for
  less often are in it.
- "history" are questions of a client without a browser, while the worker has nothing else to do.
  "first" is the first question after a start, before anything is added up.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import gzip
import http.client
import json
import math
import platform
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import full_state
from bench import Bench
from bench_report import machine
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

RESULTS = Path(__file__).parent / "results" / "page.json"
OPTIONS = {"topic": "bench-page", "partitions": full_state.PARTITIONS, "group": "bench-page"}
UPDATE_SECONDS = 20.0
WARM_SECONDS = 300.0
VIEWPORT: Any = {"width": 1280, "height": 900}
PATIENCE_SECONDS = 30.0
SETTLED_MS = 500

TARGETS = {
    "first view, ms": ("<", 300.0),
    "wire, gzip, bytes": ("<", 1_500_000),
    "update, bytes": ("<", 20_000),
    "history, two years of days by origin, ms": ("<", 100.0),
}

#: Notes when the page shows numbers, when the chart has areas, and when the library has drawn it.
WATCH = """
window.seen = {};
const note = (name) => { window.seen[name] ??= performance.now(); };
const look = () => {
  const numbers = document.querySelectorAll("#origin-shares tbody tr, #key-shares tbody tr").length;
  if (numbers > 5 && /%/.test(document.querySelector("#headline")?.textContent ?? "")) note("numbers");
  const isDrawn = document.querySelector("#chart .scatterlayer .trace");
  if (isDrawn || document.querySelector("#chart .area")) note("areas");
  if (isDrawn) note("chart");
};
new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
"""


class Wire:
    """The bytes that come to a page over the network, by address."""

    def __init__(self, page: Page, codings: str = "") -> None:
        self._sizes: dict[str, list[float]] = {}
        self._addresses: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        if codings:
            headers = {"Accept-Encoding": codings}
            session.send("Network.setExtraHTTPHeaders", {"headers": headers})
        session.on("Network.loadingFinished", self._add)
        session.on("Network.responseReceived", self._note)

    def _note(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["response"]["url"]

    def _add(self, event: dict[str, Any]) -> None:
        address = self._addresses.get(event["requestId"], "")
        self._sizes.setdefault(address, []).append(event["encodedDataLength"])

    @property
    def bytes(self) -> float:
        """All bytes."""
        return sum(map(sum, self._sizes.values()))

    @property
    def first_bytes(self) -> float:
        """The bytes of each address's first answer: a live update that came meanwhile is none."""
        return sum(sizes[0] for sizes in self._sizes.values())

    def answers(self, part: str) -> int:
        """Return how many answers came from addresses with this in them."""
        return sum(len(sizes) for address, sizes in self._sizes.items() if part in address)


def load(browser: Browser, address: str) -> dict[str, float]:
    """Open the page in a browser that has never seen it; returns milliseconds by what was seen."""
    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    wait(page, "numbers", "areas")
    page.wait_for_timeout(SETTLED_MS)
    pointed = point(page)
    seen: dict[str, float] = page.evaluate("window.seen")
    context.close()
    return seen | {"pointed": seen["chart"] - pointed}


def point(page: Page) -> float:
    """Point at the chart and wait until the library has drawn it; returns when it was pointed at."""
    page.locator("#chart").scroll_into_view_if_needed()
    pointed: float = page.evaluate("performance.now()")
    page.locator("#chart").hover()
    wait(page, "chart")
    return pointed


def weight(browser: Browser, address: str, codings: str) -> tuple[float, float]:
    """Return the bytes of a load, and of one whose chart is pointed at.

    Counting them slows Chromium down, so it is a load of its own.
    """
    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.add_init_script(WATCH)
    wire = Wire(page, codings)
    page.goto(address)
    wait(page, "numbers", "areas")
    page.wait_for_timeout(SETTLED_MS)
    first = wire.first_bytes
    point(page)
    page.wait_for_timeout(SETTLED_MS)
    context.close()
    return first, wire.first_bytes


def wait(page: Page, *parts: str) -> None:
    """Wait until a page shows parts of those that `WATCH` notes."""
    # The page's policy allows no code from texts, as `wait_for_function` needs it.
    until = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate("window.seen").keys() >= {*parts}:
        if time.monotonic() > until:
            raise SystemExit(f"the page shows only {page.evaluate('window.seen')} of its parts")
        page.wait_for_timeout(20)


def update(browser: Browser, address: str) -> dict[str, float]:
    """Return the bytes and pictures of a page that stays open."""
    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#chart .area", state="attached")
    page.wait_for_timeout(2_000)
    wire = Wire(page)
    page.wait_for_timeout(1000 * UPDATE_SECONDS)
    pictures = wire.answers("/shares")
    context.close()
    return {
        "bytes": wire.bytes / pictures,
        "pictures": pictures,
        "a second": pictures / UPDATE_SECONDS,
    }


def ask(port: int, path: str) -> float:
    """Return the milliseconds until the whole answer has come, compressed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    started = time.monotonic()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    took = 1000 * (time.monotonic() - started)
    connection.close()
    if answer.status != http.HTTPStatus.OK or not json.loads(gzip.decompress(body))["points"]:
        raise SystemExit(f"{path} answered {answer.status} without points")
    return took


def warm(port: int) -> float:
    """Wait until the worker has added all history up beforehand; returns the seconds."""
    started = time.monotonic()
    while time.monotonic() - started < WARM_SECONDS:
        first, second = (ask(port, "/api/v1/history?dimension=joint&step=1h&start=1") for _ in "12")
        if first < 2 * second + 20:
            break
        time.sleep(5)
    return time.monotonic() - started


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("There is no Chromium here. On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def measured(bench: Bench, loads: int) -> dict[str, float]:
    """Return all figures."""
    bench.part("fill_state", **OPTIONS)
    two_years = "/api/v1/history?dimension=origin&step=1d"
    found: dict[str, float] = {}
    with bench.worker(**OPTIONS) as (_, port, _ask), chromium() as browser:
        address = f"http://127.0.0.1:{port}/#range=2y"
        found["history, first question, ms"] = ask(port, two_years)
        found["seconds until history is added up"] = warm(port)
        for name, path in (
            ("two years of days by origin", two_years),
            ("two years of weeks by origin", two_years.replace("1d", "1w")),
            ("two years of days by language", two_years.replace("origin", "language")),
            ("two years of days by model", two_years.replace("origin", "model")),
        ):
            found[f"history, {name}, ms"] = statistics.median(ask(port, path) for _ in range(loads))
        opened = [load(browser, address) for _ in range(loads)]
        found["first numbers, ms"] = statistics.median(each["numbers"] for each in opened)
        views = [max(each["numbers"], each["areas"]) for each in opened]
        found["first view, ms"], found["first view, slowest, ms"] = (
            statistics.median(views),
            max(views),
        )
        found["numbers at the pointer, ms"] = statistics.median(each["pointed"] for each in opened)
        for name, codings in (("brotli", "br, gzip"), ("gzip", "gzip")):
            bare, pointed = weight(browser, address, codings)
            found[f"wire, {name}, bytes"] = bare
            found[f"wire, {name}, pointed at, bytes"] = pointed
        command = bench.command("latency", **OPTIONS, port=port)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
            time.sleep(3)
            live = update(browser, address)
            sender.wait()
        found["update, bytes"] = live["bytes"]
        found["updates a second"] = live["a second"]
    return found


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--loads", type=int, default=9)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
    import apache

    from streams.demo.broker import EmbeddedBroker

    broker: Any = (
        apache.ApacheKafka(is_short_lived=False)
        if arguments.broker == "apache"
        else EmbeddedBroker()
    )
    with broker:
        options = argparse.Namespace(events=0, rounds=1, only=None)
        found = measured(Bench(options, broker.bootstrap, lambda _topic: math.nan), arguments.loads)
    for name, (relation, target) in TARGETS.items():
        print(
            "met   " if found[name] < target else "MISSED",
            f"{name}: {found[name]:,.0f} (aim {relation} {target:,.0f})",
        )
    result = {
        "conditions": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "machine": machine(),
            "python": platform.python_version(),
            "tokenshare": version("tokenshare"),
            "broker": arguments.broker,
            "loads": arguments.loads,
        },
        "targets": {name: " ".join(map(str, each)) for name, each in TARGETS.items()},
        "figures": {name: round(value, 1) for name, value in found.items()},
    }
    text = json.dumps(result, indent=1)
    arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
