"""Counts over time, by dimension: the data of the page's charts and of the reports."""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.classify.keys import ALL_DIMENSIONS, JOINT, SERVED
from streams.shares.filtered import WITH_LANGUAGE, part_cells
from streams.shares.grouping import SHOWN_MODELS, choose, top
from streams.shares.measures import dollars_of, value_of
from streams.shares.step_sums import StepSums
from streams.shares.sums import (
    DEVELOPER,
    MODEL,
    OF_SERVED,
    SumsCache,
    added,
    by_model,
    largest,
    packed_sums,
    served_in,
)
from streams.shares.windows import KEPT_WINDOW_MODELS, MAX_WINDOW_MODELS, Names
from streams.state.codec import decode_pane
from streams.state.counts import (
    COMPLETION,
    ESTIMATED_TOKENS,
    PRICED_TOKENS,
    PROMPT,
    REQUESTS,
    UNMEASURED,
    Counts,
    add_all,
    added_up,
    at,
    tokens_of,
)
from streams.state.packing import pack, unpack
from streams.state.pane import DAY, FINE, HOUR, MIDDLE, Level, pane_start
from streams.state.pieces import go_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.state.view import View

#: 1970-01-05T00:00:00Z, a Monday: weeks start on Monday 00:00 UTC.
_FIRST_MONDAY = 4 * 86400


class Step(NamedTuple):
    """A step of a history: the level it is read from and its length in seconds."""

    level: Level
    seconds: int


STEPS = {
    "10s": Step(FINE, 10),
    "5m": Step(MIDDLE, 300),
    "1h": Step(HOUR, 3600),
    "1d": Step(DAY, 86400),
    "1w": Step(DAY, 7 * 86400),
}


#: The levels whose sums are computed in advance, in this order: the page opens with a day.
WARM = (MIDDLE, DAY, HOUR, FINE)


class Panes(NamedTuple):
    """The panes that a query reads: their records by start, ascending, and its catalogue."""

    level: Level
    values: dict[int, tuple[bytes, ...]]
    catalog: Catalog


class Query(NamedTuple):
    """A question about the history of a dimension at the moment `as_of`."""

    dimension: str
    step: str
    as_of: float
    panes: Panes
    chosen: tuple[tuple[str, str], ...] = ()


class History:
    """Answers history queries from the view's panes.

    The view changes in one thread, so `panes` and `query` are called in it; all that reads the
    panes may run in any thread. Sums are cached until a pane changes. They are packed: unpacked,
    the sums of two years of days take as much memory as all panes.
    """

    def __init__(self, view: View, catalog: Catalog) -> None:
        self.cache = SumsCache(view, catalog)
        self._steps = StepSums()
        self._view = view
        self._work: Iterator[None] | None = None

    def use(self, catalog: Catalog) -> None:
        """Use another catalogue: all history is reclassified with it."""
        self.cache.use(catalog)
        self._steps.clear()
        self._work = None

    def warm(self, seconds: float) -> bool:
        """Compute the sums of panes in advance, for `seconds` and a few milliseconds more.

        The first query then need not wait for all of them. Returns False when there is nothing to
        do.
        """
        ends = time.perf_counter() + seconds
        while True:
            if self._work is None:
                place = next(self.cache.missing(*WARM), None)
                if place is None:
                    return False
                self._work = self._adding(*place)
            if not go_on(self._work, ends - time.perf_counter()):
                return True
            self._work = None
            if time.perf_counter() > ends:
                return True

    def _adding(self, level: Level, start: int) -> Iterator[None]:
        values, places = self._view.values_at(level, start), self.cache.places
        sums = yield from added(values, places)
        if values is self._view.values_at(level, start):
            self.cache.put(level, start, values, places.catalog, packed_sums(level, sums))

    def panes(self, level: Level, start: float | None, end: float | None) -> Panes:
        """Return the panes that start in `[start, end)`; None stands for the whole retention."""
        starts = sorted(
            at
            for at in self._view.starts.get(level, {})
            if (start is None or at >= start) and (end is None or at < end)
        )
        values = {at: self._view.values_at(level, at) for at in starts}
        return Panes(level, values, self.cache.catalog)

    def packed(self, panes: Panes, start: int, dimension: str) -> bytes:
        """Return the packed counts of one pane, by the keys of a dimension."""
        values = panes.values[start]
        if dimension == MODEL and panes.level is not DAY:
            return packed_models(values)
        cached = self.cache.sums(panes.level, start, values, panes.catalog)
        if dimension in OF_SERVED:
            return pack(served_in(dimension, unpack(cached[SERVED])[0], panes.catalog))
        return cached[dimension]

    def cells(self, panes: Panes, start: int, dimension: str) -> dict[str, Counts]:
        """Return the counts of one pane, by the keys of a dimension."""
        return unpack(self.packed(panes, start, dimension))[0]

    def query(
        self,
        dimension: str,
        step: str,
        start: float | None,
        end: float | None,
        as_of: float,
        *,
        chosen: tuple[tuple[str, str], ...] = (),
    ) -> Query:
        """Return the query for the points in `[start, end)` that have data, for `answer`.

        `start` and `end` in unix seconds; None for the whole retention. `chosen` is the part of the
        traffic that it is about, as in `filtered`. Raises ValueError for a dimension or step that
        does not exist.
        """
        if dimension not in ALL_DIMENSIONS:
            raise ValueError(f"dimension is one of {', '.join(ALL_DIMENSIONS)}")
        if step not in STEPS:
            raise ValueError(f"step is one of {', '.join(STEPS)}")
        level = STEPS[step].level
        since = None if start is None else pane_start(level, start)
        return Query(dimension, step, as_of, self.panes(level, since, end), chosen)

    def answer(self, query: Query) -> dict[str, Any]:
        """Return the body of /api/v1/history. Two years that are not cached take seconds."""
        panes, seconds = query.panes, STEPS[query.step].seconds
        cells_at: Iterable[tuple[int, dict[str, Counts]]]
        if query.chosen:
            cells_at = self._of_part(query)
        elif query.dimension == MODEL:
            models = {at: self.packed(panes, at, MODEL) for at in panes.values}
            shown = choose(frozenset(), added_names(models.values()), SHOWN_MODELS)
            cells_at = ((at, top(unpack(each)[0], shown)) for at, each in models.items())
        elif seconds > panes.level.seconds and query.dimension not in OF_SERVED:
            cells_at = self._of_steps(query)
        else:
            cells_at = ((at, self.cells(panes, at, query.dimension)) for at in panes.values)
        return {
            "dimension": query.dimension,
            "step": query.step,
            "seconds": seconds,
            "as_of": query.as_of,
            "points": [point(begin, cells) for begin, cells in _by_step(cells_at, seconds)],
        }

    def _of_steps(self, query: Query) -> Iterator[tuple[int, dict[str, Counts]]]:
        """Yield start and counts of each step that is several panes long."""
        panes, seconds = query.panes, STEPS[query.step].seconds
        parts: dict[int, list[bytes]] = {}
        for start in panes.values:
            packed = self.packed(panes, start, query.dimension)
            parts.setdefault(step_start(start, seconds), []).append(packed)
        for begin, each in parts.items():
            yield begin, self._steps.of(query.dimension, begin, tuple(each))

    def _of_part(self, query: Query) -> Iterable[tuple[int, dict[str, Counts]]]:
        panes, chosen = query.panes, dict(query.chosen)
        found: dict[int, dict[str, Counts]] = {}
        for start, values in panes.values.items():
            pairs: dict[str, Counts] = {}
            if "language" not in chosen:
                for value in values:
                    add_all(pairs, decode_pane(value).models)
            joint = self.cells(panes, start, JOINT) if chosen.keys() <= {*WITH_LANGUAGE} else {}
            found[start] = part_cells(query.dimension, chosen, joint, pairs, panes.catalog)
        if query.dimension not in {MODEL, DEVELOPER, "provider"}:
            return found.items()
        whole: dict[str, Counts] = {}
        for cells in found.values():
            add_all(whole, cells)
        shown = choose(frozenset(), whole, SHOWN_MODELS)
        return [(start, top(cells, shown)) for start, cells in found.items()]

    def read(
        self, dimension: str, step: str, start: float | None, end: float | None, as_of: float
    ) -> dict[str, Any]:
        """Return the answer of a query, in the thread that changes the view."""
        return self.answer(self.query(dimension, step, start, end, as_of))


