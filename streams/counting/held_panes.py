"""The panes of one partition: those that grow, those at rest, and what is in none yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.counting.accumulator import Accumulator
from streams.counting.running_totals import add_counted
from streams.state.codec import PaneKey, Totals, seal_header, table_of_pane
from streams.state.growing import GrowingPane
from streams.state.pane import LEVELS, is_kept, pane_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.classify.key_tables import KeyTables
    from streams.counting.aggregate import Counting

_FINEST = LEVELS[0]


@dataclass(slots=True)
class HeldPanes:
    """The panes of a partition, and its running totals: both have all up to the stamp `counted_to`.

    `stored` are panes at rest, as the table holds them, decoded when an event needs one; `running`
    are the decoded ones. `accumulator` has what is counted and in no pane yet; `settle` puts it
    there. `ahead` are panes that have more than their stamps say, since the rest of it waits.
    `dirty` are the panes that Kafka does not hold as they are. `newest` is the newest event
    time (unix seconds).
    """

    stored: dict[PaneKey, bytes] = field(default_factory=dict)
    running: dict[PaneKey, GrowingPane] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    newest: float = 0.0
    dirty: set[PaneKey] = field(default_factory=set)
    ahead: set[PaneKey] = field(default_factory=set)
    accumulator: Accumulator | None = None
    counted_to: int = -1
    swept: int = -1

    def add(self, counted: Counting, keys: KeyTables, stamp: int) -> None:
        """Count events, whose numbers are those of `keys`; `stamp` is that of the last of them."""
        self.newest = max(self.newest, float(counted.rows.ts.max()))
        if self.accumulator is None or self.accumulator.keys is not keys:
            self.settle()
            self.accumulator = Accumulator(keys)
        self.accumulator.add(counted, self.newest)
        self.counted_to = stamp
        if self.accumulator.is_full:
            old, rest = self.accumulator.split(self.newest)
            if rest.has_room:
                self._put_into_panes(old)
                self.accumulator = rest
            else:
                self.settle()

    def settle(self) -> None:
        """Add what is counted to its panes: those that are kept and do not hold it yet."""
        if self.accumulator is None:
            return
        self._put_into_panes(self.accumulator)
        self.accumulator = None
        for key in self.ahead:
            self.running[key].stamp = self.counted_to
        self.ahead = set()

    def _put_into_panes(self, accumulator: Accumulator) -> None:
        # What can fail comes first: a pane at rest that cannot be read. Until it can, nothing is
        # in any pane, and no flush says that it is.
        found = [(key, self._pane(key), table) for key, table in accumulator.panes(self.newest)]
        totals = accumulator.totals()
        for key, pane, table in found:
            if pane is None:
                self.running[key] = GrowingPane(table)
            elif self.counted_to > pane.stamp:
                pane.add(table)
            else:
                continue
            self.ahead.add(key)
            self.dirty.add(key)
        add_counted(self.totals, totals)

    def _pane(self, key: PaneKey) -> GrowingPane | None:
        """Return a pane, decoded; None where it does not exist."""
        pane = self.running.get(key)
        if pane is None and (stored := self.stored.get(key)) is not None:
            pane = GrowingPane(table_of_pane(stored), seal_header(stored).s)
            self.running[key] = pane
            del self.stored[key]
        return pane

    def _is_over(self, key: PaneKey) -> bool:
        return key.start + key.level.seconds <= self.newest

    def __contains__(self, key: PaneKey) -> bool:
        return key in self.running or key in self.stored

    def now(self, key: PaneKey) -> GrowingPane | bytes:
        """Return a pane as it is, at rest or not."""
        if self.ahead:
            self.settle()
        return self.running[key] if key in self.running else self.stored[key]

    def touch_all(self) -> int:
        """Note that Kafka holds none of the panes as they are; return their number."""
        self.dirty.update(self.running, self.stored)
        return len(self.dirty)

    def expire(self) -> list[PaneKey]:
        """Drop the panes that are no longer retained, and return them.

        They expire as event time enters a new pane of the finest level, not in between.
        """
        self.dirty = {key for key in self.dirty if is_kept(*key, self.newest)}
        slot = pane_start(_FINEST, self.newest)
        if slot == self.swept:
            return []
        self.swept = slot
        held = (*self.running, *self.stored)
        expired = [key for key in held if not is_kept(*key, self.newest)]
        for key in expired:
            self.running.pop(key, None)
            self.stored.pop(key, None)
        return expired

    def put_to_rest(self, written: Mapping[PaneKey, bytes]) -> None:
        """Keep panes that event time has left as the encoded bytes that Kafka holds now."""
        for key, value in written.items():
            is_calm = self._is_over(key) and key not in self.dirty
            is_over = is_calm and self.running.pop(key, None) is not None
            if is_over or key in self.stored:
                self.stored[key] = value
