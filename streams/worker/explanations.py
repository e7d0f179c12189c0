"""What moved the shares that have shifted, computed one at a time and kept for some minutes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.shifts import movers
from streams.shifts.live import alerting
from streams.web.snapshot import ShiftName, find_shift

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.shares.history import History
    from streams.shifts.movers import Moved
    from streams.state.view import View
    from streams.web.snapshot import Snapshot

#: Shifts that are explained on /metrics and in the list of shifts; any is, when it is asked for.
MAX_EXPLAINED = 8
#: An explanation is computed again after so long: of a full state it takes up to a second.
EXPLANATION_SECONDS = 900.0


class Explanations:
    """Explains the shifts of a worker's snapshots."""

    def __init__(self, view: View, history: History) -> None:
        self._view = view
        self._history = history
        self._held: dict[ShiftName, tuple[float, Moved]] = {}

    async def update(self, snapshot: Snapshot, now: float) -> Mapping[ShiftName, Moved]:
        """Return what moved each shift that is known; computes at most one.

        `now` is the wall clock in unix seconds. The most unusual are first.
        """
        wanted = list(_wanted(snapshot))[:MAX_EXPLAINED]
        self._held = {name: held for name, held in self._held.items() if name in wanted}
        oldest = min(wanted, key=lambda name: self._held.get(name, (0.0,))[0], default=None)
        if oldest is not None and now - self._held.get(oldest, (0.0,))[0] > EXPLANATION_SECONDS:
            shift = find_shift(snapshot, *oldest)
            if shift is not None:
                panes = movers.panes(self._view, self._history, shift)
                moved = await asyncio.to_thread(movers.moved, self._history, panes, shift)
                self._held[oldest] = now, moved
        return {name: moved for name, (_, moved) in self._held.items()}


def _wanted(snapshot: Snapshot) -> Iterator[ShiftName]:
    """Yield the shifts that an alert may name, most unusual first; a model has no members."""
    found = []
    for table, shifted in alerting(snapshot.shifts):
        if table.dimension == "model":
            continue
        found += [
            (
                -abs(each.zscore or 0.0),
                ShiftName(table.dimension, each.key, *(table.measure, table.window)),
            )
            for each in table.keys
            if each.key in shifted and each.shift is not None
        ]
    for _, name in sorted(found):
        yield name
