"""The shift of each key at one moment, whatever comes."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shift_inputs import DAY, HOUR, MONDAY, NOW, PANE, PLAIN_MEASURES, grid, steady, told

from streams.shifts import alert_rules
from streams.shifts.baseline import (
    NEEDED_HOURS,
    baseline_days,
    baseline_of,
)
from streams.shifts.evaluation import centre
from streams.shifts.series import Measure
from streams.shifts.shift import Traffic, shifts


def days_of(busy, as_of_hours: float) -> float:
    values = np.zeros((int(as_of_hours) + 1, 1))
    values[[*busy]] = 1.0
    return baseline_days(grid(values), MONDAY + as_of_hours * HOUR)


def test_days_of_history_count_from_the_first_hour_less_days_without_traffic():
    assert days_of(range(48), 48.0) == pytest.approx(2.0)
    assert days_of(range(12, 48), 48.0) == pytest.approx(1.5)
    # (.. day 1 ..)(empty)(empty)(.. day 4 ..)|
    assert days_of([*range(24), *range(72, 97)], 96.0) == pytest.approx(2.0)
    assert days_of([*range(24), *range(47, 97)], 96.0) == pytest.approx(4.0)
    assert days_of([], 96.0) == 0.0


def test_a_gateway_that_rests_at_weekends_has_enough_history():
    weekdays = [hour for hour in range(37 * 24) if hour // 24 % 7 < 5 and 8 <= hour % 24 < 18]

    assert days_of(weekdays, 37 * 24 - 0.1) >= alert_rules.MIN_HISTORY_DAYS


@pytest.mark.parametrize(("days", "is_said"), [(20.9, False), (21.1, True)])
def test_z_is_reported_from_21_days_on_and_the_days_before(days, is_said):
    panes, hours = steady()
    first = NOW - days * DAY
    gone = int((first - hours.start) // HOUR)
    for each in (hours.requests, hours.tokens, hours.squares):
        each[:gone] = 0
    said = told(panes, hours)["tokens", "24h"]

    assert said.baseline_days == pytest.approx(days, abs=0.05)
    assert all((key.zscore is not None) is is_said for key in said.keys)
    assert all((key.detectable is not None) is is_said for key in said.keys)
    assert all(key.usual_spread is not None for key in said.keys)


def test_traffic_that_never_changes_has_shifted_nowhere():
    said = told(*steady(per_pane=100.0))

    assert set(said) == {
        (each, window) for each in PLAIN_MEASURES for window in ("1h", "24h", "7d")
    }
    for each in said.values():
        assert [key.key for key in each.keys] == ["a", "b"]
        assert [key.share for key in each.keys] == pytest.approx([0.75, 0.25])
        assert [key.shift for key in each.keys] == pytest.approx([0, 0], abs=1e-12)
        assert [key.zscore for key in each.keys] == pytest.approx([0, 0], abs=1e-9)


def test_an_hour_of_another_mix_is_reported_in_both_windows():
    # (.......... 0.75 : 0.25 ..........)(5 panes of 0.25 : 0.75)|
    panes, hours = steady(per_pane=100.0)
    for each in (panes.requests, panes.tokens, panes.squares):
        each[-4:] = [100, 300]
    said = told(panes, hours)

    # R = (8 * 300 + 4 * 100) / (12 * 400) = 2800 / 4800; B = 0.75
    hour = said["tokens", "1h"].keys[0]
    assert (hour.share, hour.baseline) == (pytest.approx(2800 / 4800), pytest.approx(0.75))
    assert hour.shift == pytest.approx(2800 / 4800 - 0.75)
    # m = 12; over what is expected: 8 times 0, 4 times -200; mean -800/4800 = -1/6 of 400 = -66.7.
    # sqrt(12/11 * (8 * 66.7^2 + 4 * 133.3^2)) / 4800 = sqrt(12/11 * 106667) / 4800 = 0.071067
    assert hour.standard_error == pytest.approx(0.071067, abs=1e-6)
    assert hour.zscore == pytest.approx(hour.shift / 0.071067, rel=1e-4)
    # Requests name no tenant, so there is no alert of the hour.
    assert hour.detectable is None
    # Of 288 panes, 4 have 200 tokens less than expected.
    day = said["tokens", "24h"].keys[0]
    assert day.shift == pytest.approx(-4 * 200 / (288 * 400))
    assert day.detectable == pytest.approx(3.0 * day.standard_error)
    assert day.evidence_requests == pytest.approx(0.75 * 288 * 400)


def test_the_hour_ends_with_the_running_pane_and_is_twelve_panes():
    panes, hours = steady(per_pane=100.0)
    for each in (panes.requests, panes.tokens, panes.squares):
        each[-13] = [0, 10_000]

    assert told(panes, hours)["tokens", "1h"].keys[0].shift == pytest.approx(0, abs=1e-12)
    assert told(panes, hours)["tokens", "24h"].keys[0].shift < 0


@pytest.mark.parametrize(("minutes", "hour"), [(0, 11), (24, 11), (25, 12), (59, 12)])
def test_the_baseline_is_that_of_the_hour_that_most_of_the_window_is_in(minutes, hour):
    # At 12:24 the window is 11:25 to 12:25, at 12:25 it is 11:30 to 12:30.
    last = (MONDAY + 12 * HOUR + minutes * 60) // PANE * PANE

    assert centre(last) == MONDAY + hour * HOUR


def test_evidence_is_what_a_key_has_or_should_have():
    panes, hours = steady((3.0, 1.0))
    for each in (panes.requests, panes.tokens, panes.squares):
        each[-12:] = [4.0, 0.0]

    assert [key.evidence_requests for key in told(panes, hours)["tokens", "1h"].keys] == [48, 12]


def test_the_past_must_be_of_the_hour_and_of_the_keys():
    panes, hours = steady()
    baselines: dict[Measure, Any] = {
        "tokens": baseline_of(hours, "tokens", NOW // HOUR * HOUR - HOUR)
    }

    with pytest.raises(ValueError, match="not of these keys in the hour"):
        shifts(Traffic("origin", panes, hours, None), baselines, NOW)


def is_sound(said) -> bool:
    numbers = [
        value
        for each in said.values()
        for key in each.keys
        for value in (each.effective_requests, each.baseline_days, *astuple(key)[1:])
        if not isinstance(value, str)
    ]
    return all(value is None or np.isfinite(value) for value in numbers)


def test_nothing_at_all_is_reported_without_traffic():
    panes, hours = steady((0.0, 0.0))
    said = told(panes, hours)

    assert is_sound(said)
    for each in said.values():
        assert each.effective_requests is None
        assert each.baseline_days == 0
        assert astuple(each.keys[0])[1:] == (None,) * 8 + (0.0, None, None, "", "")


def test_one_key_is_all_there_is():
    said = told(*steady((4.0,)))

    assert is_sound(said)
    assert {(key.share, key.shift, key.zscore) for each in said.values() for key in each.keys} == {
        (1.0, 0.0, 0.0)
    }


def test_a_key_that_takes_all_of_the_traffic_is_as_far_out_as_requests_can_say():
    panes, hours = steady((4.0, 0.0), per_pane=100)
    for each in (panes.requests, panes.tokens, panes.squares):
        each[-288:] = [0.0, 400.0]
    said = told(panes, hours)

    assert is_sound(said)
    new = said["tokens", "1h"].keys[1]
    assert (new.share, new.baseline, new.shift, new.standard_error) == (1.0, 0.0, 1.0, 0.0)
    assert new.zscore == said["tokens", "1h"].effective_requests == 4800


def test_a_key_that_vanished_is_below_what_is_expected():
    panes, hours = steady((3.0, 1.0), per_pane=100)
    for each in (panes.requests, panes.tokens, panes.squares):
        each[-288:, 1] = 0
    gone = told(panes, hours)["tokens", "24h"].keys[1]

    assert (gone.share, gone.shift) == (0.0, pytest.approx(-0.25))
    assert gone.zscore < -3
    assert gone.evidence_requests == pytest.approx(0.25 * 288 * 300)


@pytest.mark.parametrize("hours_down", [5, 24, 24 * 9, 24 * 30])
def test_a_gateway_that_was_down_is_reported_with_what_there_is(hours_down):
    panes, hours = steady(per_pane=10.0)
    for each in (hours.requests, hours.tokens, hours.squares):
        each[-hours_down - 1 : -1] = 0
    for each in (panes.requests, panes.tokens, panes.squares):
        each[: -(NOW % HOUR // PANE + 1)] = 0
    said = told(panes, hours)

    assert is_sound(said)
    hour = said["tokens", "1h"].keys[0]
    assert hour.share == pytest.approx(0.75)
    # After more than seven days, and the hour around, nothing is left to expect anything from.
    assert (hour.baseline is None) is (hours_down > 24 * 7)


def test_a_day_most_of_which_has_no_baseline_has_no_shift():
    # Hours 12 to 23 were never worked in before today.
    panes, hours = steady(per_pane=10.0)
    local = (hours.start // HOUR + np.arange(len(hours.requests))) % 24
    old = np.arange(len(local)) < len(local) - 25
    for each in (hours.requests, hours.tokens, hours.squares):
        each[old & ((local < 2) | (local > 4))] = 0
    said = told(panes, hours)

    assert is_sound(said)
    assert said["tokens", "24h"].keys[0].baseline is None
    assert said["tokens", "24h"].keys[0].share == pytest.approx(0.75)


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.0, 1.0, 7.0, 1e9]), min_size=3, max_size=3),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 900),
)
def test_what_is_reported_is_sound_and_adds_up(values, offset):
    panes, hours = steady((0.0, 0.0, 0.0))
    drawn = np.array(values)
    panes.requests[-len(drawn) :] = panes.tokens[-len(drawn) :] = drawn
    panes.squares[-len(drawn) :] = drawn**2
    rows = np.resize(drawn, (NEEDED_HOURS - offset % NEEDED_HOURS, 3))
    hours.requests[-len(rows) :] = hours.tokens[-len(rows) :] = rows
    said = told(panes, hours)

    assert is_sound(said)
    for each in said.values():
        shares = [key.share for key in each.keys if key.share is not None]
        moved = [key.shift for key in each.keys if key.shift is not None]
        assert not shares or sum(shares) == pytest.approx(1.0)
        assert not moved or sum(moved) == pytest.approx(0.0, abs=1e-9)
