"""Find where alert conditions hold, every five minutes of a history.

A moment is the end of a pane, when a worker holds all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streams.shifts import alert_rules, events
from streams.shifts.alert_rules import (
    HOUR_DOWN,
    HOUR_UP,
    UNCLASSIFIED,
    UNCLASSIFIED_KEYS,
    UNCLASSIFIED_MEASURE,
)
from streams.shifts.baseline import baseline_days, baseline_of
from streams.shifts.evaluation import PANES_A_DAY, PANES_AN_HOUR, centre, evaluate
from streams.shifts.series import ratio, rolling, rows, rows_at
from streams.shifts.tenant_guard import Guarded, guard_hours, guarded
from streams.state.pane import HOUR, MIDDLE, pane_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from streams.shifts.alert_rules import Gauges, Rule, Window
    from streams.shifts.backtest.timeline import Timeline
    from streams.shifts.baseline import Baseline
    from streams.shifts.series import Array, Measure

#: Moments computed at once: a day of panes is a few MB of numbers.
_MOMENTS = 288


@dataclass(frozen=True, slots=True)
class Watched:
    """A condition over time: [moments, keys] each, a moment every five minutes from `first` on.

    `first` in unix seconds. `zscore` and `shift` are the rule's own, with the sign of the shift; z
    is NaN of models. `belongs` are the labels of what each key belongs to.
    """

    rule: Rule
    dimension: str
    measure: Measure
    keys: tuple[str, ...]
    first: int
    met: NDArray[np.bool_]
    zscore: Array
    shift: Array
    belongs: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def watch(timeline: Timeline, first: int | None = None) -> list[Watched]:
    """Return where each condition holds, from the moment `first` (unix seconds) to the end.

    Without `first`, from when history is long enough for an alert; none where it never is.
    """
    days = _days(timeline, "tokens")
    ends = timeline.panes.start + MIDDLE.seconds * np.arange(1, len(days) + 1)
    is_watched = days >= alert_rules.MIN_HISTORY_DAYS if first is None else ends >= first
    if not is_watched.any():
        return []
    begin = int(is_watched.argmax())
    lasts = range(int(ends[begin]) - MIDDLE.seconds, int(ends[-1]), MIDDLE.seconds)
    parts = [slice(low, low + _MOMENTS) for low in range(0, len(lasts), _MOMENTS)]
    first_hour, last_hour = pane_start(HOUR, lasts[0]), pane_start(HOUR, lasts[-1])
    hours = (last_hour - first_hour) // HOUR.seconds + 1
    found = []
    # What tokens say decides on the alerts on other measures: they are computed first.
    tokens: list[dict[Window, Array]] = []
    for each in alert_rules.measures_of(timeline.dimension):
        if not timeline.panes.has(each):
            continue
        days = _days(timeline, each)
        before = (
            None
            if timeline.dimension == "model"
            else baseline_of(timeline.hours, each, last_hour, hours, timeline.days)
        )
        gauges = [
            _gauges(timeline, each, before, lasts[part], days[begin:][part]) for part in parts
        ]
        if each == "tokens":
            if timeline.dimension == alert_rules.LASTING_DIMENSION:
                gauges = _lasting(gauges)
            tokens = [{name: of.zscore for name, of in part.items()} for part in gauges]
        else:
            gauges = [_beside(*pair) for pair in zip(gauges, tokens, strict=True)]
        columns = [_conditions(timeline, each, part) for part in gauges]
        for place, (rule, keys) in enumerate(_watched_rules(timeline, each)):
            met, zscore, shift = (
                np.concatenate([part[place][column] for part in columns]) for column in range(3)
            )
            names = tuple(timeline.panes.keys[key] for key in keys)
            found.append(
                Watched(
                    *(rule, timeline.dimension, each, names, int(ends[begin])),
                    *(met, zscore, shift, timeline.belongs),
                )
            )
    return found


def _days(timeline: Timeline, measure: Measure) -> Array:
    """Return the days of history at the end of each pane up to the last with data."""
    panes = timeline.panes
    number = int(np.flatnonzero(panes.requests.any(axis=-1))[-1]) + 1
    days = [
        baseline_days(timeline.hours, panes.start + hour * HOUR.seconds, measure)
        for hour in range(-(-number // PANES_AN_HOUR))
    ]
    passed = np.arange(1, PANES_AN_HOUR + 1) * MIDDLE.seconds / 86400
    whole: Array = (np.array(days)[:, None] + passed).ravel()[:number]
    return whole


def _watched_rules(timeline: Timeline, each: Measure) -> Iterator[tuple[Rule, list[int]]]:
    """Yield each rule on a measure, with the places of its keys."""
    keys = timeline.panes.keys
    for rule in alert_rules.rules_of(timeline.dimension):
        if rule is not UNCLASSIFIED:
            yield rule, list(range(len(keys)))
        elif each == UNCLASSIFIED_MEASURE:
            key = UNCLASSIFIED_KEYS.get(timeline.dimension)
            if key in keys:
                yield rule, [keys.index(key)]


def _gauges(
    timeline: Timeline, each: Measure, before: Baseline | None, lasts: range, days: Array
) -> dict[Window, Gauges]:
    """Return the gauges of each window at the ends of some panes, which start at `lasts`."""
    if before is None:
        return {"24h": _of_models(timeline, lasts, days)}
    windows = alert_rules.windows_of(timeline.dimension)
    evaluations = evaluate(timeline.panes, each, before, lasts, days, shown=windows)
    gauges = {window: evaluation.gauges for window, evaluation in evaluations.items()}
    if "1h" in gauges:
        gauges["1h"] = _with_guard(timeline, each, before, gauges["1h"], lasts)
    if timeline.dimension in alert_rules.EVENT_DIMENSIONS:
        held = events.before(timeline.days, [events.day_before(last) for last in lasts])
        gauges["24h"] = gauges["24h"]._replace(peak=held.peak)
    return gauges


def _beside(gauges: dict[Window, Gauges], tokens: dict[Window, Array]) -> dict[Window, Gauges]:
    """Return the gauges of another measure with z of tokens."""
    return {name: of._replace(tokens_zscore=tokens[name]) for name, of in gauges.items()}


def _lasting(parts: list[dict[Window, Gauges]]) -> list[dict[Window, Gauges]]:
    """Return the gauges, in the order of time, with the least z of the last hours of the day's."""
    zscores = np.concatenate([part["24h"].zscore for part in parts])
    least = least_of_last(zscores, alert_rules.LASTING_SECONDS // MIDDLE.seconds)
    ends = np.cumsum([len(part["24h"].zscore) for part in parts])
    return [
        part | {"24h": part["24h"]._replace(lasting_zscore=of)}
        for part, of in zip(parts, np.split(least, ends[:-1]), strict=True)
    ]


def least_of_last(zscores: Array, number: int) -> Array:
    """Return the least of each row and the `number` before it, NaN where these are fewer.

    Prometheus looks at the same moments: those of the range, and the one at its beginning.
    """
    least = np.full(zscores.shape, np.nan)
    if len(zscores) > number:
        view = np.lib.stride_tricks.sliding_window_view(zscores, number + 1, axis=0)
        least[number:] = view.min(axis=-1)
    return least


def _conditions(
    timeline: Timeline, each: Measure, gauges: dict[Window, Gauges]
) -> list[tuple[NDArray[np.bool_], Array, Array]]:
    """Return (met, z, shift) of each rule."""
    found = []
    for rule, keys in _watched_rules(timeline, each):
        shown = gauges[rule.window]
        met = alert_rules.met(rule, timeline.dimension, shown)
        found.append((met[:, keys], shown.zscore[:, keys], shown.shift[:, keys]))
    return found


def _of_models(timeline: Timeline, lasts: range, days: Array) -> Gauges:
    """Return the gauges of models in the day's windows that end with some panes."""
    panes = timeline.panes
    first = lasts.start - (PANES_A_DAY - 1) * MIDDLE.seconds
    number = PANES_A_DAY - 1 + len(lasts)
    tokens, requests, squares = (
        rolling(rows(each, panes.start, MIDDLE.seconds, first, number), PANES_A_DAY)[
            PANES_A_DAY - 1 :
        ]
        for each in (panes.tokens, panes.requests, panes.squares)
    )
    total = tokens.sum(axis=-1, keepdims=True)
    return events.event_gauges(
        tokens,
        requests,
        events.before(timeline.days, [events.day_before(last) for last in lasts]),
        ratio(total * total, squares.sum(axis=-1, keepdims=True)),
        days[:, None],
    )


def _with_guard(
    timeline: Timeline, each: Measure, before: Baseline, gauges: Gauges, lasts: range
) -> Gauges:
    """Return the hour's gauges with the shift that remains without the top tenant.

    It is computed only at the few moments when it decides on an alert.
    """
    # Tenants are counted by tokens and requests.
    if timeline.by_tenant is None or each == "cost":
        return gauges._replace(without_top_tenant=np.full_like(gauges.shift, np.nan))
    guards = gauges.without_top_tenant.copy()
    met = [alert_rules.met(rule, timeline.dimension, gauges) for rule in (HOUR_UP, HOUR_DOWN)]
    for moment in np.flatnonzero((met[0] | met[1]).any(axis=-1)):
        guard = _guard(timeline, each, before, lasts[moment])
        guards[moment] = np.nan if guard is None else guard
    return gauges._replace(without_top_tenant=guards)


def _guard(timeline: Timeline, each: Measure, before: Baseline, last: int) -> Array | None:
    by_tenant, panes, hours = timeline.by_tenant, timeline.panes, timeline.hours
    assert by_tenant is not None
    counts = panes.counts(each)
    first = last - (PANES_AN_HOUR - 1) * MIDDLE.seconds
    *whole, running = guard_hours(last)
    # For the running hour, a worker has only the counts so far.
    end = (last - panes.start) // MIDDLE.seconds + 1
    begins = [(hour - panes.start) // MIDDLE.seconds for hour in (*whole, running)]
    spans = [(begin, min(begin + PANES_AN_HOUR, end)) for begin in begins]
    needed = Guarded(
        rows(counts, panes.start, MIDDLE.seconds, first, PANES_AN_HOUR).sum(axis=0),
        np.concatenate(
            [
                rows_at(hours.counts(each), hours.start, HOUR.seconds, whole),
                counts[begins[-1] : end].sum(axis=0)[None],
            ]
        ),
        np.stack([by_tenant.sums(each, [span], len(panes.keys)) for span in spans]),
        by_tenant.is_tenant,
    )
    return guarded(needed, before.shares[before.rows(np.array([centre(last)]))[0]])
