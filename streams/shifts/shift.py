"""Compute how far a share is from its baseline, in units of its usual distance.

    (----------- 28 days: usual spread S -----------)
                         (--- 7 days: baseline B ---)[== window: share R ±  se ==]

    D = R - B,   z = D / max(S, se)

There are three windows. The hour is compared with the three hours around this time of day on each
of the last seven days, the nearest of which count most. In the day, every hour is compared with its
own baseline, so that the daily cycle is in neither. The week is compared with the four weeks before
(drift.py). Times are UTC. A window is a sum of 5-minute
panes and ends with the running one; baselines and usual spreads come from whole hours.

The scale is the larger of two: the standard error of this window (`se`, which shrinks as traffic
grows) and the usual spread of this share (`S`, which does not, because tenants come and go).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.classify.keys import OTHER
from streams.shifts import alert_rules, events
from streams.shifts.baseline import baseline_days
from streams.shifts.evaluation import PANES_AN_HOUR, centre, evaluate
from streams.shifts.series import rows, rows_at
from streams.shifts.tenant_guard import Guarded, guard_hours, guarded
from streams.state.pane import HOUR, MIDDLE, pane_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.shifts.baseline import Baseline
    from streams.shifts.evaluation import Evaluation
    from streams.shifts.series import Array, Measure, Series, Tenants


@dataclass(frozen=True, slots=True)
class KeyShift:
    """One key's share of a window and how far it has shifted. Ratios are 0-1.

    None where unknown: the window is empty, the days before have no data, or (`zscore`,
    `detectable`) history is shorter than `alert_rules.MIN_HISTORY_DAYS`. `without_top_tenant` is
    for the hour only, and None where requests name no tenants. `since` is when a drift began, in
    unix seconds, for the week only. `peak` is the largest share of a day in the 28 days before, for
    models and developers only, as are its `origin` and `developer`.
    """

    key: str
    share: float | None
    standard_error: float | None
    baseline: float | None
    shift: float | None
    usual_spread: float | None
    zscore: float | None
    detectable: float | None
    without_top_tenant: float | None
    evidence_requests: float
    since: float | None = None
    peak: float | None = None
    origin: str = ""
    developer: str = ""


@dataclass(frozen=True, slots=True)
class Shifts:
    """The shifts of a dimension in one measure and window, in the order of the keys given."""

    dimension: str
    measure: Measure
    window: alert_rules.Window
    effective_requests: float | None
    baseline_days: float
    keys: tuple[KeyShift, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """The input of one dimension's shifts; all of it has the same keys.

    `panes` are of 5 minutes, the last 288 up to the running one; `hours` are the last 37 days, with
    the running one; `tenants` the last nine days of the same hours, None where none are counted.
    `days` are the last 58 whole days before the running one, None where weekends are not compared.
    """

    dimension: str
    panes: Series
    hours: Series
    tenants: Tenants | None
    days: Series | None = None


def shifts(
    traffic: Traffic, baselines: Mapping[Measure, Baseline], as_of: float
) -> tuple[Shifts, ...]:
    """Return a dimension's shifts at `as_of` (unix seconds), by measure and window.

    `baselines` are those of the hour that contains `as_of`. Raises ValueError where they are of
    another hour or of other keys than `traffic`.
    """
    last, here = pane_start(MIDDLE, as_of), pane_start(HOUR, as_of)
    moment = range(last, last + MIDDLE.seconds, MIDDLE.seconds)
    found = []
    is_event = traffic.dimension in alert_rules.EVENT_DIMENSIONS
    peaks = _peaks(traffic, last) if is_event else None
    for each, before in baselines.items():
        if before.hour != here or before.shares.shape[1] != len(traffic.panes.keys):
            raise ValueError(f"the baseline is not of these keys in the hour from {here}")
        shown = alert_rules.windows_of(traffic.dimension)
        history = baseline_days(traffic.hours, as_of, each)
        windows = evaluate(traffic.panes, each, before, moment, np.array([history]), shown=shown)
        guard = _guard(traffic, each, before, last) if "1h" in shown else None
        for window in shown:
            of_window = windows[window]
            if peaks is not None:
                of_window = of_window._replace(gauges=of_window.gauges._replace(peak=peaks))
            found.append(
                _shifts(traffic, each, window, of_window, guard if window == "1h" else None)
            )
    return tuple(found)


def _peaks(traffic: Traffic, last: int) -> Array:
    """Return the largest share of a whole day before the day's window, [1, keys]."""
    if traffic.days is None:
        return np.full((1, len(traffic.panes.keys)), np.nan)
    return events.before(traffic.days, [events.day_before(last)]).peak


def _guard(traffic: Traffic, each: Measure, before: Baseline, last: int) -> Array | None:
    panes, hours, tenants = traffic.panes, traffic.hours, traffic.tenants
    # Tenants are counted by tokens and requests.
    if tenants is None or each == "cost":
        return None
    first = last - (PANES_AN_HOUR - 1) * MIDDLE.seconds
    wanted = guard_hours(last)
    counts = Guarded(
        rows(panes.counts(each), panes.start, MIDDLE.seconds, first, PANES_AN_HOUR).sum(axis=0),
        rows_at(hours.counts(each), hours.start, HOUR.seconds, wanted),
        rows_at(tenants.counts(each), tenants.start, HOUR.seconds, wanted),
        np.array([name != OTHER for name in tenants.names], dtype=bool),
    )
    return guarded(counts, before.shares[before.rows(np.array([centre(last)]))[0]])


def _shifts(
    traffic: Traffic,
    each: Measure,
    window: alert_rules.Window,
    evaluation: Evaluation,
    guard: Array | None,
) -> Shifts:
    """Return the shifts of the one moment that was evaluated."""
    gauges, error, spread, since = evaluation
    days = float(gauges.days[0, 0])
    threshold = alert_rules.zscore_threshold(
        window, traffic.dimension, has_tenants=guard is not None
    )
    is_old = days >= alert_rules.MIN_HISTORY_DAYS
    absent = np.full(error.shape, np.nan)
    columns = (
        gauges.share,
        error,
        gauges.baseline,
        gauges.shift,
        spread,
        gauges.zscore,
        threshold * np.maximum(spread, error) if is_old and threshold else absent,
        absent if guard is None else guard[None],
        gauges.evidence,
        absent if since is None else since,
        np.broadcast_to(gauges.peak, error.shape),
    )
    values = [[_number(value) for value in column[0].tolist()] for column in columns]
    return Shifts(
        traffic.dimension,
        each,
        window,
        _number(float(gauges.effective[0, 0])),
        days,
        tuple(KeyShift(*key) for key in zip(traffic.panes.keys, *values, strict=True)),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
