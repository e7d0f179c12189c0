"""Add up rows by key, exactly: by compiled code where it was built and the sums have 64 bits.

Names become numbers once, and numbers are summed in arrays. Adding event by event to dictionaries
takes ten times as long.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.state.adding import Named
from streams.state.counts import CORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

try:
    from streams.counting.group import group as _group
except ImportError:
    _group = None  # type: ignore[assignment]

#: The compiled function, or None where it was not built.
compiled = _group

#: Columns of counts by number, an array each: of int64, or of objects where sums may pass 64 bits.
Values = dict[int, NDArray[np.int64]]


class Grouped(NamedTuple):
    """Counts by two keys, a row for each pair of keys that occurs; `values` by column of counts.

    The first key is a piece of time, the second a name or several.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    values: Values

    def __len__(self) -> int:
        return len(self.first)

    def where(self, rows: NDArray[np.bool_]) -> Grouped:
        """Return some of the rows."""
        return self if rows.all() else self.at(rows)

    def at(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Grouped:
        """Return the rows of these numbers, or those that a mask has."""
        values = {number: column[rows] for number, column in self.values.items()}
        return Grouped(self.first[rows], self.second[rows], values)

    def by(
        self, first: NDArray[np.int64], second: NDArray[np.int64], columns: frozenset[int]
    ) -> Grouped:
        """Return the counts added up by other keys of the rows: the first four, and `columns`."""
        values = {
            number: column
            for number, column in self.values.items()
            if number < CORE or number in columns
        }
        return grouped(first, second, values)

    def table(self) -> NDArray[np.int64]:
        """Return the counts of each row, as a table of all columns by their numbers."""
        kind = np.result_type(*self.values.values())
        table = np.zeros((len(self), max(self.values) + 1), dtype=kind)
        for number, column in self.values.items():
            table[:, number] = column
        return table


def joined(parts: Sequence[Grouped]) -> Grouped:
    """Return the rows of one or more parts; pairs of keys may occur several times."""
    if len(parts) == 1:
        return parts[0]
    numbers = sorted({number for part in parts for number in part.values})
    return Grouped(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        {number: np.concatenate([_column(part, number) for part in parts]) for number in numbers},
    )


def _column(part: Grouped, number: int) -> NDArray[np.int64]:
    found = part.values.get(number)
    return np.zeros(len(part), dtype=np.int64) if found is None else found


def grouped(first: NDArray[np.int64], second: NDArray[np.int64], values: Values) -> Grouped:
    """Return rows added up by their keys.

    Sums of int64 have to fit; those of objects, which are Python's integers, have no bound.
    """
    add = _by_sorting
    if compiled is not None and all(each.dtype == np.int64 for each in values.values()):
        add = compiled
    firsts, seconds, sums = add(first, second, list(values.values()))
    return Grouped(firsts, seconds, dict(zip(values, sums, strict=True)))


_Added = tuple["NDArray[np.int64]", "NDArray[np.int64]", "list[NDArray[np.int64]]"]


def _by_sorting(
    first: NDArray[np.int64], second: NDArray[np.int64], columns: list[NDArray[np.int64]]
) -> _Added:
    """Return the same as `streams.counting.group.group`, in another order, of any integers."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    begins = np.flatnonzero(is_new)
    if not len(begins):
        return first, second, columns
    return first[begins], second[begins], [np.add.reduceat(each[order], begins) for each in columns]


def parts_by_first(
    rows: Grouped, names_of: Callable[[NDArray[np.int64]], list[str]]
) -> Iterator[tuple[int, Named]]:
    """Yield each first key with its rows by name, of at least one row."""
    if (rows.first[1:] < rows.first[:-1]).any():
        rows = rows.at(np.argsort(rows.first, kind="stable"))
    first, table, names = rows.first, rows.table(), names_of(rows.second)
    begins = [0, *(np.flatnonzero(first[1:] != first[:-1]) + 1).tolist(), len(first)]
    for begin, end in itertools.pairwise(begins):
        some = Named(names[begin:end], table[begin:end])
        # Two numbers may have one name.
        is_each_once = len(set(some.names)) == end - begin
        yield int(first[begin]), some if is_each_once else some.by(some.names)
