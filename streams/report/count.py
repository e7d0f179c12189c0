"""Decode, classify and aggregate lines with the same code as a worker.

So a file has the same totals as a worker's partition with the same records: its days, and the
records that do not count. A worker's live windows, tenant keys and persistent store are left out;
so nothing is too old, and the order of files changes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streams.classify.classifier import Classifier
from streams.counting.aggregate import columns_of, panes_of
from streams.counting.dedupe import Recent
from streams.decode.decoder import Decoder
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.decode.reader import Reader
from streams.kafka.record_batch import is_scannable, records_in
from streams.report.lines import batch
from streams.state.pane import DAY, Pane, add_counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.decode.decoder import Options
    from streams.decode.rows import Reading, Rows
    from streams.kafka.batch_fetch import Batch

#: A store has a retention for days; a report covers everything in the files, in any order.
_EVERY_DAY = DAY._replace(keep_seconds=2**40)
#: Places that are reported for each reason.
FIRST = 3
#: Lines of a reading that are examined again to find where something was skipped.
_LOOKED_AT = 100


@dataclass(slots=True)
class Left:
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
    skipped if another event within the last `dedupe_records` lines had the same id.
    """

    def __init__(
        self, catalog: Catalog, options: Options, now: float, dedupe_records: int = 0
    ) -> None:
        self.panes: dict[int, Pane] = {}
        self.lines = self.counted = 0
        self.rejected: dict[str, Left] = {}
        self.skipped: dict[str, Left] = {}
        self._now = now
        self._classifier = Classifier(catalog)
        self._recent = Recent(dedupe_records) if dedupe_records else None
        self._reader = Reader(self._classifier, options, with_ids=bool(dedupe_records))
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
        for reading in self._readings(start, end, [batch(lines, start)] if lines else []):
            if reading.skipped:
                self._find_skipped(reading, lines, start)
        self._next = end

    def add_batches(self, batch: Batch) -> None:
        """Count the records between two offsets of a partition."""
        self._before = 1
        self.lines += sum(records_in(each) for each in batch.record_batches if is_scannable(each))
        for _ in self._readings(batch.start, batch.end, batch.record_batches, batch.damaged):
            pass

    def _readings(
        self,
        start: int,
        end: int,
        record_batches: Sequence[bytes | memoryview],
        damaged: frozenset[int] = frozenset(),
    ) -> Iterator[Reading]:
        for reading in self._reader.readings(start, end, record_batches, damaged):
            if reading is not None:
                self._add(reading)
                yield reading

    def _add(self, reading: Reading) -> None:
        for reason, count in reading.skipped.items():
            self.skipped.setdefault(reason, Left()).count += count
        rows = self._without_repeated(reading.rows)
        columns, untimely = columns_of(
            rows, 0.0, self._now, self._classifier, _EVERY_DAY.keep_seconds
        )
        for offset, why in (*reading.rejected, *untimely):
            left = self.rejected.setdefault(why.reason, Left())
            left.count += 1
            left.note(self._place(offset), why.detail)
        for corrupt in reading.corrupt:
            left = self.rejected.setdefault("corrupt_batch", Left())
            left.count += len(corrupt)
            left.note(self._place(corrupt.first), corrupt.why)
        if columns is None:
            return
        self.counted += len(columns.ts)
        days, starts = panes_of(columns, _EVERY_DAY, 0.0)
        panes = [self.panes.setdefault(day, Pane()) for day in starts]
        names = self._classifier.cell_names.names
        for at, number, counts in columns.sums_by_pane(days, columns.cell):
            add_counts(panes[at].cells, names[number], counts)
        names = self._classifier.model_names.names
        for at, number, counts in columns.sums_by_pane(days, columns.model):
            add_counts(panes[at].models, names[number], counts)
        for pane in panes:
            if pane.is_crowded:
                pane.trim()

    def _without_repeated(self, rows: Rows) -> Rows:
        if self._recent is None:
            return rows
        repeated = self._recent.repeated(rows, self._now + ALLOWED_CLOCK_SKEW_SECONDS)
        if not repeated.any():
            return rows
        left = self.skipped.setdefault("duplicate", Left())
        left.count += int(np.count_nonzero(repeated))
        for offset in rows.offsets[repeated][:FIRST].tolist():
            left.note(self._place(offset))
        return rows[~repeated]

    def _find_skipped(self, reading: Reading, lines: Sequence[bytes], start: int) -> None:
        """Record the first lines where something was skipped; a reading does not report where."""
        sought = {reason for reason in reading.skipped if len(self.skipped[reason].places) < FIRST}
        if not sought:
            return
        taken = {*reading.rows.offsets.tolist(), *(offset for offset, _ in reading.rejected)}
        here = range(reading.start, reading.end)
        alone = (each for each in here if each not in taken and lines[each - start])
        beside = (each for each in here if each in taken)
        for looked_at, offset in enumerate((*alone, *beside)):
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
            for reason, left in others.items():
                into = mine.setdefault(reason, Left())
                into.count += left.count
                for place in left.places:
                    into.note(place, left.detail)

    def _place(self, offset: int) -> tuple[str, int]:
        return self._file, offset - self._before + 1
