"""Compute the shift statistics every five minutes of a history, and where alert conditions hold.

The formulas are those of the worker; here they take many moments side by side. A moment is the end
of a pane, when a worker holds all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts import alert_rules
from streams.shifts.alert_rules import (
    HOUR_DOWN,
    HOUR_UP,
    RULES,
    UNCLASSIFIED,
    UNCLASSIFIED_KEYS,
    UNCLASSIFIED_MEASURE,
)
from streams.shifts.baseline import (
    HOURS_A_DAY,
    SPREAD_HOURS,
    baseline_days,
    day_shifts,
    expected_shares,
    hour_shifts,
    usual_spread,
)
from streams.shifts.estimate import (
    Measured,
    Stretches,
    evidence,
    expect,
    is_expected,
    measure,
    zscores,
)
from streams.shifts.series import MEASURES
from streams.shifts.shift import PANES_A_DAY, PANES_AN_HOUR, centre
from streams.shifts.tenant_guard import baseline_hours, in_window, named_enough, without_top_tenant
from streams.state.pane import HOUR, MIDDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streams.shifts.alert_rules import Gauges, Rule, Window
    from streams.shifts.backtest.timeline import Timeline
    from streams.shifts.series import Array, Counted, Measure

#: Moments computed at once: a day of panes is a few MB of numbers.
_MOMENTS = 288


@dataclass(frozen=True, slots=True)
class Watched:
    """A condition over time: [moments, keys] each, a moment every five minutes from `first` on.

    `first` in unix seconds. `zscore` and `shift` are the rule's own, with the sign of the shift.
    """

    rule: Rule
    dimension: str
    measure: Measure
    keys: tuple[str, ...]
    first: int
    met: NDArray[np.bool_]
    zscore: Array
    shift: Array


class _Grounds(NamedTuple):
    """The baseline of whole hours, one hour per row: expected shares, usual spreads by window."""

    expected: Array
    spreads: dict[Window, Array]


def watch(timeline: Timeline, first: int | None = None) -> list[Watched]:
    """Return where each condition holds, from the moment `first` (unix seconds) to the end.

    Without `first`, from when history is long enough for an alert; none where it never is.
    """
    days = _days(timeline)
    ends = timeline.panes.start + MIDDLE.seconds * np.arange(1, len(days) + 1)
    is_watched = days >= alert_rules.MIN_HISTORY_DAYS if first is None else ends >= first
    if not is_watched.any():
        return []
    begin = int(is_watched.argmax())
    found = []
    for each in MEASURES:
        grounds = _grounds(timeline.hours, each, begin // PANES_AN_HOUR)
        parts = [
            _moments(timeline, each, grounds, days, range(low, min(low + _MOMENTS, len(days))))
            for low in range(begin, len(days), _MOMENTS)
        ]
        for place, (rule, keys) in enumerate(_watched_rules(timeline, each)):
            met, zscore, shift = (
                np.concatenate([part[place][column] for part in parts]) for column in range(3)
            )
            names = tuple(timeline.panes.keys[key] for key in keys)
            found.append(
                Watched(rule, timeline.dimension, each, names, int(ends[begin]), met, zscore, shift)
            )
    return found


def _days(timeline: Timeline) -> Array:
    """Return the days of history at the end of each pane up to the last with data."""
    panes = timeline.panes
    number = int(np.flatnonzero(panes.requests.any(axis=-1))[-1]) + 1
    days = [
        baseline_days(timeline.hours, panes.start + hour * HOUR.seconds)
        for hour in range(-(-number // PANES_AN_HOUR))
    ]
    passed = np.arange(1, PANES_AN_HOUR + 1) * MIDDLE.seconds / 86400
    whole: Array = (np.array(days)[:, None] + passed).ravel()[:number]
    return whole


def _grounds(hours: Counted, each: Measure, begin: int) -> _Grounds:
    counts = hours.counts(each)
    expected = expected_shares(counts, counts.sum(axis=-1))
    past: dict[Window, Array] = {
        "1h": hour_shifts(counts, expected),
        "24h": day_shifts(counts, expected),
    }
    spreads: dict[Window, Array] = {}
    for window, shifts in past.items():
        spreads[window] = np.full_like(shifts, np.nan)
        for hour in range(begin, len(shifts)):
            spreads[window][hour] = usual_spread(shifts[max(0, hour - SPREAD_HOURS) : hour])
    return _Grounds(expected, spreads)


def _watched_rules(timeline: Timeline, each: Measure) -> Iterator[tuple[Rule, list[int]]]:
    """Yield each rule on a measure, with the places of its keys."""
    keys = timeline.panes.keys
    for rule in RULES:
        if rule is not UNCLASSIFIED:
            yield rule, list(range(len(keys)))
        elif each == UNCLASSIFIED_MEASURE:
            key = UNCLASSIFIED_KEYS.get(timeline.dimension)
            if key in keys:
                yield rule, [keys.index(key)]


def _moments(
    timeline: Timeline, each: Measure, grounds: _Grounds, days: Array, panes: range
) -> list[tuple[NDArray[np.bool_], Array, Array]]:
    """Return (met, z, shift) of each rule at the ends of some panes."""
    gauges: dict[Window, Gauges] = {}
    windows: dict[Window, tuple[Measured, Array]] = {
        "1h": _hour(timeline, each, grounds, panes),
        "24h": _day(timeline, each, grounds, panes),
    }
    for window, (measured, requests) in windows.items():
        spread = grounds.spreads[window][np.array(panes) // PANES_AN_HOUR]
        age = days[panes.start : panes.stop, None]
        gauges[window] = alert_rules.Gauges(
            # A worker reports no z-score before that.
            np.where(age >= alert_rules.MIN_HISTORY_DAYS, zscores(measured, spread), np.nan),
            measured.shift,
            measured.share,
            measured.baseline,
            # Without the guard at first; it is computed where it decides on an alert.
            measured.shift,
            evidence(requests, measured.baseline),
            measured.effective,
            age,
        )
    gauges["1h"] = _with_guard(timeline, each, gauges["1h"], panes)
    found = []
    for rule, keys in _watched_rules(timeline, each):
        shown = gauges[rule.window]
        met = alert_rules.met(rule, timeline.dimension, shown)
        found.append((met[:, keys], shown.zscore[:, keys], shown.shift[:, keys]))
    return found


def _hour(
    timeline: Timeline, each: Measure, grounds: _Grounds, panes: range
) -> tuple[Measured, Array]:
    """Return the hour's window at the end of each pane, and its requests."""
    counts, squares, requests = (
        np.moveaxis(_windows(values, panes, PANES_AN_HOUR), -1, 1)
        for values in _columns(timeline.panes, each)
    )
    middles = [_centre(timeline, pane) for pane in panes]
    expected, known = expect(counts, grounds.expected[middles][:, None])
    totals = counts.sum(axis=-1, keepdims=True)
    enough = is_expected(totals, totals * known)
    stretches = Stretches(counts, expected, squares.sum(axis=1), enough)
    return measure(stretches), requests.sum(axis=1)


