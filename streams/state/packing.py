"""Pack counts by name into few bytes: the form of a pane in Kafka and in memory at rest.

Names and numbers are stored separately, and the numbers byte by byte over all rows: the high bytes
are nearly all zero and the low ones nearly random, so zstd compresses each kind well. JSON of the
same counts is four to five times as long, and half as much again as this when compressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cramjam
import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streams.state.pane import Counts

#: Higher levels take several times as long and save nothing: the remainder is noise.
_ZSTD_LEVEL = 1
#: The low bits of a number, in its own column; the bits above go to a fifth column.
_LOW_BITS = 62

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[list[str]], bytes]).decode


class PackingError(ValueError):
    """These bytes do not come from `pack`."""


def pack(*maps: dict[str, Counts]) -> bytes:
    """Return the maps as bytes."""
    table = _table([counts for each in maps for counts in each.values()])
    rows, columns = table.shape
    planes = np.ascontiguousarray(table.T).view(np.uint8).reshape(columns, rows, 8)
    values = planes.transpose(0, 2, 1).tobytes()
    return bytes(cramjam.zstd.compress(_encode(([[*each] for each in maps], values)), _ZSTD_LEVEL))


def unpack(packed: bytes) -> list[dict[str, Counts]]:
    """Return the maps of `pack`. Raises PackingError."""
    try:
        names, values = _decode(memoryview(cramjam.zstd.decompress(packed)))
        rows = sum(map(len, names))
        planes = np.frombuffer(values, dtype=np.uint8).reshape(-1, 8, rows) if rows else None
    except (cramjam.DecompressionError, msgspec.MsgspecError, ValueError) as error:
        raise PackingError(str(error)) from None
    if planes is None:
        return [{} for _ in names]
    table = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(np.int64)[:, :, 0]
    counts = iter(_counts(table))
    return [dict(zip(each, counts, strict=False)) for each in names]


def _table(rows: Sequence[Counts]) -> NDArray[np.int64]:
    """Return one row of four or five columns for each item of `rows`."""
    try:
        return np.array(rows, dtype=np.int64).reshape(-1, 4)
    except OverflowError:
        # Sums of squares pass 64 bits when an input claims absurd numbers of tokens.
        low = (1 << _LOW_BITS) - 1
        split = [[*row[:3], row[3] & low, row[3] >> _LOW_BITS] for row in rows]
        return np.array(split, dtype=np.int64)


def _counts(table: NDArray[np.int64]) -> list[Counts]:
    rows: list[Counts] = table[:, :4].tolist()
    if table.shape[1] > 4:
        for row, high in zip(rows, table[:, 4].tolist(), strict=True):
            row[3] += high << _LOW_BITS
    return rows
