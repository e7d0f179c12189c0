"""Records of a batch that aiokafka cannot hand out, read from the batch's own bytes.

Kafka says that a header's name is UTF-8 and stores any bytes all the same. aiokafka decodes names
while it reads, so one record with another name makes everything behind it unreadable; read here,
it is a record like others. Format: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.record.default_records import _DefaultRecordBatchPy

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_START = struct.Struct(">qi")


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `timestamp` in milliseconds. A header's name has escapes where it is no text."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def records_of(data: bytes, base_offset: int) -> Iterator[Record]:
    """Return the records of the batch that starts at `base_offset` within fetched `data`.

    Raises LookupError where there is no such batch, ValueError where it is cut off.
    """
    at = 0
    while at + _BATCH_START.size <= len(data):
        found, length = _BATCH_START.unpack_from(data, at)
        end = at + _BATCH_START.size + length
        if found == base_offset:
            return _read(_DefaultRecordBatchPy(data[at:end]))
        at = end
    raise LookupError(f"no batch at offset {base_offset}")


def _read(batch: _DefaultRecordBatchPy) -> Iterator[Record]:
    batch._maybe_uncompress()
    source = _Bytes(bytes(batch._buffer), batch._pos)
    appended_at = batch.max_timestamp if batch.timestamp_type == 1 else None
    for _ in range(batch._num_records):
        end = source.varint() + source.at
        source.take(1)
        timestamp = batch.first_timestamp + source.varint()
        offset = batch.base_offset + source.varint()
        key, value = source.field(), source.field()
        headers = [
            ((source.field() or b"").decode(errors="backslashreplace"), source.field())
            for _ in range(source.varint())
        ]
        source.at = end
        yield Record(offset, timestamp if appended_at is None else appended_at, key, value, headers)


class _Bytes:
    """Bytes that are read from the front. Raises ValueError at their end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) != size:
            raise ValueError("the batch is cut off")
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
