"""Compute the shifts of a worker's own shares: from its panes to the arrays of shift.py.

Each row of an array is a pane. A row is cached until its pane changes, so only the changed hours of
a month are recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.classify.keys import OTHER, TENANT_DIMENSIONS
from streams.shifts import alert_rules
from streams.shifts.baseline import NEEDED_HOURS, Baseline, baseline_of
from streams.shifts.evaluation import PANES_A_DAY
from streams.shifts.models import LiveModels, Moment, WindowModels
from streams.shifts.series import Prices, Series, Tenants
from streams.shifts.shift import Shifts, Traffic, shifts
from streams.shifts.tenant_guard import guard_hours
from streams.shifts.weekend import WEEKEND_DAYS
from streams.state.codec import decode_pane
from streams.state.counts import (
    COST,
    COST_SQUARES,
    NANO_IN_MICRO,
    PRICED,
    PRICED_TOKENS,
    REQUESTS,
    SQUARES,
    add_all,
    add_counts,
    at,
    tokens_of,
)
from streams.state.packing import unpack
from streams.state.pane import DAY, HOUR, MIDDLE, TENANTS, Level, pane_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.shares.history import History, Panes
    from streams.shifts.series import Array, Measure
    from streams.state.counts import Counts
    from streams.state.view import View

#: The part of a tenant's key in a pane that names the dimension.
AXES = {"origin": "o", "language": "l"}
#: Tenants that the guard examines individually; the rest is `other`.
MAX_GUARDED_TENANTS = 64
#: Tenants of an hour that are kept by name; the rest is `other`.
MAX_GUARDED_TENANTS_AN_HOUR = 512
#: The baseline from whole hours changes every hour. Late events change it too; they take effect
#: after at most this long.
BASELINE_SECONDS = 60.0
#: What a row holds of a key: requests, tokens and squares, and where cost is looked at, prices.
_CORE = 3
_WITH_PRICES = _CORE + len(Prices._fields)


class LivePanes(NamedTuple):
    """The panes that the shifts at `as_of` are computed from; tenants' records by hour."""

    as_of: float
    hours: Panes
    panes: Panes
    days: Panes
    tenants: dict[int, tuple[bytes, ...]]


class _Hour(NamedTuple):
    """An hour's requests and tokens by tenant: `counts` [2, tenants, keys]."""

    names: tuple[str, ...]
    counts: Array


