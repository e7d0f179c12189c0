"""Rates of alerts on simulated traffic: a short form of `make alerts`."""

from __future__ import annotations

import pytest
import rates


@pytest.mark.slow
def test_alerts_are_quiet_where_nothing_happens_and_find_what_does():
    quiet = rates.quiet_rates([11], [10.0], 7)
    (found,) = rates.shift_rates([11], "+10 points", [10.0], 24, 4)

    for row in quiet:
        assert sum(row["starts_a_series_week"].values()) <= 0.5
        assert row["firing_part"] <= 0.05
    # A fixed threshold on the hour is what nobody keeps switched on.
    assert quiet[0]["fixed_starts_a_series_week"]["fixed 1 h"] > 1
    assert found["found"] >= 0.75


def test_a_shift_before_21_days_is_reported_at_21():
    assert rates.first_weeks(11, 10.0)["first_condition_after_days"] == 21.0
