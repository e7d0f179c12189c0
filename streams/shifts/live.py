"""Compute the shifts of a worker's own shares: from its panes to the arrays of shift.py.

Each row of an array is a pane. A row is cached until its pane changes, so only the changed hours of
a month are recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.classify.keys import OTHER, SHIFT_DIMENSIONS
from streams.shares.history import Part, packed_of
from streams.shifts import alert_rules
from streams.shifts.baseline import NEEDED_HOURS, Past, past
from streams.shifts.series import MEASURES, Counted, Tenants
from streams.shifts.shift import PANES_A_DAY, PANES_AN_HOUR, Shifts, Traffic, centre, shifts
from streams.shifts.tenant_guard import baseline_hours
from streams.state.codec import decode_pane
from streams.state.packing import unpack
from streams.state.pane import HOUR, MIDDLE, TENANTS, Level, add_counts, pane_start, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.shares.history import Found, History
    from streams.shifts.series import Array, Measure
    from streams.state.pane import Counts
    from streams.state.view import View

#: The part of a tenant's key in a pane that names the dimension.
AXES = {"origin": "o", "language": "l"}
#: Panes of 5 minutes in a window.
PANES_OF: dict[alert_rules.Window, int] = {"1h": PANES_AN_HOUR, "24h": PANES_A_DAY}
#: Tenants that the guard examines individually; the rest is `other`.
MAX_GUARDED_TENANTS = 64
#: Tenants of an hour that are kept by name; the rest is `other`.
MAX_GUARDED_TENANTS_AN_HOUR = 512
#: The baseline from whole hours changes every hour. Late events change it too; they take effect
#: after at most this long.
PAST_SECONDS = 60.0


class Told(NamedTuple):
    """All shifts at a moment, and the computed sums for `History.keep`."""

    as_of: float
    shifts: tuple[Shifts, ...]
    found: tuple[Found, ...]


class _Tenanted(NamedTuple):
    """An hour's panes of tenants: its start, and the values of all partitions."""

    start: int
    values: tuple[bytes, ...]


class _Hour(NamedTuple):
    """An hour's requests and tokens by tenant: `counts` [2, tenants, keys]."""

    names: tuple[str, ...]
    counts: Array


@dataclass(slots=True)
class _Rows:
    """The rows of one dimension and level by start: each row's source and its counts."""

    kept: dict[int, tuple[object, Array]] = field(default_factory=dict)

    def of(self, parts: Iterable[tuple[int, object, Callable[[], Array]]]) -> dict[int, Array]:
        """Return the rows by start; rows whose source is a different object are recreated."""
        rows: dict[int, tuple[object, Array]] = {}
        for start, source, make in parts:
            held = self.kept.get(start)
            rows[start] = held if held is not None and held[0] is source else (source, make())
        self.kept = rows
        return {start: row for start, (_, row) in rows.items()}


