"""Kafka's records, as they lie in the bytes of a record batch.

Format: https://kafka.apache.org/documentation/#recordbatch (magic 2, all that Kafka 4 writes).
Kafka says that a header's name is UTF-8 and stores any bytes all the same: here such a record is
one like others, and its name has escapes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import cramjam
import google_crc32c
from aiokafka.codec import snappy_decode
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A record's headers: names and values, in their order.
Headers = Sequence[tuple[str, bytes | None]]

# baseOffset batchLength partitionLeaderEpoch magic crc attributes lastOffsetDelta baseTimestamp
# maxTimestamp producerId producerEpoch baseSequence records
_HEADER = struct.Struct(">qiibIhiqqqhii")
_MAGIC_AT = 16
_OFFSET, _LAST_DELTA, _LAST_DELTA_AT = struct.Struct(">q"), struct.Struct(">i"), 23
_CRC, _CRC_AT, _CRC_FROM = struct.Struct(">I"), 17, 21
_CODEC_BITS, _APPEND_TIME_BIT = 0b111, 0b1000

#: Length, attributes, two deltas, sizes of key and value, number of headers: a byte each.
_LEAST_RECORD_BYTES = 7


#: Room for batches as most clients make them, and for the largest that is kept.
_ROOM_BYTES, _MOST_ROOM_BYTES = 1024 * 1024, 32 * 1024 * 1024

#: Uncompress into memory that is there, by codec: lz4 and zstd.
_INTO: dict[int, Callable[[memoryview, bytearray], int]] = {
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}


class CorruptBatchError(Exception):
    """The bytes of a batch are not what its header says."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `timestamp` in milliseconds. A header's name has escapes where it is no text."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class RecordBatch(NamedTuple):
    """A record batch, uncompressed: `records` of them in `data` from `start` on.

    Timestamps are in milliseconds; `append_time` is negative where each record has its own.
    """

    data: bytes | memoryview
    start: int
    records: int
    base_offset: int
    first_timestamp: int
    append_time: int


def is_scannable(raw: bytes | memoryview) -> bool:
    """Tell whether a batch is of magic 2: older ones, from before Kafka 0.11, are hardly left."""
    return len(raw) > _MAGIC_AT and raw[_MAGIC_AT] == 2


def base_offset(raw: bytes | memoryview) -> int:
    """Return the first offset of a batch of magic 2."""
    return int(_OFFSET.unpack_from(raw)[0])


def records_in(raw: bytes | memoryview) -> int:
    """Return how many records a batch of magic 2 says it has."""
    return int(_HEADER.unpack_from(raw)[-1])


def is_intact(raw: memoryview) -> bool:
    """Tell whether a batch of magic 2 is as its checksum (CRC-32C) says."""
    (told,) = _CRC.unpack_from(raw, _CRC_AT)
    return bool(google_crc32c.value(bytes(raw[_CRC_FROM:])) == told)


class Room:
    """Memory that batches are uncompressed into, one after the other.

    Memory that is asked for anew costs the kernel more than uncompressing into it.
    """

    def __init__(self) -> None:
        self._bytes = bytearray(_ROOM_BYTES)

    def filled(
        self, codec: Callable[[memoryview, bytearray], int], data: memoryview
    ) -> memoryview | None:
        """Return what data is uncompressed, until the next call; None where there is no room."""
        try:
            size = codec(data, self._bytes)
        except cramjam.DecompressionError:
            return None
        return memoryview(self._bytes)[:size]

    def grow(self, size: int) -> None:
        """Have room for so many bytes the next time, where they are not very many."""
        if len(self._bytes) < size <= _MOST_ROOM_BYTES // 2:
            self._bytes = bytearray(2 * size)


