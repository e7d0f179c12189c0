"""The panes of one source partition: what has been counted, how far, and what is to be written.

The whole rule of exactness is here, without Kafka. A pane's stamp is the highest source offset
counted in it, and events are applied in the order of their offsets, so a pane with stamp `s` holds
every event at or below `s` that belongs to it and none above. After a crash the partition reads on
from its position; an event at or below a pane's stamp is in that pane already and is skipped there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.event import (
    ALLOWED_CLOCK_SKEW_SECONDS,
    EARLIEST_TIME,
    Rejected,
    UsageEvent,
    event_time,
)
from streams.pane import DAY, LEVELS, OTHER, Counts, Pane, add_counts, is_kept, pane_start
from streams.state import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    Totals,
    decode_pane,
    decode_position,
    encode_pane,
    encode_position,
    order,
    pane_key,
    position_key,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.classify import Classifier

#: An event this much older than the newest one still counts, and is reported as late.
ALLOWED_LATENESS_SECONDS = 600.0

#: More languages than a gateway meets: what names itself beyond is counted together.
MAX_TOTALS = 512

_FINEST = LEVELS[0]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch of records after decoding: the events between two offsets of a partition.

    `start` is where the read began and `end` where the next one begins, so that batches chain
    without holes even where the log has some. `events[i]` is None where `rejected` has `i`;
    `times[i]` is the record's Kafka timestamp in milliseconds, negative for none.
    """

    start: int
    end: int
    offsets: Sequence[int]
    times: Sequence[int | None]
    events: Sequence[UsageEvent | None]
    rejected: Mapping[int, Rejected]
    format: str = "native"


@dataclass(frozen=True, slots=True)
class Flush:
    """What one flush writes, in this order: the panes, the position, then the deletions."""

    panes: Mapping[str, bytes]
    position: tuple[str, bytes]
    end: int
    expired: Sequence[str]
    keys: Mapping[PaneKey, bytes]


