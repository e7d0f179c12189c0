"""How weekends differ, and what a baseline makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.shifts.baseline import NEEDED_HOURS, baseline_of
from streams.shifts.series import Series
from streams.shifts.weekend import WEEKEND_DAYS, is_weekend, weekend_of

HOUR, DAY = 3600, 86400
#: A Monday, 00:00 UTC.
MONDAY = 1_767_571_200


def by_day(values, start=MONDAY) -> Series:
    counts = np.array(values, dtype=float)
    return Series(("a", "b"), start, DAY, counts, counts, counts)


def by_hour(daily, start=MONDAY) -> Series:
    counts = np.repeat(np.array(daily, dtype=float) / 24, 24, axis=0)
    return Series(("a", "b"), start, HOUR, counts, counts, counts)


def weeks(number: int, working=(60.0, 40.0), free=(30.0, 70.0)) -> list[tuple[float, float]]:
    return [*[working] * 5, *[free] * 2] * number


def test_weekends_are_saturday_and_sunday_in_utc():
    starts = MONDAY + DAY * np.arange(7)

    assert is_weekend(starts).tolist() == [False] * 5 + [True] * 2
    assert is_weekend(starts + DAY - 1).tolist() == [False] * 5 + [True] * 2


def test_a_factor_is_the_share_of_weekends_over_that_of_weekdays_and_shrinks():
    # Eight free days: a is 0.3 against 0.6, b is 0.7 against 0.4; to the power 8/9.
    found = weekend_of(by_day(weeks(5)), "tokens", MONDAY + 28 * DAY, 2)

    assert found.factors.tolist() == [
        pytest.approx([0.5 ** (8 / 9), 1.75 ** (8 / 9)]),
        pytest.approx([0.5 ** (8 / 9), 1.75 ** (8 / 9)]),
    ]
    # The hour before the first is of a Sunday.
    assert found.is_free.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("days", "factor"),
    [
        ([], 1.0),
        (weeks(1)[:5], 1.0),
        (weeks(1)[5:], 1.0),
        (weeks(1)[:6], 0.5**0.5),
        ([*[(0.0, 5.0)] * 5, (5.0, 0.0)], 1.0),
        ([*[(1.0, 999.0)] * 5, (999.0, 1.0)], 2.0**0.5),
        ([*[(999.0, 1.0)] * 5, (1.0, 999.0)], 0.5**0.5),
    ],
    ids=["none", "weekdays", "weekend", "one-day", "only-then", "launch", "gone"],
)
def test_a_factor_needs_both_and_is_bounded(days, factor):
    values = np.array(days, dtype=float).reshape(-1, 2)
    start = MONDAY + 5 * DAY if days == weeks(1)[5:] else MONDAY
    found = weekend_of(by_day(values, start), "tokens", MONDAY + 7 * DAY, 1)

    assert found.factors[0, 0] == pytest.approx(factor)


def test_the_running_day_and_days_of_five_weeks_ago_change_nothing():
    days = by_day(weeks(6))
    first = MONDAY + 35 * DAY + 5 * HOUR
    before = weekend_of(days, "tokens", first, 3).factors.tolist()
    days.tokens[35:] = [1e6, 0.0]
    days.tokens[: 35 - WEEKEND_DAYS] = [0.0, 1e6]

    assert weekend_of(days, "tokens", first, 3).factors.tolist() == before


@pytest.mark.parametrize("place", [0, 5, 6], ids=["Monday", "Saturday", "Sunday"])
def test_a_weekend_as_usual_is_no_shift(place):
    daily = weeks(10)
    days, hours = by_day(daily), by_hour(daily)
    hour = MONDAY + (63 + place) * DAY + 12 * HOUR
    plain = baseline_of(hours, "tokens", hour).shares[-1]
    found = baseline_of(hours, "tokens", hour, days=days)

    share = daily[place][0] / 100
    assert abs(found.shares[-1, 0] - share) < abs(plain[0] - share) / 2
    assert found.shares.sum(axis=1).tolist() == pytest.approx([1.0] * 25)
    # What is left is small beside what a baseline without weekends calls usual.
    spread = baseline_of(hours, "tokens", hour).day_spread[-1, 0]
    assert found.day_spread[-1, 0] < spread / 2


def test_only_what_weekends_are_told_by_is_converted():
    # Nothing is known before these days, so all factors are 1.
    daily = weeks(6, working=(3.0, 1.0), free=(1.0, 3.0))
    hours = by_hour(daily)
    hour = MONDAY + NEEDED_HOURS * HOUR
    nothing = Series(hours.keys, MONDAY, DAY, *[np.zeros((0, 2))] * 3)

    assert baseline_of(hours, "tokens", hour, days=nothing).shares.ravel().tolist() == (
        pytest.approx(baseline_of(hours, "tokens", hour).shares.ravel().tolist())
    )


def test_hours_without_traffic_have_no_baseline_on_weekends_either():
    daily = weeks(6)
    days, hours = by_day(daily), by_hour(daily)
    hours.tokens[-8 * 24 :] = 0.0
    hour = MONDAY + 42 * DAY

    assert np.isnan(baseline_of(hours, "tokens", hour, days=days).shares[-1]).all()
