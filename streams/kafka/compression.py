"""Decompress gzip, snappy, lz4 and zstd into a buffer that is used again."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cramjam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INT = struct.Struct(">i")

#: Enough for the batches of most clients, and for the largest that is decompressed in one go.
BUFFER_BYTES, MAX_BUFFER_BYTES = 1024 * 1024, 8 * 1024 * 1024

#: The format of snappy's Java client: this, two versions, and blocks with their length.
XERIAL, XERIAL_HEADER_BYTES = b"\x82SNAPPY\0", 16


class DecompressionBuffer:
    """Memory that batches are decompressed into, one after the other.

    New memory for each batch costs the kernel more time than the decompression. The buffer is also
    a limit, whatever size a batch decompresses to. It is allocated when the first batch needs it.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = BUFFER_BYTES if size is None else size
        self._bytes = bytearray()

    def decompress(self, codec: int, data: memoryview) -> memoryview | None:
        """Decompress data; None if it does not fit.

        None as well if it is damaged: the decompressors do not say which. The result is valid until
        the next call. A buffer that is too small is doubled for the next call, up to
        `MAX_BUFFER_BYTES`.
        """
        if len(self._bytes) < self._size:
            self._bytes = bytearray(self._size)
        try:
            size = DECOMPRESSORS[codec](data, self._bytes)
        except cramjam.DecompressionError:
            if self._size < MAX_BUFFER_BYTES:
                self._size *= 2
            return None
        return memoryview(self._bytes)[:size]


def snappy_blocks(data: memoryview) -> Iterator[memoryview]:
    """Yield the blocks of data in either of the two formats of snappy that clients write.

    Raises cramjam.DecompressionError.
    """
    if data[: len(XERIAL)] != XERIAL:
        yield data
        return
    at = XERIAL_HEADER_BYTES
    while at < len(data):
        if data[at : at + len(XERIAL)] == XERIAL:
            # Several streams, one after the other.
            at += XERIAL_HEADER_BYTES
            continue
        if at + _INT.size > len(data):
            raise cramjam.DecompressionError("a block of snappy is cut off")
        (size,) = _INT.unpack_from(data, at)
        at += _INT.size
        if not 0 < size <= len(data) - at:
            raise cramjam.DecompressionError("a block of snappy is cut off")
        yield data[at : at + size]
        at += size


def _decompress_snappy(data: memoryview, buffer: bytearray) -> int:
    size, view = 0, memoryview(buffer)
    for block in snappy_blocks(data):
        if cramjam.snappy.decompress_raw_len(block) > len(view) - size:
            raise cramjam.DecompressionError("the buffer is too small")
        size += cramjam.snappy.decompress_raw_into(block, view[size:])
    return size


#: Functions that decompress data into a buffer and return the size, by Kafka's number of the codec:
#: gzip, snappy, lz4 and zstd.
DECOMPRESSORS: dict[int, Callable[[memoryview, bytearray], int]] = {
    1: cramjam.gzip.decompress_into,
    2: _decompress_snappy,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}
