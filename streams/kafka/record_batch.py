"""The bytes of a record batch: header, checksum, records, varints.

Format: https://kafka.apache.org/documentation/#recordbatch (magic 2, all that Kafka 4 writes).
Kafka defines a header's name as UTF-8 and stores any bytes all the same: such a record is read like
others, with escapes in the name.
"""

from __future__ import annotations

import contextlib
import operator
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import google_crc32c
from aiokafka.record.memory_records import MemoryRecords

from streams.kafka import compression
from streams.kafka.compression import DecompressionBuffer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A record's headers: names and values, in their order.
Headers = Sequence[tuple[str, bytes | None]]

# baseOffset batchLength partitionLeaderEpoch magic crc attributes lastOffsetDelta baseTimestamp
# maxTimestamp producerId producerEpoch baseSequence records
HEADER = struct.Struct(">qiibIhiqqqhii")
#: Base offset and length, which are not part of a batch's length.
_BEFORE_LENGTH = 12
_EPOCH_AT = 12
_MAGIC_AT = 16
_OFFSET, _LENGTH_AT, _INT = struct.Struct(">q"), struct.Struct(">qi"), struct.Struct(">i")
_LAST_DELTA_AT, _NEWEST_AT, _RECORDS_AT = 23, 35, 57
#: Last offset delta and number of records, with what lies between them.
_LAST_AND_RECORDS = struct.Struct(">i30xi")
_CRC, _CRC_AT, _CRC_FROM = struct.Struct(">I"), 17, 21
_ATTRIBUTES, _ATTRIBUTES_AT = struct.Struct(">H"), 21
_CODEC_BITS, _APPEND_TIME_BIT = 0b111, 0b1000

_UINT64 = 2**64 - 1

#: Faults of a batch that more than one function finds.
CUT_OFF = "the batch is cut off"
OUT_OF_ORDER = "its offsets do not ascend within the batch"

#: Length, attributes, two deltas, sizes of key and value, number of headers: a byte each.
_MIN_RECORD_BYTES = 7


class CorruptBatchError(Exception):
    """The bytes of a batch contradict its header."""


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
        """Return the batch that this one was unpacked from, `raw`, without its compression."""
        if not codec_of(raw):
            return raw
        return uncompressed(raw, bytes(self.data[self.start :]), self.records)


def is_scannable(raw: bytes | memoryview) -> bool:
    """Return whether a batch is of magic 2. Older ones, from before Kafka 0.11, are rare."""
    return len(raw) > _MAGIC_AT and raw[_MAGIC_AT] == 2


def base_offset(raw: bytes | memoryview) -> int:
    """Return the first offset of a batch of magic 2; 0 where not even that is there."""
    return int(_OFFSET.unpack_from(raw)[0]) if len(raw) >= _OFFSET.size else 0


def leader_epoch(raw: bytes | memoryview) -> int:
    """Return the epoch of the leader that a batch was written to, -1 where it has none."""
    if not is_scannable(raw) or len(raw) < _EPOCH_AT + _INT.size:
        return -1
    return max(-1, int(_INT.unpack_from(raw, _EPOCH_AT)[0]))


def newest_timestamp(raw: bytes | memoryview) -> int:
    """Return the newest time of a batch in milliseconds, -1 where it has none."""
    if not is_scannable(raw) or len(raw) < _NEWEST_AT + _OFFSET.size:
        return -1
    return int(_OFFSET.unpack_from(raw, _NEWEST_AT)[0])


def last_offset(raw: bytes | memoryview) -> int:
    """Return the last offset of a batch, according to its header.

    A batch older than magic 2 has its last offset where newer ones have their first. Of a header
    that is cut off, or whose last offset is before its first, it is the first.
    """
    if not is_scannable(raw) or len(raw) < _LAST_DELTA_AT + _INT.size:
        return base_offset(raw)
    return base_offset(raw) + max(0, int(_INT.unpack_from(raw, _LAST_DELTA_AT)[0]))


def records_in(raw: bytes | memoryview) -> int:
    """Return the number of records in the header of a batch of magic 2; 0 where it is cut off."""
    return int(_INT.unpack_from(raw, _RECORDS_AT)[0]) if len(raw) >= HEADER.size else 0


def codec_of(raw: bytes | memoryview) -> int:
    """Return the number of a batch's compression, 0 for none."""
    return _attributes(raw) & _CODEC_BITS


def _attributes(raw: bytes | memoryview) -> int:
    return int(_ATTRIBUTES.unpack_from(raw, _ATTRIBUTES_AT)[0])


def is_intact(raw: memoryview) -> bool:
    """Return whether the checksum (CRC-32C) of a batch of magic 2 is right."""
    (expected,) = _CRC.unpack_from(raw, _CRC_AT)
    return bool(google_crc32c.value(bytes(raw[_CRC_FROM:])) == expected)