def _day(
    timeline: Timeline, each: Measure, grounds: _Grounds, panes: range
) -> tuple[Measured, Array]:
    """Return the day's window at the end of each pane, and its requests.

    Its stretches are hours that end with the pane, so those of one moment are those of another.
    """
    first = panes.start - PANES_A_DAY + 1
    span = range(first, panes.stop)
    counts, squares, requests = (
        _padded(values, span.start, len(span)) for values in _columns(timeline.panes, each)
    )
    hours = np.maximum(np.array(span) // PANES_AN_HOUR, 0)
    expected, known = expect(counts, grounds.expected[hours])
    totals = counts.sum(axis=-1, keepdims=True)
    stretched = [
        _windows(values, range(PANES_AN_HOUR - 1, len(span)), PANES_AN_HOUR).sum(axis=-1)
        for values in (counts, expected, squares, requests, totals, totals * known)
    ]
    # Row `i` ends with the pane `i + 11` of the span; the day's last stretch with the last pane.
    last = np.arange(len(panes))[:, None] + (HOURS_A_DAY - 1) * PANES_AN_HOUR
    places = last - PANES_AN_HOUR * np.arange(HOURS_A_DAY)[::-1]
    counts, expected, squares, requests, totals, known = (rows[places] for rows in stretched)
    enough = is_expected(totals, known)
    stretches = Stretches(counts, expected, squares.sum(axis=1), enough)
    return measure(stretches), requests.sum(axis=1)


def _columns(panes: Counted, each: Measure) -> tuple[Array, Array, Array]:
    return panes.counts(each), panes.squared(each), panes.requests


def _windows(values: Array, panes: range, number: int) -> Array:
    """Return, for each pane, the `number` rows that end with it: [panes, keys, number]."""
    first = panes.start - number + 1
    span = _padded(values, first, len(panes) + number - 1)
    return np.lib.stride_tricks.sliding_window_view(span, number, axis=0)


def _padded(values: Array, first: int, number: int) -> Array:
    """Return `number` rows from row `first` on; rows before the start are zeros."""
    before = max(0, -first)
    found = values[max(0, first) : first + number]
    if not before:
        return found
    return np.concatenate([np.zeros((before, *values.shape[1:])), found])


def _centre(timeline: Timeline, pane: int) -> int:
    """Return the row of the hour that holds most of a pane's one-hour window."""
    last = timeline.panes.start + pane * MIDDLE.seconds
    return max(0, (centre(last) - timeline.panes.start) // HOUR.seconds)


def _with_guard(timeline: Timeline, each: Measure, gauges: Gauges, panes: range) -> Gauges:
    """Return the hour's gauges with the shift that remains without the top tenant.

    It is computed only at the few moments when it decides on an alert.
    """
    if timeline.by_tenant is None:
        return gauges._replace(without_top_tenant=np.full_like(gauges.shift, np.nan))
    guards = gauges.without_top_tenant.copy()
    met = [alert_rules.met(rule, timeline.dimension, gauges) for rule in (HOUR_UP, HOUR_DOWN)]
    for moment in np.flatnonzero((met[0] | met[1]).any(axis=-1)):
        guards[moment] = _guard(timeline, each, panes[moment])
    return gauges._replace(without_top_tenant=guards)


def _guard(timeline: Timeline, each: Measure, pane: int) -> Array:
    by_tenant, keys = timeline.by_tenant, len(timeline.panes.keys)
    assert by_tenant is not None
    counts, hours = timeline.panes.counts(each), timeline.hours.counts(each)
    now = counts[max(0, pane - PANES_AN_HOUR + 1) : pane + 1].sum(axis=0)
    running = pane // PANES_AN_HOUR
    # For the running hour, a worker has only the counts so far.
    begin = running * PANES_AN_HOUR
    spans = [(begin - PANES_AN_HOUR, begin), (begin, pane + 1)]
    tenants_now = in_window(
        now,
        np.stack([counts[max(0, low) : end].sum(axis=0) for low, end in spans]),
        np.stack([by_tenant.sums(each, [span], keys) for span in spans]),
    )
    if not named_enough(now, tenants_now):
        return np.full(keys, np.nan)
    middle = _centre(timeline, pane)
    past_hours = [hour // HOUR.seconds for hour in baseline_hours(middle * HOUR.seconds)]
    before = [(hour * PANES_AN_HOUR, (hour + 1) * PANES_AN_HOUR) for hour in past_hours]
    return without_top_tenant(
        now,
        hours[[hour for hour in past_hours if hour >= 0]].sum(axis=0),
        tenants_now[:-1],
        by_tenant.sums(each, before, keys)[:-1],
    )
