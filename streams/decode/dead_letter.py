"""Dead letters: records that cannot be counted, unchanged, with headers that locate them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from streams.kafka.oversized_batch import TRUNCATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.decode.event import Rejected
    from streams.decode.rows import CorruptRange
    from streams.kafka.record_batch import Headers, Record

#: Headers that are added after those of the record itself. `TRUNCATED` may be added as well.
REASON = "tokenshare.reason"
DETAIL = "tokenshare.detail"
TOPIC = "tokenshare.topic"
PARTITION = "tokenshare.partition"
OFFSET = "tokenshare.offset"
LAST_OFFSET = "tokenshare.last_offset"
TIMESTAMP = "tokenshare.timestamp_ms"
ITEMS = "tokenshare.rejected_items"
RECORDS = "tokenshare.rejected_records"
COUNTED = "tokenshare.counted_items"

#: Records of one reason in one fetch that get a dead letter each; the rest share one letter for
#: their range. An ordinary fetch has fewer: the limit is for a million records in some kilobytes.
MAX_LETTERS = 65_536


class DeadLetter(NamedTuple):
    """A rejected record: its key, value and headers, followed by the headers that are added."""

    key: bytes | None
    value: bytes | None
    own: Headers
    added: Headers

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """Return all headers, in order."""
        return [*self.own, *self.added]

    @property
    def size(self) -> int:
        """Return the approximate size in bytes."""
        headers = sum(len(name) + len(value or b"") + 8 for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers + 256


class Source(NamedTuple):
    """Where dead letters come from."""

    topic: str
    partition: int

    def letter(
        self, record: Record, rejected: Rejected, items: int = 1, counted: int | None = None
    ) -> DeadLetter:
        """Return the dead letter of a record.

        `items` of the record's items were rejected, the first of them for `rejected`; `counted` of
        them were counted, None where that is not known.
        """
        where = {OFFSET: record.offset, TIMESTAMP: record.timestamp, ITEMS: items}
        if counted is not None:
            where[COUNTED] = counted
        added = self._headers(rejected.reason, rejected.detail, where)
        # A truncated value is useless.
        is_cut = rejected.reason == "too_large" and TRUNCATED in dict(record.headers)
        return DeadLetter(record.key, b"" if is_cut else record.value, record.headers, added)

    def letter_of_batch(self, corrupt: CorruptRange) -> DeadLetter:
        """Return the dead letter of a record batch that cannot be read: its value is the batch."""
        where = {OFFSET: corrupt.first, LAST_OFFSET: corrupt.last, RECORDS: len(corrupt)}
        added = self._headers("corrupt_batch", corrupt.why, where)
        return DeadLetter(None, bytes(corrupt.raw), (), added)

    def letter_of_range(self, offsets: Sequence[int], rejected: Rejected) -> DeadLetter:
        """Return the one dead letter of many records, ascending, without their contents."""
        where = {OFFSET: offsets[0], LAST_OFFSET: offsets[-1], RECORDS: len(offsets)}
        return DeadLetter(None, b"", (), self._headers(rejected.reason, rejected.detail, where))

    def _headers(self, reason: str, detail: str, where: Mapping[str, int]) -> Headers:
        facts = {REASON: reason, DETAIL: detail, TOPIC: self.topic, PARTITION: self.partition}
        both = (*facts.items(), *where.items())
        return [(name, str(fact).encode()) for name, fact in both]


class Letters:
    """Creates the dead letters of one fetch, at most `MAX_LETTERS` for each reason."""

    def __init__(self, source: Source, limit: int = MAX_LETTERS) -> None:
        self._source = source
        self._made = Counter[str]()
        self._limit = limit

    def of(
        self,
        rejections: Sequence[tuple[int, Rejected]],
        records: Mapping[int, Record],
        corrupt: Sequence[CorruptRange] = (),
        counted: Mapping[int, int] | None = None,
    ) -> Iterator[DeadLetter]:
        """Yield the dead letters of a reading.

        `rejections` are by offset, several of one offset where several items of a record are
        rejected; `records` are those records. One that is missing gets a letter without its
        contents. `counted` has how many items of each of these records were counted.
        """
        # A record is one dead letter, however many of its items are rejected.
        reasons: dict[int, list[Rejected]] = {}
        for offset, why in rejections:
            reasons.setdefault(offset, []).append(why)
        rest: dict[str, list[int]] = {}
        for offset, whys in reasons.items():
            reason = whys[0].reason
            self._made[reason] += 1
            if self._made[reason] > self._limit:
                rest.setdefault(reason, []).append(offset)
            elif offset in records:
                known = None if counted is None else counted.get(offset, 0)
                yield self._source.letter(records[offset], whys[0], len(whys), known)
            else:
                yield self._source.letter_of_range([offset], whys[0])
        for offsets in rest.values():
            yield self._source.letter_of_range(sorted(offsets), reasons[offsets[0]][0])
        yield from map(self._source.letter_of_batch, corrupt)

    def wanted(self, rejections: Sequence[tuple[int, Rejected]]) -> set[int]:
        """Return the offsets of those records that `of` needs."""
        return {offset for offset, why in rejections if self._made[why.reason] < self._limit}


def shorter(letter: DeadLetter) -> list[DeadLetter]:
    """Return the letters to send instead of one that the topic refuses, in this order.

    First without the value, then without the record's own key and headers as well. The rest names
    the offset of the whole record, valid as long as the source topic keeps it. The key of the last
    one names it too, for a topic that refuses records without a key.
    """
    own = [header for header in letter.own if header[0] != TRUNCATED]
    cut = [header for header in letter.own if header[0] == TRUNCATED]
    added = [*letter.added, cut[-1] if cut else (TRUNCATED, b"%d" % len(letter.value or b""))]
    facts = dict(letter.added)
    place = b"/".join(facts[name] or b"" for name in (TOPIC, PARTITION, OFFSET))
    return [DeadLetter(letter.key, b"", own, added), DeadLetter(place, b"", (), added)]
