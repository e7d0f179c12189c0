"""Counts over time, by dimension: what the page draws and the reports add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streams.pane import DAY, FINE, HOUR, MIDDLE, Counts, Level, add_all, pane_start, tokens_of
from streams.snapshot import group

if TYPE_CHECKING:
    from streams.origin.catalog import Catalog
    from streams.view import View

DIMENSIONS = ("origin", "language", "developer", "joint")

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
    """Answers from the view's panes, with each pane's groups kept until the pane changes."""

    def __init__(self, view: View, catalog: Catalog) -> None:
        self._view = view
        self._catalog = catalog
        self._groups: dict[tuple[Level, int], dict[str, dict[str, Counts]]] = {}
        view.on_change = self.forget

    def forget(self, level: Level, start: int) -> None:
        """Drop what is kept of a pane, because it has changed."""
        self._groups.pop((level, start), None)

    def _groups_at(self, level: Level, start: int) -> dict[str, dict[str, Counts]]:
        found = self._groups.get((level, start))
        if found is None:
            found = {dimension: {} for dimension in DIMENSIONS}
            for pane in self._view.panes_at(level, start):
                groups = group(pane, self._catalog)
                for dimension in DIMENSIONS:
                    add_all(found[dimension], groups[dimension])
            self._groups[level, start] = found
        return found

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
            add_all(point, self._groups_at(level, at)[dimension])
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
