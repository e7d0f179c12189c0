"""Add up the stored panes of all partitions: the sums that windows and histories are made of.

Columns of numbers are added to columns. Row by row in Python it takes several times as long, and a
worker adds up ten thousand panes of hundreds of names each before it is ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray  # noqa: TC002 - a NamedTuple keeps its annotations

from streams.state.codec import table_of_pane
from streams.state.counts import CORE, Counts
from streams.state.packing import as_counts, rows_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from streams.state.pane import Pane

#: Sums of numbers whose total is below this stay below 2**63, however they are added up.
EXACT = float(2**62)


class Named(NamedTuple):
    """Counts by name: each name once, and a row for each of them.

    Rows are of int64, or of Python's integers where sums may pass 64 bits.
    """

    names: list[str]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Mapping[str, Counts]) -> Named:
        """Return the same as a table."""
        return cls([*counts], rows_of(list(counts.values())))

    def by(self, keys: Sequence[str]) -> Named:
        """Return the counts added up by other names: `keys` has one for each row."""
        places: dict[str, int] = {}
        at = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.int64)
        if not places:
            return Named([], self.rows)
        order = np.argsort(at, kind="stable")
        begins = np.searchsorted(at[order], np.arange(len(places)))
        return Named([*places], np.add.reduceat(_exact(self.rows)[order], begins, axis=0))

    def counts(self) -> dict[str, Counts]:
        """Return the counts of each name, which are its own."""
        return dict(zip(self.names, as_counts(self.rows), strict=True))


class Summed(NamedTuple):
    """Panes added up: the counts of cells and of models, as in `streams.state.pane.Pane`."""

    cells: Named
    models: Named

    @classmethod
    def of(cls, pane: Pane) -> Summed:
        """Return those of one pane."""
        return cls(Named.of(pane.cells), Named.of(pane.models))


class Adding:
    """Adds up stored panes."""

    def __init__(self) -> None:
        self._cells, self._models = NamedSums(), NamedSums()

    @property
    def names(self) -> int:
        """The number of cells and models in the sums."""
        return len(self._cells) + len(self._models)

    def add(self, values: Iterable[bytes]) -> Iterator[None]:
        """Add stored panes, with a pause after each.

        Raises StateError for a value that is not a pane of this version or an earlier one.
        """
        for value in values:
            (of_cells, of_models, _), rows = table_of_pane(value)
            end = len(of_cells)
            self._cells.add(of_cells, rows[:end])
            self._models.add(of_models, rows[end : end + len(of_models)])
            yield

    def summed(self) -> Summed:
        """Return the sums."""
        return Summed(self._cells.named(), self._models.named())


def summed(values: Iterable[bytes]) -> Generator[None, None, Summed]:
    """Return stored panes added up; pauses and errors are those of `Adding.add`."""
    adding = Adding()
    yield from adding.add(values)
    return adding.summed()


class NamedSums:
    """Sums of rows by name."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._table = np.zeros((256, CORE), dtype=np.int64)
        self._total = 0.0

    def __len__(self) -> int:
        return len(self._places)

    def add(self, names: list[str], rows: NDArray[np.int64]) -> None:
        """Add a row for each name; a name occurs once."""
        places = self._places
        at = [places.setdefault(name, len(places)) for name in names]
        size, width = self._table.shape
        if len(places) > size or rows.shape[1] > width:
            size, width = max(size, 2 * len(places)), max(width, rows.shape[1])
            grown = np.zeros((size, width), dtype=self._table.dtype)
            grown[: len(self._table), : self._table.shape[1]] = self._table
            self._table = grown
        self._total += float(rows.sum(dtype=np.float64))
        if rows.dtype == object or self._total >= EXACT:
            self._table = self._table.astype(object)
        self._table[at, : rows.shape[1]] += rows

    def named(self) -> Named:
        """Return the sums; they change with the next addition."""
        return Named([*self._places], self._table[: len(self._places)])


def _exact(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows that can be added up without passing their integers' bits."""
    is_small = rows.dtype == object or float(rows.sum(dtype=np.float64)) < EXACT
    return rows if is_small else rows.astype(object)
