"""What repeats an earlier event of a partition: its id, or its span's place in its trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from streams.counting.dedupe import Recent
from streams.decode.trace_memory import READ_AGAIN, TraceMemory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.decode.event import SkipReason
    from streams.decode.rows import Reading, UnreadItem


@dataclass(frozen=True, slots=True)
class Repeats:
    """The memory of a partition: ids and spans of earlier events, None where not asked for.

    What it says follows from the log alone: from at most `reach` records before.
    """

    ids: Recent | None
    spans: TraceMemory | None
    dedupe_records: int
    trace_records: int

    @classmethod
    def of(cls, dedupe_records: int, trace_records: int) -> Repeats:
        """Return an empty memory of so many records; of none where there are none."""
        return cls(
            Recent(dedupe_records) if dedupe_records else None,
            TraceMemory(trace_records) if trace_records else None,
            dedupe_records,
            trace_records,
        )

    def reach(self, *, has_spans: bool) -> int:
        """Return how many counted records to read again, given whether any may hold spans.

        Without spans, and batches of LiteLLM's beside them, there is none to be remembered.
        """
        return max(self.dedupe_records, READ_AGAIN * self.trace_records if has_spans else 0)

    def may_have_spans(self, reading: Reading) -> bool:
        """Return whether a reading may hold spans: where none are asked for, nobody knows."""
        return self.spans is None or bool(reading.spans)

    def without(self, reading: Reading, ahead: NDArray[np.bool_]) -> Reading:
        """Return a reading without the rows that repeat an earlier one, and remember all of it."""
        rows = reading.rows
        skipped: Counter[SkipReason] = Counter(reading.skipped)
        unread = [*reading.unread]
        repeated = self._nested(reading, ahead, skipped, unread)
        if self.ids is not None:
            again = self.ids.repeated(rows, ahead) & ~repeated
            skipped["duplicate"] += int(np.count_nonzero(again))
            repeated |= again
        if not repeated.any() and len(unread) == len(reading.unread):
            return reading
        return replace(reading, rows=rows[~repeated], skipped=+skipped, unread=unread)

    def remember(self, reading: Reading, position: int, newest: float) -> None:
        """Remember a reading of counted records, those below `position`.

        No clock decides: what is after the newest event counted was rejected as `future`.
        """
        rows = reading.rows[reading.rows.offsets < position]
        spans = [each for each in reading.spans if each[0] < position]
        ahead = rows.ts > newest
        self._nested(replace(reading, rows=rows, spans=spans), ahead, Counter(), [])
        if self.ids is not None:
            self.ids.repeated(rows, ahead)

    def _nested(
        self,
        reading: Reading,
        ahead: NDArray[np.bool_],
        skipped: Counter[SkipReason],
        unread: list[UnreadItem],
    ) -> NDArray[np.bool_]:
        """Return which rows repeat an earlier span, and count why; leave out such unread items.

        Those whose time cannot be read or is `ahead` are not counted: they repeat nothing, and
        nothing repeats them.
        """
        rows = reading.rows
        repeated = np.zeros(len(rows), dtype=np.bool_)
        if self.spans is None:
            return repeated
        looked_at: dict[int, list[UnreadItem]] = {}
        for each in unread:
            looked_at.setdefault(each.offset, []).append(each)
        for offset, nodes in reading.spans:
            first, end = np.searchsorted(rows.offsets, (offset, offset + 1)).tolist()
            names = rows.id[first:end]
            untimely = ahead[first:end] | np.isnan(rows.ts[first:end])
            void = set(names[untimely].tolist())
            places = dict(zip(names.tolist(), range(first, end), strict=True))
            for key, why in self.spans.repeated(offset, nodes, void).items():
                place = places.get(key)
                if place is not None:
                    repeated[place] = True
                    skipped[why] += 1
            if offset in looked_at:
                looked_at[offset] = [
                    each for each in looked_at[offset] if not self.spans.counts(each.key)
                ]
        left = [each for some in looked_at.values() for each in some]
        # A span around or inside of one that counts repeats its usage.
        skipped["not_a_request"] += len(unread) - len(left)
        skipped["unread_usage"] -= len(unread) - len(left)
        unread[:] = left
        return repeated

    def forget_from(self, offset: int) -> None:
        """Forget the records from an offset on: the log no longer holds them."""
        if self.ids is not None:
            self.ids.forget_from(offset)
        if self.spans is not None:
            self.spans.forget_from(offset)
