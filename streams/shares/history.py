"""Counts over time, by dimension: the data of the page's charts and of the reports."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.classify.keys import ALL_DIMENSIONS
from streams.shares.grouping import SHOWN_MODELS, choose, top
from streams.shares.sums import MODEL, Kept, added, largest, packed_sums
from streams.shares.windows import KEPT_WINDOW_MODELS, MAX_WINDOW_MODELS, Names
from streams.state.codec import decode_pane
from streams.state.packing import pack, unpack
from streams.state.pane import (
    DAY,
    FINE,
    HOUR,
    MIDDLE,
    Counts,
    Level,
    add_all,
    pane_start,
    tokens_of,
)
from streams.state.pieces import at_once, go_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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


class Part(NamedTuple):
    """A pane's start, its cached sums, and where there are none, the panes of its partitions."""

    start: int
    kept: dict[str, bytes] | None
    values: tuple[bytes, ...]


class Found(NamedTuple):
    """Computed sums, and the records they came from."""

    catalog: Catalog
    level: Level
    sums: dict[int, tuple[Part, dict[str, bytes]]]


class History:
    """Answers history queries from the view's panes; caches each pane's sums until it changes.

    The cache is packed: unpacked, the sums of two years of days take as much memory as all panes.
    """

    def __init__(self, view: View, catalog: Catalog) -> None:
        self.kept = Kept(view, catalog)
        self._view = view
        self._work: Iterator[None] | None = None

    def use(self, catalog: Catalog) -> None:
        """Use another catalogue: all history is reclassified with it."""
        self.kept.use(catalog)
        self._work = None

    def warm(self, seconds: float) -> bool:
        """Compute the sums of days and hours in advance, for `seconds` and a few milliseconds more.

        The first query then need not wait for all of them. Returns False when there is nothing to
        do.
        """
        ends = time.perf_counter() + seconds
        while True:
            if self._work is None:
                place = next(self.kept.missing(DAY, HOUR), None)
                if place is None:
                    return False
                self._work = self._adding(*place)
            if not go_on(self._work, ends - time.perf_counter()):
                return True
            self._work = None
            if time.perf_counter() > ends:
                return True

    def _adding(self, level: Level, start: int) -> Iterator[None]:
        values, catalog = self._view.values_at(level, start), self.kept.catalog
        sums = yield from added(map(decode_pane, values), catalog)
        self.kept.put(level, start, values, catalog, packed_sums(level, sums))

    def read(
        self, dimension: str, step: str, start: float | None, end: float | None, as_of: float
    ) -> dict[str, Any]:
        """Return the body of /api/v1/history: the points in `[start, end)` that have data.

        `start` and `end` in unix seconds; None for the whole retention. Raises ValueError for a
        dimension or step that does not exist.
        """
        body, found = self.ask(dimension, step, start, end, as_of)()
        self.keep(found)
        return body

    def ask(
        self, dimension: str, step: str, start: float | None, end: float | None, as_of: float
    ) -> Callable[[], tuple[dict[str, Any], Found]]:
        """Return the work that answers as `read`, for any thread; `keep` takes the computed sums.

        Two years that were never queried before take seconds.
        """
        if dimension not in ALL_DIMENSIONS:
            raise ValueError(f"dimension is one of {', '.join(ALL_DIMENSIONS)}")
        if step not in STEPS:
            raise ValueError(f"step is one of {', '.join(STEPS)}")
        level, seconds = STEPS[step]
        since = None if start is None else pane_start(level, start)
        is_kept = dimension != MODEL or level is DAY
        parts = self.parts(level, since, end, packed=is_kept)
        found = self.nothing_found(level)

        def work() -> tuple[dict[str, Any], Found]:
            points: dict[int, dict[str, Counts]] = {}
            if dimension == MODEL:
                models = [
                    (part.start, packed_of(part, MODEL, found) if is_kept else packed_models(part))
                    for part in parts
                ]
                whole = added_names(each for _, each in models)
                shown = choose(frozenset(), whole, SHOWN_MODELS)
                cells_at = ((start, top(unpack(each)[0], shown)) for start, each in models)
            else:
                cells_at = ((part.start, cells_of(part, dimension, found)) for part in parts)
            for at, cells in cells_at:
                add_all(points.setdefault(step_start(at, seconds), {}), cells)
            body = {"dimension": dimension, "step": step, "seconds": seconds, "as_of": as_of}
            return body | {"points": [point(at, cells) for at, cells in points.items()]}, found

        return work

    def parts(
        self, level: Level, start: int | None, end: float | None, *, packed: bool = True
    ) -> list[Part]:
        """Return the panes that start in `[start, end)`, ascending, for work in any thread.

        Unless `packed`, they include the panes themselves even where their sums are cached.
        """
        return [
            self._part(level, at, packed=packed)
            for at in sorted(self._view.starts.get(level, {}))
            if (start is None or at >= start) and (end is None or at < end)
        ]

    def _part(self, level: Level, start: int, *, packed: bool) -> Part:
        kept = self.kept.find(level, start) if packed else None
        return Part(start, kept, () if kept else self._view.values_at(level, start))

    def nothing_found(self, level: Level) -> Found:
        """Return an empty `Found`, in which work records the sums it computes for a level."""
        return Found(self.kept.catalog, level, {})

    def keep(self, found: Found) -> None:
        """Cache the sums that a query computed, for panes that have not changed since."""
        for part, sums in found.sums.values():
            self.kept.put(found.level, part.start, part.values, found.catalog, sums)


def cells_of(part: Part, dimension: str, found: Found) -> dict[str, Counts]:
    """Return a pane's counts by the keys of a dimension; records newly computed sums in `found`."""
    return unpack(packed_of(part, dimension, found))[0]


def packed_of(part: Part, dimension: str, found: Found) -> bytes:
    """Return the packed counts of `cells_of`: the same object until the pane changes."""
    if part.kept is not None:
        return part.kept[dimension]
    if part.start not in found.sums:
        sums = at_once(added(map(decode_pane, part.values), found.catalog))
        found.sums[part.start] = part, packed_sums(found.level, sums)
    return found.sums[part.start][1][dimension]


def packed_models(part: Part) -> bytes:
    """Return the packed counts by model of a pane whose records are in `values`."""
    models: dict[str, Counts] = {}
    for value in part.values:
        add_all(models, decode_pane(value).models)
    return pack(largest(models))


def added_names(packed_maps: Iterable[bytes]) -> dict[str, Counts]:
    """Return the sums of packed maps by name; only of the largest names if there are very many."""
    whole = Names(MAX_WINDOW_MODELS, KEPT_WINDOW_MODELS)
    for each in packed_maps:
        whole.add(unpack(each)[0], 0)
    return whole.counts


def point(start: int, cells: Mapping[str, Counts]) -> dict[str, Any]:
    """Return a point of a history: its sums, and its counts by key as lists.

    A list is tokens, requests, prompt tokens, completion tokens.
    """
    return {
        "start": start,
        "requests": sum(counts[0] for counts in cells.values()),
        "tokens": sum(tokens_of(counts) for counts in cells.values()),
        "prompt_tokens": sum(counts[1] for counts in cells.values()),
        "completion_tokens": sum(counts[2] for counts in cells.values()),
        "cells": {
            key: [tokens_of(counts), counts[0], counts[1], counts[2]]
            for key, counts in sorted(cells.items())
        },
    }


def step_start(seconds: int, length: int) -> int:
    """Return the start of the `length`-second step that holds a time; weeks from Monday, UTC."""
    offset = _FIRST_MONDAY if length == STEPS["1w"].seconds else 0
    return (seconds - offset) // length * length + offset
