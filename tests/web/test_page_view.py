"""The view in the page's address: links, back and forward, and the keyboard."""

from __future__ import annotations

import pytest
from page_driver import plain, view_of, wait_for_movers, wait_for_shifts

pytestmark = pytest.mark.browser


def test_a_view_can_be_sent_as_an_address(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    page.get_by_label("1 h", exact=True).check()
    page.locator("#by").get_by_label("Model").check()
    page.locator("#over").get_by_label("Developer").check()
    page.get_by_label("2 years").check()
    assert view_of(page) == {
        "measure": "requests",
        "window": "1h",
        "by": "model",
        "over": "developer",
        "range": "2y",
    }

    other = open_page(page.url)

    assert "of requests in the last 1 h" in plain(other.inner_text("h1"))
    assert other.inner_text("#keys-heading") == "By model"
    assert other.locator("#over").get_by_label("Developer").is_checked()
    assert other.get_by_label("2 years").is_checked()


def test_a_first_visit_has_a_plain_address(open_page, address):
    assert open_page(address).url == address


def test_an_address_with_values_that_are_none_is_a_first_visit(open_page, address):
    page = open_page(
        f"{address}#measure=dollars&window=3h&range=%00&view=shift&dimension=developer"
    )

    assert "of tokens in the last 24 h" in plain(page.inner_text("h1"))


def test_back_and_forward_undo_and_repeat_choices(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    page.locator("#by").get_by_label("Developer").check()
    page.wait_for_selector("#keys-heading:has-text('By developer')")

    page.go_back()
    assert page.inner_text("#keys-heading") == "By language"
    assert page.get_by_label("Requests", exact=True).is_checked()
    page.go_back()
    assert page.get_by_label("Tokens", exact=True).is_checked()
    assert "of tokens" in page.inner_text("h1")
    page.go_forward()
    page.go_forward()
    page.wait_for_selector("#keys-heading:has-text('By developer')")


def test_trying_the_values_of_one_control_is_one_step_back(open_page, address):
    page = open_page(address)
    page.get_by_label("Requests", exact=True).check()
    for name in ("5 min", "1 h", "7 d"):
        page.get_by_label(name, exact=True).check()

    page.go_back()

    assert page.get_by_label("24 h", exact=True).is_checked()
    assert page.get_by_label("Requests", exact=True).is_checked()


def test_the_keyboard_is_enough(open_page, address):
    page = open_page(f"{address}#window=1h")
    wait_for_shifts(page)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert view_of(page) == {"window": "1h"}
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "verdict"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert "of requests" in page.inner_text("h1")

    page.locator("#shift-list summary").nth(1).focus()
    page.keyboard.press("Enter")
    wait_for_movers(page)
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
