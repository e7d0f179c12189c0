"""A report as one HTML file, which loads and runs nothing."""

from __future__ import annotations

import re
import shutil

import pytest
from report_inputs import event, report_of, run
from report_page import read_page

from streams.report import html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def test_html_is_one_file_that_loads_and_runs_nothing(traffic, tmp_path):
    path = tmp_path / "report.html"
    done = run(traffic, "--html", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"written to {path}" in done.stderr

    text = path.read_text("utf-8")
    found = read_page(text)
    assert not {"script", "link", "img", "iframe", "object", "base", "use"} & set(found.tags)
    names = {name for name, _ in found.attributes}
    assert not {"src", "href", "xlink:href", "srcset", "action"} & names
    assert not [each for each in names if each.startswith("on")]
    assert "url(" not in text
    assert "//" not in text
    # On paper it is light, whatever the reader prefers.
    assert re.findall(r"@media ([^{]*prefers-color-scheme[^{]*) \{", text) == [
        "screen and (prefers-color-scheme: dark)"
    ]
    assert found.tags.count("svg") == 3
    assert found.tags.count("polygon") == 3


def test_a_gap_without_traffic_is_as_wide_as_it_was_long():
    report = report_of(event(0), event(1), event(10, "qwen3-32b"), by="day")
    (polygon,) = re.findall(r'class="area row-proprietary" points="([^"]*)"', html.page(report))

    left, second, right = (float(each.split(",")[0]) for each in polygon.split()[:3])
    assert (second - left) / (right - left) == pytest.approx(0.1, abs=0.001)
    dates = re.findall(r"(\d{4}-\d\d-\d\d)</text>", html.page(report))
    assert dates == ["2026-01-05", "2026-01-07", "2026-01-10", "2026-01-12", "2026-01-15"]


def test_html_may_be_printed_instead_of_written(traffic, tmp_path):
    assert run(traffic, "--html", tmp_path / "r.html").exit_code == 0
    done = run(traffic, "--html", "-")

    assert (done.exit_code, done.stdout) == (0, (tmp_path / "r.html").read_text("utf-8"))
    assert run(traffic, "--html", "-", "--csv").exit_code == 2


def test_a_file_that_cannot_be_written_is_reported_before_anything_is_read(traffic, tmp_path):
    path = tmp_path / "no" / "r.html"
    done = run(traffic, "--html", path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot be written: No such file or directory" in done.stderr
    assert "read" not in done.stderr

    path = tmp_path / "r.html"
    path.write_text("as it was")
    assert run(tmp_path / "none", "--html", path).exit_code == 2
    assert path.read_text() == "as it was"
    assert run(tmp_path / "none", "--html", tmp_path / "new.html").exit_code == 2
    assert not (tmp_path / "new.html").exists()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_html_report_is_accessible_and_fits_a_phone(traffic, tmp_path, scheme):
    if CHROMIUM is None:
        pytest.skip("no Chromium (Debian package chromium)")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    run(traffic, "--html", path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        # The policy of the file keeps axe out as well.
        context = browser.new_context(color_scheme=scheme, bypass_csp=True)
        tab = context.new_page()
        tab.set_viewport_size({"width": 390, "height": 800})
        errors, asked = [], []
        tab.on("console", lambda message: errors.append(message.text))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        width = tab.evaluate("document.documentElement.scrollWidth")
        found = Axe().run(tab).response["violations"]
        browser.close()

    assert (errors, asked) == ([], [path.as_uri()])
    assert width == 390
    assert found == []
