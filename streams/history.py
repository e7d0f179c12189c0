"""Counts over time, by dimension: what the page draws and the reports add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streams.packing import pack, unpack
from streams.pane import DAY, FINE, HOUR, MIDDLE, Counts, Level, add_all, pane_start, tokens_of
from streams.snapshot import by_developer, by_joint, by_part

if TYPE_CHECKING:
    from streams.origin.catalog import Catalog
    from streams.view import View

#: The first two are the parts of the key of the third.
DIMENSIONS = ("origin", "language", "joint", "developer")

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


class History:
    """Answers from the view's panes, with what each pane comes to kept until the pane changes.

    That is packed: unpacked, the sums of two years of days take as much memory as all panes.
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

    def warm(self, most: int) -> None:
        """Add up beforehand what up to `most` panes of partitions come to, at least one's.

        A first question then need not wait for all.
        """
        starts = self._view.starts
        missing = (
            (level, start)
            for level in (HOUR, DAY)
            for start in starts.get(level, {})
            if (level, start) not in self._kept
        )
        for level, start in missing:
            self._sums_of(level, start)
            most -= len(starts[level][start])
            if most <= 0:
                return

    def _sums_of(self, level: Level, start: int) -> dict[str, bytes]:
        """Return the packed sums of a pane over all partitions; worked out once."""
        kept = self._kept.get((level, start))
        if kept is None:
            cells: dict[str, Counts] = {}
            models: dict[str, Counts] = {}
            for pane in self._view.panes_at(level, start):
                add_all(cells, pane.cells)
                add_all(models, pane.models)
            joint = by_joint(cells, self._catalog)
            sums = (
                *(by_part(joint, 0), by_part(joint, 1), joint),
                by_developer(models, self._catalog),
            )
            kept = {name: pack(each) for name, each in zip(DIMENSIONS, sums, strict=True)}
            self._kept[level, start] = kept
        return kept

    def _cells_at(self, level: Level, start: int, dimension: str) -> dict[str, Counts]:
        return unpack(self._sums_of(level, start)[dimension])[0]

    def read(
        self, dimension: str, step: str, start: float | None, end: float | None, as_of: float
    ) -> dict[str, Any]:
        """Return the body of /api/v1/history: points in `[start, end)`, those with data.

        `start` and `end` in unix seconds; None for all that is kept. Raises ValueError for a
        dimension or step that does not exist.
        """
        if dimension not in DIMENSIONS:
            raise ValueError(f"dimension is one of {', '.join(DIMENSIONS)}")
        if step not in STEPS:
            raise ValueError(f"step is one of {', '.join(STEPS)}")
        level, seconds = STEPS[step]
        points: dict[int, dict[str, Counts]] = {}
        for at in sorted(self._view.starts.get(level, {})):
            if (start is not None and at < pane_start(level, start)) or (
                end is not None and at >= end
            ):
                continue
            point = points.setdefault(_step_start(at, seconds), {})
            add_all(point, self._cells_at(level, at, dimension))
        return {
            "dimension": dimension,
            "step": step,
            "seconds": seconds,
            "as_of": as_of,
            "points": [
                {
                    "start": at,
                    "requests": sum(counts[0] for counts in cells.values()),
                    "tokens": sum(tokens_of(counts) for counts in cells.values()),
                    "prompt_tokens": sum(counts[1] for counts in cells.values()),
                    "completion_tokens": sum(counts[2] for counts in cells.values()),
                    "cells": {
                        key: [tokens_of(counts), counts[0], counts[1], counts[2]]
                        for key, counts in sorted(cells.items())
                    },
                }
                for at, cells in points.items()
            ],
        }


def _step_start(seconds: int, length: int) -> int:
    offset = _FIRST_MONDAY if length == STEPS["1w"].seconds else 0
    return (seconds - offset) // length * length + offset
