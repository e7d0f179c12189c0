"""Which events were rejected as `future`: a verdict that depends on when it is given.

The clock of the next owner shows another time. Where it reads the same records again, it must give
the same verdicts: an event would be in some panes and not in others, or be counted and be a dead
letter too. So the verdicts on records from the position on are stored with it, before anything that
follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: With this many runs of offsets, a flush is due: a position stays small.
MAX_RUNS = 2000


@dataclass(slots=True)
class Verdicts:
    """The offsets rejected as `future` since the position that Kafka holds, ascending.

    `runs` are half-open ranges of offsets, (first, end). Up to the offset `judged`, an earlier
    owner has decided.
    """

    runs: list[tuple[int, int]] = field(default_factory=list)
    judged: int = -1

    @classmethod
    def of(cls, position: int, stored: Sequence[int], judged: int) -> Verdicts:
        """Return the verdicts stored with a position."""
        runs = []
        at = position
        for gap, length in zip(stored[::2], stored[1::2], strict=True):
            runs.append((at + gap, at + gap + length))
            at += gap + length
        return cls(runs, judged)

    def stored(self, position: int) -> list[int]:
        """Return the offsets from a position on, to be stored with it."""
        numbers: list[int] = []
        at = position
        for first, end in self.runs:
            if end > position:
                numbers += (max(first, position) - at, end - max(first, position))
                at = end
        return numbers

    def ahead(
        self, offsets: NDArray[np.int64], ts: NDArray[np.float64], ceiling: float
    ) -> NDArray[np.bool_]:
        """Return which events are rejected as `future`: those after `ceiling` (unix seconds).

        Where an earlier owner has decided, its verdict stands.
        """
        ahead = ts > ceiling
        given = offsets <= self.judged
        if given.any():
            # An offset is in a run where more runs have begun than have ended before it.
            firsts = np.array([first for first, _ in self.runs], dtype=np.int64)
            ends = np.array([end for _, end in self.runs], dtype=np.int64)
            begun = np.searchsorted(firsts, offsets, side="right")
            ended = np.searchsorted(ends, offsets, side="right")
            ahead = np.where(given, begun > ended, ahead)
        return ahead

    def note(self, offsets: NDArray[np.int64]) -> None:
        """Note that these events were rejected as `future`."""
        for offset in offsets[offsets > self.judged].tolist():
            if self.runs and self.runs[-1][1] == offset:
                self.runs[-1] = (self.runs[-1][0], offset + 1)
            else:
                self.runs.append((offset, offset + 1))

    def forget_before(self, position: int) -> None:
        """Forget the verdicts before the position that Kafka holds now."""
        if self.runs and self.runs[0][0] < position:
            self.runs = [(max(first, position), end) for first, end in self.runs if end > position]
