"""Pack counts by name into few bytes: the form of a pane in Kafka and in memory at rest.

Names and numbers are stored separately, and the numbers byte by byte over all rows: the high bytes
are nearly all zero and the low ones nearly random, so zstd compresses each kind well. JSON of the
same counts is four to five times as long, and half as much again as this when compressed.

Each column after the first four is stored by its name, and left out where it is all zero. One that
nearly repeats others (all requests have a price) is stored as the difference, which is all zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cramjam
import msgspec
import numpy as np
from numpy.typing import NDArray  # noqa: TC002 - a NamedTuple keeps its annotations

from streams.state.counts import (
    CACHE_STATED,
    COLUMNS,
    COMPLETION,
    CORE,
    PRICED,
    PRICED_TOKENS,
    PROMPT,
    REQUESTS,
    SQUARES,
    UNMEASURED,
    Counts,
    column,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Higher levels take several times as long and save nothing: the remainder is noise.
_ZSTD_LEVEL = 1
#: The low bits of a number, in its own column; the bits above go to a column of their own.
_LOW_BITS = 62
_LOW = (1 << _LOW_BITS) - 1
#: Ends the name of a column of high bits.
_HIGH = "+"
_SQUARES_HIGH = COLUMNS[SQUARES] + _HIGH

_TOKENS = (PROMPT, COMPLETION)
#: Columns that are stored as what is missing from the sum of others.
_REPEATS: dict[int, tuple[int, ...]] = {
    PRICED: (REQUESTS,),
    PRICED_TOKENS: _TOKENS,
    CACHE_STATED: _TOKENS,
    UNMEASURED: _TOKENS,
}


class _Packed(msgspec.Struct, array_like=True):
    """Names by map, the bytes of the columns, and the names of the columns after the first four.

    A version that had four columns, and a fifth for the high bits of the squares, named none.
    """

    names: list[list[str]]
    values: bytes
    columns: list[str] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


class PackingError(ValueError):
    """These bytes do not come from `pack`."""


class Table(NamedTuple):
    """The contents of maps: names by map, and a row of counts for each of all the names.

    Rows are of int64, or of Python's integers where sums may pass 64 bits.
    """

    names: list[list[str]]
    rows: NDArray[np.int64]


def pack(*maps: dict[str, Counts]) -> bytes:
    """Return the maps as bytes."""
    return pack_table(table_of_maps(*maps))


def table_of_maps(*maps: dict[str, Counts]) -> Table:
    """Return the maps as a table."""
    rows = [counts for each in maps for counts in each.values()]
    return Table([[*each] for each in maps], rows_of(rows))


def pack_table(table: Table) -> bytes:
    """Return the maps of a table as bytes."""
    columns, stored = _stored(table.rows)
    rows, width = stored.shape
    planes = np.ascontiguousarray(stored.T).view(np.uint8).reshape(width, rows, 8)
    values = planes.transpose(0, 2, 1).tobytes()
    packed = _encode(_Packed(table.names, values, columns))
    return bytes(cramjam.zstd.compress(packed, _ZSTD_LEVEL))


def below(upper: NDArray[np.int64], lower: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of two tables of counts as one; columns that one lacks are zero in it."""
    end, width = len(upper), max(upper.shape[1], lower.shape[1])
    both = np.zeros((end + len(lower), width), dtype=np.result_type(upper, lower))
    both[:end, : upper.shape[1]] = upper
    both[end:, : lower.shape[1]] = lower
    return both


def unpack(packed: bytes) -> list[dict[str, Counts]]:
    """Return the maps of `pack`, of this or an earlier version. Raises PackingError."""
    return maps_of(table_of(packed))


def maps_of(table: Table) -> list[dict[str, Counts]]:
    """Return the maps of a table."""
    left = iter(as_counts(table.rows))
    return [dict(zip(each, left, strict=False)) for each in table.names]


def as_counts(rows: NDArray[np.int64]) -> list[Counts]:
    """Return rows as counts: a list ends with its last column that is not zero."""
    width = rows.shape[1]
    found: list[Counts] = rows.tolist()
    if width == CORE:
        return found
    used = np.where(rows[:, CORE:] != 0, np.arange(CORE + 1, width + 1), CORE).max(
        axis=1, initial=CORE
    )
    return [row[:end] for row, end in zip(found, used.tolist(), strict=True)]


def table_of(packed: bytes) -> Table:
    """Return the contents of packed maps as a table. Raises PackingError."""
    try:
        found = _decode(memoryview(cramjam.zstd.decompress(packed)))
        rows = sum(map(len, found.names))
        planes = np.frombuffer(found.values, np.uint8).reshape(-1, 8, rows) if rows else None
    except (cramjam.DecompressionError, msgspec.MsgspecError, ValueError) as error:
        raise PackingError(str(error)) from None
    if planes is None:
        return Table(found.names, np.zeros((0, CORE), dtype=np.int64))
    table = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(np.int64)[:, :, 0]
    columns = found.columns or [_SQUARES_HIGH] * (table.shape[1] - CORE)
    if table.shape[1] != CORE + len(columns):
        raise PackingError("the columns do not fit their names")
    return Table(found.names, _columns(table, columns))


def rows_of(counts: Sequence[Counts]) -> NDArray[np.int64]:
    """Return counts as rows, of int64 or of Python's integers."""
    width = max(map(len, counts), default=CORE)
    if any(len(row) < width for row in counts):
        counts = [row + [0] * (width - len(row)) for row in counts]
    try:
        return np.array(counts, dtype=np.int64).reshape(-1, width)
    except OverflowError:
        # Sums of squares pass 64 bits when an input claims absurd numbers of tokens.
        return np.array(counts, dtype=object).reshape(-1, width)


def _stored(rows: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of the columns after the first four, and all columns of rows as stored."""
    high = None
    if rows.dtype == object:
        rows, high = (rows & _LOW).astype(np.int64), (rows >> _LOW_BITS).astype(np.int64)
    elif rows.shape[1] == CORE:
        return [], rows
    names: list[str] = []
    stored = [rows[:, :CORE]]
    for number in range(CORE, rows.shape[1]):
        values = rows[:, number]
        if values.any() or (high is not None and high[:, number].any()):
            names.append(COLUMNS[number])
            stored.append(_difference(rows, number, values)[:, None])
    if high is not None:
        for number in np.flatnonzero(high.any(axis=0)).tolist():
            names.append(COLUMNS[number] + _HIGH)
            stored.append(high[:, number, None])
    return names, np.hstack(stored)


def _difference(
    table: NDArray[np.int64], number: int, values: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the values of a column as they are stored, and stored ones as they were."""
    repeated = _REPEATS.get(number)
    # Sums beyond 64 bits wrap around, and back.
    return values if repeated is None else table[:, repeated].sum(axis=1) - values


def _columns(stored: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int64]:
    """Return the columns by their numbers, with their high bits."""
    if not names:
        return stored
    numbers = [column(name.removesuffix(_HIGH)) for name in names]
    width = max(CORE, *(number + 1 for number in numbers))
    table = np.zeros((len(stored), width), dtype=np.int64)
    table[:, :CORE] = stored[:, :CORE]
    high = []
    for name, number, values in zip(names, numbers, stored[:, CORE:].T, strict=True):
        if name.endswith(_HIGH):
            if values.any():
                high.append((number, values))
        else:
            table[:, number] = _difference(table, number, values)
    if high:
        table = table.astype(object)
        for number, values in high:
            table[:, number] += values.astype(object) << _LOW_BITS
    return table
