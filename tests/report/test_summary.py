"""What a report says: shares, movers and sizes."""

from __future__ import annotations

import pytest
from report_inputs import A_DAY, MONDAY, event, report_of

from streams.classify.keys import DIMENSIONS
from streams.report import content as page
from streams.report.summary import movers_of


def rows(report, dimension):
    return {row.key: row for row in report.dimensions[dimension]}


def test_shares_go_by_week_and_their_average_is_of_weeks():
    report = report_of(
        event(0, "qwen3-32b", 100, 0),
        event(1, "gpt-4o", 300, 0),
        event(7, "gpt-4o", 1000, 0),
        event(14, "qwen3-32b", 10, 0),
    )

    assert report.starts == (MONDAY, MONDAY + 7 * A_DAY, MONDAY + 14 * A_DAY)
    assert rows(report, "origin")["cn-open"].course == (0.25, 1.0, 1.0, pytest.approx(1.25 / 3))
    assert rows(report, "developer")["Alibaba"].ratio("tokens") == pytest.approx(110 / 1410)
    assert rows(report, "model")["qwen3-32b"].sums[:4] == (110, 2, 110, 0)


def test_days_without_tokens_are_left_out():
    report = report_of(event(0), event(1, prompt=0, completion=0), event(2), by="day")

    assert report.starts == (MONDAY, MONDAY + 2 * A_DAY)


def test_movers_compare_the_first_tenth_with_the_last():
    days = [event(day, "gpt-4o" if day < 10 else "qwen3-32b") for day in range(20)]
    report = report_of(*days, event(1, "qwen3-32b", 120, 120), by="day")

    (first, second) = movers_of(report, "model")
    assert {first.key, second.key} == {"gpt-4o", "qwen3-32b"}
    up = first if first.key == "qwen3-32b" else second
    assert (up.first, up.last) == (pytest.approx(0.5), 1.0)
    assert not movers_of(report, "language")


def test_one_week_has_no_movers_and_is_reported_in_every_form():
    report = report_of(event(0), event(3))

    assert report.movers == ()
    assert "in the first" not in " ".join(page.sentences(report))
    assert "Tokens per request: 100 prompt and 20 completion on average." in page.sentences(report)


def test_tokens_per_request_are_of_all_and_of_both_ends():
    report = report_of(event(0, prompt=10, completion=1), event(7, prompt=90, completion=9))

    assert report.sizes.whole == (50, 5)
    assert (report.sizes.first, report.sizes.last) == ((10, 1), (90, 9))


def test_shares_of_each_dimension_add_up_to_the_whole():
    documents = [
        event(
            number % 30, f"model-{number % 70}", number, 1, language=("en", "zh", None)[number % 3]
        )
        for number in range(500)
    ]
    report = report_of(*documents)

    for dimension in DIMENSIONS:
        found = report.dimensions[dimension]
        assert sum(row.sums.tokens for row in found) == report.whole.tokens
        for at, step in enumerate(report.steps):
            assert sum(row.steps[at].tokens for row in found) == step.tokens
    assert rows(report, "model")["other"].sums.requests > 0
    assert report.dimensions["model"][-1].key == "other"
