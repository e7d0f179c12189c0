"""Conditions of alerts, at their thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from streams.shifts import alert_rules
from streams.shifts.alert_rules import (
    DAY_DOWN,
    DAY_UP,
    DRIFT_DOWN,
    DRIFT_UP,
    HOUR_DOWN,
    HOUR_UP,
    UNCLASSIFIED,
    Gauges,
    met,
)
from streams.shifts.backtest.conditions import least_of_last


def gauges(**given) -> Gauges:
    """A rise that is an alert in every tier."""
    values = {
        "zscore": 6.0,
        "shift": 0.05,
        "share": 0.25,
        "baseline": 0.20,
        "without_top_tenant": 0.05,
        "evidence": 1000.0,
        "effective": 1000.0,
        "days": 28.0,
    } | given
    return Gauges(**{name: np.array(value) for name, value in values.items()})


def falling(**given) -> Gauges:
    return gauges(**({"zscore": -6.0, "shift": -0.05, "share": 0.20, "baseline": 0.25} | given))


CASES = {
    "day-z-of-origins": (DAY_UP, "origin", gauges(zscore=3.0), gauges(zscore=2.99)),
    "day-z-that-has-lasted": (
        *(DAY_UP, "origin"),
        gauges(zscore=2.6, lasting_zscore=2.5),
        gauges(zscore=2.6, lasting_zscore=2.49),
    ),
    "day-z-that-has-not": (
        *(DAY_UP, "origin"),
        gauges(),
        gauges(zscore=2.99, lasting_zscore=np.nan),
    ),
    "day-z-that-has-lasted-of-a-language": (
        *(DAY_UP, "language"),
        gauges(),
        gauges(zscore=3.4, lasting_zscore=3.4),
    ),
    "day-falls-however-long": (
        *(DAY_DOWN, "origin"),
        falling(),
        falling(zscore=-2.9, lasting_zscore=-2.9),
    ),
    "drift-z": (DRIFT_UP, "origin", gauges(zscore=1.5), gauges(zscore=1.49)),
    "drift-z-of-languages": (DRIFT_UP, "language", gauges(zscore=3.0), gauges(zscore=2.99)),
    "drift-falls-z": (DRIFT_DOWN, "origin", falling(zscore=-3.0), falling(zscore=-2.99)),
    "day-z-of-languages": (DAY_UP, "language", gauges(zscore=3.5), gauges(zscore=3.49)),
    "day-one-point": (DAY_UP, "origin", gauges(shift=0.01), gauges(shift=0.0099)),
    "day-of-a-small-key": (
        *(DAY_UP, "origin"),
        gauges(shift=0.005, share=0.015, baseline=0.01),
        gauges(shift=0.005, share=0.0149, baseline=0.01),
    ),
    "day-of-a-tiny-key": (
        *(DAY_UP, "origin"),
        gauges(shift=0.005, share=0.006, baseline=0.001),
        gauges(shift=0.0049, share=0.0059, baseline=0.001),
    ),
    "day-evidence": (DAY_UP, "origin", gauges(evidence=20.0), gauges(evidence=19.9)),
    "day-effective": (DAY_UP, "origin", gauges(effective=100.0), gauges(effective=99.9)),
    "day-history": (DAY_UP, "origin", gauges(days=21.0), gauges(days=20.99)),
    "day-needs-no-tenant": (DAY_UP, "origin", gauges(without_top_tenant=0.0), falling()),
    "day-falls": (DAY_DOWN, "origin", falling(), gauges()),
    "day-falls-z": (DAY_DOWN, "origin", falling(zscore=-3.0), falling(zscore=-2.99)),
    "day-of-a-small-key-that-falls": (
        *(DAY_DOWN, "origin"),
        falling(shift=-0.005, share=0.01, baseline=0.015),
        falling(shift=-0.005, share=0.0101, baseline=0.015),
    ),
    "hour-z": (HOUR_UP, "language", gauges(zscore=4.0), gauges(zscore=3.99)),
    "hour-three-points": (
        *(HOUR_UP, "origin"),
        gauges(shift=0.03),
        gauges(shift=0.0299, without_top_tenant=0.03),
    ),
    "hour-effective": (HOUR_UP, "origin", gauges(effective=30.0), gauges(effective=29.9)),
    "hour-half-without-the-top-tenant": (
        *(HOUR_UP, "origin"),
        gauges(without_top_tenant=0.025),
        gauges(without_top_tenant=0.0249),
    ),
    "hour-without-tenants": (
        *(HOUR_UP, "origin"),
        gauges(zscore=9.0),
        gauges(zscore=9.0, without_top_tenant=np.nan),
    ),
    "hour-that-rises-does-not-fall": (HOUR_UP, "origin", gauges(), falling()),
    "hour-falls": (HOUR_DOWN, "origin", falling(without_top_tenant=-0.05), gauges()),
    "hour-falls-z": (
        *(HOUR_DOWN, "origin"),
        falling(zscore=-4.0, without_top_tenant=-0.05),
        falling(zscore=-3.99, without_top_tenant=-0.05),
    ),
    "hour-falls-by-one-tenant": (
        *(HOUR_DOWN, "origin"),
        falling(shift=-0.05, without_top_tenant=-0.025),
        falling(shift=-0.05, without_top_tenant=-0.0249),
    ),
    "unclassified-share": (UNCLASSIFIED, "origin", gauges(share=0.05), gauges(share=0.049)),
    "unclassified-z": (UNCLASSIFIED, "origin", gauges(zscore=4.0), gauges(zscore=3.99)),
    "absent-z": (DAY_UP, "origin", gauges(), gauges(zscore=np.nan)),
    "absent-baseline": (DAY_UP, "origin", gauges(), gauges(baseline=np.nan, shift=np.nan)),
    "another-dimension": (DAY_UP, "origin", gauges(), gauges(effective=np.nan)),
}


@pytest.mark.parametrize(("rule", "dimension", "holds", "fails"), CASES.values(), ids=CASES)
def test_a_condition_holds_at_its_threshold_and_not_below(rule, dimension, holds, fails):
    assert met(rule, dimension, holds)
    assert not met(rule, dimension, fails)


def test_only_dimensions_with_a_threshold_have_alerts():
    assert not met(DAY_UP, "developer", gauges(zscore=100.0))
    assert alert_rules.zscore_threshold("24h", "developer", has_tenants=True) == 3.5
    assert alert_rules.zscore_threshold("1h", "developer", has_tenants=True) is None
    assert alert_rules.zscore_threshold("24h", "model", has_tenants=True) is None


@pytest.mark.parametrize(("tokens", "holds"), [(1.4, True), (4.0, False), (-5.0, True)])
def test_requests_are_silent_where_tokens_say_it_too(tokens, holds):
    for rule in (DAY_UP, DRIFT_UP, HOUR_UP):
        case = gauges(zscore=5.0, shift=0.1, share=0.3, baseline=0.2, without_top_tenant=0.1)
        beside = case._replace(tokens_zscore=np.array([tokens]))

        assert met(rule, "origin", beside).tolist() == [holds]


def test_z_has_lasted_where_the_moments_before_are_all_known_and_above():
    zscores = np.array([[3.0, 1.0], [2.6, 2.0], [2.7, np.nan], [2.8, 4.0], [2.9, 5.0]])

    least = least_of_last(zscores, 2)
    assert least[2:, 0].tolist() == [2.6, 2.6, 2.7]
    assert np.isnan(least[:2]).all()
    assert np.isnan(least[2:, 1]).all()
    assert np.isnan(least_of_last(zscores, 5)).all()
