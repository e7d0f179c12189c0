"""The tables of shares on the page, and the languages of the web beside them."""

from __future__ import annotations

import time

import pytest
from made_up import made_up_shares, made_up_sources, served
from page_driver import NOTHING, column, plain

pytestmark = pytest.mark.browser


def test_all_five_origins_are_shown_for_each_window(open_page, address):
    page = open_page(address)

    assert column(page, "#origin-shares", 1) == [
        "Chinese open",
        "Chinese proprietary",
        "Open, rest of world",
        "Proprietary, rest of world",
        "Unknown",
    ]
    assert column(page, "#origin-shares", 4) == ["27.4", "3.1", "12.7", "54.5", "2.3"]
    assert page.locator("#origin-shares thead th").all_inner_texts()[1:5] == [
        "5 min",
        "1 h",
        "24 h",
        "7 d",
    ]


def test_what_a_reader_would_add_up_is_added_up(open_page, address):
    page = open_page(address)
    rows = [row.split("\t") for row in page.locator("#origin-shares tfoot tr").all_inner_texts()]

    assert [(row[0], row[3]) for row in rows] == [
        ("All Chinese", "30.5"),
        ("All open", "40.1"),
        ("All tokens", "17.5B"),
    ]


def test_requests_and_window_change_headline_and_tables(open_page, address):
    page = open_page(address)

    page.get_by_label("Requests", exact=True).check()
    page.get_by_label("7 d", exact=True).check()

    assert "of requests in the last 7 d, 27.8 % in the last 24 h" in plain(page.inner_text("h1"))
    assert "All requests" in page.inner_text("#origin-shares tfoot")
    assert page.inner_text("#origin-shares thead .picked") == "7 d"


def test_the_second_table_shows_languages_developers_or_models(open_page, address):
    page = open_page(address)
    assert column(page, "#key-shares", 1)[:2] == ["English", "Chinese (Simplified)"]
    assert len(column(page, "#key-shares", 1)) == 8

    page.get_by_role("button", name="Show all 13").click()
    assert column(page, "#key-shares", 1)[-1] == "Other"
    assert len(column(page, "#key-shares", 1)) == 13

    page.locator("#by").get_by_label("Developer").check()
    page.wait_for_selector("#keys-heading:has-text('By developer')")
    assert column(page, "#key-shares", 1)[0] == "Anthropic"
    page.locator("#by").get_by_label("Model").check()
    page.wait_for_selector("#keys-heading:has-text('By model')")
    assert column(page, "#key-shares", 1)[0].startswith("anthropic/claude-sonnet-4.5")


def test_what_was_chosen_and_does_not_come_leaves_the_table_before_it(open_page, address):
    page = open_page(address, expects=("503",))
    page.route("**/api/v1/shares?*", lambda route: route.fulfill(status=503, body="{}"))

    page.locator("#by").get_by_label("Developer").check()

    page.wait_for_selector("#banner:not([hidden])")
    assert page.inner_text("#keys-heading") == "By language"
    assert column(page, "#key-shares", 1)[0] == "English"


def test_only_the_dimensions_that_are_looked_at_are_asked_for(open_page, address):
    page = open_page(address)
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.locator("#by").get_by_label("Model").check()
    page.locator("#joint summary").click()
    page.wait_for_selector("#joint tbody tr")

    shares = [url.partition("dimensions=")[2] for url in asked if "/shares?" in url]
    always = "origin,language,jurisdiction"
    assert shares[0] in {always, f"{always},model"}
    # The table further down may have come into sight by then.
    assert shares[-1].removesuffix(",provider") == f"{always},model,joint"


def test_the_webs_languages_stand_beside_ours_and_are_in_no_sum(open_page, address):
    page = open_page(address)
    page.get_by_role("button", name="Show all 13").click()

    web = dict(zip(column(page, "#key-shares", 1), column(page, "#key-shares", 6), strict=True))
    assert web["English"] == "49.5"
    assert web["Spanish"] == "6.0"
    assert web["Russian"] == "3.2a"
    assert web["Chinese (Simplified)"] == "1.2c"
    # All written Chinese is one figure: it stands once.
    assert web["Chinese (Traditional)"] == NOTHING
    assert web["Thai"] == web["Undetermined"] == web["Other"] == NOTHING
    assert page.locator("#key-shares tfoot .web").inner_text() == ""
    assert "per cent of sites" in page.inner_text("#key-shares caption")
    note = page.inner_text("#web-note")
    assert note.startswith("Web is another unit: per cent of websites")
    assert "W3Techs, 1 October 2026" in note
    assert "not of tokens" in note


def test_developers_and_models_have_no_share_of_the_web(open_page, address):
    page = open_page(address)

    page.locator("#by").get_by_label("Developer").check()
    page.wait_for_selector("#keys-heading:has-text('By developer')")

    assert page.locator("#key-shares .web").count() == 0
    assert page.locator("#web-note").is_hidden()


def test_other_languages_come_last_among_the_origins_of_each(open_page):
    windows = made_up_shares(time.time())["windows"]
    for each in windows["24h"]["joint"]:
        if each["language"] == "other":
            each["tokens"] *= 1000
    with served(made_up_sources(windows=windows)) as url:
        page = open_page(url)
        page.locator("#joint > summary").click()
        page.wait_for_selector("#joint tbody tr")

        languages = column(page, "#joint", 1)

        assert languages[-1] == "Other"
        assert languages[0] == "English"


def test_a_mark_of_the_webs_figures_is_explained_where_its_row_is(open_page):
    windows = made_up_shares(time.time())["windows"]
    for window in windows.values():
        small = window["language"][-3]
        window["language"].append(small | {"key": "it", "name": "Italian", "tokens": 1})
    with served(made_up_sources(windows=windows)) as url:
        page = open_page(url)
        assert "14 November 2024" not in page.inner_text("#web-note")

        page.get_by_role("button", name="Show all 14").click()

        assert "14 November 2024" in page.inner_text("#web-note")


def test_on_a_phone_the_unknown_models_have_room_for_their_names(open_page, address):
    page = open_page(address, 360)

    assert page.locator("#unknown td.words").first.is_hidden()
    assert page.locator("#unknown thead th").last.is_hidden()
    assert column(page, "#unknown", 4)[0].strip() != ""
