"""Drill-down: a click on a row makes the page about it, and the address keeps it."""

from __future__ import annotations

import dataclasses

import pytest
from made_up import made_up_sources, served
from page_driver import (
    SHIFT,
    column,
    plain,
    shift_names,
    view_of,
    wait_for_chart,
    wait_for_movers,
    wait_for_shifts,
)

pytestmark = pytest.mark.browser


def drill(page, table, name):
    page.locator(table).get_by_role("link", name=name, exact=True).click()


def wait_for_headline(page, words):
    page.wait_for_selector(f"#headline:has-text('{words}')")


def crumbs(page):
    return page.locator("#crumb-list li").all_inner_texts()


def test_from_an_origin_to_a_developer_a_model_and_a_provider(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    drill(page, "#origin-shares", "Chinese open")
    wait_for_headline(page, "Chinese open: 10.0")
    page.wait_for_selector("#keys-heading:has-text('By developer')")
    drill(page, "#key-shares", "DeepSeek")
    page.wait_for_selector("#keys-heading:has-text('By model')")
    drill(page, "#key-shares", "deepseek/deepseek-v3.2")
    wait_for_headline(page, "deepseek-v3.2: 0.1")
    page.locator("#served-heading").scroll_into_view_if_needed()
    drill(page, "#provider-shares", "Amazon Bedrock")
    wait_for_headline(page, "Amazon Bedrock: <0.1")

    assert crumbs(page) == [
        *("All traffic", "Origin: Chinese open", "Developer: DeepSeek"),
        *("Model: deepseek/deepseek-v3.2", "Provider: Amazon Bedrock"),
    ]
    assert {name: value for name, value in view_of(page).items() if name not in {"by", "over"}} == {
        "origin": "cn-open",
        "developer": "DeepSeek",
        "model": "deepseek/deepseek-v3.2",
        "provider": "bedrock",
    }


def test_an_address_with_a_filter_is_about_it(open_page, address):
    asked = []
    page = open_page(address)
    page.on("request", lambda request: asked.append(request.url))
    page.goto("about:blank")
    page.goto(f"{address}#provider=bedrock&over=model")
    wait_for_headline(page, "Amazon Bedrock: 10.0")
    wait_for_chart(page)

    assert any("/shares?" in url and "&provider=bedrock" in url for url in asked)
    assert any("/history?" in url and "&provider=bedrock" in url for url in asked)
    assert "provider=bedrock" in page.locator("#shares-csv").get_attribute("href")
    assert "provider=bedrock" in page.locator("#history-csv").get_attribute("href")
    assert page.locator("#verdict").is_hidden()
    assert page.locator("#unknown-section").is_hidden()
    assert "all traffic" in page.inner_text("#shifts")


def test_what_is_not_counted_together_is_said(open_page, address):
    page = open_page(f"{address}#provider=bedrock&over=language")
    wait_for_headline(page, "Amazon Bedrock")

    assert "Languages are counted by origin only" in page.inner_text("#key-shares")
    page.wait_for_selector("#chart:has-text('Languages are counted by origin only')")
    assert page.locator("#joint").is_hidden()
    # The rows lead no further than what is counted.
    assert page.locator("#origin-shares a.drill").count() == 5


def test_an_origin_has_its_languages(open_page, address):
    page = open_page(f"{address}#origin=cn-open")
    wait_for_headline(page, "Chinese open: 10.0")
    assert column(page, "#key-shares", 1)[0] == "English"

    drill(page, "#key-shares", "Russian")
    wait_for_headline(page, "Chinese open, Russian: 1.0")

    assert view_of(page)["language"] == "ru"
    assert "No" not in page.inner_text("#chart-note")


def test_breadcrumb_escape_and_back_lead_out_again(open_page, address):
    page = open_page(f"{address}#origin=cn-open&developer=DeepSeek")
    wait_for_headline(page, "DeepSeek: 1.0")

    page.keyboard.press("Escape")
    wait_for_headline(page, "Chinese open: 10.0")
    assert view_of(page)["origin"] == "cn-open"
    page.locator("#crumbs").get_by_role("link", name="All traffic").click()
    wait_for_headline(page, "Chinese open models: 27.4")
    assert page.locator("#crumbs").is_hidden()
    page.go_back()
    wait_for_headline(page, "Chinese open: 10.0")


def test_the_keyboard_drills_as_well(open_page, address):
    page = open_page(address)
    page.locator("#origin-shares").get_by_role("link", name="Open, rest of world").focus()
    page.keyboard.press("Enter")

    wait_for_headline(page, "Open, rest of world: 10.0")
    assert page.evaluate("document.activeElement.id") == "headline"


def test_a_part_without_traffic_says_so(open_page):
    made = made_up_sources()

    async def part(asked):
        body = await made.part(asked)
        for window in body["windows"].values():
            window |= {"tokens": 0, "requests": 0}
        return body

    with served(dataclasses.replace(made, part=part)) as url:
        page = open_page(f"{url}#provider=nobody")
        wait_for_headline(page, "nobody: no traffic in the last 24 hours")


def test_a_tenant_is_drilled_into_by_its_name(open_page, address):
    page = open_page(f"{address}#by=tenant&window=1h")
    page.wait_for_selector("#key-shares tbody tr")
    assert column(page, "#key-shares", 1) == [
        *("Search team", "Support desk", "9a8b7c6d5e4f3021", "No tenant named", "Other")
    ]
    # By the hour no shorter window is known.
    assert column(page, "#key-shares", 2) == 5 * ["\N{EN DASH}"]
    assert page.locator("#key-shares .bar > span:visible").count() == 0
    # The key stays: in the title, the address and the downloads.
    link = page.locator("#key-shares").get_by_role("link", name="Search team", exact=True)
    assert link.get_attribute("title") == "74e4dbdb632baffb"
    assert "tenant" in page.locator("#shares-csv").get_attribute("href")
    assert page.locator("#key-shares a.drill").count() == 3

    drill(page, "#key-shares", "Search team")
    wait_for_headline(page, "Search team: 10.0")

    assert crumbs(page) == ["All traffic", "Tenant: Search team"]
    assert view_of(page)["tenant"] == "74e4dbdb632baffb"
    assert page.get_by_label("24 h", exact=True).is_checked()
    assert page.inner_text("#keys-heading") == "By language"
    assert page.locator("#served").is_hidden()
    assert page.locator("#joint").is_hidden()
    assert "tenant=74e4dbdb632baffb" in page.locator("#history-csv").get_attribute("href")
    page.wait_for_selector("#chart-note:has-text('of tokens of each 3 hours')")
    assert "all traffic, not of Search team" in page.inner_text("#shifts-of")
    drill(page, "#key-shares", "Russian")
    wait_for_headline(page, "Search team, Russian: 1.0")
    page.keyboard.press("Escape")
    wait_for_headline(page, "Search team: 10.0")


@pytest.mark.parametrize(
    ("fragment", "place", "words"),
    [
        ("tenant=x&by=model", "#key-shares", "one at a time: no model within what is chosen"),
        ("provider=x&by=tenant", "#key-shares", "counted with an origin or with a language"),
        ("tenant=x&range=2y", "#chart", "counted by the hour, for nine days: choose Day or Week"),
        ("tenant=x&window=5m", "#headline", "tenants are counted by the hour, for 24 h and 7 d"),
        ("tenant=x&measure=cost", "#coverage", "not by price"),
    ],
)
def test_what_is_not_counted_by_tenant_is_said(open_page, address, fragment, place, words):
    page = open_page(f"{address}#{fragment}")

    page.wait_for_selector(f"{place}:has-text('{words}')")


def test_a_mover_leads_to_the_tenants_traffic(open_page, address):
    page = open_page(address + SHIFT)
    wait_for_movers(page)

    page.locator("details[open] .of-movers").get_by_role("link", name="9f2c1ab04d77e310").click()

    wait_for_headline(page, "Tenant 9f2c1ab04d77e310: ")
    assert view_of(page)["tenant"] == "9f2c1ab04d77e310"


def test_a_mover_is_shown_by_its_name_and_keeps_its_key(open_page):
    made = made_up_sources()

    async def movers(asked):
        body = await made.movers(asked)
        first = body["tenants"]["movers"][0]
        first.update(key=first["name"], name="Search team")
        return body

    with served(dataclasses.replace(made, movers=movers)) as url:
        page = open_page(url + SHIFT)
        wait_for_movers(page)
        link = page.locator(".of-movers").get_by_role("link", name="Search team")

        assert link.get_attribute("title") == "9f2c1ab04d77e310"
        assert "by their hash" not in page.inner_text("details[open] .movers")


def test_shifts_are_those_of_what_is_chosen(open_page, address):
    page = open_page(f"{address}#origin=cn-open")
    wait_for_shifts(page)

    assert {*shift_names(page)} == {"Chinese open"}
    assert "Shifts of Chinese open, as shares of all traffic" in page.inner_text("#shifts-of")
    page.locator("#shifts-of").get_by_role("link", name="All shifts").click()
    wait_for_headline(page, "Chinese open models")
    assert page.locator("#shifts-of").is_hidden()
    assert len({*shift_names(page)}) > 1


def test_other_is_the_rest_and_no_link(open_page, address):
    page = open_page(f"{address}#all=1")
    wait_for_shifts(page)

    assert column(page, "#key-shares", 1)[-1] == "Other"
    assert page.locator("#key-shares").get_by_role("link", name="Other", exact=True).count() == 0
    assert page.locator("#key-shares").get_by_role("link", name="Thai", exact=True).count() == 1


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("window=9h", "window=9h"),
        ("range=3d&measure=dollars", "measure=dollars, range=3d"),
        ("view=shift&dimension=provider&key=x", "view=shift, dimension=provider"),
        ("nothing=1", "nothing=1"),
        ("from=2026-02-30", "from=2026-02-30"),
    ],
)
def test_what_the_address_asks_for_in_vain_is_said(open_page, address, fragment, words):
    page = open_page(f"{address}#{fragment}")

    assert words in page.inner_text("#refused")
    page.get_by_label("Requests", exact=True).check()
    assert page.inner_text("#refused") == ""
    assert "of requests" in plain(page.inner_text("h1"))