class LiveShifts:
    """Computes the shifts of a view's shares, one query at a time."""

    def __init__(self, view: View, history: History) -> None:
        self._view = view
        self._history = history
        self._keys: dict[str, tuple[str, ...]] = {}
        self._rows: dict[tuple[str, Level], _Rows] = {}
        self._tenants: dict[int, tuple[_Tenanted, dict[str, _Hour]]] = {}
        self._pasts: dict[str, tuple[float, dict[Measure, Past]]] = {}

    def ask(
        self, keys: Mapping[str, Sequence[str]], as_of: float, now: float
    ) -> Callable[[], Told]:
        """Return the work that computes the shifts at `as_of`, for one other thread at a time.

        `keys` are the keys of each dimension that are shown by name; the rest is summed as `other`.
        `now` is the wall clock. Both times are in unix seconds.
        """
        here, last = pane_start(HOUR, as_of), pane_start(MIDDLE, as_of)
        first = here - NEEDED_HOURS * HOUR.seconds
        history = self._history
        hours = history.parts(HOUR, first, here + 1)
        panes = history.parts(MIDDLE, last - (PANES_A_DAY - 1) * MIDDLE.seconds, last + 1)
        found = history.nothing_found(HOUR), history.nothing_found(MIDDLE)
        wanted = {*baseline_hours(centre(last)), here - HOUR.seconds, here}
        tenanted = [_Tenanted(at, self._view.values_at(TENANTS, at)) for at in sorted(wanted)]

        def work() -> Told:
            told: list[Shifts] = []
            for dimension in SHIFT_DIMENSIONS:
                self._use_keys(dimension, tuple(keys[dimension]))
            self._read_tenants(tenanted)
            for dimension in SHIFT_DIMENSIONS:
                traffic = Traffic(
                    dimension,
                    self._counted(dimension, MIDDLE, panes, found[1]),
                    self._counted(dimension, HOUR, hours, found[0]),
                    self._tenants_of(dimension),
                )
                told += shifts(traffic, self._pasts_of(traffic, here, now), as_of)
            return Told(as_of, tuple(told), found)

        return work

    def _use_keys(self, dimension: str, keys: tuple[str, ...]) -> None:
        if self._keys.get(dimension) != keys:
            self._keys[dimension] = keys
            self._pasts.pop(dimension, None)
            self._tenants.clear()
            for level in (HOUR, MIDDLE):
                self._rows[dimension, level] = _Rows()

    def _counted(self, dimension: str, level: Level, parts: list[Part], found: Found) -> Counted:
        keys = self._keys[dimension]
        packed = [(part.start, packed_of(part, dimension, found)) for part in parts]
        rows = self._rows[dimension, level].of(
            (start, source, partial(_row, source, keys)) for start, source in packed
        )
        if not rows:
            nothing = np.zeros((0, len(keys)))
            return Counted(keys, 0, level.seconds, nothing, nothing, nothing)
        start = min(rows)
        table = np.zeros(((max(rows) - start) // level.seconds + 1, len(keys), 3))
        for at, row in rows.items():
            table[(at - start) // level.seconds] = row
        return Counted(keys, start, level.seconds, *(table[:, :, each] for each in range(3)))

    def _pasts_of(self, traffic: Traffic, hour: int, now: float) -> dict[Measure, Past]:
        made_at, pasts = self._pasts.get(traffic.dimension, (0.0, {}))
        is_old = now - made_at > PAST_SECONDS or any(each.hour != hour for each in pasts.values())
        if not pasts or is_old:
            pasts = {measure: past(traffic.hours, measure, hour) for measure in MEASURES}
            self._pasts[traffic.dimension] = now, pasts
        return pasts

    # -- tenants

    def _read_tenants(self, tenanted: list[_Tenanted]) -> None:
        kept = self._tenants
        self._tenants = {
            each.start: kept[each.start]
            if each.start in kept and _is_same(kept[each.start][0], each)
            else (each, self._dense(each.values))
            for each in tenanted
        }

    def _dense(self, values: Iterable[bytes]) -> dict[str, _Hour]:
        counted = tenants_of(values)
        return {
            dimension: _hour(counted[dimension], self._keys[dimension]) for dimension in counted
        }

    def _tenants_of(self, dimension: str) -> Tenants | None:
        hours = {start: hour[dimension] for start, (_, hour) in self._tenants.items()}
        weights: dict[str, float] = {}
        for hour in hours.values():
            tokens = hour.counts[1].sum(axis=-1).tolist()
            for name, weight in zip(hour.names, tokens, strict=True):
                weights[name] = weights.get(name, 0.0) + weight
        single = weights.keys() - {OTHER}
        if not single:
            return None
        names = (
            *sorted(single, key=lambda name: (-weights[name], name))[:MAX_GUARDED_TENANTS],
            OTHER,
        )
        numbers = {name: number for number, name in enumerate(names)}
        start = min(hours)
        length = (max(hours) - start) // HOUR.seconds + 1
        table = np.zeros((length, 2, len(names), len(self._keys[dimension])))
        for at, hour in hours.items():
            row = table[(at - start) // HOUR.seconds]
            for name, counts in zip(hour.names, hour.counts.swapaxes(0, 1), strict=True):
                row[:, numbers.get(name, numbers[OTHER])] += counts
        return Tenants(names, start, table[:, 0], table[:, 1])


def _hour(counted: Mapping[str, Counts], keys: tuple[str, ...]) -> _Hour:
    counted = _of_largest_tenants(counted)
    names: dict[str, int] = {}
    places = {key: place for place, key in enumerate(keys)}
    rest = places.get(OTHER, -1)
    rows = [
        (names.setdefault(name, len(names)), places.get(key, rest), counts[0], tokens_of(counts))
        for tenant_and_key, counts in counted.items()
        for name, _, key in [tenant_and_key.partition("/")]
    ]
    table = np.zeros((2, len(names), len(keys)))
    if rows:
        tenant, place, requests, tokens = np.array(rows, dtype=np.float64).T
        at = tenant.astype(np.int64), place.astype(np.int64)
        shown = at[1] >= 0
        at = at[0][shown], at[1][shown]
        np.add.at(table[0], at, requests[shown])
        np.add.at(table[1], at, tokens[shown])
    return _Hour(tuple(names), table)


def _of_largest_tenants(counted: Mapping[str, Counts]) -> Mapping[str, Counts]:
    weights: dict[str, int] = {}
    for tenant_and_key, counts in counted.items():
        tenant = tenant_and_key.partition("/")[0]
        weights[tenant] = weights.get(tenant, 0) + tokens_of(counts)
    if len(weights) <= MAX_GUARDED_TENANTS_AN_HOUR:
        return counted
    ranked = sorted(weights, key=lambda tenant: (tenant == OTHER, -weights[tenant], tenant))
    named = set(ranked[:MAX_GUARDED_TENANTS_AN_HOUR])
    found: dict[str, Counts] = {}
    for tenant_and_key, counts in counted.items():
        tenant, _, key = tenant_and_key.partition("/")
        add_counts(found, f"{tenant if tenant in named else OTHER}/{key}", counts)
    return found


def tenants_of(values: Iterable[bytes]) -> dict[str, dict[str, Counts]]:
    """Return an hour's counts by dimension and `tenant/key`, over all partitions."""
    found: dict[str, dict[str, Counts]] = {dimension: {} for dimension in SHIFT_DIMENSIONS}
    by_axis = {axis: found[dimension] for dimension, axis in AXES.items()}
    for value in values:
        for key, counts in decode_pane(value).tenants.items():
            tenant, axis, name = key.split("/", 2)
            into = by_axis[axis]
            place = f"{tenant}/{name}"
            held = into.get(place)
            into[place] = counts if held is None else [*map(sum, zip(held, counts, strict=True))]
    return found


def _is_same(one: _Tenanted, other: _Tenanted) -> bool:
    return len(one.values) == len(other.values) and all(
        mine is theirs for mine, theirs in zip(one.values, other.values, strict=True)
    )


def _row(packed: bytes, keys: tuple[str, ...]) -> Array:
    """Return requests, tokens and squares by key, [keys, 3]."""
    places = {key: place for place, key in enumerate(keys)}
    rest = places.get(OTHER)
    row = np.zeros((len(keys), 3))
    for key, counts in unpack(packed)[0].items():
        place = places.get(key, rest)
        if place is not None:
            row[place] += counts[0], tokens_of(counts), counts[3]
    return row


def gauges_of(told: Shifts) -> alert_rules.Gauges:
    """Return the gauges of a dimension's keys as on /metrics, in the form alert conditions take."""

    def column(name: str) -> Array:
        values = [getattr(each, name) for each in told.keys]
        return np.array([np.nan if value is None else value for value in values])

    effective = np.nan if told.effective_requests is None else told.effective_requests
    return alert_rules.Gauges(
        zscore=column("zscore"),
        shift=column("shift"),
        share=column("share"),
        baseline=column("baseline"),
        without_top_tenant=column("without_top_tenant"),
        evidence=column("evidence_requests"),
        effective=np.array(effective),
        days=np.array(told.baseline_days),
    )


def shifted(told: Shifts) -> frozenset[str]:
    """Return the keys for which an alert's conditions hold, up or down."""
    gauges = gauges_of(told)
    found: set[str] = set()
    for rule in alert_rules.RULES:
        if rule is alert_rules.UNCLASSIFIED or rule.window != told.window:
            continue
        holds = alert_rules.met(rule, told.dimension, gauges)
        found |= {each.key for each, is_met in zip(told.keys, holds, strict=True) if is_met}
    return frozenset(found)
