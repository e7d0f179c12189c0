"""Counts over time, by dimension: what the page draws and the reports add up."""

from __future__ import annotations

from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.pane import DAY, FINE, HOUR, MIDDLE, Counts, Level, add_all, pane_start, tokens_of
from streams.snapshot import by_developer, by_joint, by_part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.origin.catalog import Catalog
    from streams.pane import Pane
    from streams.view import View

#: The first two are the parts of the key of the last one.
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


class _Kept:
    """What one part of the panes comes to over all partitions, worked out once a pane."""

    def __init__(
        self,
        view: View,
        part: Callable[[Pane], Mapping[str, Counts]],
        group: Callable[[dict[str, Counts]], dict[str, Counts]],
    ) -> None:
        self._view = view
        self._part = part
        self._group = group
        self.sums: dict[tuple[Level, int], dict[str, Counts]] = {}

    def at(self, level: Level, start: int) -> dict[str, Counts]:
        found = self.sums.get((level, start))
        if found is None:
            added: dict[str, Counts] = {}
            for pane in self._view.panes_at(level, start):
                add_all(added, self._part(pane))
            found = self.sums[level, start] = self._group(added)
        return found


class History:
    """Answers from the view's panes, with what each pane comes to kept until the pane changes.

    Two sums are kept a pane: by `origin/language`, which origins and languages follow from, and by
    developer.
    """

    def __init__(self, view: View, catalog: Catalog) -> None:
        self._view = view
        self._joint = _Kept(view, attrgetter("cells"), lambda sums: by_joint(sums, catalog))
        self._developers = _Kept(
            view, attrgetter("models"), lambda sums: by_developer(sums, catalog)
        )
        view.on_change = self.forget

    def forget(self, level: Level, start: int) -> None:
        """Drop what is kept of a pane, because it has changed."""
        self._joint.sums.pop((level, start), None)
        self._developers.sums.pop((level, start), None)

    def warm(self, most: int) -> None:
        """Add up to `most` panes beforehand, so that a first question need not wait for all."""
        missing = (
            (level, start)
            for level in (HOUR, DAY)
            for start in self._view.starts.get(level, {})
            if (level, start) not in self._joint.sums
        )
        for level, start in islice(missing, most):
            self._joint.at(level, start)

    def _cells_at(self, level: Level, start: int, dimension: str) -> dict[str, Counts]:
        if dimension == "developer":
            return self._developers.at(level, start)
        joint = self._joint.at(level, start)
        return joint if dimension == "joint" else by_part(joint, DIMENSIONS.index(dimension))

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