def unpack(raw: bytes | memoryview, room: Room | None = None) -> RecordBatch:
    """Uncompress one record batch of magic 2. Raises CorruptBatchError.

    With `room` its data may lie there, and are gone with the next batch.
    """
    if len(raw) < _HEADER.size or not is_scannable(raw):
        raise CorruptBatchError("no record batch of magic 2")
    (base_offset, _, _, _, _, attributes, _, first, latest, _, _, _, count) = _HEADER.unpack_from(
        raw
    )
    data, start = memoryview(raw), _HEADER.size
    codec = attributes & _CODEC_BITS
    if codec:
        data, start = _uncompress(codec, data[start:], room), 0
    if not 0 <= count * _LEAST_RECORD_BYTES <= len(data) - start:
        raise CorruptBatchError(f"{count} records in {len(data) - start} bytes")
    append_time = latest if attributes & _APPEND_TIME_BIT else -1
    return RecordBatch(data, start, count, base_offset, first, append_time)


def _uncompress(codec: int, data: memoryview, room: Room | None) -> memoryview:
    into = _INTO.get(codec)
    if room is None or into is None:
        return _uncompressed(codec, data)
    found = room.filled(into, data)
    if found is None:
        found = _uncompressed(codec, data)
        room.grow(len(found))
    return found


def _uncompressed(codec: int, data: memoryview) -> memoryview:
    try:
        match codec:
            case 1:
                return memoryview(cramjam.gzip.decompress(data))
            case 2:
                return memoryview(snappy_decode(bytes(data)))
            case 3:
                return memoryview(cramjam.lz4.decompress(data))
            case 4:
                return memoryview(cramjam.zstd.decompress(data))
    except cramjam.DecompressionError as error:
        raise CorruptBatchError(f"cannot be uncompressed: {error}") from None
    raise CorruptBatchError(f"unknown compression {codec}")


def records_of(batch: RecordBatch) -> Iterator[Record]:
    """Return the records of a batch. Raises CorruptBatchError where it is cut off."""
    source = _Bytes(bytes(batch.data), batch.start)
    for _ in range(batch.records):
        end = source.varint() + source.at
        source.take(1)
        timestamp = batch.first_timestamp + source.varint()
        if batch.append_time >= 0:
            timestamp = batch.append_time
        offset = batch.base_offset + source.varint()
        key, value = source.field(), source.field()
        headers = [_header(source) for _ in range(source.varint())]
        source.at = end
        yield Record(offset, timestamp, key, value, headers)


def read(raw: bytes | memoryview) -> Sequence[Any]:
    """Return the records of one batch of any magic, each with the fields of `Record`.

    aiokafka's compiled reader does it, ten times as fast as `records_of`; that one is for batches
    with names of headers that are not UTF-8, which aiokafka cannot read. Raises CorruptBatchError.
    """
    try:
        return list(MemoryRecords(bytes(raw)).next_batch() or ())
    except UnicodeDecodeError:
        return list(records_of(unpack(raw)))
    except (CorruptRecordException, cramjam.DecompressionError) as error:
        raise CorruptBatchError(str(error)) from None


def at_offsets(batches: Iterable[bytes | memoryview], offsets: Iterable[int]) -> dict[int, Any]:
    """Return the records at these offsets, for the few that have to be had whole."""
    wanted = set(offsets)
    return {
        record.offset: record
        for raw in batches
        if not is_scannable(raw) or not wanted.isdisjoint(_offsets(raw))
        for record in read(raw)
        if record.offset in wanted
    }


def _offsets(raw: bytes | memoryview) -> range:
    first = base_offset(raw)
    return range(first, first + int(_LAST_DELTA.unpack_from(raw, _LAST_DELTA_AT)[0]) + 1)


def headers_of(raw: bytes) -> Headers:
    """Return a record's headers from their bytes; none where they are cut off."""
    source = _Bytes(raw, 0)
    try:
        return [_header(source) for _ in range(min(source.varint(), len(raw)))]
    except CorruptBatchError:
        return ()


def _header(source: _Bytes) -> tuple[str, bytes | None]:
    return (source.field() or b"").decode(errors="backslashreplace"), source.field()


class _Bytes:
    """Bytes that are read from the front. Raises CorruptBatchError at their end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) != size:
            raise CorruptBatchError("the batch is cut off")
        self.at += size
        return taken

    def field(self) -> bytes | None:
        size = self.varint()
        return None if size < 0 else self.take(size)

    def varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
