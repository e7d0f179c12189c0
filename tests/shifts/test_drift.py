"""How far a share has drifted, by examples worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from streams.shifts.alert_rules import DRIFT_ZSCORE
from streams.shifts.drift import ENDED_HOURS, NEEDED_HOURS, HourCounts, drift_of

DAY = 86400
#: A Monday, 00:00 UTC: when the 35 days end.
LAST = 1_767_571_200


def drifted(shares, spread=1.0, a_day=2400.0):
    """Return the drift of a key after 35 days with these shares in percent; None: no traffic."""
    daily = [(0.0, 0.0) if each is None else (each, 100.0 - each) for each in shares]
    hours = np.repeat(np.array(daily) / 100 * a_day / 24, 24, axis=0)
    earlier = np.repeat(hours[:1], ENDED_HOURS[-1], axis=0)
    counts = np.concatenate([earlier, hours, np.zeros((1, 2))])
    assert len(counts) == NEEDED_HOURS + 1
    found = drift_of(HourCounts(counts, counts, counts), np.full((1, 2), spread / 100), LAST)
    return {name: values[0, 0] for name, values in found._asdict().items()}


def test_a_drift_is_the_share_of_seven_days_less_that_of_the_28_before():
    # Half a point a day from 10.5 % on: the 28 days have 17.25 on average, the last seven 26.
    found = drifted([10.5 + 0.5 * day for day in range(35)])

    assert found["share"] == pytest.approx(0.26)
    assert found["baseline"] == pytest.approx(0.1725)
    assert found["shift"] == found["share"] - found["baseline"]
    # Of days that ended 0, 6, 12 and 18 hours ago; the first of the path is as long as all others.
    assert found["zscore"] == pytest.approx(8.75 - 9 / 24 * 0.5 / 28)
    assert found["evidence"] == pytest.approx(0.26 * 7 * 2400)
    assert found["effective"] == pytest.approx(7 * 2400)
    # sqrt(B (1 - B) (1 + 7/28) / n_eff)
    assert found["error"] == pytest.approx((0.1725 * 0.8275 * 1.25 / 16800) ** 0.5)
    assert found["since"] == LAST - 34 * DAY


#: A rise of 1.9 begins at the edge of a day, and 6, 12 and 18 hours before that of other days; each
#: part of it counts as one at most.
PARTS = (1 + 4 * 1, 1 + 4 * 1.475, 0.95 + 4 * 1.9, 0.475 + 4 * 1.475)


@pytest.mark.parametrize(
    ("height", "zscore"),
    [(0.7, 0.7 * (5 - 9 / 24) / 7), (1.9, sum(PARTS) / 4 / 7), (10, 0), (-40, 0)],
)
def test_a_jump_adds_nothing_to_it(height, zscore):
    found = drifted([50] * 30 + [50 + height] * 5)

    assert found["zscore"] == pytest.approx(zscore)
    assert found["shift"] == pytest.approx(height / 100 * 5 / 7)


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_a_jump_within_a_day_is_no_drift_either(hour):
    # Three scales: days that end at its hour see half of it twice, and neither half is a jump.
    hours = np.full((NEEDED_HOURS + 1, 2), 50.0)
    hours[-5 * 24 - hour :] = [53.0, 47.0]
    found = drift_of(HourCounts(hours, hours, hours), np.full((1, 2), 0.01), LAST)

    assert found.zscore[0, 0] < DRIFT_ZSCORE["origin"]


def test_a_share_that_goes_to_and_fro_has_not_drifted():
    found = drifted([20, 30] * 17 + [20])

    assert abs(found["zscore"]) < 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_it_began_on_the_last_day_at_the_level_that_it_left(sign):
    found = drifted([50] * 20 + [50 + sign * 0.8 * day for day in range(1, 16)])

    assert found["since"] == LAST - 15 * DAY
    assert np.sign(found["zscore"]) == sign


def test_requests_that_are_few_are_the_scale():
    rising = [10.5 + 0.5 * day for day in range(35)]
    many, few = drifted(rising), drifted(rising, a_day=24.0)

    assert few["error"] > 0.01
    assert few["zscore"] < many["zscore"]


@pytest.mark.parametrize(
    ("shares", "is_known"),
    [
        ([None] * 18 + [20] * 17, True),
        ([None] * 19 + [20] * 16, False),
        ([20] * 28 + [20] * 4 + [None] * 3, True),
        ([20] * 28 + [20] * 3 + [None] * 4, False),
        ([None] * 35, False),
    ],
    ids=["ten-days-before", "nine", "four-days", "three", "none"],
)
def test_both_periods_need_some_days(shares, is_known):
    found = drifted(shares)

    assert np.isnan(found["zscore"]) != is_known


def test_a_gap_is_no_jump():
    found = drifted([20.0] * 25 + [None] * 5 + [20.0] * 5)

    assert found["zscore"] == 0
    assert found["shift"] == pytest.approx(0)


def test_a_share_that_never_moved_has_not_drifted():
    assert drifted([100] * 35, spread=0.0)["zscore"] == 0