@dataclass(slots=True)
class Partition:
    """The counting state of one source partition that this worker owns.

    `stored` are panes as the table holds them, decoded when an event needs one; `panes` are the
    decoded ones. `seen_until` is the highest stamp found at restore: up to it an event may already
    be counted in some panes.
    """

    number: int
    generation: int
    position: int = 0
    newest: float = 0.0
    read_at: float = 0.0
    totals: Totals = field(default_factory=Totals)
    stored: dict[PaneKey, bytes] = field(default_factory=dict)
    seen_until: int = -1
    panes: dict[PaneKey, Pane] = field(default_factory=dict)
    dirty: set[PaneKey] = field(default_factory=set)
    is_moved: bool = False
    swept: int = -1

    @classmethod
    def restore(
        cls, number: int, generation: int, records: Mapping[PaneKey | None, bytes]
    ) -> Partition:
        """Take up a partition where the table says it stands.

        `records` are the table's values by pane, the position under None; `generation` is the
        group's. The result writes under a generation above any that has written before it, also
        where the group was deleted and counts from one again. Raises StateError.
        """
        position = records.get(None)
        known = None if position is None else decode_position(position)
        highest = generation - 1
        seen_until = -1
        for value in records.values():
            wrote, stamp = order(value)
            highest = max(highest, wrote)
            if value is not position:
                seen_until = max(seen_until, stamp)
        stored = {key: value for key, value in records.items() if key is not None}
        if known is None:
            return cls(number, highest + 1, stored=stored, seen_until=seen_until)
        return cls(
            number,
            highest + 1,
            position=known.s,
            newest=known.newest,
            read_at=known.read_at,
            totals=known.totals,
            stored=stored,
            seen_until=seen_until,
        )

    def apply(self, batch: Decoded, classifier: Classifier, now: float) -> dict[int, Rejected]:
        """Count a batch; returns every rejection by index, those of its times included.

        `batch.start` must be this partition's position. `now` is the wall clock in unix seconds.
        """
        assert batch.start == self.position, "batches of a partition chain"
        rejected = dict(batch.rejected)
        previous = self.newest
        if batch.offsets and batch.offsets[0] <= self.seen_until:
            self._apply_seen(batch, classifier, now, rejected)
        else:
            tally = self._tally(batch, 0, len(batch.events), now, rejected)
            for start, delta in self._deltas(tally, classifier).items():
                delta.stamp = batch.end - 1
                self._add(start, delta)
        if self.newest > previous:
            self.read_at = now
        records = self.totals.records
        for reason in rejected.values():
            _count(records, f"rejected/{reason.reason}", 1)
        counted = len(batch.events) - len(rejected)
        if counted:
            _count(records, "counted/", counted)
            _count(self.totals.events, batch.format, counted)
        self.position = batch.end
        self.is_moved = True
        return rejected

    def _apply_seen(
        self, batch: Decoded, classifier: Classifier, now: float, rejected: dict[int, Rejected]
    ) -> None:
        # Event by event, because each pane has its own stamp. This lasts for the records between
        # the position and the crash: about a second of traffic.
        for index, offset in enumerate(batch.offsets):
            tally = self._tally(batch, index, index + 1, now, rejected)
            for start, delta in self._deltas(tally, classifier).items():
                delta.stamp = offset
                self._add(start, delta)

    def _tally(
        self, batch: Decoded, begin: int, end: int, now: float, rejected: dict[int, Rejected]
    ) -> dict[tuple[str, str | None, str | None, float], Counts]:
        """Add up events by (model, language, tenant, finest pane).

        This is the hot loop: the only code that runs once an event after decoding. Everything
        that costs more than an addition waits until equal events are one entry.
        """
        tally: dict[tuple[str, str | None, str | None, float], Counts] = {}
        find = tally.get
        length = _FINEST.seconds
        newest = self.newest
        late_before = newest - ALLOWED_LATENESS_SECONDS
        floor = max(EARLIEST_TIME, newest - DAY.keep_seconds)
        # Above this a number may be milliseconds, so the ceiling keeps it out of the fast path.
        ceiling = now + ALLOWED_CLOCK_SKEW_SECONDS
        late = 0
        for index, event in enumerate(batch.events[begin:end], begin):
            if event is None:
                continue
            ts = event.ts
            if type(ts) is not float or not floor <= ts <= ceiling:
                told = _timely(event, batch.times[index], floor, ceiling)
                if isinstance(told, Rejected):
                    rejected[index] = told
                    continue
                ts = told
            if ts > newest:
                newest = ts
                late_before = ts - ALLOWED_LATENESS_SECONDS
            elif ts < late_before:
                late += 1
            prompt = event.prompt_tokens
            completion = event.completion_tokens
            tokens = prompt + completion
            key = (event.model, event.language, event.tenant, ts // length)
            counts = find(key)
            if counts is None:
                tally[key] = [1, prompt, completion, tokens * tokens]
            else:
                counts[0] += 1
                counts[1] += prompt
                counts[2] += completion
                counts[3] += tokens * tokens
        self.newest = newest
        self.totals.late += late
        return tally

    def _deltas(
        self,
        tally: dict[tuple[str, str | None, str | None, float], Counts],
        classifier: Classifier,
    ) -> dict[int, Pane]:
        """Turn a tally into panes of the finest level by start, and add it to the totals."""
        deltas: dict[int, Pane] = {}
        totals = self.totals
        for (model, language, tenant, slot), counts in tally.items():
            start = int(slot) * _FINEST.seconds
            delta = deltas.get(start)
            if delta is None:
                delta = deltas[start] = Pane()
            keys = classifier.keys(model, language)
            add_counts(delta.cells, keys.cell, counts)
            add_counts(delta.models, keys.model, counts)
            if tenant:
                name = classifier.tenant(tenant)
                add_counts(delta.tenants, f"{name}/o/{keys.origin}", counts)
                add_counts(delta.tenants, f"{name}/l/{keys.language}", counts)
            _sum_bounded(totals.origins, keys.origin, counts)
            _sum_bounded(totals.languages, keys.language, counts)
            _sum_bounded(totals.developers, keys.developer, counts)
        return deltas

    def _add(self, start: int, delta: Pane) -> None:
        for level in LEVELS:
            at = pane_start(level, start)
            if not is_kept(level, at, self.newest):
                continue
            key = PaneKey(level, at)
            pane = self._pane(key)
            if delta.stamp <= pane.stamp and delta.stamp <= self.seen_until:
                continue
            pane.add(delta, tenants=level.has_tenants)
            if pane.is_crowded:
                pane.trim()
            self.dirty.add(key)

    def _pane(self, key: PaneKey) -> Pane:
        pane = self.panes.get(key)
        if pane is None:
            stored = self.stored.pop(key, None)
            pane = self.panes[key] = Pane() if stored is None else decode_pane(stored)
        return pane

    def skip_to(self, offset: int) -> None:
        """Go on at `offset`: Kafka no longer holds the records before it."""
        _count(self.totals.records, "lost/expired", offset - self.position)
        self.position = offset
        self.is_moved = True

    def rewrite(self, key: PaneKey | None) -> None:
        """Write a pane (None: the position) again: somebody else's older value stands there."""
        if key is None:
            self.is_moved = True
        elif key in self.panes:
            self.dirty.add(key)
        elif key in self.stored:
            self._pane(key)
            self.dirty.add(key)

    @property
    def needs_flush(self) -> bool:
        """True when there is something that Kafka does not hold yet."""
        return self.is_moved or bool(self.dirty)

    def begin_flush(self) -> Flush:
        """Return what is to be written now; the caller reports back with `end_flush`."""
        for key in [key for key in self.dirty if not is_kept(*key, self.newest)]:
            self.dirty.discard(key)
        encoded: dict[PaneKey, bytes] = {}
        for key in self.dirty:
            pane = self.panes[key]
            pane.trim()
            encoded[key] = encode_pane(pane, self.generation)
        expired = self._expire()
        position = PositionRecord(
            STATE_VERSION, self.generation, self.position, self.newest, self.read_at, self.totals
        )
        flush = Flush(
            panes={pane_key(self.number, key): value for key, value in encoded.items()},
            position=(position_key(self.number), encode_position(position)),
            end=self.position,
            expired=[pane_key(self.number, key) for key in expired],
            keys=encoded,
        )
        self.dirty.clear()
        self.is_moved = False
        return flush

    def _expire(self) -> list[PaneKey]:
        # Panes expire as event time enters a new pane of the finest level, not in between.
        slot = pane_start(_FINEST, self.newest)
        if slot == self.swept:
            return []
        self.swept = slot
        held = (*self.panes, *self.stored)
        expired = [key for key in held if not is_kept(*key, self.newest)]
        for key in expired:
            self.panes.pop(key, None)
            self.stored.pop(key, None)
        return expired

    def end_flush(self, flush: Flush, *, written: bool) -> None:
        """Say whether Kafka has acknowledged all of a flush; what it has not is written again."""
        if not written:
            self.dirty.update(key for key in flush.keys if key in self.panes)
            self.is_moved = True
            return
        for key, value in flush.keys.items():
            # A pane that event time has left rests as the bytes that Kafka holds.
            over = key.start + key.level.seconds <= self.newest
            if over and key not in self.dirty and self.panes.pop(key, None) is not None:
                self.stored[key] = value


def _timely(
    event: UsageEvent, record_milliseconds: int | None, floor: float, ceiling: float
) -> float | Rejected:
    record_time = (
        record_milliseconds / 1000
        if record_milliseconds is not None and record_milliseconds >= 0
        else None
    )
    ts = event_time(event.ts, record_time)
    if ts is None:
        return Rejected("bad_time", "ts cannot be read as a time")
    if ts > ceiling:
        return Rejected("future", f"{ts - ceiling + ALLOWED_CLOCK_SKEW_SECONDS:.0f} s ahead")
    if ts < floor:
        return Rejected("too_old", f"older than {DAY.keep_seconds // 86400} days")
    return ts


def _count(into: dict[str, int], key: str, count: int) -> None:
    into[key] = into.get(key, 0) + count


def _sum_bounded(into: dict[str, Counts], key: str, counts: Counts) -> None:
    add_counts(into, key if key in into or len(into) < MAX_TOTALS else OTHER, counts)
