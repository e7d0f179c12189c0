"""Takes the pictures of the page that README shows.

    python tests/screenshots.py [http://127.0.0.1:6066/]

With the address of a running demo it takes page.png from there; without one, from made-up numbers.
The opened shift of shift.png is always made up: a demo has none to show.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

from made_up import HOSTILE, made_up_sources, served
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent.parent / "deploy" / "images"
MARGIN = 20
SHIFT = "#view=shift&dimension=origin&key=cn-open&measure=tokens&window=24h"


def sources():
    """Return the made-up numbers without the name that is there to break the page."""
    made = made_up_sources()

    def shares(dimensions):
        body = made.shares(dimensions)
        return body | {
            "unknown": [each for each in body["unknown"] if each["model"] != HOSTILE],
            "pipeline": body["pipeline"] | {"rejected": 0, "late": 0},
        }

    async def movers(asked):
        body = await made.movers(asked)
        if body:
            models = body["models"]
            dropped = [each for each in models["movers"] if each["name"] == HOSTILE]
            models["movers"] = [each for each in models["movers"] if each["name"] != HOSTILE]
            models["rest"] += sum(each["contribution"] for each in dropped)
        return body

    return dataclasses.replace(made, shares=shares, movers=movers)


def take(page, address, name, part=None):
    """Write a picture of the page, or of one part of it."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("#status.live")
    page.wait_for_selector("#shifts-state:not(:empty)")
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .scatterlayer .trace", state="attached")
    page.wait_for_timeout(1_000)
    page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    page.mouse.move(0, 0)
    clip = None
    if part:
        box = page.locator(part).bounding_box()
        clip = {"x": 0, "y": box["y"] - MARGIN, "width": 1280, "height": box["height"] + 2 * MARGIN}
    page.screenshot(path=IMAGES / name, full_page=True, clip=clip)


def main():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, served(sources()) as made:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        take(page, sys.argv[1] if len(sys.argv) > 1 else made, "page.png")
        take(page, made + SHIFT, "shift.png", "#shifts")
        browser.close()


if __name__ == "__main__":
    main()
