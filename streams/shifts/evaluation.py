"""Evaluate the shifts of one dimension and measure at many moments: z, guard, evidence.

A worker asks for one moment, the backtest for every five minutes of a history. A moment is given by
its running pane, the last of its windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts import alert_rules
from streams.shifts.baseline import HOURS_A_DAY
from streams.shifts.coverage import coverage
from streams.shifts.drift import Drift
from streams.shifts.estimate import Stretches, estimate, evidence, expect, is_expected, zscores
from streams.shifts.series import coverage_error, rows
from streams.state.pane import HOUR, MIDDLE, pane_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streams.shifts.alert_rules import Gauges, Window
    from streams.shifts.baseline import Baseline
    from streams.shifts.coverage import Coverage
    from streams.shifts.estimate import Estimate
    from streams.shifts.series import Array, Measure, Series

PANES_AN_HOUR = HOUR.seconds // MIDDLE.seconds
PANES_A_DAY = PANES_AN_HOUR * HOURS_A_DAY
#: Panes of 5 minutes in a window.
PANES_OF: dict[Window, int] = {"1h": PANES_AN_HOUR, "24h": PANES_A_DAY}
#: The window of the drift, which is computed once an hour, from whole hours.
DRIFT_WINDOW: Window = "7d"


class Evaluation(NamedTuple):
    """A window at each moment, [moments, keys].

    `gauges` are as on /metrics, but `without_top_tenant` is the whole shift: the guard is computed
    where it is needed only (tenant_guard.py). `since` is when a drift began, in unix seconds.
    """

    gauges: Gauges
    standard_error: Array
    usual_spread: Array
    since: Array | None = None


class _Window(NamedTuple):
    """A window at each moment by stretches, [moments, stretches, keys], or [..., 1] for all keys.

    `known` is the part of the `totals` that has a baseline.
    """

    counts: Array
    expected: Array
    squares: Array
    requests: Array
    totals: Array
    known: Array


def centre(last: int) -> int:
    """Return the start of the hour that holds most of the one-hour window ending with `last`."""
    return pane_start(HOUR, last + MIDDLE.seconds - HOUR.seconds // 2)


def evaluate(
    panes: Series,
    each: Measure,
    baseline: Baseline,
    moments: range,
    days: Array,
    *,
    shown: tuple[Window, ...] = alert_rules.SHIFT_WINDOWS,
) -> dict[Window, Evaluation]:
    """Return the evaluation of each window that is shown, at moments.

    `moments` are the starts of their last panes, in unix seconds, one pane apart. `baseline` has
    the hours of all of them, and `days` [moments] are the days of history.
    """
    place = baseline.rows(np.array(moments))
    found: dict[Window, Evaluation] = {}
    windows: tuple[tuple[Window, Callable[..., _Window], Array], ...] = (
        ("1h", _hour, baseline.hour_spread),
        ("24h", _day, baseline.day_spread),
    )
    for name, window_of, spread in windows:
        if name in shown:
            covered = coverage(panes, baseline, moments, PANES_OF[name]) if each == "cost" else None
            window = window_of(panes, each, baseline, moments)
            found[name] = _evaluation(window, spread[place], days[:, None], covered)
    if DRIFT_WINDOW in shown:
        found[DRIFT_WINDOW] = _drifted(baseline, place, days[:, None])
    return found


def _drifted(baseline: Baseline, place: NDArray[np.int64], days: Array) -> Evaluation:
    drift = Drift(*(values[place] for values in baseline.drift))
    gauges = alert_rules.Gauges(
        np.where(days >= alert_rules.MIN_HISTORY_DAYS, drift.zscore, np.nan),
        drift.shift,
        drift.share,
        drift.baseline,
        drift.shift,
        drift.evidence,
        drift.effective,
        days,
        drift.error,
    )
    return Evaluation(gauges, drift.error, baseline.day_spread[place], drift.since)


def _evaluation(
    window: _Window, spread: Array, days: Array, covered: Coverage | None
) -> Evaluation:
    enough = is_expected(window.totals, window.known)
    if covered is not None:
        enough &= covered.is_enough
    squares = window.squares.sum(axis=-2)
    estimated = estimate(Stretches(window.counts, window.expected, squares, enough))
    if covered is not None:
        estimated = _with_coverage(estimated, covered)
    gauges = alert_rules.Gauges(
        np.where(days >= alert_rules.MIN_HISTORY_DAYS, zscores(estimated, spread), np.nan),
        estimated.shift,
        estimated.share,
        estimated.baseline,
        estimated.shift,
        evidence(window.requests.sum(axis=-2), estimated.baseline),
        estimated.effective,
        days,
        estimated.error,
    )
    return Evaluation(gauges, estimated.error, spread)


def _with_coverage(of: Estimate, covered: Coverage) -> Estimate:
    error = coverage_error(covered.now, covered.before, of.share, of.baseline)
    return of._replace(error=np.fmax(of.error, error))


def _hour(panes: Series, each: Measure, baseline: Baseline, moments: range) -> _Window:
    """Return the hour's windows. Their stretches are panes, all compared with the same hour."""
    counts, squares, requests = (
        _sliding(values) for values in _recent(panes, each, moments, PANES_AN_HOUR)
    )
    shares = baseline.shares[baseline.rows(np.array([centre(last) for last in moments]))]
    expected, known = expect(counts, shares[:, None])
    totals = counts.sum(axis=-1, keepdims=True)
    return _Window(counts, expected, squares, requests, totals, totals * known)


def _day(panes: Series, each: Measure, baseline: Baseline, moments: range) -> _Window:
    """Return the day's windows. Their stretches are hours; each pane is compared with its own hour.

    Moments that are whole hours apart share stretches, so each is summed once.
    """
    counts, squares, requests = _recent(panes, each, moments, PANES_A_DAY)
    first = moments.start - (PANES_A_DAY - 1) * MIDDLE.seconds
    starts = first + MIDDLE.seconds * np.arange(len(counts))
    expected, known = expect(counts, baseline.shares[baseline.rows(starts)])
    totals = counts.sum(axis=-1, keepdims=True)
    return _Window(
        *(
            _by_hour(values, len(moments))
            for values in (counts, expected, squares, requests, totals, totals * known)
        )
    )


def _recent(
    panes: Series, each: Measure, moments: range, number: int
) -> tuple[Array, Array, Array]:
    """Return counts, squares and requests of all panes in the moments' windows, [panes, keys]."""
    first = moments.start - (number - 1) * MIDDLE.seconds
    counts, squares, requests = (
        rows(values, panes.start, MIDDLE.seconds, first, number - 1 + len(moments))
        for values in (panes.counts(each), panes.squared(each), panes.requests_of(each))
    )
    return counts, squares, requests


def _by_hour(values: Array, moments: int) -> Array:
    """Return the sums of the hours of each moment's day, [moments, 24, keys]."""
    # Of one moment, the hours do not overlap: most sums are not needed.
    step = PANES_AN_HOUR if moments == 1 else 1
    sums = _sliding(values)[::step].sum(axis=1)
    first = np.arange(HOURS_A_DAY) * PANES_AN_HOUR
    found: Array = sums[(np.arange(moments)[:, None] + first) // step]
    return found


def _sliding(values: Array) -> Array:
    """Return the 12 rows from each row on, [rows - 11, 12, keys], without a copy."""
    view = np.lib.stride_tricks.sliding_window_view(values, PANES_AN_HOUR, axis=0)
    found: Array = np.moveaxis(view, -1, 1)
    return found