@dataclass(slots=True)
class _Rows:
    """The rows of one dimension and level: each row's source by start, and their counts.

    Row `i` of `table` starts at `first + i * seconds`; a row without a source is zeros.
    """

    seconds: int
    keys: int
    columns: int
    sources: dict[int, object] = field(default_factory=dict)
    first: int = 0
    table: Array = field(default_factory=lambda: np.zeros((0, 0, _CORE)))

    def of(self, sources: Mapping[int, object], row: Callable[[int], Array]) -> Array:
        """Return the counts, [rows, keys, columns]; rows with another source are read again.

        The next call may change them.
        """
        if not sources:
            self.sources, self.table = {}, np.zeros((0, self.keys, self.columns))
            return self.table
        first, number = min(sources), (max(sources) - min(sources)) // self.seconds + 1
        if first != self.first or number != len(self.table) or self.sources.keys() - sources.keys():
            self._move(first, number, sources)
        for start, source in sources.items():
            if self.sources.get(start) is not source:
                self.table[(start - first) // self.seconds] = row(start)
        self.sources = dict(sources)
        return self.table

    def _move(self, first: int, number: int, sources: Mapping[int, object]) -> None:
        table = np.zeros((number, self.keys, self.columns))
        kept = {start: each for start, each in self.sources.items() if start in sources}
        for start in kept:
            row = self.table[(start - self.first) // self.seconds]
            table[(start - first) // self.seconds] = row
        self.sources, self.first, self.table = kept, first, table


class LiveShifts:
    """Computes the shifts of a view's shares, one query at a time."""

    def __init__(self, view: View, history: History) -> None:
        self._view = view
        self._history = history
        self._models = LiveModels(history)
        self._catalog: Catalog | None = None
        self._keys: dict[str, tuple[str, ...]] = {}
        self._rows: dict[tuple[str, Level], _Rows] = {}
        self._tenants: dict[int, tuple[tuple[bytes, ...], dict[str, _Hour]]] = {}
        self._baselines: dict[str, tuple[float, dict[Measure, Baseline]]] = {}

    def panes(self, as_of: float) -> LivePanes:
        """Return the panes that `shifts` needs, in the thread that changes the view."""
        here, last = pane_start(HOUR, as_of), pane_start(MIDDLE, as_of)
        first = here - NEEDED_HOURS * HOUR.seconds
        return LivePanes(
            as_of,
            self._history.panes(HOUR, first, here + 1),
            self._history.panes(MIDDLE, last - (PANES_A_DAY - 1) * MIDDLE.seconds, last + 1),
            self._history.panes(
                DAY, pane_start(DAY, first) - WEEKEND_DAYS * DAY.seconds, pane_start(DAY, here)
            ),
            {start: self._view.values_at(TENANTS, start) for start in guard_hours(last)},
        )

    def shifts(
        self,
        panes: LivePanes,
        keys: Mapping[str, Sequence[str]],
        now: float,
        models: WindowModels | None = None,
    ) -> tuple[Shifts, ...]:
        """Return the shifts of each dimension; for any thread, but one call at a time.

        `keys` are the keys of each dimension that are shown by name; the rest is summed as `other`.
        `now` is the wall clock in unix seconds. With `models`, those of the day's window, there are
        shifts of models as well.
        """
        here = pane_start(HOUR, panes.as_of)
        for dimension in keys:
            self._use_keys(dimension, tuple(keys[dimension]), panes.hours.catalog)
        self._catalog = panes.hours.catalog
        self._read_tenants(panes.tenants)
        found: list[Shifts] = []
        for dimension in keys:
            traffic = Traffic(
                dimension,
                self._counted(dimension, panes.panes),
                self._counted(dimension, panes.hours),
                self._tenants_of(dimension),
                self._counted(dimension, panes.days),
            )
            found += shifts(traffic, self._baselines_of(traffic, here, now), panes.as_of)
        return tuple(found) if models is None else self._with_models(found, models, panes)

    def _with_models(
        self, found: list[Shifts], models: WindowModels, panes: LivePanes
    ) -> tuple[Shifts, ...]:
        """Return the shifts with those of models, and each developer with its origin."""
        day = next(each for each in found if (each.measure, each.window) == ("tokens", "24h"))
        at = Moment(pane_start(MIDDLE, panes.as_of), day.effective_requests, day.baseline_days)
        of_models = self._models.shifts(models, panes.days, at)
        origins = self._models.origins(models, panes.days.catalog)
        named = [
            replace(
                table,
                keys=tuple(
                    replace(each, developer=each.key, origin=origins.get(each.key, ""))
                    for each in table.keys
                ),
            )
            if table.dimension == "developer"
            else table
            for table in found
        ]
        return (*named, of_models)

    def _use_keys(self, dimension: str, keys: tuple[str, ...], catalog: Catalog) -> None:
        if self._keys.get(dimension) != keys or self._catalog is not catalog:
            self._keys[dimension] = keys
            self._baselines.pop(dimension, None)
            self._tenants.clear()
            for level in (DAY, HOUR, MIDDLE):
                self._rows[dimension, level] = _Rows(level.seconds, len(keys), _columns(dimension))

    def _counted(self, dimension: str, panes: Panes) -> Series:
        keys, level = self._keys[dimension], panes.level
        rows = self._rows[dimension, level]
        table = rows.of(
            panes.values,
            lambda start: _row(self._history.packed(panes, start, dimension), keys, rows.columns),
        )
        counts = [table[:, :, each] for each in range(rows.columns)]
        prices = Prices(*counts[_CORE:]) if rows.columns > _CORE else None
        return Series(keys, rows.first, level.seconds, *counts[:_CORE], prices=prices)

    def _baselines_of(self, traffic: Traffic, hour: int, now: float) -> dict[Measure, Baseline]:
        made_at, baselines = self._baselines.get(traffic.dimension, (0.0, {}))
        is_old = now - made_at > BASELINE_SECONDS or any(
            each.hour != hour for each in baselines.values()
        )
        if not baselines or is_old:
            baselines = {
                measure: baseline_of(traffic.hours, measure, hour, days=traffic.days)
                for measure in alert_rules.measures_of(traffic.dimension)
                if traffic.hours.has(measure)
            }
            self._baselines[traffic.dimension] = now, baselines
        return baselines

    # -- tenants

    def _read_tenants(self, tenants: Mapping[int, tuple[bytes, ...]]) -> None:
        cached = self._tenants
        self._tenants = {
            start: cached[start]
            if start in cached and cached[start][0] is values
            else (values, self._dense(values))
            for start, values in tenants.items()
        }

    def _dense(self, values: Iterable[bytes]) -> dict[str, _Hour]:
        counted = tenants_of(values)
        return {
            dimension: _hour(counted[dimension], self._keys[dimension]) for dimension in counted
        }

    def _tenants_of(self, dimension: str) -> Tenants | None:
        if dimension not in TENANT_DIMENSIONS:
            return None
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
        for begins, hour in hours.items():
            row = table[(begins - start) // HOUR.seconds]
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
    found: dict[str, dict[str, Counts]] = {dimension: {} for dimension in TENANT_DIMENSIONS}
    by_axis = {axis: found[dimension] for dimension, axis in AXES.items()}
    # Added up by their whole keys, so that each of these is taken apart once.
    whole: dict[str, Counts] = {}
    for value in values:
        add_all(whole, decode_pane(value).tenants)
    for key, counts in whole.items():
        tenant, axis, name = key.split("/", 2)
        by_axis[axis][f"{tenant}/{name}"] = counts
    return found


def _columns(dimension: str) -> int:
    return _WITH_PRICES if "cost" in alert_rules.measures_of(dimension) else _CORE


def _row(packed: bytes, keys: tuple[str, ...], columns: int) -> Array:
    """Return requests, tokens and squares by key, and perhaps its prices, [keys, columns]."""
    places = {key: place for place, key in enumerate(keys)}
    rest = places.get(OTHER)
    row = np.zeros((len(keys), columns))
    for key, counts in unpack(packed)[0].items():
        place = places.get(key, rest)
        if place is not None:
            # Floats, as squares go beyond 64 bits: those of one request of 5,000 dollars do.
            amounts = counts[REQUESTS], tokens_of(counts), counts[SQUARES]
            row[place, :_CORE] += tuple(map(float, amounts))
            if columns > _CORE and at(counts, PRICED):
                row[place, _CORE:] += _prices(counts)
    return row


def _prices(counts: Counts) -> tuple[float, ...]:
    """Return the columns of prices of counts, in the order of `Prices`."""
    amounts = (at(counts, each) for each in (COST_SQUARES, PRICED, PRICED_TOKENS))
    return at(counts, COST) / NANO_IN_MICRO, *map(float, amounts)


def gauges_of(of: Shifts, tokens: Shifts | None = None) -> alert_rules.Gauges:
    """Return the gauges of a dimension's keys as on /metrics, in the form alert conditions take.

    `tokens` are the shifts of tokens in the same window where `of` are those of another measure.
    """

    def column(name: str, shifts: Shifts = of) -> Array:
        values = [getattr(each, name) for each in shifts.keys]
        return np.array([np.nan if value is None else value for value in values])

    effective = np.nan if of.effective_requests is None else of.effective_requests
    return alert_rules.Gauges(
        zscore=column("zscore"),
        shift=column("shift"),
        share=column("share"),
        baseline=column("baseline"),
        without_top_tenant=column("without_top_tenant"),
        evidence=column("evidence_requests"),
        effective=np.array(effective),
        days=np.array(of.baseline_days),
        error=column("standard_error"),
        peak=column("peak"),
        tokens_zscore=np.array(np.nan) if tokens is None else column("zscore", tokens),
    )


def alerting(tables: Sequence[Shifts]) -> Iterator[tuple[Shifts, frozenset[str]]]:
    """Yield each table of shifts with the keys for which an alert's conditions hold."""
    of_tokens = {(each.dimension, each.window): each for each in tables if each.measure == "tokens"}
    for table in tables:
        tokens = of_tokens.get((table.dimension, table.window))
        yield table, shifted(table, None if table is tokens else tokens)


def shifted(of: Shifts, tokens: Shifts | None = None) -> frozenset[str]:
    """Return the keys for which an alert's conditions hold, up or down.

    `tokens` are the shifts of tokens where `of` are those of another measure.
    """
    gauges = gauges_of(of, tokens)
    found: set[str] = set()
    for rule in alert_rules.rules_of(of.dimension):
        if rule is alert_rules.UNCLASSIFIED or rule.window != of.window:
            continue
        holds = alert_rules.met(rule, of.dimension, gauges)
        found |= {each.key for each, is_met in zip(of.keys, holds, strict=True) if is_met}
    return frozenset(found)
