"""The page and its files as the server sends them: which, how compressed, kept for how long."""

from __future__ import annotations

import colorsys
import gzip
import re

import cramjam
import pytest
from server_client import ask

from streams.web import assets


@pytest.mark.parametrize("path", ["/static/%2e%2e/server.py", "/static/index.html"])
def test_only_the_files_of_the_page_are_served(path):
    assert ask(path).status == 404


def test_the_page_has_no_script_and_no_style_of_its_own():
    html = ask("/").body.decode()

    assert "<style" not in html
    assert '<a href="api">' in html
    assert "style=" not in html
    assert "%" not in html.split("<body>")[0]
    assert all("src=" in tag for tag in html.split("<script")[1:])


def test_a_file_known_to_the_browser_is_not_sent_again():
    first = ask("/static/page.css")

    again = ask("/static/page.css", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")


def test_the_chart_library_comes_from_its_package_and_is_kept_for_a_year():
    path, asset = assets.chart_library()

    answer = ask(f"/static/{path}", headers={"Accept-Encoding": "gzip"})

    assert f'content="static/{path}"' in ask("/").body.decode()
    assert gzip.decompress(answer.body) == asset.body
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_modules_come_without_comments_or_indentation_and_always_in_the_same_order():
    sent = ask("/static/page.js").body.decode()

    assert not [line for line in sent.splitlines() if line.startswith(("//", " ", "\t"))]
    assert sent == assets.page_and_assets()[1]["page.js"].body.decode()
    # So that no text in a module has an indentation to lose.
    for path in assets.STATIC.glob("*.js"):
        text = path.read_text()
        assert "\n//" in f"\n{text}"
        assert all(line.count("`") % 2 == 0 for line in text.splitlines())


def test_a_style_sheet_comes_without_comments():
    sent = ask("/static/page.css").body.decode()

    assert "/*" in (assets.STATIC / "page.css").read_text()
    assert "/*" not in sent
    assert sent.count("{") == sent.count("}") > 100


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_the_page_and_its_files_take_less_than_one_and_a_half_megabytes(coding):
    page, files = assets.page_and_assets()

    assert sum(len(file.encoded(coding)) for file in (page, *files.values())) < 1_500_000


def test_a_file_comes_in_brotli_for_who_takes_it():
    answer = ask("/static/page.css", headers={"Accept-Encoding": "gzip, deflate, br"})

    assert answer.headers["Content-Encoding"] == "br"
    assert bytes(cramjam.brotli.decompress(answer.body)) == ask("/static/page.css").body


def test_the_page_works_without_the_chart_library(monkeypatch):
    monkeypatch.setattr(assets, "CHART_LIBRARY", "a_package_that_nobody_has")

    answer = ask("/")

    assert answer.status == 200
    assert 'name="chart-library" content=""' in answer.body.decode()


@pytest.mark.parametrize("sheet", ["page.css", "dark.css"])
def test_a_colour_of_an_origin_has_no_other_meaning(sheet):
    text = (assets.STATIC / sheet).read_text()
    hues = {
        name: colorsys.rgb_to_hls(*(int(value[at : at + 2], 16) / 255 for at in (0, 2, 4)))[0] * 360
        for name, value in re.findall(r"--([a-z0-9-]+): #([0-9a-f]{6});", text)
    }

    for origin in ("cn-open", "cn-proprietary", "row-open", "row-proprietary"):
        for band in (f"k{number}" for number in range(7)):
            apart = abs(hues[origin] - hues[band])
            assert min(apart, 360 - apart) > 15, (origin, band)
