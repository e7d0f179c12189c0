"""Add up the stored panes of all partitions: the sums that windows and histories are made of.

Columns of numbers are added to columns. Row by row in Python it takes three times as long, and a
worker adds up ten thousand panes of hundreds of names each before it is ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.state.codec import decode_pane, table_of_pane
from streams.state.counts import CORE, Counts, add_all
from streams.state.packing import as_counts
from streams.state.pane import Pane

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from numpy.typing import NDArray

#: Sums of numbers below this stay below 2**63, for as many panes as there ever are at one time.
_SAFE = 2**47


def summed(values: Iterable[bytes]) -> Generator[None, None, Pane]:
    """Return the cells and models of stored panes added up, with a pause after each pane.

    Raises StateError for a value that is not a pane of this version or an earlier one.
    """
    cells, models = _Sums(), _Sums()
    for value in values:
        table = table_of_pane(value)
        if table is None or (table.rows.size and table.rows.max() >= _SAFE):
            pane = decode_pane(value)
            add_all(cells.exact, pane.cells)
            add_all(models.exact, pane.models)
        else:
            end = len(table.names[0])
            cells.add(table.names[0], table.rows[:end])
            models.add(table.names[1], table.rows[end : end + len(table.names[1])])
        yield
    return Pane(cells.counts(), models.counts())


class _Sums:
    """Sums by name; `exact` are those of numbers that may pass 64 bits together."""

    def __init__(self) -> None:
        self.exact: dict[str, Counts] = {}
        self._places: dict[str, int] = {}
        self._table = np.zeros((256, CORE), dtype=np.int64)

    def add(self, names: list[str], rows: NDArray[np.int64]) -> None:
        """Add a row for each name; a name occurs once."""
        places = self._places
        at = [places.setdefault(name, len(places)) for name in names]
        size, width = self._table.shape
        if len(places) > size or rows.shape[1] > width:
            grown = np.zeros(
                (max(size, 2 * len(places)), max(width, rows.shape[1])), dtype=np.int64
            )
            grown[:size, :width] = self._table
            self._table = grown
        self._table[at, : rows.shape[1]] += rows

    def counts(self) -> dict[str, Counts]:
        """Return the sums by name."""
        rows = as_counts(self._table[: len(self._places)])
        found = dict(zip(self._places, rows, strict=True))
        add_all(found, self.exact)
        return found
