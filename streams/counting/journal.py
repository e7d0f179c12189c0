"""What the owner of a partition has written: numbered flushes, their seal, verdicts on times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.counting.verdicts import Verdicts
from streams.state.codec import (
    STATE_VERSION,
    PositionRecord,
    Totals,
    decode_position,
    encode_position,
    encode_table,
    requests_of,
    seal_header,
    write_again,
)
from streams.state.seal import NO_PART, Part, Seal, Sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.state.codec import PaneKey
    from streams.state.growing import GrowingPane

#: The fraction of a pane's maximum size that stays in use when it would exceed that size.
SHRUNK = 0.6


@dataclass(slots=True)
class Journal:
    """The flushes of one owner. `generation` is its own, above those of all earlier owners.

    `flushes` is the number of the last flush, and `sealed` are the panes in the position that Kafka
    has: `written`, None where there is none. `unsealed` are panes that an earlier owner wrote after
    that position: they are in the next one.
    """

    generation: int
    flushes: int = 0
    sealed: Sealed = field(default_factory=Sealed)
    unsealed: dict[PaneKey, Part] = field(default_factory=dict)
    verdicts: Verdicts = field(default_factory=Verdicts)
    written: bytes | None = None

    @classmethod
    def restore(
        cls, generation: int, records: Mapping[PaneKey | None, bytes], *, is_fenced: bool
    ) -> Journal:
        """Return the journal of a new owner; see Partition.restore. Raises StateError."""
        value = records.get(None)
        known = nothing() if value is None else decode_position(value)
        journal = cls(max(generation - 1, known.g), written=value)
        journal.flushes = 0 if known.seal is None else known.seal.n
        judged = known.judged
        for key, pane in records.items():
            if key is None:
                continue
            header = seal_header(pane)
            journal.generation = max(journal.generation, header.g)
            journal.flushes = max(journal.flushes, header.n)
            part = Part(header.s, requests_of(pane))
            if known.seal is not None and header.n > known.seal.n:
                journal.unsealed[key] = part
                part = Part(header.p, header.q)
            journal.sealed.put(key, part)
            if header.n:
                # A version without flush numbers stores no verdicts.
                judged = max(judged, header.s)
        journal.generation = generation if is_fenced else journal.generation + 1
        journal.verdicts = Verdicts.of(known.s, known.future, judged)
        return journal

    def encode(self, key: PaneKey, pane: GrowingPane | bytes) -> bytes:
        """Return a pane's value in the next flush; the pane may be at rest as an earlier value."""
        marks = (self.generation, self.flushes + 1, self.sealed.get(key))
        if isinstance(pane, bytes):
            return write_again(pane, *marks)
        pane.trim()
        value = encode_table(pane.table(), pane.stamp, *marks)
        limit = key.level.max_bytes
        # Leaves space for some more names, so that not every flush folds again.
        while len(value) > limit and pane.shrink(SHRUNK * limit / len(value)):
            value = encode_table(pane.table(), pane.stamp, *marks)
        return value

    def number_flush(
        self,
        position: bytes,
        counted_to: int,
        panes: Mapping[PaneKey, bytes],
        expired: Iterable[PaneKey],
    ) -> tuple[bytes | None, bytes]:
        """Number a flush; return the verdicts to be written before its panes, and its position.

        `position` is that of the flush without its seal, and `counted_to` the next offset to count:
        records in between are in the panes already. The verdicts are None where Kafka has them.
        """
        record = decode_position(position)
        self.flushes += 1
        for key, part in self.unsealed.items():
            self.sealed.put(key, part)
        self.unsealed = {}
        for key in expired:
            self.sealed.put(key, NO_PART)
        for key, value in panes.items():
            header = seal_header(value)
            self.sealed.put(key, Part(header.s, header.r))
        record.seal = self.sealed.seal(self.flushes)
        self._judge(record, counted_to)
        return self._verdicts(counted_to), encode_position(record)

    def _judge(self, record: PositionRecord, counted_to: int) -> None:
        record.future = self.verdicts.stored(record.s)
        judged = max(self.verdicts.judged, counted_to - 1)
        record.judged = judged if judged >= record.s else -1

    def _verdicts(self, counted_to: int) -> bytes | None:
        if not self.verdicts.runs:
            return None
        record = nothing() if self.written is None else decode_position(self.written)
        if self.verdicts.stored(record.s) == record.future:
            return None
        record.g = self.generation
        self._judge(record, counted_to)
        return encode_position(record)

    def acknowledge(self, position: bytes, end: int) -> None:
        """Note the position that Kafka has now, and its offset."""
        self.written = position
        self.verdicts.forget_before(end)


def nothing() -> PositionRecord:
    """Return the position of a partition of which nothing is counted."""
    return PositionRecord(STATE_VERSION, 0, 0, 0.0, 0.0, Totals(), seal=Seal(), spans=False)


def fence(generation: int, records: Mapping[PaneKey | None, bytes], topic: str = "") -> bytes:
    """Return a partition's position under a generation above all others, to be written.

    What an earlier owner writes after it is stale to every reader of the changelog, so its new
    owner restores the same state as all others see. It writes under the generation of the fence:
    one that has never written anything is overtaken like any other. The first one of a partition
    decides which source the state is of: `topic` is Kafka's id of it. Raises StateError.
    """
    highest = generation - 1
    has_seals = True
    for key, pane in records.items():
        if key is not None:
            header = seal_header(pane)
            highest = max(highest, header.g)
            has_seals = has_seals and header.n > 0
    value = records.get(None)
    record = nothing() if value is None else decode_position(value)
    if value is None and not has_seals:
        record.seal = None
    record.g = max(highest, record.g) + 1
    record.topic = record.topic or topic
    return encode_position(record)
