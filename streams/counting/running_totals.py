"""Add to the running totals of a partition, which its position holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.classify.keys import OTHER
from streams.decode.rows import FORMAT_NAMES
from streams.decode.unread_usage import MAX_SOURCES
from streams.state.counts import add_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.counting.accumulator import TotalCounts
    from streams.decode.event import Rejected, SkipReason
    from streams.decode.rows import Reading, Rows, UnreadItem
    from streams.state.codec import Totals

#: More languages than a gateway sees; beyond the limit, further names are counted together.
MAX_TOTALS = 512


def add_results(
    totals: Totals, reading: Reading, rejected: Sequence[tuple[int, Rejected]], untimely: int
) -> None:
    """Count the records of a reading by result; `untimely` of its rows are among the rejected."""
    for _, why in rejected:
        count_up(totals.records, f"rejected/{why.reason}", 1)
    for corrupt in reading.corrupt:
        count_up(totals.records, "rejected/corrupt_batch", len(corrupt))
    counted = len(reading.rows) - untimely
    if counted:
        count_up(totals.records, "counted/", counted)
    for reason, count in reading.skipped.items():
        count_up(totals.records, _result_of_skip(reason), count)


def add_unread(totals: Totals, unread: Iterable[UnreadItem], newest: float) -> None:
    """Count the items whose usage no reader takes, by format and source."""
    for each in unread:
        is_shown = (key := f"{each.format}/{each.source}") in totals.unread
        if not is_shown and len(totals.unread) >= MAX_SOURCES:
            key = f"{each.format}/{OTHER}"
        count_up(totals.unread, key, 1)
        totals.unread_at = newest


def add_formats(totals: Totals, rows: Rows) -> None:
    """Count events by format."""
    for number, count in enumerate(np.bincount(rows.format).tolist()):
        if count:
            count_up(totals.events, FORMAT_NAMES[number], count)


def add_counted(totals: Totals, added: TotalCounts) -> None:
    """Count events by origin, language, developer and provider."""
    for into, found in zip(totals.maps(), added, strict=True):
        for name, counts in found.items():
            add_counts(into, name if name in into or len(into) < MAX_TOTALS else OTHER, counts)


def count_up(into: dict[str, int], key: str, count: int) -> None:
    """Add to the count of a key."""
    into[key] = into.get(key, 0) + count


def _result_of_skip(reason: SkipReason) -> str:
    # A response from a gateway's cache has a result of its own.
    return "cache_hit/" if reason == "cache_hit" else f"skipped/{reason}"
