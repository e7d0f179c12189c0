"""What the decoder now says of a rejected record, and whether it may be sent again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.counting.aggregate import untimely
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS, event_time
from streams.state.pane import DAY

if TYPE_CHECKING:
    from streams.decode.decoder import Decoder
    from streams.decode.event import Rejected, Skipped, UsageEvent
    from streams.decode.stored_letter import StoredLetter
    from streams.kafka.record_batch import Record


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of each item of a record; `needs_time`: an event has only the record's time."""

    format: str | None
    events: tuple[UsageEvent, ...]
    rejected: tuple[Rejected, ...]
    skipped: tuple[Skipped, ...]
    needs_time: bool

    @property
    def items(self) -> int:
        """Return the number of items."""
        return len(self.events) + len(self.rejected) + len(self.skipped)

    def __str__(self) -> str:
        parts = [f"{len(self.events)} event{'s' * (len(self.events) != 1)}"] if self.events else []
        parts += [f"rejected {each.reason}: {each.detail}" for each in self.rejected[:1]]
        more = len(self.rejected) - 1
        parts += [f"and {more} more rejected"] if more > 0 else []
        parts += [f"skipped {each}" for each in sorted({each.reason for each in self.skipped})]
        return ", ".join(parts)


def verdict(decoder: Decoder, record: Record, now: float) -> Verdict:
    """Return what a worker finds in a record at the time `now`, in unix seconds.

    Too old is measured against `now`: a worker measures against its partition's newest event.
    """
    decoded = decoder.decode(record.value, record.headers)
    record_time = record.timestamp / 1000 if record.timestamp >= 0 else None
    events, rejected = [], [*decoded.rejected]
    for event in decoded.events:
        seconds = event_time(event.ts, record_time)
        ts = math.nan if seconds is None else seconds
        if now - DAY.keep_seconds <= ts <= now + ALLOWED_CLOCK_SKEW_SECONDS:
            events.append(event)
        else:
            rejected.append(untimely(ts, now + ALLOWED_CLOCK_SKEW_SECONDS))
    return Verdict(
        decoded.format,
        tuple(events),
        tuple(rejected),
        tuple(decoded.skipped),
        any(event.ts is None for event in events),
    )


def obstacle(
    letter: StoredLetter, record: Record, found: Verdict, *, even_rejected: bool = False
) -> str:
    """Return why a record of a letter is not sent again; nothing where it may be.

    What was counted of it would count twice. `even_rejected` sends what is rejected still as well.
    """
    if letter.counted:
        return "some of its items were counted"
    if letter.counted is None and found.items > (letter.items or 1):
        return "some of its items may have been counted"
    if record.value is None:
        return "it has no value"
    if found.rejected and not even_rejected:
        return "it is still rejected"
    if not found.events and not found.rejected:
        return "it has nothing to count"
    return ""
