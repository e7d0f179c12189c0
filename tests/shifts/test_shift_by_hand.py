"""Share, standard error and past, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from shift_inputs import HOUR, NOW, one_window, steady

from streams.shifts.baseline import (
    DAY_QUANTILES,
    baseline_of,
    day_shifts,
    expected_shares,
    hour_shifts,
    usual_spread,
)
from streams.shifts.estimate import Stretches, estimate, zscores


def test_the_standard_error_is_the_delta_method_where_that_is_largest():
    # One stretch after the other alike, so their means say nothing; B = 1/2.
    # t = (30, 10), T = 40, R = 0.75; q = (500, 100), Q = 600; n_eff = 1600/600 = 2.667.
    # delta: sqrt(0.25^2 * 500 + 0.75^2 * 100) / 40 = sqrt(31.25 + 56.25) / 40 = 9.354/40 = 0.23385
    # null:  sqrt(B(1-B) / n_eff) with B = 0.02: sqrt(0.0196 / 2.667) = 0.0857
    found = estimate(one_window([[15, 5], [15, 5]], [500, 100], [0.02, 0.98]))

    assert found.share.tolist() == [0.75, 0.25]
    assert found.effective.tolist() == pytest.approx([1600 / 600])
    assert found.error.tolist() == pytest.approx([0.233854, 0.233854], abs=1e-6)
    assert found.shift.tolist() == pytest.approx([0.73, -0.73])


def test_the_standard_error_is_the_null_form_where_a_key_is_rare():
    # Key `a` has nothing: delta = sqrt(1 * 0 + 0 * 100) / 100 = 0.
    # n_eff = 100^2 / 400 = 25; null, B = 0.1: sqrt(0.09 / 25) = 0.06.
    found = estimate(one_window([[0, 50], [0, 50]], [0, 400], [0.1, 0.9]))

    assert found.error.tolist() == pytest.approx([0.06, 0.06])
    assert found.baseline.tolist() == pytest.approx([0.1, 0.9])


def test_the_standard_error_is_of_the_stretches_where_requests_come_in_sessions():
    # m = 4, T_j = 100, t = (90, 10, 90, 10): R = 0.5, residuals +-40.
    # sqrt(4/3 * 4 * 1600) / 400 = sqrt(8533.3) / 400 = 92.376 / 400 = 0.23094
    # delta with q = (200, 200): sqrt(0.25 * 400) / 400 = 10/400 = 0.025
    # n_eff = 160000/400 = 400; null: sqrt(0.25/400) = 0.025
    found = estimate(one_window([[90, 10], [10, 90]] * 2, [200, 200], [0.5, 0.5]))

    assert found.error.tolist() == pytest.approx([0.230940, 0.230940], abs=1e-6)


def test_a_cycle_that_is_expected_is_not_an_error():
    # The stretches differ as they are expected to, so nothing is left of them.
    counts = np.array([[90.0, 10.0], [10.0, 90.0]] * 12)
    window = Stretches(counts, counts.copy(), np.array([1200.0, 1200.0]), np.array([True]))

    # T = 2400, n_eff = 2400: sqrt(0.25 / 2400) = 0.0102
    assert estimate(window).error.tolist() == pytest.approx([0.010206, 0.010206], abs=1e-6)


def test_z_is_the_shift_in_units_of_the_larger_uncertainty():
    found = estimate(one_window([[15, 5], [15, 5]], [500, 100], [0.02, 0.98]))

    # 0.73 / max(S, 0.233854)
    assert zscores(found, np.array([0.1, 0.1])).tolist() == pytest.approx(
        [3.1216, -3.1216], abs=1e-4
    )
    assert zscores(found, np.array([0.365, 0.365])).tolist() == pytest.approx([2.0, -2.0])


def test_a_baseline_is_a_ratio_of_weighted_sums_over_three_hours_of_seven_days():
    # Ten days of 10 requests an hour, half of them `a`; three hours around 12:00 are different.
    #   day 9   11:00 (30, 10)   12:00 (0, 0)   13:00 (10, 30)
    counts = np.full((11 * 24, 2), 5.0)
    noon = 10 * 24 + 12
    counts[noon - 25 : noon - 22] = [[30, 10], [0, 0], [10, 30]]
    counts[noon - 22] = [1000, 0]  # 14:00 is not near noon
    expected = expected_shares(counts, counts.sum(axis=1))

    # Day 9 weighs 1; the six days before it 5/8 + (5/8)^2 + ... + (5/8)^6 = 1.57 together.
    # a: 40 + 1.57 * 3 hours * 5 of 80 + 1.57 * 30
    assert expected[noon].tolist() == pytest.approx([0.5, 0.5])
    # At 13:00 the three hours of day 9 are 12:00, 13:00 and 14:00.
    few = sum((5 / 8) ** day for day in range(1, 7)) * 15
    assert expected[noon + 1].tolist() == pytest.approx(
        [(1010 + few) / (1040 + 2 * few), (30 + few) / (1040 + 2 * few)]
    )


def test_the_eighth_day_before_is_in_no_baseline():
    counts = np.full((9 * 24, 2), 5.0)
    counts[: 24 - 1] = [1000, 0]  # day 0, up to 22:00

    assert expected_shares(counts, counts.sum(axis=1))[8 * 24 + 12].tolist() == [0.5, 0.5]
    assert expected_shares(counts, counts.sum(axis=1))[7 * 24 + 12, 0] > 0.5


def test_the_shift_of_a_day_is_what_was_counted_over_what_was_expected():
    # Eight days of (5, 5); then the ninth has (8, 2) in 6 of its hours: 18 tokens more than
    # expected of 240. The day cycle of volume is in neither.
    counts = np.full((9 * 24, 2), 5.0)
    counts[8 * 24 + 4 : 8 * 24 + 10] = [8, 2]
    expected = expected_shares(counts, counts.sum(axis=1))

    assert day_shifts(counts, expected)[-1].tolist() == pytest.approx([18 / 240, -18 / 240])
    assert hour_shifts(counts, expected)[8 * 24 + 4].tolist() == pytest.approx([0.3, -0.3])


def test_the_usual_spread_is_a_quantile_that_one_freak_hour_does_not_move():
    shifts_ = np.full((672, 1), 0.0196)
    assert usual_spread(shifts_).tolist() == pytest.approx([0.01])
    shifts_[100] = 0.9
    assert usual_spread(shifts_).tolist() == pytest.approx([0.01])
    shifts_[:68] = -0.196  # a tenth of the hours
    assert usual_spread(shifts_).tolist() == pytest.approx([0.1])


def test_of_a_day_it_is_the_smaller_of_two_so_a_launch_or_steady_noise_hides_nothing():
    # Three days of 28 after a launch: the lower quantile leaves them out.
    launch = np.full((672, 1), 0.012816)
    launch[300:372] = 0.2
    # Noise that goes no further than this: the higher quantile says more.
    noise = np.linspace(0, 0.025758, 672)[:, None]

    assert usual_spread(launch, DAY_QUANTILES).tolist() == pytest.approx([0.01])
    assert usual_spread(noise, DAY_QUANTILES).tolist() == pytest.approx([0.01], rel=0.02)
    assert usual_spread(noise, DAY_QUANTILES[:1])[0] > 0.015


def test_hours_of_which_nothing_can_be_said_are_in_no_usual_spread():
    shifts_ = np.full((100, 1), 0.0196)
    shifts_[:90] = np.nan

    assert usual_spread(shifts_).tolist() == pytest.approx([0.01])
    assert np.isnan(usual_spread(shifts_[:90])).all()


def test_the_hour_that_runs_changes_nothing_of_its_past():
    panes, hours = steady()
    before = baseline_of(hours, "tokens", NOW // HOUR * HOUR)
    hours.tokens[-1] = [1e6, 0]
    after = baseline_of(hours, "tokens", NOW // HOUR * HOUR)

    assert before.shares.tolist() == after.shares.tolist()
    assert before.hour_spread.tolist() == after.hour_spread.tolist() == [[0.0, 0.0]]
    assert len(panes.keys) == before.shares.shape[1]
