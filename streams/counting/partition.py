"""The panes of one source partition: what is counted, up to which offset, and what to write.

The exactly-once rule is here, without Kafka; `journal` and `verdicts` hold what it writes beside
the panes. A pane's stamp is the highest source offset counted in it, and events are applied in the
order of their offsets, so a pane with stamp `s` holds every event at or below `s` that belongs to
it and none above. After a crash the partition reads on from its position; an event at or below a
pane's stamp is in that pane already and is skipped there.

A flush that Kafka has not acknowledged is written again as it is until Kafka has it: it may hold
parts of it, or all. So the flush before is always known, to the panes of the next one too.

Where the source has lost records that were counted (its log was cut), new records get their
offsets. So stored stamps and positions are offsets plus a shift, which grows with each cut by what
was lost: they never go back, and no new record looks like a counted one. Only this module knows of
the shift; everywhere else offsets are Kafka's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streams.counting.aggregate import counting, late_events
from streams.counting.held_panes import HeldPanes
from streams.counting.journal import Journal, nothing
from streams.counting.repeats import Repeats
from streams.counting.running_totals import (
    add_formats,
    add_results,
    add_unread,
    count_up,
)
from streams.counting.verdicts import MAX_RUNS
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    Totals,
    decode_position,
    encode_position,
    order,
    pane_key,
    position_key,
    seal_header,
)
from streams.state.pane import is_kept
from streams.state.pieces import at_once
from streams.state.seal import joined

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streams.classify.classifier import Classifier
    from streams.decode.event import Rejected
    from streams.decode.rows import Reading, Rows
    from streams.state.pane import Pane
    from streams.state.seal import Loss

#: An event this much older than the newest one still counts, and is reported as late.
ALLOWED_LATENESS_SECONDS = 600.0


class SourceReplacedError(Exception):
    """The source topic is not the one that was counted; the message gives the remedy."""


class BrokenChainError(Exception):
    """A reading does not begin where the one before it ended: events would be lost or doubled."""


@dataclass(frozen=True, slots=True)
class Flush:
    """What one flush writes, in this order: the verdicts, panes, the position, the deletions.

    `verdicts` is the position before, with the verdicts behind it; None where there are none to
    write.
    """

    verdicts: tuple[str, bytes] | None
    panes: Mapping[str, bytes]
    position: tuple[str, bytes]
    end: int
    expired: Sequence[str]
    keys: Mapping[PaneKey, bytes]


@dataclass(slots=True)
class Partition:
    """The counting state of one source partition that this worker owns.

    `held` are its panes. `repeats` remembers earlier events. `read_to` is the next offset to be
    read, which is below the position while counted records are read again to be remembered.
    `has_spans` says whether any record counted may hold spans: what a record is counted as does not
    tell, for a span may be rejected, have no usage, or hold a line of any format.
    `stamps` are those found at restore that lie above the position, ascending: up to the last of
    them an event may already be counted in some panes.

    `pending` is a flush that Kafka has not acknowledged. `lost` is what the changelog has lost, and
    `leftover` are panes to be deleted, whose deletion it has lost or a flush has not come to.

    `epoch` is the leader epoch of what is counted: all stamps above a stored position are of that
    epoch. `shift` is what stored offsets are ahead of Kafka's.
    """

    number: int
    generation: int
    topic: str = ""
    position: int = 0
    read_at: float = 0.0
    held: HeldPanes = field(default_factory=HeldPanes)
    stamps: list[int] = field(default_factory=list)
    is_moved: bool = False
    repeats: Repeats = field(default_factory=lambda: Repeats.of(0, 0))
    read_to: int = 0
    has_spans: bool = False
    pending: Flush | None = None
    lost: Loss | None = None
    leftover: list[PaneKey] = field(default_factory=list)
    epoch: int = -1
    shift: int = 0
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        """Begin a journal; `restore` replaces it by that of a new owner."""
        self.journal = Journal(self.generation)

    @classmethod
    def restore(
        cls,
        number: int,
        generation: int,
        records: Mapping[PaneKey | None, bytes],
        topic: str = "",
        dedupe_records: int = 0,
        *,
        trace_records: int = 0,
        is_fenced: bool = False,
    ) -> Partition:
        """Return a partition from the values in the table.

        `records` are the table's values by pane, the position under None; `generation` is the
        group's. The result writes under a generation above any that has written before it, even if
        the group was deleted and counts from one again; with `is_fenced`, `generation` is already
        that of a fence among the records. `topic` is Kafka's id of the source. With
        `dedupe_records`, an event is skipped if another one within that many offsets before it had
        the same id; with `trace_records`, one whose span repeats another one within that many.

        Raises StateError, and SourceReplacedError where the state is of another topic.
        """
        value = records.get(None)
        known = nothing() if value is None else decode_position(value)
        check_topic(known.topic, topic)
        journal = Journal.restore(generation, records, is_fenced=is_fenced)
        stored = {key: value for key, value in records.items() if key is not None}
        stamps = {known.judged, *(seal_header(value).s for value in stored.values())}
        repeats = Repeats.of(dedupe_records, trace_records)
        restored = cls(
            number,
            journal.generation,
            topic,
            position=known.offset,
            read_at=known.read_at,
            held=HeldPanes(stored, totals=known.totals, newest=known.newest),
            stamps=sorted(stamp - known.shift for stamp in stamps if stamp >= known.s),
            repeats=repeats,
            read_to=max(0, known.offset - repeats.reach(has_spans=known.spans)),
            has_spans=known.spans,
            lost=known.lost,
            epoch=known.epoch,
            shift=known.shift,
        )
        restored.journal = journal
        return restored

    def apply(
        self, reading: Reading, classifier: Classifier, now: float
    ) -> list[tuple[int, Rejected]]:
        """Count a reading; returns every rejection by offset, those of its times included.

        Corrupt ranges are counted by their offsets, and are not among the rejections.
        `now` is the wall clock in unix seconds.

        Raises BrokenChainError where `reading.start` is not this partition's position, before
        anything is counted.
        """
        _check_chain(self.number, reading, self.position)
        reading = self.repeats.without(reading, self._ahead(reading.rows, now))
        rejected = [*reading.rejected]
        previous = self.newest
        untimely = 0
        for rows, stamp in self._cut(reading):
            found = self._count(rows, stamp + self.shift, classifier, now)
            untimely += len(found)
            rejected += found
        if self.newest > previous:
            self.read_at = now
        add_results(self.held.totals, reading, rejected, untimely)
        # Before the first event only the clock says when.
        add_unread(self.held.totals, reading.unread, self.newest or now)
        self.has_spans = self.has_spans or self.repeats.may_have_spans(reading)
        self.position = self.read_to = reading.end
        self.is_moved = True
        return rejected

    def remember(self, reading: Reading) -> None:
        """Remember the ids of events before the position, of those that have been counted.

        Raises BrokenChainError where `reading.start` is not `read_to`.
        """
        _check_chain(self.number, reading, self.read_to)
        self.repeats.remember(reading, self.position, self.newest)
        self.read_to = min(reading.end, self.position)

    def _ahead(self, rows: Rows, now: float) -> NDArray[np.bool_]:
        ceiling = now + ALLOWED_CLOCK_SKEW_SECONDS
        return self.journal.verdicts.ahead(rows.offsets + self.shift, rows.ts, ceiling)

    def _cut(self, reading: Reading) -> Iterator[tuple[Rows, int]]:
        """Return the rows in pieces with their stamps: a pane holds all of a piece or none of it.

        Rows are cut only where an earlier owner may have counted some of them, at the stamps found
        at restore.
        """
        if self.stamps and self.stamps[-1] < reading.start:
            self.stamps = []
        last = reading.end - 1
        inside = [stamp for stamp in self.stamps if reading.start <= stamp < last]
        return _cut_at(reading.rows, (*inside, last))

    def _count(
        self, rows: Rows, stamp: int, classifier: Classifier, now: float
    ) -> list[tuple[int, Rejected]]:
        ahead = self._ahead(rows, now)
        self.journal.verdicts.note(rows.offsets[ahead] + self.shift)
        counted, rejected = counting(rows, self.newest, now, classifier, ahead=ahead)
        if counted is None:
            return rejected
        totals = self.held.totals
        totals.late += late_events(counted.rows.ts, self.newest, ALLOWED_LATENESS_SECONDS)
        add_formats(totals, counted.rows)
        self.held.add(counted, classifier.keys, stamp)
        if self.stamps:
            # Some panes may hold the next piece and others not: each piece is added alone.
            self.held.settle()
        return rejected

    @property
    def panes(self) -> dict[PaneKey, Pane]:
        """The panes that are not at rest, with all that is counted."""
        self.held.settle()
        return {key: each.pane() for key, each in self.held.running.items()}

    @property
    def totals(self) -> Totals:
        """The running totals, with all that is counted."""
        self.held.settle()
        return self.held.totals

    @property
    def newest(self) -> float:
        """The newest event time, in unix seconds."""
        return self.held.newest

    def skip_to(self, offset: int) -> None:
        """Continue at `offset`: Kafka no longer holds the records before it."""
        count_up(self.held.totals.records, "lost/expired", offset - self.position)
        self.position = self.read_to = offset
        # The epoch of the records before the new position is not known, and ended before it.
        self.epoch = -1
        self.is_moved = True

    @property
    def reach(self) -> int:
        """Return the offset after the last one that may be counted in any pane."""
        return max(self.position, self.stamps[-1] + 1 if self.stamps else 0)

    def cut_to(self, offset: int) -> int:
        """Continue at `offset`, at most the position: the source has lost what was counted after.

        What was counted stays counted. Returns how many counted records were lost. The position is
        written before anything else is counted.
        """
        lost = self.position - offset
        if lost:
            count_up(self.held.totals.records, "lost/truncated", lost)
        self.shift += self.reach - offset
        self.stamps = []
        self.position = offset
        self.read_to = min(self.read_to, offset)
        self.repeats.forget_from(offset)
        self.is_moved = True
        return lost

    def begin_epoch(self, epoch: int) -> None:
        """Note the epoch of the next records: the position is written before they are counted."""
        self.epoch = epoch
        self.is_moved = True

    def rewrite(self, key: PaneKey | None) -> None:
        """Write a pane (None: the position) again: an earlier owner has written over it."""
        if key is None:
            self.is_moved = True
        elif key in self.held:
            self.held.dirty.add(key)

    def rewrite_all(self) -> int:
        """Write everything again: Kafka has lost some of it. Returns the number of panes."""
        self.is_moved = True
        return self.held.touch_all()

    def delete(self, keys: Iterable[PaneKey]) -> None:
        """Delete those of these panes that are no longer retained, at the next flush."""
        self.leftover += [key for key in keys if not is_kept(*key, self.newest)]
        self.is_moved = self.is_moved or bool(self.leftover)

    def lose(self, loss: Loss) -> None:
        """Note that the changelog has lost some of this partition for good."""
        self.lost = joined(self.lost, loss)
        self.is_moved = True

    @property
    def needs_flush(self) -> bool:
        """Return whether there is anything that Kafka does not hold yet."""
        return self.is_moved or bool(self.held.dirty)

    @property
    def has_many_verdicts(self) -> bool:
        """Return whether the verdicts behind the position should be written soon."""
        return len(self.journal.verdicts.runs) >= MAX_RUNS

    def begin_flush(self) -> Flush:
        """Return what is to be written now; the caller reports the result with `end_flush`."""
        return at_once(self.flushing())

    def flushing(self) -> Generator[None, None, Flush]:
        """Return what is to be written, as of now or newer, with a pause after each pane.

        It is the last flush again where Kafka has not acknowledged that one. Records counted
        meanwhile belong to the next flush: the position is the current one, and a pane that holds
        more has a higher stamp. If the generator is closed early, nothing is written.
        """
        if self.pending is not None:
            return self.pending
        self.held.settle()
        expired = [*self.held.expire(), *self.leftover]
        self.leftover = []
        # Encoded now, for the totals change, and once more when the panes have given the seal.
        end = self.position
        position = encode_position(
            PositionRecord(
                *(STATE_VERSION, self.generation, end + self.shift, self.newest, self.read_at),
                *(self.held.totals, self.topic),
                epoch=self.epoch,
                shift=self.shift,
                lost=self.lost,
                spans=self.has_spans,
            )
        )
        self.is_moved = False
        encoded: dict[PaneKey, bytes] = {}
        try:
            for key in list(self.held.dirty):
                self.held.dirty.discard(key)
                encoded[key] = b""
                encoded[key] = self.journal.encode(key, self.held.now(key))
                yield
        except BaseException:
            self.held.dirty.update(encoded)
            self.leftover = expired
            self.is_moved = True
            raise
        verdicts, position = self.journal.number_flush(
            position, self.position + self.shift, encoded, expired
        )
        at = position_key(self.number)
        self.pending = Flush(
            verdicts=None if verdicts is None else (at, verdicts),
            panes={pane_key(self.number, key): value for key, value in encoded.items()},
            position=(at, position),
            end=end,
            expired=[pane_key(self.number, key) for key in expired],
            keys=encoded,
        )
        return self.pending

    def end_flush(self, flush: Flush, *, written: bool) -> None:
        """Note whether Kafka has acknowledged all of a flush; if not, it is written again."""
        if not written:
            self.is_moved = True
            return
        self.pending = None
        self.journal.acknowledge(flush.position[1], order(flush.position[1])[1])
        self.held.put_to_rest(flush.keys)


def _check_chain(partition: int, reading: Reading, expected: int) -> None:
    if reading.start != expected:
        raise BrokenChainError(
            f"partition {partition}: a reading begins at offset {reading.start}, expected "
            f"{expected}"
        )


def _cut_at(rows: Rows, stamps: Sequence[int]) -> Iterator[tuple[Rows, int]]:
    begin = 0
    for stamp in stamps:
        end = int(np.searchsorted(rows.offsets, stamp, side="right"))
        yield rows[begin:end], stamp
        begin = end


def check_topic(known: str, topic: str) -> None:
    """Raise SourceReplacedError where a state's topic id is not that of the source."""
    if known and topic and known != topic:
        raise SourceReplacedError(
            f"the state of this group counts the topic with id {known}, and the source topic has "
            f"id {topic}: it was deleted and recreated, or another deployment uses this group. Set "
            "TOKENSHARE_GROUP to another name to count it from its beginning."
        )
