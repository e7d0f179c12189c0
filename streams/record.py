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
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A record's headers: names and values, in their order.
Headers = Sequence[tuple[str, bytes | None]]

# baseOffset batchLength partitionLeaderEpoch magic crc attributes lastOffsetDelta baseTimestamp
# maxTimestamp producerId producerEpoch baseSequence records
HEADER = struct.Struct(">qiibIhiqqqhii")
#: What a batch's length does not count: base offset and length.
BEFORE_LENGTH = 12
_MAGIC_AT = 16
_OFFSET, _LENGTH_AT, _INT = struct.Struct(">q"), struct.Struct(">qi"), struct.Struct(">i")
_LAST_DELTA_AT, _RECORDS_AT = 23, 57
_CRC, _CRC_AT, _CRC_FROM = struct.Struct(">I"), 17, 21
_ATTRIBUTES, _ATTRIBUTES_AT = struct.Struct(">H"), 21
_CODEC_BITS, _APPEND_TIME_BIT = 0b111, 0b1000

#: Length, attributes, two deltas, sizes of key and value, number of headers: a byte each.
_LEAST_RECORD_BYTES = 7

#: Room for batches as most clients make them, and for the largest that is uncompressed in one go.
ROOM_BYTES, MOST_ROOM_BYTES = 1024 * 1024, 8 * 1024 * 1024

#: What snappy's Java client writes: this, two versions, and blocks with their length.
XERIAL, XERIAL_HEADER_BYTES = b"\x82SNAPPY\0", 16


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

    def without_compression(self, raw: bytes | memoryview) -> bytes | memoryview:
        """Return the batch that this one is of, `raw`, as one that is not compressed."""
        if not codec_of(raw):
            return raw
        return uncompressed(raw, bytes(self.data[self.start :]), self.records)


def is_scannable(raw: bytes | memoryview) -> bool:
    """Tell whether a batch is of magic 2: older ones, from before Kafka 0.11, are hardly left."""
    return len(raw) > _MAGIC_AT and raw[_MAGIC_AT] == 2


def base_offset(raw: bytes | memoryview) -> int:
    """Return the first offset of a batch of magic 2."""
    return int(_OFFSET.unpack_from(raw)[0])


def first_offset(raw: bytes | memoryview) -> int:
    """Return the offset of a batch's first record; compressed, its base offset."""
    if codec_of(raw) or records_in(raw) <= 0:
        return base_offset(raw)
    source = _Bytes(bytes(raw[HEADER.size : HEADER.size + 32]), 0)
    try:
        source.varint()
        source.take(1)
        source.varint()
        return base_offset(raw) + source.varint()
    except CorruptBatchError:
        return base_offset(raw)


def records_in(raw: bytes | memoryview) -> int:
    """Return how many records a batch of magic 2 says it has."""
    return int(_INT.unpack_from(raw, _RECORDS_AT)[0])


def codec_of(raw: bytes | memoryview) -> int:
    """Return the number of a batch's compression, 0 for none."""
    return _attributes(raw) & _CODEC_BITS


def _attributes(raw: bytes | memoryview) -> int:
    return int(_ATTRIBUTES.unpack_from(raw, _ATTRIBUTES_AT)[0])


def is_intact(raw: memoryview) -> bool:
    """Tell whether a batch of magic 2 is as its checksum (CRC-32C) says."""
    (told,) = _CRC.unpack_from(raw, _CRC_AT)
    return bool(google_crc32c.value(bytes(raw[_CRC_FROM:])) == told)


class Room:
    """Memory that batches are uncompressed into, one after the other.

    Memory that is asked for anew costs the kernel more than uncompressing into it. And there is no
    more of it than this, whatever a batch becomes.
    """

    def __init__(self, size: int = ROOM_BYTES) -> None:
        self._bytes = bytearray(size)

    def filled(self, codec: int, data: memoryview) -> memoryview | None:
        """Return what data is uncompressed, until the next call; None where there is no room.

        None as well where it cannot be uncompressed: to tell which takes another look. For what is
        a little too large there is room the next time.
        """
        try:
            size = _INTO[codec](data, self._bytes)
        except cramjam.DecompressionError:
            if len(self._bytes) < MOST_ROOM_BYTES:
                self._bytes = bytearray(2 * len(self._bytes))
            return None
        return memoryview(self._bytes)[:size]


