"""Numbers are spelt as on the page."""

from __future__ import annotations

import pytest

from streams.report.formatting import amount, measured, percent, points


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (9_999, "9,999"),
        (10_000, "10K"),
        (12_345, "12.3K"),
        (999_499, "999K"),
        (999_950, "1M"),
        (84_812_345, "84.8M"),
        (100_000_000, "100M"),
        (2_700_000_000, "2.7B"),
        (3_210_000_000_000, "3.21T"),
        (4e15, "4,000T"),
    ],
)
def test_an_amount(count, text):
    assert amount(count) == text


def test_a_share_that_is_not_zero_is_not_shown_as_zero():
    assert [percent(each) for each in (None, 0, 0.0004, 0.0006, 0.216, 1)] == [
        *("–", "0.0 %", "<0.1 %", "0.1 %", "21.6 %", "100.0 %")
    ]
    assert percent(0.004, 0) == "<1 %"


def test_a_difference_has_its_sign():
    assert [points(each) for each in (None, 0.0001, 0.0912, -0.0912)] == [
        "–",
        "±0.0",
        "+9.1",
        "−9.1",
    ]


def test_a_cost_is_money():
    assert [measured("cost", each) for each in (None, 0.5, 1234.5)] == ["–", "$0.50", "$1,234"]
    assert measured("tokens", 12_345) == "12.3K"
