"""Dead letters as their topic holds them, read back; and the marks of those that were sent again.

Only the headers that a worker added, which follow the record's own, are trusted: the last
`tokenshare.reason` begins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streams.decode.dead_letter import (
    COUNTED,
    DETAIL,
    ITEMS,
    LAST_OFFSET,
    OFFSET,
    PARTITION,
    REASON,
    RECORDS,
    TIMESTAMP,
    TOPIC,
)
from streams.kafka.oversized_batch import TRUNCATED
from streams.kafka.record_batch import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.kafka.record_batch import Headers

#: Header of a record that was sent again: the place of the original.
RESENT_FROM = "tokenshare.resent_from"
#: Header of a mark in the dead-letter topic, written with the record: the place of the original.
RESENT = "tokenshare.resent"


class Place(NamedTuple):
    """Where a record is. Its timestamp tells it from one of a topic that was recreated."""

    topic: str
    partition: int
    offset: int
    timestamp: int

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Return the place in a header, the opposite of `str`; None where it is none."""
        topic, *numbers = text.split("/")
        try:
            partition, offset, timestamp = map(int, numbers)
        except ValueError:
            return None
        return cls(topic, partition, offset, timestamp)


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter: where it is, where its records are in the source, and why they are rejected.

    `partition`, `offset` and `time` (milliseconds) are those of the letter itself. It is of
    `records` records with offsets from `first` to `last`. `items` of its record's items were
    rejected and `counted` of them counted; None where the letter does not say so. `record` is what
    it holds: the original record, at its original offset. Of a corrupt batch the value is the
    batch.
    """

    partition: int
    offset: int
    time: int
    reason: str
    detail: str
    topic: str
    source_partition: int
    first: int
    last: int
    records: int
    timestamp: int | None
    items: int | None
    counted: int | None
    has_contents: bool
    record: Record

    @property
    def is_batch(self) -> bool:
        """Return whether the value is a whole record batch."""
        return self.has_contents and self.reason == "corrupt_batch"

    @property
    def has_gaps(self) -> bool:
        """Return whether some records between `first` and `last` are not of this letter."""
        return self.records != self.last - self.first + 1

    @property
    def size(self) -> int:
        """Return the number of bytes of the original's value that the letter holds."""
        return len(self.record.value or b"")

    @property
    def place(self) -> Place:
        """Return the place of the first record; its timestamp is -1 where that is not known."""
        return self.place_of(self.record)

    def place_of(self, record: Record) -> Place:
        """Return the place of one of its records."""
        return Place(self.topic, self.source_partition, record.offset, record.timestamp)


def mark_of(record: Record) -> Place | None:
    """Return the place that a mark is of, None for any other record."""
    headers = dict(record.headers)
    if REASON in headers or RESENT not in headers:
        return None
    return Place.parse(_text(headers[RESENT]))


def stored_letter(record: Record, partition: int) -> StoredLetter | None:
    """Return the dead letter that a record of the dead-letter topic is; None where it is none."""
    names = [name for name, _ in record.headers]
    if REASON not in names:
        return None
    start = len(names) - 1 - names[::-1].index(REASON)
    own, added = tuple(record.headers[:start]), dict(record.headers[start:])
    try:
        return _letter(record, partition, own, added)
    except (KeyError, ValueError):
        return None


def _letter(
    record: Record,
    partition: int,
    own: Headers,
    added: Mapping[str, bytes | None],
) -> StoredLetter:
    first = int(_text(added[OFFSET]))
    records = _number(added, RECORDS)
    timestamp = _number(added, TIMESTAMP)
    reason = _text(added[REASON])
    is_cut = TRUNCATED in added or (reason == "too_large" and TRUNCATED in dict(own))
    # A letter of several records has their batch, or nothing, in the place of contents.
    has_contents = not is_cut and (records is None or reason == "corrupt_batch")
    sent = -1 if timestamp is None else timestamp
    original = Record(first, sent, record.key, record.value, own)
    last = _number(added, LAST_OFFSET)
    return StoredLetter(
        partition=partition,
        offset=record.offset,
        time=record.timestamp,
        reason=reason,
        detail=_text(added[DETAIL]),
        topic=_text(added[TOPIC]),
        source_partition=int(_text(added[PARTITION])),
        first=first,
        last=first if last is None else last,
        records=1 if records is None else records,
        timestamp=timestamp,
        items=_number(added, ITEMS),
        counted=0 if reason == "corrupt_batch" else _number(added, COUNTED),
        has_contents=has_contents,
        record=original,
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _number(headers: Mapping[str, bytes | None], name: str) -> int | None:
    return int(_text(headers[name])) if name in headers else None
