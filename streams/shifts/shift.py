"""Compute how far a share is from its baseline, in units of its usual distance.

    (----------- 28 days: usual spread S -----------)
                         (--- 7 days: baseline B ---)[== window: share R ±  se ==]

    D = R - B,   z = D / max(S, se)

There are two windows. The hour is compared with the three hours around this time of day on each of
the last seven days. In the day, every hour is compared with its own baseline, so that the daily
cycle is in neither. Times are UTC. A window is a sum of 5-minute panes and ends with the running
one; baselines and usual spreads come from whole hours.

The scale is the larger of two: the standard error of this window (`se`, which shrinks as traffic
grows) and the usual spread of this share (`S`, which does not, because tenants come and go).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.shifts import alert_rules
from streams.shifts.baseline import HOURS_A_DAY, baseline_days
from streams.shifts.estimate import cut, evidence, expect, measure, zscores
from streams.shifts.series import rows
from streams.shifts.tenant_guard import guarded
from streams.state.pane import HOUR, MIDDLE, pane_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.shifts.baseline import Past
    from streams.shifts.estimate import Measured
    from streams.shifts.series import Array, Counted, Measure, Tenants

PANES_AN_HOUR = HOUR.seconds // MIDDLE.seconds
PANES_A_DAY = PANES_AN_HOUR * HOURS_A_DAY
#: The number of stretches of each window for the batch means: the hour by panes, the day by hours.
STRETCHES = {PANES_AN_HOUR: PANES_AN_HOUR, PANES_A_DAY: HOURS_A_DAY}


@dataclass(frozen=True, slots=True)
class KeyShift:
    """One key's share of a window and how far it has shifted. Ratios are 0-1.

    None where unknown: the window is empty, the days before have no data, or (`zscore`,
    `detectable`) history is shorter than `alert_rules.MIN_HISTORY_DAYS`. `without_top_tenant` is
    for the hour only, and None where requests name no tenants.
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
    """

    dimension: str
    panes: Counted
    hours: Counted
    tenants: Tenants | None


def centre(last: int) -> int:
    """Return the start of the hour that holds most of the window whose last pane is `last`."""
    return pane_start(HOUR, last + MIDDLE.seconds - HOUR.seconds // 2)


def shifts(traffic: Traffic, pasts: Mapping[Measure, Past], as_of: float) -> tuple[Shifts, ...]:
    """Return a dimension's shifts at `as_of` (unix seconds), by measure and window.

    `pasts` are the `past` of the hour that contains `as_of`. Raises ValueError where they are of
    another hour or of other keys than `traffic`.
    """
    panes, hours, tenants = traffic.panes, traffic.hours, traffic.tenants
    last = pane_start(MIDDLE, as_of)
    here = pane_start(HOUR, as_of)
    days = baseline_days(hours, as_of)
    starts = last - MIDDLE.seconds * np.arange(PANES_A_DAY)[::-1]
    found = []
    for each, before in pasts.items():
        if before.hour != here or before.shares.shape[1] != len(panes.keys):
            raise ValueError(f"what is expected is not of these keys in the hour from {here}")
        # The last row is `here`, so rows are counted from the end.
        in_hour = before.shares[[(centre(last) - here) // HOUR.seconds - 1]]
        in_day = before.shares[(starts - here) // HOUR.seconds - 1]
        now = _last(panes, panes.counts(each), last, PANES_AN_HOUR).sum(axis=0)
        span = centre(last), here
        guard = None if tenants is None else guarded(now, hours, tenants, each, span)
        hour = _measure_panes(panes, each, last, in_hour, PANES_AN_HOUR)
        day = _measure_panes(panes, each, last, in_day, PANES_A_DAY)
        found += [
            _said(traffic, each, "1h", last, days, hour, before.hour_spread, guard),
            _said(traffic, each, "24h", last, days, day, before.day_spread, None),
        ]
    return tuple(found)


def _last(panes: Counted, values: Array, last: int, number: int) -> Array:
    """Return the rows of the last panes up to the one at `last`."""
    first = last - (number - 1) * MIDDLE.seconds
    return rows(values, panes.start, MIDDLE.seconds, first, number)


def _measure_panes(
    panes: Counted, measure_: Measure, last: int, shares: Array, number: int
) -> Measured:
    counts = _last(panes, panes.counts(measure_), last, number)
    squares = _last(panes, panes.squared(measure_), last, number)
    return measure(cut(counts, *expect(counts, shares), squares, STRETCHES[number]))


def _said(  # noqa: PLR0917 - what a statement is made of, named at the two calls above
    traffic: Traffic,
    measure_: Measure,
    window: alert_rules.Window,
    last: int,
    days: float,
    measured: Measured,
    spread: Array,
    guard: Array | None,
) -> Shifts:
    panes = traffic.panes
    number = PANES_AN_HOUR if window == "1h" else PANES_A_DAY
    requests = _last(panes, panes.requests, last, number).sum(axis=0)
    threshold = alert_rules.zscore_threshold(
        window, traffic.dimension, has_tenants=guard is not None
    )
    is_old = days >= alert_rules.MIN_HISTORY_DAYS
    absent = np.full(len(panes.keys), np.nan)
    columns = (
        measured.share,
        measured.error,
        measured.baseline,
        measured.shift,
        spread,
        zscores(measured, spread) if is_old else absent,
        threshold * np.maximum(spread, measured.error) if is_old and threshold else absent,
        absent if guard is None else guard,
        evidence(requests, measured.baseline),
    )
    values = [[_number(value) for value in column.tolist()] for column in columns]
    return Shifts(
        traffic.dimension,
        measure_,
        window,
        _number(float(measured.effective[0])),
        days,
        tuple(KeyShift(*each) for each in zip(panes.keys, *values, strict=True)),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
