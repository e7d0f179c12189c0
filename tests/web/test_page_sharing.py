"""What a reader hands over: a period, a link, a picture, a print; in light or dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_driver import point_at_chart, until, view_of, wait_for_chart

pytestmark = pytest.mark.browser
DARK = "rgb(23, 22, 20)"
LIGHT = "rgb(253, 252, 250)"
GROUND = "getComputedStyle(document.body).backgroundColor"


def test_a_period_of_ones_own_is_asked_for_and_in_the_address(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.locator("#from").fill("2026-10-01")
    page.locator("#to").fill("2026-10-20")
    page.wait_for_selector("#change:has-text('1 Oct 2026 to 20 Oct 2026')")

    assert view_of(page) == {"from": "2026-10-01", "to": "2026-10-20"}
    csv = page.locator("#history-csv").get_attribute("href")
    assert "step=1d" in csv
    assert f"start={1790812800}" in csv
    assert f"end={1792540800}" in csv
    assert page.locator("#range input:checked").count() == 0

    page.locator("#range").get_by_label("Year", exact=True).check()
    page.wait_for_selector("#change:has-text('the last year')")
    assert view_of(page) == {"range": "1y"}
    assert page.locator("#from").input_value() == ""


@pytest.mark.parametrize(
    ("period", "step"),
    [
        ("from=2024-12-01&to=2026-10-01", "1w"),
        ("from=2026-05-01&to=2026-06-01", "1d"),
        ("to=2026-10-01", "1d"),
        # Turned round, it is the same period.
        ("from=2026-06-01&to=2026-05-01", "1d"),
    ],
)
def test_a_period_has_a_step_that_a_screen_shows(open_page, address, period, step):
    page = open_page(f"{address}#{period}")
    wait_for_chart(page)

    assert f"step={step}" in page.locator("#history-csv").get_attribute("href")


def test_the_address_is_copied(open_page, address):
    page = open_page(f"{address}#measure=cost", permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy link").click()
    page.wait_for_selector("#copy-link:has-text('Copied')")

    assert page.evaluate("navigator.clipboard.readText()") == f"{address}#measure=cost"


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_the_chart_is_saved_as_a_picture_with_its_title(open_page, address, kind, start):
    page = open_page(address)
    wait_for_chart(page)

    with page.expect_download() as download:
        page.get_by_role("button", name=f"Chart as {kind.upper()}").click()
    body = Path(download.value.path()).read_bytes()

    assert download.value.suggested_filename == f"tokenshare-origin-tokens.{kind}"
    assert body.startswith(start)
    assert len(body) > 10_000
    if kind == "svg":
        assert "Share of tokens by origin" in body.decode()
        assert "UTC" in body.decode()


@pytest.mark.parametrize(("scheme", "other"), [("light", DARK), ("dark", LIGHT)])
def test_the_reader_chooses_the_colours(open_page, address, scheme, other):
    page = open_page(address, color_scheme=scheme)
    wait_for_chart(page)

    page.locator("#theme").click()

    assert page.evaluate(GROUND) == other
    assert page.inner_text("#theme").lower() == scheme
    page.reload()
    page.wait_for_selector("#status.live")
    assert page.evaluate(GROUND) == other


def test_what_a_test_stores_is_not_there_for_the_next(open_page, address):
    page = open_page(address, permissions=["clipboard-read"])
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.evaluate("document.cookie = 'kept=1'")

    open_page.close()

    page = open_page(address)
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    asked = "navigator.permissions.query({ name: 'clipboard-read' }).then(({ state }) => state)"
    assert page.evaluate(asked) != "granted"


def test_print_is_light_and_whole_whatever_the_theme(open_page, address):
    page = open_page(address, color_scheme="dark")
    point_at_chart(page)
    page.locator("#history-numbers summary").click()
    page.wait_for_selector("#history-numbers tbody tr")
    fill = "document.getElementById('chart').data[4].fillcolor"
    dark = page.evaluate(fill)

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    until(page, f"dark => {fill} !== dark", dark)

    assert page.evaluate(GROUND) == LIGHT
    scroll = page.locator("#history-numbers .scroll")
    assert scroll.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    foot = page.locator("#origin-shares tfoot")
    assert foot.evaluate("e => getComputedStyle(e).display") == "table-row-group"
    assert page.locator("#copy-link").is_hidden()
    assert "UTC" in page.inner_text("#subline")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    until(page, f"dark => {fill} === dark", dark)
    until(page, "document.querySelector('#chart .main-svg').clientWidth > 1000")


def test_all_of_the_page_is_printed_before_anybody_has_scrolled(open_page, address):
    page = open_page(address, 800, 600, color_scheme="dark")
    # They are further down; a print has them all the same, and every row.
    page.wait_for_selector("#provider-shares tbody tr", state="attached")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_selector("#key-shares tr:has-text('Korean')")

    for table, rows in (("key", 13), ("provider", 10)):
        assert page.locator(f"#{table}-shares tbody tr").count() == rows
    assert page.locator("#joint").is_hidden()
    for width in (660, 800, 1000):
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is drawn in a background has its colour on paper.
    for mark in (".bar > span", ".swatch", ".verdict"):
        adjust = "e => getComputedStyle(e).printColorAdjust"
        assert page.locator(mark).first.evaluate(adjust) == "exact"


def test_the_chart_on_paper_is_light_and_in_its_place_though_nobody_pointed_at_it(
    open_page, address
):
    page = open_page(address, color_scheme="dark")
    wait_for_chart(page)
    fill = "getComputedStyle(document.querySelector('#chart .area')).fill"
    width = "document.querySelector('#chart .sketch').viewBox.baseVal.width"
    dark = page.evaluate(fill)
    page.emulate_media(media="print")
    # A browser prints what stands when the event has been handled: nothing is waited for.
    widths = page.evaluate(
        "['beforeprint', 'afterprint', 'beforeprint'].map((name) => {"
        f" dispatchEvent(new Event(name)); return {width}; }})"
    )

    assert (widths[0], widths[2]) == (660, 660)
    assert page.evaluate(fill) != dark
    inside = "e => { const { left, right } = e.getBoundingClientRect(); return [left, right]; }"
    areas = page.locator("#chart .areas").evaluate(inside)
    assert page.locator("#marks").evaluate(inside) == pytest.approx(areas, abs=3)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    until(page, f"{width} > 1000")


def test_the_chart_fits_on_paper_and_its_notes_lie_on_it(open_page, address):
    page = open_page(address)
    point_at_chart(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    until(page, "document.querySelector('#chart .main-svg').clientWidth === 660")
    # A browser prints what stands when the event has been handled: nothing is waited for.
    widths = page.evaluate(
        "['afterprint', 'beforeprint'].map((name) => { dispatchEvent(new Event(name));"
        " return document.getElementById('chart').layout.width ?? 0; })"
    )
    assert widths[1] == 660

    inside = "e => { const { left, right } = e.getBoundingClientRect(); return [left, right]; }"
    areas = page.locator("#chart .scatterlayer").first.evaluate(inside)
    assert page.locator("#marks").evaluate(inside) == pytest.approx(areas, abs=3)
