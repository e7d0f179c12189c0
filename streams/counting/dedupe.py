"""The ids of the last records of a partition, to detect repeated events.

A logger that repeats itself writes one request as two records. Only the log decides what is a
duplicate: an id that an event had at most so many offsets before. So a worker that reads those
records again at its start decides like its predecessor, and the counts stay exactly-once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.decode.rows import Rows


class Recent:
    """Remembers ids of the last `records` offsets of one partition, at some 100 bytes each."""

    def __init__(self, records: int) -> None:
        self._records = records
        self._last: dict[int, int] = {}

    def repeated(self, rows: Rows, ahead: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows repeat an earlier one, and remember all of them.

        Rows are in the order of their offsets, over all calls. Those without an id repeat nothing.
        Those whose time cannot be read or is `ahead` do not count, so that a valid copy of them
        may.
        """
        last, reach = self._last, self._records
        repeated = np.zeros(len(rows), dtype=np.bool_)
        counts = ~(ahead | np.isnan(rows.ts))
        for row, (name, offset, may_count) in enumerate(
            zip(rows.id.tolist(), rows.offsets.tolist(), counts.tolist(), strict=True)
        ):
            if name and may_count:
                before = last.get(name)
                if before is not None and offset - before <= reach:
                    repeated[row] = True
                last[name] = offset
        if len(last) > 2 * reach and len(rows):
            oldest = int(rows.offsets[-1]) - reach
            self._last = {name: offset for name, offset in last.items() if offset >= oldest}
        return repeated

    def forget_from(self, offset: int) -> None:
        """Forget the ids of records from an offset on: the log no longer holds them."""
        self._last = {name: last for name, last in self._last.items() if last < offset}
