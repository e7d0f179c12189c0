"""A record batch that is too large to decompress at once, read in parts.

A few kilobytes of zstd can decompress to gigabytes, and Kafka stores them: its limit applies to the
compressed size. Such a batch is decompressed a little at a time and returned in parts, each a batch
of magic 2 without compression, whose records keep their offsets. Every record is read; of a record
that is itself above the limit, the beginning is kept.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Protocol

import cramjam
import lz4.frame

from streams.kafka import compression, record_batch
from streams.kafka.record_batch import CorruptBatchError, varint

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The header of a record whose key, value or headers are not whole: the size of its value.
TRUNCATED = "tokenshare.truncated_bytes"

#: About how much is decompressed at a time, and about how much a part holds: bytes and records.
CHUNK_BYTES, PART_BYTES, PART_RECORDS = 256 * 1024, 1024 * 1024, 8192

#: One byte of snappy decompresses to at most so many: a copy of 64 bytes is written as three.
_SNAPPY_RATIO = 22
_ERRORS = (cramjam.DecompressionError, zlib.error, ZstdError, RuntimeError, EOFError)


def parts(raw: bytes | memoryview, limit: int) -> Iterator[bytes]:
    """Yield the records of a batch of magic 2 as batches without compression, in their order.

    A part holds about `PART_BYTES`, or one larger record. Of such a record, `limit` bytes of the
    key are kept, `limit + 1` of the value, so that it is still too large for a reader with that
    limit, and headers of up to `limit`; where something is left out, the header `TRUNCATED` has the
    value's size. Raises CorruptBatchError, after the parts before it.
    """
    left = record_batch.records_in(raw)
    source = _Source(
        _chunks(record_batch.codec_of(raw), memoryview(raw)[record_batch.HEADER.size :])
    )
    while left > 0:
        source.fill(PART_BYTES)
        size, count = _whole_records(source.held, min(left, PART_RECORDS))
        if count:
            body = source.take(size)
        else:
            body, count = _shortened(source, limit), 1
        left -= count
        yield record_batch.uncompressed(raw, body, count)


def _whole_records(held: bytearray, limit: int) -> tuple[int, int]:
    """Return how many bytes and records at the front are whole, at most `limit` records."""
    size, end = len(held), 0
    for count in range(limit):
        value, at = 0, end
        for shift in range(0, 70, 7):
            if at == size:
                return end, count
            byte = held[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        at += (value >> 1) ^ -(value & 1)
        if not end < at <= size:
            return end, count
        end = at
    return end, limit


def _shortened(source: _Source, limit: int) -> bytes:
    """Take a record of any size; return it, shortened as described at `parts`."""
    length = source.varint()
    end = source.taken + length
    plain = source.take(1) + varint(source.varint()) + varint(source.varint())
    key_size = source.varint()
    key = source.first(key_size, limit)
    value_size = source.varint()
    value = source.first(value_size, limit + 1)
    count = source.varint()
    rest = end - source.taken
    if rest < 0:
        raise CorruptBatchError("a record is longer than its declared length")
    headers = source.first(rest, limit)
    if len(headers) < rest:
        count, headers = 0, b""
    if len(key) < key_size or len(value) < value_size or len(headers) < rest:
        name, size = TRUNCATED.encode(), b"%d" % max(value_size, 0)
        headers += varint(len(name)) + name + varint(len(size)) + size
        count += 1
    body = (
        plain
        + varint(-1 if key_size < 0 else len(key))
        + key
        + varint(-1 if value_size < 0 else len(value))
        + value
        + varint(count)
        + headers
    )
    return varint(len(body)) + body


class _Source(record_batch.Source):
    """Bytes from an iterator of chunks, of which only the next ones are held."""

    def __init__(self, chunks: Iterator[bytes | memoryview]) -> None:
        self._chunks = chunks
        self._damage: CorruptBatchError | None = None
        self.held = bytearray()
        self.taken = 0

    def fill(self, size: int) -> bool:
        """Hold this many bytes, or all that are left; return whether there are as many.

        Bytes after the last record have no meaning: Kafka and other clients do not read them. So an
        error is raised only when bytes after it are taken.
        """
        while len(self.held) < size:
            try:
                chunk = next(self._chunks, None)
            except CorruptBatchError as error:
                self._damage, chunk = error, None
            if chunk is None:
                return False
            self.held += chunk
        return True

    def take(self, size: int) -> bytes:
        """Take the next bytes, few enough for memory."""
        if size < 0 or not self.fill(size):
            raise self._damage or CorruptBatchError(record_batch.CUT_OFF)
        taken = bytes(memoryview(self.held)[:size])
        del self.held[:size]
        self.taken += size
        return taken

    def first(self, size: int, limit: int) -> bytes:
        """Take any number of bytes and return the first of them, at most `limit`."""
        left = max(size, 0)
        kept = self.take(min(left, limit))
        left -= len(kept)
        while left:
            left -= len(self.take(min(left, CHUNK_BYTES)))
        return kept


class _Decompressor(Protocol):
    """The interface of Python's own modules of compression, except zlib."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib with the interface of the others: it keeps unread input in an attribute of its own."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(data or self._zlib.unconsumed_tail, max_length)


_DECOMPRESSORS: dict[int, Callable[[], _Decompressor]] = {
    1: _Gzip,
    3: lz4.frame.LZ4FrameDecompressor,
    4: ZstdDecompressor,
}


def _chunks(codec: int, data: memoryview) -> Iterator[bytes | memoryview]:
    """Yield the decompressed data, a little at a time. Raises CorruptBatchError."""
    try:
        if codec == 0:
            yield from (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))
        elif codec == 2:
            yield from map(_snappy_block, compression.snappy_blocks(data))
        elif codec in _DECOMPRESSORS:
            yield from _frames(_DECOMPRESSORS[codec], bytes(data))
        else:
            raise CorruptBatchError(f"unknown compression {codec}")
    except _ERRORS as error:
        raise CorruptBatchError(f"cannot be decompressed: {error}") from None


def _frames(new: Callable[[], _Decompressor], data: bytes) -> Iterator[bytes]:
    # Some clients write several frames, one after the other.
    while data:
        frame = new()
        while not frame.eof:
            chunk = frame.decompress(data, CHUNK_BYTES)
            data = b""
            if not chunk and not frame.eof:
                raise CorruptBatchError("cannot be decompressed: it is cut off")
            yield chunk
        data = frame.unused_data


def _snappy_block(block: memoryview) -> memoryview:
    size = cramjam.snappy.decompress_raw_len(block)
    if size > _SNAPPY_RATIO * len(block):
        raise CorruptBatchError(f"cannot be decompressed: {len(block)} bytes claim to be {size}")
    return memoryview(cramjam.snappy.decompress_raw(block))
