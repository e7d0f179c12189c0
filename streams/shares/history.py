"""Counts over time, by dimension: what the page draws and the reports add up."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.classify.keys import ALL_DIMENSIONS
from streams.state.codec import decode_pane
from streams.state.packing import pack, unpack
from streams.state.pane import (
    DAY,
    FINE,
    HOUR,
    MIDDLE,
    Counts,
    Level,
    Pane,
    add_all,
    pane_start,
    tokens_of,
)
from streams.web.snapshot import SHOWN_MODELS, by_developer, by_joint, by_part, choose, top

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.state.view import View

MODEL = "model"

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
    """A pane's place, what is kept of it, and where nothing is, the panes of its partitions."""

    start: int
    kept: dict[str, bytes] | None
    values: tuple[bytes, ...]


class Found(NamedTuple):
    """What panes were found to come to, with what they were then."""

    catalog: Catalog
    level: Level
    sums: dict[int, tuple[Part, dict[str, bytes]]]


class History:
    """Answers from the view's panes, with what each pane comes to kept until the pane changes.

    That is packed: unpacked, the sums of two years of days take as much memory as all panes.
    Models are kept of days alone: of all hours they would take as much again.
    """

    def __init__(self, view: View, catalog: Catalog) -> None:
        self._view = view
        self._catalog = catalog
        #: (level, start) -> packed sums by dimension.
        self._kept: dict[tuple[Level, int], dict[str, bytes]] = {}
        view.on_change = self.forget

    def use(self, catalog: Catalog) -> None:
        """Answer by another catalogue: what it knows now is told of all history again."""
        self._catalog = catalog
        self._kept.clear()

    def forget(self, level: Level, start: int) -> None:
        """Drop what is kept of a pane, because it has changed."""
        self._kept.pop((level, start), None)

    def warm(self, most: int) -> bool:
        """Add up beforehand what up to `most` panes of partitions come to, at least one's.

        A first question then need not wait for all. Returns False when there was nothing to do.
        """
        starts = self._view.starts
        missing = (
            (level, start)
            for level in (DAY, HOUR)
            for start in starts.get(level, {})
            if (level, start) not in self._kept
        )
        for level, start in missing:
            values = self._view.values_at(level, start)
            self._kept[level, start] = _sums(level, values, self._catalog)
            most -= len(values)
            if most <= 0:
                return True
        return False

    def read(
        self, dimension: str, step: str, start: float | None, end: float | None, as_of: float
    ) -> dict[str, Any]:
        """Return the body of /api/v1/history: points in `[start, end)`, those with data.

        `start` and `end` in unix seconds; None for all that is kept. Raises ValueError for a
        dimension or step that does not exist.
        """
        body, found = self.ask(dimension, step, start, end, as_of)()
        self.keep(found)
        return body

    def ask(
        self, dimension: str, step: str, start: float | None, end: float | None, as_of: float
    ) -> Callable[[], tuple[dict[str, Any], Found]]:
        """Return the work that answers as `read`, for any thread; `keep` takes what it found.

        Two years that nobody has asked for before take seconds.
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
            for part in parts:
                cells = points.setdefault(step_start(part.start, seconds), {})
                add_all(cells, cells_of(part, dimension, found) if is_kept else models_of(part))
            if dimension == MODEL:
                points = _of_largest(points)
            body = {"dimension": dimension, "step": step, "seconds": seconds, "as_of": as_of}
            return body | {"points": [point(at, cells) for at, cells in points.items()]}, found

        return work

    def parts(
        self, level: Level, start: int | None, end: float | None, *, packed: bool = True
    ) -> list[Part]:
        """Return the panes that start in `[start, end)`, ascending, for work in any thread.

        Where not `packed`, with the panes themselves even where their sums are kept.
        """
        return [
            self._part(level, at, packed=packed)
            for at in sorted(self._view.starts.get(level, {}))
            if (start is None or at >= start) and (end is None or at < end)
        ]

    def _part(self, level: Level, start: int, *, packed: bool) -> Part:
        kept = self._kept.get((level, start)) if packed else None
        return Part(start, kept, () if kept else self._view.values_at(level, start))

    def nothing_found(self, level: Level) -> Found:
        """Return where work notes what it finds of panes of a level."""
        return Found(self._catalog, level, {})

    def keep(self, found: Found) -> None:
        """Keep what a question found, of panes that have not changed since."""
        if found.catalog is not self._catalog:
            return
        for part, sums in found.sums.values():
            now = self._view.values_at(found.level, part.start)
            if len(now) == len(part.values) and all(map(is_, now, part.values)):
                self._kept[found.level, part.start] = sums


def _sums(level: Level, values: Iterable[bytes], catalog: Catalog) -> dict[str, bytes]:
    """Return what a pane comes to over all partitions, packed by dimension."""
    whole = Pane()
    for value in values:
        whole.add(decode_pane(value))
    joint = by_joint(whole.cells, catalog)
    sums = {
        "origin": pack(by_part(joint, 0)),
        "language": pack(by_part(joint, 1)),
        "joint": pack(joint),
        "developer": pack(by_developer(whole.models, catalog)),
    }
    return sums | {MODEL: pack(whole.models)} if level is DAY else sums


def cells_of(part: Part, dimension: str, found: Found) -> dict[str, Counts]:
    """Return a pane's counts by the keys of a dimension; notes what had to be added up."""
    return unpack(packed_of(part, dimension, found))[0]


def packed_of(part: Part, dimension: str, found: Found) -> bytes:
    """Return what `cells_of` unpacks: the same object for as long as the pane does not change."""
    if part.kept is not None:
        return part.kept[dimension]
    if part.start not in found.sums:
        found.sums[part.start] = part, _sums(found.level, part.values, found.catalog)
    return found.sums[part.start][1][dimension]


def models_of(part: Part) -> dict[str, Counts]:
    """Return the counts by model of a pane that is not packed."""
    models: dict[str, Counts] = {}
    for value in part.values:
        add_all(models, decode_pane(value).models)
    return models


def _of_largest(points: Mapping[int, Mapping[str, Counts]]) -> dict[int, dict[str, Counts]]:
    """Return the points with all but the largest models under `other`."""
    whole: dict[str, Counts] = {}
    for cells in points.values():
        add_all(whole, cells)
    largest = choose(frozenset(), whole, SHOWN_MODELS)
    return {at: top(cells, largest) for at, cells in points.items()}


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
    """Return the start of the step of so many seconds that holds a time; weeks from Monday, UTC."""
    offset = _FIRST_MONDAY if length == STEPS["1w"].seconds else 0
    return (seconds - offset) // length * length + offset
