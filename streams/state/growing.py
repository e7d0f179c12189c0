"""A pane that is being counted, as columns: adding a thousand names to it is a few calls of numpy.

As dictionaries (`streams.state.pane.Pane`) it would take several times as long to add to it and to
encode it, which happens at each flush; it becomes one where names have to be folded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.state.adding import NamedSums
from streams.state.packing import Table, below, maps_of, table_of_maps
from streams.state.pane import CROWDED_KEYS, Pane, is_within_bounds

if TYPE_CHECKING:
    from collections.abc import Callable


class GrowingPane:
    """The counts of one pane. `stamp` is the highest source offset counted in it.

    `table` has the names of cells, models and tenants. It is kept as it is until more is added: in
    a backlog most panes are counted at once.
    """

    def __init__(self, table: Table, stamp: int = -1) -> None:
        self.stamp = stamp
        self._table: Table | None = table
        self._sums: tuple[NamedSums, ...] = ()
        #: How many names there were when they were found to be within their bounds.
        self._trimmed = -1
        self._trim_crowd()

    @classmethod
    def of(cls, pane: Pane) -> GrowingPane:
        """Return the same as columns."""
        return cls(table_of_maps(pane.cells, pane.models, pane.tenants), pane.stamp)

    def pane(self) -> Pane:
        """Return the same as dictionaries, of their own."""
        cells, models, tenants = maps_of(self.table())
        return Pane(cells, models, tenants, self.stamp)

    def table(self) -> Table:
        """Return the counts; they may change with the next addition."""
        if self._table is not None:
            return self._table
        cells, models, tenants = (each.named() for each in self._sums)
        rows = below(below(cells.rows, models.rows), tenants.rows)
        return Table([cells.names, models.names, tenants.names], rows)

    def add(self, table: Table) -> None:
        """Add counts."""
        if self._table is not None:
            self._sums = tuple(NamedSums() for _ in self._table.names)
            self._add(self._table)
            self._table = None
        self._add(table)
        self._trim_crowd()

    def _add(self, table: Table) -> None:
        begin = 0
        for sums, names in zip(self._sums, table.names, strict=True):
            if names:
                sums.add(names, table.rows[begin : begin + len(names)])
            begin += len(names)

    def _names(self) -> int:
        found = self._sums if self._table is None else self._table.names
        return sum(map(len, found))

    def _trim_crowd(self) -> None:
        # So many keys that trimming cannot wait for the next flush.
        if self._names() > CROWDED_KEYS:
            self.trim()

    def trim(self) -> None:
        """Fold the keys over the bounds, as `Pane.trim` does."""
        if self._names() == self._trimmed:
            return
        if not is_within_bounds(*self.table().names):
            self._fold(Pane.trim)
        self._trimmed = self._names()

    def shrink(self, part: float) -> bool:
        """Fold names, as `Pane.shrink` does; False where none is left to fold."""
        return self._fold(lambda pane: pane.shrink(part))

    def _fold(self, fold: Callable[[Pane], bool | None]) -> bool:
        pane = self.pane()
        has_folded = fold(pane)
        self._table = table_of_maps(pane.cells, pane.models, pane.tenants)
        self._sums = ()
        self._trimmed = -1
        return bool(has_folded)
