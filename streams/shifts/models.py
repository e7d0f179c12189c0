"""Compute which models have come, gone, doubled or halved, from a worker's window and its days."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from streams.classify.keys import OTHER, UNKNOWN
from streams.shifts.events import PEAK_DAYS, before, day_before, event_gauges
from streams.shifts.series import Series
from streams.shifts.shift import KeyShift, Shifts
from streams.state.counts import tokens_of
from streams.state.packing import unpack
from streams.state.pane import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.shares.history import History, Panes
    from streams.shifts.alert_rules import Gauges
    from streams.shifts.series import Array
    from streams.state.counts import Counts

#: Models with less than this part of a window or a day are not looked at.
MIN_PART = 0.001
#: Models with a share in either period from this on have a shift, the largest so many.
MIN_SHARE, MAX_SHOWN = 0.005, 40


class WindowModels(NamedTuple):
    """The requests and tokens of the day's window, and those of each of its larger models."""

    requests: float
    tokens: float
    models: Mapping[str, tuple[float, float]]


class _Day(NamedTuple):
    """The tokens of a whole day, and those of each of its larger models."""

    values: tuple[bytes, ...]
    tokens: float
    models: dict[str, float]


class _OfDays(NamedTuple):
    """The tokens of a model in all days, and its largest share of one of them."""

    tokens: float
    largest: float


_NOTHING = _OfDays(0.0, 0.0)


class Moment(NamedTuple):
    """What the shifts at one moment share: the last pane, effective requests, days of history."""

    last: int
    effective: float | None
    days: float


def larger(models: Mapping[str, Counts]) -> dict[str, tuple[float, float]]:
    """Return requests and tokens of the models that are looked at, of all those of a window."""
    least = MIN_PART * sum(map(tokens_of, models.values()))
    return {
        name: (counts[0], tokens_of(counts))
        for name, counts in models.items()
        if name != OTHER and tokens_of(counts) > least
    }


class LiveModels:
    """Computes the shifts of a view's models; days are read once and kept."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._days: dict[int, _Day] = {}
        self._whole: dict[str, _OfDays] = {}

    def shifts(self, now: WindowModels, panes: Panes, at: Moment) -> Shifts:
        """Return the shifts of models; `panes` are whole days. For any thread, one at a time."""
        self._read(panes, day_before(at.last))
        names = self._names(now)
        keys = (*names, OTHER)
        held = before(self._series(keys), [day_before(at.last)])
        tokens, requests = (
            np.array([[now.models.get(name, (0.0, 0.0))[column] for name in names]])
            for column in (1, 0)
        )
        rest = [
            np.maximum(whole - part.sum(), 0.0).reshape(1, 1)
            for whole, part in ((now.tokens, tokens), (now.requests, requests))
        ]
        effective = np.nan if at.effective is None else at.effective
        gauges = event_gauges(
            np.concatenate([tokens, rest[0]], axis=1),
            np.concatenate([requests, rest[1]], axis=1),
            held,
            np.array([[effective]]),
            np.array([[at.days]]),
        )
        found = tuple(
            _key_shift(gauges, place, name, panes.catalog) for place, name in enumerate(names)
        )
        return Shifts("model", "tokens", "24h", at.effective, at.days, found)

    def origins(self, now: WindowModels, catalog: Catalog) -> dict[str, str]:
        """Return the origin that most tokens of each developer have, in the days and now."""
        weights: dict[str, dict[str, float]] = {}
        for name in self._whole.keys() | now.models.keys():
            tokens = self._whole.get(name, _NOTHING).tokens + now.models.get(name, (0.0, 0.0))[1]
            of = labels(catalog, name)
            by_origin = weights.setdefault(of["developer"], {})
            by_origin[of["origin"]] = by_origin.get(of["origin"], 0.0) + tokens
        return {
            developer: max(sorted(by_origin), key=by_origin.__getitem__)
            for developer, by_origin in weights.items()
        }

    def _read(self, panes: Panes, last: int) -> None:
        held, self._days = self._days, {}
        for start in range(last - (PEAK_DAYS - 1) * DAY.seconds, last + 1, DAY.seconds):
            values = panes.values.get(start)
            if values is None:
                continue
            day = held.get(start)
            if day is None or day.values is not values:
                packed = self._history.packed(panes, start, "model")
                day = _day(values, unpack(packed)[0])
            self._days[start] = day
        if [*held.values()] != [*self._days.values()]:
            self._whole = _added_up(self._days.values())

    def _names(self, now: WindowModels) -> tuple[str, ...]:
        """Return the models that are shown, by their largest share of the window or a day."""
        largest = {
            name: each.largest for name, each in self._whole.items() if each.largest >= MIN_SHARE
        }
        for name, (_, tokens) in now.models.items():
            if tokens >= MIN_SHARE * now.tokens > 0:
                largest[name] = max(largest.get(name, 0.0), tokens / now.tokens)
        return tuple(sorted(largest, key=lambda name: (-largest[name], name))[:MAX_SHOWN])

    def _series(self, keys: tuple[str, ...]) -> Series:
        start = min(self._days, default=0)
        number = (max(self._days) - start) // DAY.seconds + 1 if self._days else 0
        tokens = np.zeros((number, len(keys)))
        for at, day in self._days.items():
            row = [day.models.get(name, 0.0) for name in keys[:-1]]
            tokens[(at - start) // DAY.seconds] = [*row, max(day.tokens - sum(row), 0.0)]
        return Series(keys, start, DAY.seconds, tokens * 0, tokens, tokens * 0)


class Labels(TypedDict):
    """What a model belongs to."""

    developer: str
    origin: str


def labels(catalog: Catalog, model: str) -> Labels:
    """Return the developer and the origin of a model."""
    found = catalog.classify(model)
    return Labels(developer=found.developer or UNKNOWN, origin=found.origin)


def _key_shift(gauges: Gauges, place: int, name: str, catalog: Catalog) -> KeyShift:
    """Return the shift of the model at a place; gauges are [1, models]."""

    def known(values: Array) -> float | None:
        value = float(values[0, place])
        return None if np.isnan(value) else value

    return KeyShift(
        key=name,
        share=known(gauges.share),
        standard_error=known(gauges.error),
        baseline=known(gauges.baseline),
        shift=known(gauges.shift),
        usual_spread=None,
        zscore=None,
        detectable=None,
        without_top_tenant=None,
        evidence_requests=known(gauges.evidence) or 0.0,
        peak=known(gauges.peak),
        **labels(catalog, name),
    )


def _added_up(days: Iterable[_Day]) -> dict[str, _OfDays]:
    found: dict[str, _OfDays] = {}
    for day in days:
        for name, tokens in day.models.items():
            before = found.get(name, _NOTHING)
            found[name] = _OfDays(before.tokens + tokens, max(before.largest, tokens / day.tokens))
    return found


def _day(values: tuple[bytes, ...], models: Mapping[str, Counts]) -> _Day:
    whole = float(sum(map(tokens_of, models.values())))
    named = {name: float(each[1]) for name, each in larger(models).items()}
    return _Day(values, whole, named)
