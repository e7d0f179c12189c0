"""Decode, classify and aggregate lines with the same code as a worker.

So a file has the same totals as a worker's partition with the same records: its days, and the
records that do not count. A worker's live windows and persistent store are left out, and tenants
unless they are asked for; so nothing is too old, and the order of files changes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.classify.classifier import Classifier
from streams.counting.accumulator import Accumulator
from streams.counting.aggregate import counting
from streams.counting.repeats import Repeats
from streams.decode.decoder import Decoder
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.decode.reader import Reader
from streams.kafka.record_batch import is_scannable, records_in
from streams.state.packing import maps_of
from streams.state.pane import DAY, TENANTS, Pane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.decode.options import Options
    from streams.decode.rows import Reading
    from streams.kafka.batch_fetch import Batch

#: A store has a retention for days; a report covers everything in the files, in any order.
_EVERY_DAY = DAY._replace(keep_seconds=2**40)
_TENANTS = TENANTS._replace(seconds=DAY.seconds, keep_seconds=2**40)
#: Places that are reported for each reason.
FIRST = 3
#: Lines of a reading that are examined again to find where something was skipped.
_LOOKED_AT = 100


@dataclass(slots=True)
class Uncounted:
    """Items that do not count for one reason: their number, the first places, and the detail."""

    count: int = 0
    #: (file, line number from 1)
    places: list[tuple[str, int]] = field(default_factory=list)
    detail: str = ""

    def note(self, place: tuple[str, int], detail: str = "") -> None:
        """Record a place if it is one of the first; several items of a line are one place."""
        if len(self.places) < FIRST and place not in self.places:
            self.places.append(place)
            self.detail = self.detail or detail


class Count:
    """Counts the lines of files, one file after the other, as a worker counts a partition.

    `now` is the wall clock in unix seconds: an event may be slightly ahead of it. An event is
    skipped if another event within the last `dedupe_records` lines had the same id, or if its span
    repeats another one within the last `trace_records`. `tenant_salt` keys the hash of tenants,
    which are counted only where it is not None.
    """

    def __init__(
        self,
        catalog: Catalog,
        options: Options,
        now: float,
        dedupe_records: int = 0,
        trace_records: int = 0,
        *,
        tenant_salt: str | None = None,
    ) -> None:
        self.panes: dict[int, Pane] = {}
        self.lines = self.counted = 0
        self.rejected: dict[str, Uncounted] = {}
        self.skipped: dict[str, Uncounted] = {}
        self._now = now
        self._classifier = Classifier(catalog, tenant_salt or "")
        self._tenants = None if tenant_salt is None else _TENANTS
        self._repeats = Repeats.of(dedupe_records, trace_records)
        self._reader = Reader(
            self._classifier,
            options,
            with_ids=bool(dedupe_records),
            with_spans=bool(trace_records),
        )
        self._decoder = Decoder(options)
        self._file, self._before, self._next = "", 0, 0

    def begin(self, file: str) -> None:
        """Set the file of the next lines."""
        self._file, self._before = file, self._next

    @property
    def line(self) -> int:
        """The number of lines of this file so far."""
        return self._next - self._before

    def add(self, lines: Sequence[bytes]) -> None:
        """Count the next lines of a file."""
        start, end = self._next, self._next + len(lines)
        self.lines += len(lines) - lines.count(b"")
        for reading in self._reader.values(start, lines):
            self._add(reading)
            if reading.skipped:
                self._find_skipped(reading, lines, start)
        self._next = end

    def add_batches(self, batch: Batch) -> None:
        """Count the records between two offsets of a partition."""
        self._before = 1
        self.lines += sum(records_in(each) for each in batch.record_batches if is_scannable(each))
        for reading in self._reader.readings(
            batch.start, batch.end, batch.record_batches, batch.damaged
        ):
            if reading is not None:
                self._add(reading)

    def _add(self, reading: Reading) -> None:
        ahead = reading.rows.ts > self._now + ALLOWED_CLOCK_SKEW_SECONDS
        before, reading = reading, self._repeats.without(reading, ahead)
        if reading is not before:
            self._note_repeated(before, reading)
        for reason, count in reading.skipped.items():
            self.skipped.setdefault(reason, Uncounted()).count += count
        rows = reading.rows
        counted, untimely = counting(
            rows, 0.0, self._now, self._classifier, _EVERY_DAY.keep_seconds
        )
        for offset, why in (*reading.rejected, *untimely):
            uncounted = self.rejected.setdefault(why.reason, Uncounted())
            uncounted.count += 1
            uncounted.note(self._place(offset), why.detail)
        for corrupt in reading.corrupt:
            uncounted = self.rejected.setdefault("corrupt_batch", Uncounted())
            uncounted.count += len(corrupt)
            uncounted.note(self._place(corrupt.first), corrupt.why)
        if counted is None:
            return
        self.counted += len(counted.rows)
        accumulator = Accumulator(self._classifier.keys, (_EVERY_DAY,), self._tenants)
        accumulator.add(counted, 0.0)
        for key, table in accumulator.panes(0.0):
            self.panes.setdefault(key.start, Pane()).add_counts(*maps_of(table))

    def _note_repeated(self, before: Reading, after: Reading) -> None:
        """Record the first lines where an event repeats an earlier one."""
        kept = Counter(after.rows.offsets.tolist())
        repeated = (Counter(before.rows.offsets.tolist()) - kept).keys()
        for reason, count in after.skipped.items():
            if count > before.skipped.get(reason, 0):
                uncounted = self.skipped.setdefault(reason, Uncounted())
                for offset in sorted(repeated)[:FIRST]:
                    uncounted.note(self._place(offset))

    def _find_skipped(self, reading: Reading, lines: Sequence[bytes], start: int) -> None:
        """Record the first lines where something was skipped; a reading does not report where."""
        sought = {reason for reason in reading.skipped if len(self.skipped[reason].places) < FIRST}
        if not sought:
            return
        taken = {*reading.rows.offsets.tolist(), *(offset for offset, _ in reading.rejected)}
        here = range(reading.start, reading.end)
        alone = (each for each in here if each not in taken and lines[each - start])
        with_others = (each for each in here if each in taken)
        for looked_at, offset in enumerate((*alone, *with_others)):
            if looked_at == _LOOKED_AT:
                return
            found = Counter(
                each.reason for each in self._decoder.decode(lines[offset - start]).skipped
            )
            for reason in found.keys() & sought:
                self.skipped[reason].note(self._place(offset))

    def join(self, other: Count) -> None:
        """Add the counts of another `Count`."""
        self.lines += other.lines
        self.counted += other.counted
        for start, pane in other.panes.items():
            self.panes.setdefault(start, Pane()).add(pane)
        for mine, others in ((self.rejected, other.rejected), (self.skipped, other.skipped)):
            for reason, uncounted in others.items():
                into = mine.setdefault(reason, Uncounted())
                into.count += uncounted.count
                for place in uncounted.places:
                    into.note(place, uncounted.detail)

    def _place(self, offset: int) -> tuple[str, int]:
        return self._file, offset - self._before + 1
