"""Tenants in a report: by requests and tokens, under their hash or the name of a file.

A worker keeps them for nine days, so their steps may be fewer than the report's. In a day of files
those that are many are `other`; a request that names none is `unknown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.classify.keys import TENANT, name_of
from streams.report.summary import STEP_OF, rows_of
from streams.report.sums import Sums, total
from streams.shares.history import STEPS, point, step_start
from streams.shares.tenants import counted
from streams.state.counts import Counts, add_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.report.summary import By, Period, Row
    from streams.shares.measures import Measure
    from streams.state.pane import Pane

#: What tenants are counted by.
TENANT_MEASURES: Final[tuple[Measure, ...]] = ("tokens", "requests", "output_tokens")


class Tenants(NamedTuple):
    """The tenants of the steps that have them, largest first, and the names of some hashes."""

    starts: tuple[int, ...]
    steps: tuple[Sums, ...]
    rows: tuple[Row, ...]
    names: Mapping[str, str]

    def name(self, key: str) -> str:
        """Return what to show of a tenant: its name, else its hash."""
        return self.names.get(key) or name_of(TENANT, key)


def tenants(points: list[dict[str, Any]], measure: Measure, names: Mapping[str, str]) -> Tenants:
    """Return the tenants of a history's points. Steps without tokens are left out."""
    steps = {
        int(each["start"]): Sums.of([each.get(name) for name in Sums._fields])
        for each in points
        if each["tokens"]
    }
    rows = rows_of(TENANT, points, steps, total(steps.values()), measure) if steps else ()
    return Tenants(tuple(steps), tuple(steps.values()), rows, names)


def points_of(panes: Mapping[int, Pane], by: By, period: Period) -> list[dict[str, Any]]:
    """Return the points by tenant of panes of days, in the form of a worker's history."""
    seconds = STEPS[STEP_OF[by]].seconds
    steps: dict[int, dict[str, Counts]] = {}
    for start, pane in sorted(panes.items()):
        if start in period:
            found = counted(pane.tenants, pane.cells).cells(TENANT, {})
            add_all(steps.setdefault(step_start(start, seconds), {}), found)
    return [point(start, cells) for start, cells in steps.items()]