def _by_step(
    cells_at: Iterable[tuple[int, dict[str, Counts]]], seconds: int
) -> Iterator[tuple[int, Mapping[str, Counts]]]:
    """Yield start and counts of each step, from those of panes in their order.

    One step at a time: the counts of two years take more memory than the answer.
    """
    for begin, panes in groupby(cells_at, lambda each: step_start(each[0], seconds)):
        cells, *rest = [each for _, each in panes]
        if rest:
            whole: dict[str, Counts] = {}
            for each in (cells, *rest):
                add_all(whole, each)
            cells = whole
        yield begin, cells


def packed_models(values: Iterable[bytes]) -> bytes:
    """Return the packed counts by model of a pane, from its records."""
    models: dict[str, Counts] = {}
    for value in values:
        add_all(models, decode_pane(value).models)
    return pack(largest(by_model(models)))


def added_names(packed_maps: Iterable[bytes]) -> dict[str, Counts]:
    """Return the sums of packed maps by name; only of the largest names if there are very many."""
    whole = Names(MAX_WINDOW_MODELS, KEPT_WINDOW_MODELS)
    for each in packed_maps:
        whole.add(unpack(each)[0], 0)
    return whole.counts


def point(start: int, cells: Mapping[str, Counts]) -> dict[str, Any]:
    """Return a point of a history: its sums, and its counts by key as lists.

    A list is tokens, requests, prompt tokens, completion tokens, uncached tokens and cost in US
    dollars; the last two are None where they are not known. The tokens at the end say of how much
    they are known: those that have a price, by an estimate, and with cache reads counted.
    """
    whole = added_up(cells.values())
    return {
        "start": start,
        **dict(zip(_AMOUNTS, _amounts(whole), strict=True)),
        "cells": {key: _amounts(counts) for key, counts in sorted(cells.items())},
        "priced_tokens": at(whole, PRICED_TOKENS),
        "estimated_tokens": at(whole, ESTIMATED_TOKENS),
        "measured_tokens": tokens_of(whole) - at(whole, UNMEASURED),
    }


#: What a point says of all its counts, and of each key, in this order.
_AMOUNTS = (
    *("tokens", "requests", "prompt_tokens", "completion_tokens", "uncached_tokens", "cost"),
)


def _amounts(counts: Counts) -> list[float | None]:
    return [
        *(tokens_of(counts), counts[REQUESTS], counts[PROMPT], counts[COMPLETION]),
        *(value_of("uncached_tokens", counts), dollars_of(counts)),
    ]


def step_start(seconds: int, length: int) -> int:
    """Return the start of the `length`-second step that holds a time; weeks from Monday, UTC."""
    offset = _FIRST_MONDAY if length == STEPS["1w"].seconds else 0
    return (seconds - offset) // length * length + offset