def unpack(raw: bytes | memoryview, room: Room | None = None) -> RecordBatch | None:
    """Uncompress one record batch of magic 2. Raises CorruptBatchError.

    With `room` its data may lie there, and are gone with the next batch. None where it does not fit
    or cannot be uncompressed: `streams.large_batch` reads it, or says why not.
    """
    if len(raw) < HEADER.size or not is_scannable(raw):
        raise CorruptBatchError("no record batch of magic 2")
    (base_offset, _, _, _, _, _, _, first, latest, _, _, _, count) = HEADER.unpack_from(raw)
    data, start = memoryview(raw), HEADER.size
    codec = codec_of(raw)
    if codec:
        if codec not in _INTO:
            raise CorruptBatchError(f"unknown compression {codec}")
        found = (room or Room(MOST_ROOM_BYTES)).filled(codec, data[start:])
        if found is None:
            return None
        data, start = found, 0
    if not 0 <= count * _LEAST_RECORD_BYTES <= len(data) - start:
        raise CorruptBatchError(f"{count} records in {len(data) - start} bytes")
    append_time = latest if _attributes(raw) & _APPEND_TIME_BIT else -1
    return RecordBatch(data, start, count, base_offset, first, append_time)


def uncompressed(raw: bytes | memoryview, body: bytes, records: int) -> bytes:
    """Return some of a batch's records, uncompressed, as a batch: `body` holds `records` of them.

    Its base offset and times are the whole one's, which the records count theirs from. Nobody asks
    for the checksum of bytes that never left.
    """
    data = bytearray(raw[: HEADER.size])
    _LENGTH_AT.pack_into(data, 0, base_offset(raw), HEADER.size - BEFORE_LENGTH + len(body))
    _ATTRIBUTES.pack_into(data, _ATTRIBUTES_AT, _attributes(raw) & ~_CODEC_BITS)
    _INT.pack_into(data, _RECORDS_AT, records)
    return bytes(data) + body


def snappy_blocks(data: memoryview) -> Iterator[memoryview]:
    """Yield the blocks of what snappy has compressed, in either of the two ways that clients do."""
    if data[: len(XERIAL)] != XERIAL:
        yield data
        return
    at = XERIAL_HEADER_BYTES
    while at < len(data):
        if at + _INT.size > len(data):
            raise cramjam.DecompressionError("a block of snappy is cut off")
        (size,) = _INT.unpack_from(data, at)
        at += _INT.size
        if not 0 < size <= len(data) - at:
            raise cramjam.DecompressionError("a block of snappy is cut off")
        yield data[at : at + size]
        at += size


def _unsnap(data: memoryview, into: bytearray) -> int:
    size, room = 0, memoryview(into)
    for block in snappy_blocks(data):
        if cramjam.snappy.decompress_raw_len(block) > len(room) - size:
            raise cramjam.DecompressionError("no room")
        size += cramjam.snappy.decompress_raw_into(block, room[size:])
    return size


#: Uncompress into memory that is there, by codec: gzip, snappy, lz4 and zstd.
_INTO: dict[int, Callable[[memoryview, bytearray], int]] = {
    1: cramjam.gzip.decompress_into,
    2: _unsnap,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}


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

    Of magic 2 it is one that `unpack` has room for. aiokafka's compiled reader does it, ten times
    as fast as `records_of`; that one is for batches with names of headers that are not UTF-8, which
    aiokafka cannot read. Raises CorruptBatchError.
    """
    try:
        return list(MemoryRecords(bytes(raw)).next_batch() or ())
    except UnicodeDecodeError:
        batch = unpack(raw)
        if batch is None:
            raise CorruptBatchError("cannot be uncompressed") from None
        return list(records_of(batch))
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
    return range(first, first + int(_INT.unpack_from(raw, _LAST_DELTA_AT)[0]) + 1)


def headers_of(raw: bytes) -> Headers:
    """Return a record's headers from their bytes; none where they are cut off."""
    source = _Bytes(raw, 0)
    try:
        return [_header(source) for _ in range(min(source.varint(), len(raw)))]
    except CorruptBatchError:
        return ()


def _header(source: _Bytes) -> tuple[str, bytes | None]:
    return (source.field() or b"").decode(errors="backslashreplace"), source.field()


class Source:
    """Bytes that are read from the front. Raises CorruptBatchError at their end."""

    def take(self, size: int) -> bytes:
        """Take the next bytes."""
        raise NotImplementedError

    def varint(self) -> int:
        """Take a number as Kafka writes it: zigzag, seven bits a byte, the low ones first."""
        value = 0
        for shift in range(0, 70, 7):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
        raise CorruptBatchError("a number of more than 64 bits")


class _Bytes(Source):
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


def varint(number: int) -> bytes:
    """Return a number as `Source.varint` takes it."""
    rest = number << 1 ^ number >> 63
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)
