"""Who served the requests: providers, jurisdictions, and the origins of each."""

from __future__ import annotations

import time

import pytest
from made_up import made_up_shares, made_up_sources, served
from page_driver import column, plain, wait_for_chart

pytestmark = pytest.mark.browser


def unserved():
    """Return windows of traffic whose records say nothing of who served it."""
    windows = made_up_shares(time.time())["windows"]
    for window in windows.values():
        for dimension in ("provider", "jurisdiction"):
            whole = window[dimension][0] | {"key": "unknown", "name": "Unknown"}
            window[dimension] = [whole | {"tokens_ratio": 1.0, "requests_ratio": 1.0}]
    return windows


def test_where_it_was_developed_and_where_it_was_served_are_two_sentences(open_page, address):
    page = open_page(address)

    assert plain(page.inner_text("#law-line")) == (
        "Served from China: 3.1 % of all tokens; not known for 18.1 %."
    )
    assert plain(page.inner_text("#served-line")) == (
        "Chinese open models: 27.4 % of tokens. "
        "Served from China: 3.1 % of all tokens; not known for 18.1 %."
    )


def test_jurisdictions_have_the_names_of_countries(open_page, address):
    page = open_page(address)

    assert column(page, "#jurisdiction-shares", 1) == [
        *("United States", "Unknown", "Self-hosted", "France", "China")
    ]


def test_providers_are_asked_for_when_a_reader_comes_near(open_page, address):
    page = open_page(address, height=400)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(300)
    assert column(page, "#provider-shares", 1) == []

    page.locator("#served-heading").scroll_into_view_if_needed()
    page.wait_for_selector("#provider-shares tbody tr")

    assert column(page, "#provider-shares", 1)[:2] == ["Anthropic", "Google Vertex AI"]
    assert any("provider" in url for url in asked)
    assert len(column(page, "#provider-shares", 1)) == 8
    page.locator("#more-providers").click()
    assert column(page, "#provider-shares", 1)[-1] == "Other"
    assert page.url.endswith("#providers=all")


def test_each_jurisdiction_is_split_by_origin(open_page, address):
    page = open_page(address)
    page.locator("#law > summary").click()
    page.wait_for_selector("#law tbody tr")

    assert column(page, "#law", 1)[0] == "United States"
    assert page.locator("#law thead th").all_inner_texts()[1] == "Chinese open"
    assert column(page, "#law", 2)[0] == "27.4"


def test_what_no_record_says_is_not_shown(open_page):
    with served(made_up_sources(windows=unserved())) as url:
        page = open_page(url)

        assert page.locator("#served").is_hidden()
        assert page.inner_text("#law-line") == ""
        assert page.locator("#over label:has([value=provider])").is_hidden()
        assert page.locator("#over label:has([value=model])").is_visible()


def test_the_chart_is_split_by_provider_and_by_jurisdiction(open_page, address):
    page = open_page(address)
    wait_for_chart(page)

    page.locator("#over").get_by_label("Jurisdiction").check()
    page.wait_for_selector("#legend:has-text('United States')")
    page.locator("#over").get_by_label("Provider").check()
    page.wait_for_selector("#legend:has-text('Vertex')")
