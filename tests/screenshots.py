"""Takes the pictures that the documents show: of the page, of the HTML report and of the terminal.

    python tests/screenshots.py [http://127.0.0.1:6066/]

With the address of a running demo it takes those of the page from there; without one, from made-up
numbers. The opened shift of shift.png is always made up: a demo has none to show. The reports are
those of the study's simulated traffic.
"""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from made_up import HOSTILE, made_up_sources, served
from playwright.sync_api import ViewportSize, sync_playwright
from rich.console import Console
from rich.text import Text

from streams.demo.study_year import study_events

IMAGES = Path(__file__).parent.parent / "deploy" / "images"
MARGIN = 20
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
COLUMNS, LINES = 100, 48
AGAINST = "#against=before"
SHIFT = "#view=shift&dimension=origin&key=cn-open&measure=tokens&window=24h"


def sources():
    """Return the made-up numbers without the name that is there to break the page."""
    made = made_up_sources()

    def shares(dimensions):
        body = made.shares(dimensions)
        partitions = [each | {"lost": {}} for each in body["pipeline"]["partitions"]]
        return body | {
            "unknown": [each for each in body["unknown"] if each["model"] != HOSTILE],
            "pipeline": body["pipeline"] | {"rejected": 0, "late": 0, "partitions": partitions},
        }

    async def movers(asked):
        body = await made.movers(asked)
        if body:
            models = body["models"]
            dropped = [each for each in models["movers"] if each["name"] == HOSTILE]
            models["movers"] = [each for each in models["movers"] if each["name"] != HOSTILE]
            first = body["tenants"]["movers"][0]
            first.update(key=first["name"], name="Search team")
            models["rest"] += sum(each["contribution"] for each in dropped)
        return body

    return dataclasses.replace(made, shares=shares, movers=movers)


def take(page, address, name, part=None, *, full=True):
    """Write a picture of the page, or of one part of it."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("#status.live")
    page.wait_for_selector("#shifts-state:not(:empty)")
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .area", state="attached")
    page.wait_for_selector("#provider-shares tbody tr")
    page.wait_for_timeout(1_000)
    page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    page.mouse.move(0, 0)
    clip = None
    if part:
        box = page.locator(part).bounding_box()
        clip = {"x": 0, "y": box["y"] - MARGIN, "width": 1280, "height": box["height"] + 2 * MARGIN}
    page.screenshot(path=IMAGES / name, full_page=full, clip=clip)


def usage(folder):
    """Write the study's traffic as a gateway's log; returns the file."""
    path = folder / "usage.ndjson"
    with path.open("wb") as file:
        file.writelines(each.value + b"\n" for each in study_events(1))
    return path


def tokenshare(*arguments):
    """Run a command in a terminal of its width; returns what it wrote, with its colours."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env=os.environ | {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def take_report(browser, log):
    """Write a picture of the first screen of the HTML report."""
    written = log.with_name("report.html")
    tokenshare("report", str(log), "--html", str(written))
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    page.goto(written.as_uri())
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "report.png")


def take_terminal(log):
    """Write a picture of the first screen of the report in a terminal."""
    said = tokenshare("report", str(log)).splitlines()[:LINES]
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(f"$ tokenshare report {log.name}"))
    console.print(Text.from_ansi("\n".join(said)))
    console.save_svg(str(IMAGES / "terminal.svg"), title="tokenshare report")


def main():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, served(sources()) as made:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        address = sys.argv[1] if len(sys.argv) > 1 else made
        page = browser.new_page(viewport=DESKTOP)
        take(page, address, "page.png")
        take(page, made + SHIFT, "shift.png", "#shifts")
        take(page, made + AGAINST, "compare.png", "section:has(#history-heading)")
        dark = browser.new_page(viewport=DESKTOP, color_scheme="dark")
        take(dark, address, "page-dark.png")
        phone = browser.new_page(viewport=PHONE, device_scale_factor=2, is_mobile=True)
        take(phone, address, "page-phone.png", full=False)
        with tempfile.TemporaryDirectory() as folder:
            log = usage(Path(folder))
            take_report(browser, log)
            take_terminal(log)
        browser.close()


if __name__ == "__main__":
    main()