def unpack(
    raw: bytes | memoryview, buffer: DecompressionBuffer | None = None
) -> RecordBatch | None:
    """Decompress one record batch of magic 2. Raises CorruptBatchError.

    With `buffer` its data may be in there, and are valid until the next batch. None where it does
    not fit or cannot be decompressed: `streams.kafka.oversized_batch` reads it, or raises why not.
    """
    if len(raw) < HEADER.size or not is_scannable(raw):
        raise CorruptBatchError("no record batch of magic 2")
    (base_offset, _, _, _, _, _, last, first, latest, _, _, _, count) = HEADER.unpack_from(raw)
    data, start = memoryview(raw), HEADER.size
    codec = codec_of(raw)
    if codec:
        if codec not in compression.DECOMPRESSORS:
            raise CorruptBatchError(f"unknown compression {codec}")
        buffer = buffer or DecompressionBuffer(compression.MAX_BUFFER_BYTES)
        found = buffer.decompress(codec, data[start:])
        if found is None:
            return None
        data, start = found, 0
    if count < 0:
        raise CorruptBatchError(f"{count} records")
    # A header may claim any number: the reader finds out where it is more than there are.
    count = min(count, (len(data) - start) // _MIN_RECORD_BYTES)
    # A time of the log before 1970 is none, and does not give each record its own back.
    append_time = max(0, latest) if _attributes(raw) & _APPEND_TIME_BIT else -1
    return RecordBatch(
        data, start, count, base_offset, first, append_time, base_offset + max(0, last)
    )


def uncompressed(raw: bytes | memoryview, body: bytes, records: int) -> bytes:
    """Return `records` records of a batch, of which `body` has the bytes, as an uncompressed batch.

    Base offset and times are those of the whole batch, which the records are relative to. The
    checksum is not updated: it is not checked within the process.
    """
    data = bytearray(raw[: HEADER.size])
    _LENGTH_AT.pack_into(data, 0, base_offset(raw), HEADER.size - _BEFORE_LENGTH + len(body))
    _ATTRIBUTES.pack_into(data, _ATTRIBUTES_AT, _attributes(raw) & ~_CODEC_BITS)
    _INT.pack_into(data, _RECORDS_AT, records)
    return bytes(data) + body


def is_dense(raw: bytes | memoryview) -> bool:
    """Return whether a batch has a record for each of its offsets, as every producer sends it."""
    if len(raw) < HEADER.size:
        return False
    last, records = _LAST_AND_RECORDS.unpack_from(raw, _LAST_DELTA_AT)
    return bool(records == last + 1)


def records_of(
    batch: RecordBatch, after: int | None = None, *, dense: bool = False
) -> Iterator[Record]:
    """Return the records of a batch. Raises CorruptBatchError at the first one that is damaged.

    Their offsets are above `after` (None: from the batch's first offset on), and consecutive where
    `dense`.
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

    `raw` is the batch that `batch` was unpacked from; for the offsets see `records_of`. aiokafka's
    compiled reader is ten times as fast, but refuses what other clients read, such as header names
    that are not UTF-8, does not compare offsets, and reads attributes, which are one byte, as a
    number of any length.
    """
    with contextlib.suppress(CorruptBatchError):
        _check_attributes(bytes(batch.data), batch.start, batch.records)
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
        # Extending keeps the records before the error.
        found.extend(records_of(batch, after, dense=dense))
    except CorruptBatchError as error:
        return found, str(error)
    return found, ""


def _check_attributes(data: bytes, at: int, records: int) -> None:
    """Raise CorruptBatchError where a record's attributes look like a number of several bytes."""
    with contextlib.suppress(IndexError):
        for _ in range(records):
            size = shift = 0
            while (byte := data[at]) > 0x7F and shift < 64:
                size |= (byte & 0x7F) << shift
                shift += 7
                at += 1
            size |= byte << shift
            at += 1
            if data[at] > 0x7F or size & 1:
                raise CorruptBatchError("attributes of several bytes, or a negative length")
            at += size >> 1


def read(raw: bytes | memoryview) -> Sequence[Any]:
    """Return the records of one batch of any magic, each with the fields of `Record`.

    Uses aiokafka's compiled reader, and `records_of` where that fails on a batch of magic 2. Raises
    CorruptBatchError.
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
    """Return the records at a few offsets, without those that cannot be read."""
    wanted = set(offsets)
    found: dict[int, Record] = {}
    buffer = DecompressionBuffer(compression.MAX_BUFFER_BYTES)
    for raw in batches:
        if wanted and (not is_scannable(raw) or not wanted.isdisjoint(_offsets(raw))):
            records = _read_leniently(raw, max(wanted), buffer)
            found.update((each.offset, each) for each in records if each.offset in wanted)
    return found


def _read_leniently(
    raw: bytes | memoryview, last: int, buffer: DecompressionBuffer
) -> Iterator[Record]:
    with contextlib.suppress(CorruptBatchError):
        if not is_scannable(raw):
            yield from read(raw)
            return
        batch = unpack(raw, buffer)
        for each in () if batch is None else records_of(batch):
            if each.offset > last:
                return
            yield each


def _offsets(raw: bytes | memoryview) -> range:
    return range(base_offset(raw), last_offset(raw) + 1)


def headers_of(raw: bytes) -> Headers:
    """Return a record's headers from their bytes; no headers where they are cut off."""
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
        # Every negative length is null, as in Kafka's own client.
        size = self.varint()
        return None if size < 0 else self.take(size)

    def headers(self) -> Headers:
        try:
            return tuple(_header(self) for _ in range(min(self.varint(), len(self.data))))
        except CorruptBatchError:
            return ()


def _int64(number: int) -> int:
    """Return a sum of two int64, wrapped around like int64 arithmetic."""
    return (number + 2**63 & _UINT64) - 2**63


def varint(number: int) -> bytes:
    """Return the bytes of a number, the opposite of `Source.varint`."""
    rest = number << 1 ^ number >> 63
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)
