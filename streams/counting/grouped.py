"""Add up rows by key, exactly: by compiled code where it was built and the sums have 64 bits.

Names become numbers once, and numbers are summed in arrays. Adding event by event to dictionaries
takes ten times as long.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.state.counts import CORE, add_counts
from streams.state.packing import as_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streams.state.counts import Counts

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
        if rows.all():
            return self
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

    def counts(self) -> list[Counts]:
        """Return the counts of each row."""
        width = max(self.values) + 1
        none = np.zeros(len(self), dtype=np.int64)
        columns = [self.values.get(number, none) for number in range(width)]
        return as_counts(np.stack(columns, axis=1))


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
) -> Iterable[tuple[int, dict[str, Counts]]]:
    """Yield each first key with the counts of its rows by name, of at least one row."""
    order = np.argsort(rows.first, kind="stable")
    first = rows.first[order]
    begins = [0, *(np.flatnonzero(first[1:] != first[:-1]) + 1).tolist(), len(first)]
    names, counts = names_of(rows.second), rows.counts()
    names, counts = [names[at] for at in order.tolist()], [counts[at] for at in order.tolist()]
    for begin, end in itertools.pairwise(begins):
        found = dict(zip(names[begin:end], counts[begin:end], strict=True))
        if len(found) < end - begin:
            # Two numbers have one name.
            found = {}
            for name, each in zip(names[begin:end], counts[begin:end], strict=True):
                add_counts(found, name, each)
        yield int(first[begin]), found
