"""Models and developers that come, go and double: what was there before, and what is an event."""

from __future__ import annotations

import numpy as np
import pytest

from streams.shifts import events
from streams.shifts.alert_rules import (
    DEVELOPER_UP,
    MODEL_DOUBLED,
    MODEL_GONE,
    MODEL_NEW,
    Gauges,
    met,
    rules_of,
)
from streams.shifts.inhibitions import group_of, is_inhibited
from streams.shifts.series import Series

DAY, PANE = 86400, 300
START = 1_767_571_200 // DAY * DAY


def days(*shares, whole=1000.0):
    """Return the whole days of one key with these shares, oldest first."""
    tokens = np.array([[share, 1 - share] for share in shares]) * whole
    return Series(("a", "other"), START, DAY, tokens * 0, tokens, tokens * 0)


def start(number: int) -> int:
    return START + number * DAY


def gauges(**given) -> Gauges:
    values = {
        "zscore": 4.0,
        "shift": 0.05,
        "share": 0.06,
        "baseline": 0.01,
        "without_top_tenant": np.nan,
        "evidence": 100.0,
        "effective": 1000.0,
        "days": 28.0,
        "error": 0.005,
        "peak": 0.01,
    } | given
    return Gauges(**{name: np.array([value]) for name, value in values.items()})


def test_each_day_before_weighs_five_eighths_of_the_next_and_the_largest_is_the_peak():
    found = events.before(days(0.3, 0.1, 0.2), [start(2)])

    weights = 0.625 ** np.arange(3)
    expected = (weights * [0.2, 0.1, 0.3]).sum() / weights.sum()
    assert found.baseline[0, 0] == pytest.approx(expected)
    assert found.peak[0, 0] == pytest.approx(0.3)


def test_a_peak_is_forgotten_after_28_days_and_empty_days_have_none():
    whole = days(0.5, *[0.1] * 28)
    empty = Series(("a", "other"), START, DAY, *(np.zeros((30, 2)) for _ in range(3)))

    assert events.before(whole, [start(27)]).peak[0, 0] == pytest.approx(0.5)
    assert events.before(whole, [start(28)]).peak[0, 0] == pytest.approx(0.1)
    assert np.isnan(events.before(empty, [start(29)]).peak).all()
    assert np.isnan(events.before(empty, [start(29)]).baseline).all()
    assert events.before(whole, []).peak.shape == (0, 2)


@pytest.mark.parametrize(
    ("last", "expected"),
    [(start(5) - PANE, 3), (start(5), 3), (start(5) + 3600, 3), (start(6) - PANE, 4)],
    ids=["a whole day", "its first pane", "an hour of it", "the next whole day"],
)
def test_no_day_that_the_window_reaches_into_is_its_baseline(last, expected):
    assert events.day_before(last) == start(expected)


def test_errors_and_evidence_are_those_of_the_larger_of_now_and_before():
    held = events.Before(np.array([[0.25, 0.75]]), np.array([[0.3, 0.9]]))
    found = events.event_gauges(
        np.array([[0.0, 100.0]]),
        np.array([[0.0, 50.0]]),
        held,
        np.array([[300.0]]),
        np.array([[28.0]]),
    )

    assert found.shift[0] == pytest.approx([-0.25, 0.25])
    assert found.error[0, 0] == pytest.approx(np.sqrt(0.25 * 0.75 / 300))
    assert found.evidence[0] == pytest.approx([12.5, 50.0])
    assert found.peak is held.peak


@pytest.mark.parametrize(
    ("rule", "given", "holds"),
    [
        (MODEL_NEW, {}, True),
        (MODEL_NEW, {"share": 0.029}, False),
        (MODEL_NEW, {"peak": 0.013}, False),
        (MODEL_NEW, {"peak": np.nan}, False),
        (MODEL_NEW, {"error": 0.017}, False),
        (MODEL_NEW, {"evidence": 19.0}, False),
        (MODEL_NEW, {"effective": 99.0}, False),
        (MODEL_NEW, {"days": 20.9}, False),
        (MODEL_GONE, {"share": 0.05, "baseline": 0.1, "shift": -0.05}, True),
        (MODEL_GONE, {"share": 0.051, "baseline": 0.1, "shift": -0.049}, False),
        (MODEL_GONE, {"share": 0.0, "baseline": 0.029, "shift": -0.029}, False),
        (MODEL_DOUBLED, {"share": 0.08, "baseline": 0.04, "shift": 0.04}, True),
        (MODEL_DOUBLED, {"share": 0.08, "baseline": 0.041, "shift": 0.039}, False),
        (MODEL_DOUBLED, {"share": 0.04, "baseline": 0.015, "shift": 0.025}, False),
    ],
)
def test_an_event_is_large_and_more_than_its_error(rule, given, holds):
    assert met(rule, "model", gauges(**given)).tolist() == [holds]


def test_rules_hold_in_their_own_dimensions_only():
    assert met(MODEL_NEW, "developer", gauges()).all()
    for dimension, rule in (("origin", MODEL_NEW), ("developer", MODEL_DOUBLED)):
        assert not met(rule, dimension, gauges(baseline=0.02)).any()
    assert met(DEVELOPER_UP, "developer", gauges()).all()
    assert not met(DEVELOPER_UP, "model", gauges()).any()
    for dimension in ("origin", "language"):
        assert not {MODEL_NEW, DEVELOPER_UP} & {*rules_of(dimension)}


def labels(alert: str, dimension: str, direction: str = "up", **more: str) -> dict[str, str]:
    return {"alertname": alert, "dimension": dimension, "direction": direction, **more}


def test_one_launch_is_notified_as_its_model():
    made_by = {"developer": "Tencent", "origin": "cn-open"}
    model = labels("LLMModelNew", "model", key="hy3", **made_by)
    developer = labels("LLMShareShiftDeveloper", "developer", key="Tencent", **made_by)
    origin = labels("LLMShareShiftDay", "origin", key="cn-open", origin="cn-open")
    other = labels("LLMShareShiftDay", "origin", key="row-open", origin="row-open")

    assert is_inhibited(developer, [model])
    assert is_inhibited(origin, [model])
    assert is_inhibited(origin, [developer])
    assert not is_inhibited(model, [developer, origin, model])
    assert not is_inhibited(other, [model, developer])
    assert not is_inhibited(origin | {"direction": "down"}, [model])
    language = labels("LLMShareShiftDay", "language", key="zh-Hans")
    assert not is_inhibited(language, [model])
    assert {group_of(each) for each in ("model", "developer", "origin")} == {"origin"}
    assert group_of("language") == "language"
