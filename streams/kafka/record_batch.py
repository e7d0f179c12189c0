"""Kafka's records, as they lie in the bytes of a record batch.

Format: https://kafka.apache.org/documentation/#recordbatch (magic 2, all that Kafka 4 writes).
Kafka says that a header's name is UTF-8 and stores any bytes all the same: here such a record is
one like others, and its name has escapes.
"""

from __future__ import annotations

import contextlib
import operator
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import cramjam
import google_crc32c
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

_UINT64 = 2**64 - 1

#: What is wrong with a batch, where more than one place finds it.
CUT_OFF = "the batch is cut off"
OUT_OF_ORDER = "its offsets do not ascend within the batch"

#: Length, attributes, two deltas, sizes of key and value, number of headers: a byte each.
_LEAST_RECORD_BYTES = 7

#: Room for batches as most clients make them, and for the largest that is uncompressed in one go.
ROOM_BYTES, MOST_ROOM_BYTES = 1024 * 1024, 8 * 1024 * 1024

#: What snappy's Java client writes: this, two versions, and blocks with their length.
XERIAL, XERIAL_HEADER_BYTES = b"\x82SNAPPY\0", 16


class CorruptBatchError(Exception):
    """The bytes of a batch are not what its header says."""


class Record(NamedTuple):
    """One record; `timestamp` in milliseconds. A header name that is not UTF-8 has escapes."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class RecordBatch(NamedTuple):
    """A record batch, decompressed: `records` of them in `data` from `start` on.

    Timestamps are in milliseconds; `append_time` is negative where each record has its own.
    Offsets of records lie between `base_offset` and `last_offset`, both included, and ascend by
    one; where a batch has fewer records than offsets, as compaction leaves it, they have holes.
    """

    data: bytes | memoryview
    start: int
    records: int
    base_offset: int
    first_timestamp: int
    append_time: int
    last_offset: int

    def without_compression(self, raw: bytes | memoryview) -> bytes | memoryview:
        """Return the batch that this one is of, `raw`, as one that is not compressed."""
        if not codec_of(raw):
            return raw
        return uncompressed(raw, bytes(self.data[self.start :]), self.records)


def is_scannable(raw: bytes | memoryview) -> bool:
    """Tell whether a batch is of magic 2: older ones, from before Kafka 0.11, are hardly left."""
    return len(raw) > _MAGIC_AT and raw[_MAGIC_AT] == 2


def base_offset(raw: bytes | memoryview) -> int:
    """Return the first offset of a batch of magic 2; 0 where not even that is there."""
    return int(_OFFSET.unpack_from(raw)[0]) if len(raw) >= _OFFSET.size else 0


def last_offset(raw: bytes | memoryview) -> int:
    """Return the last offset of a batch, as its header says.

    A batch older than magic 2 has its last offset where newer ones have their first. A header that
    is cut off, or that goes backwards, has the first.
    """
    if not is_scannable(raw) or len(raw) < _LAST_DELTA_AT + _INT.size:
        return base_offset(raw)
    return base_offset(raw) + max(0, int(_INT.unpack_from(raw, _LAST_DELTA_AT)[0]))


def records_in(raw: bytes | memoryview) -> int:
    """Return how many records a batch of magic 2 says it has; 0 where its header is cut off."""
    return int(_INT.unpack_from(raw, _RECORDS_AT)[0]) if len(raw) >= HEADER.size else 0


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
    or cannot be uncompressed: `streams.kafka.oversized_batch` reads it, or says why not.
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
    if count < 0:
        raise CorruptBatchError(f"{count} records")
    # A header may claim any number: the reader notices where it is more than there are.
    count = min(count, (len(data) - start) // _LEAST_RECORD_BYTES)
    append_time = latest if _attributes(raw) & _APPEND_TIME_BIT else -1
    return RecordBatch(data, start, count, base_offset, first, append_time, last_offset(raw))


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
        if data[at : at + len(XERIAL)] == XERIAL:
            # Several streams, one behind the other.
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


def is_dense(raw: bytes | memoryview) -> bool:
    """Return whether a batch has a record for each of its offsets, as every producer makes it."""
    return records_in(raw) == last_offset(raw) - base_offset(raw) + 1


def records_of(
    batch: RecordBatch, after: int | None = None, *, dense: bool = False
) -> Iterator[Record]:
    """Return the records of a batch. Raises CorruptBatchError at the first one that is damaged.

    Their offsets are above `after` (None: from the batch's first offset on), where `dense` each by
    one.
    """
    source = _Bytes(bytes(batch.data), batch.start)
    last = batch.base_offset - 1 if after is None else after
    for _ in range(batch.records):
        record = _Bytes(source.take(source.varint()), 1)
        timestamp = _int64(batch.first_timestamp + record.varint())
        if batch.append_time >= 0:
            timestamp = batch.append_time
        offset = _int64(batch.base_offset + record.varint())
        if not last < offset <= (last + 1 if dense else batch.last_offset):
            raise CorruptBatchError(OUT_OF_ORDER)
        last = offset
        yield Record(offset, timestamp, record.field(), record.field(), record.headers())


def sound_records(
    batch: RecordBatch, raw: bytes | memoryview, after: int, *, dense: bool
) -> tuple[list[Record], str]:
    """Return the records of a batch up to the first damaged one, and what is wrong with that one.

    `raw` is the batch that `batch` was unpacked from; offsets are as `records_of` has them.
    aiokafka's compiled reader is ten times as fast, but refuses what other clients read, such as
    header names that are not UTF-8, and does not compare offsets.
    """
    with contextlib.suppress(CorruptBatchError):
        read_whole = read(batch.without_compression(raw))
        offsets = [after, *(each.offset for each in read_whole), batch.last_offset + 1]
        steps = map(operator.sub, offsets[1:-1], offsets)
        is_in_order = (
            all(step == 1 for step in steps)
            if dense
            else all(map(operator.lt, offsets, offsets[1:]))
        )
        if len(read_whole) == batch.records and is_in_order:
            return [
                Record(each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                for each in read_whole
            ], ""
    found: list[Record] = []
    try:
        # Extending keeps what comes before the error.
        found.extend(records_of(batch, after, dense=dense))
    except CorruptBatchError as error:
        return found, str(error)
    return found, ""


def read(raw: bytes | memoryview) -> Sequence[Any]:
    """Return the records of one batch of any magic, each with the fields of `Record`.

    aiokafka's compiled reader does it; where that cannot, and the batch is of magic 2,
    `records_of`. Raises CorruptBatchError.
    """
    if len(raw) > _MAGIC_AT and raw[_MAGIC_AT] > 2:
        raise CorruptBatchError(f"unknown magic {raw[_MAGIC_AT]}")
    try:
        return list(MemoryRecords(bytes(raw)).next_batch() or ())
    except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise: they are corrupt
        if not is_scannable(raw):
            raise CorruptBatchError(f"cannot be read: {type(error).__name__}") from None
    batch = unpack(raw)
    if batch is None:
        raise CorruptBatchError("cannot be decompressed")
    return list(records_of(batch))


def at_offsets(batches: Iterable[bytes | memoryview], offsets: Iterable[int]) -> dict[int, Record]:
    """Return the records at these offsets, for the few that are needed whole.

    A record that cannot be read is left out.
    """
    wanted = set(offsets)
    found: dict[int, Record] = {}
    for raw in batches:
        if wanted and (not is_scannable(raw) or not wanted.isdisjoint(_offsets(raw))):
            records = _read_leniently(raw, max(wanted))
            found.update((each.offset, each) for each in records if each.offset in wanted)
    return found


def _read_leniently(raw: bytes | memoryview, last: int) -> Iterator[Record]:
    with contextlib.suppress(CorruptBatchError):
        if not is_scannable(raw):
            yield from read(raw)
            return
        batch = unpack(raw)
        for each in () if batch is None else records_of(batch):
            if each.offset > last:
                return
            yield each


def _offsets(raw: bytes | memoryview) -> range:
    return range(base_offset(raw), last_offset(raw) + 1)


def headers_of(raw: bytes) -> Headers:
    """Return a record's headers from their bytes; none where they are cut off."""
    return _Bytes(raw, 0).headers()


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
                value &= _UINT64
                return (value >> 1) ^ -(value & 1)
        raise CorruptBatchError("a number of more than 64 bits")


class _Bytes(Source):
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size] if size > 0 else b""
        if len(taken) != size:
            raise CorruptBatchError(CUT_OFF)
        self.at += size
        return taken

    def field(self) -> bytes | None:
        # Every negative length is null, as Kafka's own client has it.
        size = self.varint()
        return None if size < 0 else self.take(size)

    def headers(self) -> Headers:
        try:
            return tuple(_header(self) for _ in range(min(self.varint(), len(self.data))))
        except CorruptBatchError:
            return ()


def _int64(number: int) -> int:
    """Return a sum of two int64 as int64 arithmetic has it."""
    return (number + 2**63 & _UINT64) - 2**63


def varint(number: int) -> bytes:
    """Return a number as `Source.varint` takes it."""
    rest = number << 1 ^ number >> 63
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)
