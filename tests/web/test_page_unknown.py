"""Unknown models on the page, and the entries for the catalogue."""

from __future__ import annotations

import tomllib

import pytest
from made_up import HOSTILE, made_up_sources, made_up_unknown, served
from page_driver import column

pytestmark = pytest.mark.browser


def test_many_unknown_models_of_long_names_leave_room_for_the_rest(open_page):
    name = "a" * 500
    unknown = [made_up_unknown(f"{name}{number}", 10, 1) for number in range(60)]
    with served(made_up_sources(unknown=unknown)) as url:
        page = open_page(url, width=360)

        heights = page.evaluate(
            "['#unknown', '#entries'].map((it) => document.querySelector(it).clientHeight)"
        )

        assert len(column(page, "#unknown", 1)) == 60
        assert max(heights) <= 400


def test_unknown_models_are_named_and_stay_text(open_page, address):
    page = open_page(address)

    assert column(page, "#unknown", 1) == ["prod-chat", "openrouter/auto", HOSTILE]
    assert "TOKENSHARE_CATALOG_OVERRIDES" in page.inner_text("#unknown-note")
    assert column(page, "#unknown", 5) == ["no known name"] * 3
    entries = tomllib.loads(page.inner_text("#entries"))["models"]
    assert list(entries) == ["prod-chat", "openrouter/auto", HOSTILE]
    assert page.title() != "broken"


@pytest.mark.parametrize(
    "script", ["", "delete Navigator.prototype.clipboard;"], ids=["https", "http"]
)
def test_the_entries_of_unknown_models_are_copied(open_page, address, script):
    page = open_page(address, script=script, permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy the entries").click()
    page.wait_for_selector("#copied:has-text('Copied')")

    # What was copied is what is pasted.
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").focus()
    page.keyboard.press("Control+V")
    assert list(tomllib.loads(page.locator("textarea").input_value())["models"]) == [
        "prod-chat",
        "openrouter/auto",
        HOSTILE,
    ]
