"""The health of the pipeline on the page: lag, age, readiness and silence."""

from __future__ import annotations

import pytest
from made_up import made_up_shares, made_up_sources, served
from page_driver import column, plain

pytestmark = pytest.mark.browser


def test_the_pipeline_shows_its_health(open_page, address):
    page = open_page(address)
    page.locator("#partitions summary").click()
    page.locator("#records summary").click()
    page.wait_for_selector("#records tbody tr")

    facts = plain(page.inner_text("#pipeline"))
    assert "Lag\n12" in facts
    assert "Age\n1 s" in facts
    assert "Late\n41" in facts
    assert "Rejected\n3" in facts
    assert column(page, "#partitions", 2) == ["1,234,000", "1,234,001"]
    assert column(page, "#records", 1) == ["counted", "rejected: not_json"]


def test_usage_that_no_reader_takes_is_shown_for_a_day(open_page):
    sources = [
        {"format": "otlp", "source": f"shop.{name}", "count": 3} for name in ("a", "b", "c", "d")
    ]
    as_of = 1_763_900_000.0
    for last, is_shown in ((as_of - 86_000, True), (as_of - 87_000, False)):
        unread = {"count": 12, "last": last, "sources": sources}
        pipeline = made_up_shares(as_of)["pipeline"] | {"unread": unread}
        with served(made_up_sources(as_of=as_of, generated_at=as_of, pipeline=pipeline)) as url:
            facts = plain(open_page(url).inner_text("#pipeline"))

        assert ("Unread usage\n12" in facts) == is_shown
        assert ("shop.a (otlp), shop.b (otlp), shop.c (otlp) and others" in facts) == is_shown


def test_old_data_is_called_old_by_the_workers_clock(open_page):
    with served(made_up_sources(as_of=1_763_900_000.0, generated_at=1_763_900_600.0)) as url:
        page = open_page(url)

        assert plain(page.inner_text("#status")) == "Live, data is 10 min old"
        assert "Age\n10 min" in plain(page.inner_text("#pipeline"))


def test_a_worker_that_is_not_ready_says_why(open_page):
    with served(made_up_sources(ready=False, reasons=["partition 3 has no owner"])) as url:
        page = open_page(url)

        assert "partition 3 has no owner" in page.inner_text("#banner")
        assert page.get_by_role("alert").is_visible()


def test_silence_is_called_stale_and_an_answer_ends_it(open_page):
    with served(made_up_sources()) as url:
        page = open_page(url)
    port = int(url.rsplit(":", 1)[1].strip("/"))

    page.wait_for_selector("#status.stale:has-text('Stale')")
    assert "These numbers are of" in page.inner_text("#banner")
    assert "cannot be reached" in page.inner_text("#banner")
    assert page.title().startswith("Stale: ")
    with served(made_up_sources(), port):
        page.wait_for_selector("#status.live:has-text('Live')")
        assert page.locator("#banner").is_hidden()
        assert "Stale" not in page.title()
