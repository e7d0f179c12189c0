"""The clock of a worker, compared with those whose time is on the records that it reads.

A wrong clock would reject good events as `future`, for good, and would end the windows elsewhere
than other workers do. So the time of a worker is corrected where its clock is proved wrong by more
than a minute: verdicts and windows are then those of a worker whose clock is right.

A record is written before it is read. So one that is ahead proves this clock behind at once, unless
its writer is wrong. One that is old may have waited, and proves this clock ahead only if none is
newer for a while. Brokers stamp the changelog, and decide by a majority of its partitions. Where
they do not, the writers of source records and the other workers vote beside this clock.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from math import inf
from statistics import median, median_low
from typing import TYPE_CHECKING

from streams.kafka import record_batch
from streams.web.snapshot import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger("tokenshare.clock")

#: A clock that is off by more is wrong; less may be a delay on the way.
OFF_SECONDS = 60.0
#: Records must be old for this long before they show that a clock is ahead.
AHEAD_SECONDS = 10.0
#: Writers of source records that are further ahead are not believed without a broker.
MAX_WRITERS_AHEAD_SECONDS = 86_400.0
#: Record batches whose writers vote, and seconds of the changelog that are remembered.
RECENT_BATCHES = 31
RECENT_SECONDS = 30
#: Times of its own records by which a worker knows them again.
MAX_WRITTEN = 10_000
#: The clock was set if it moves by more against the steady one: what it was compared with is void.
STEP_SECONDS = 1.0


class _Stamps:
    """The times on a changelog partition's last records, as seconds ahead of the steady clock."""

    def __init__(self) -> None:
        self._ahead: deque[tuple[float, float]] = deque(maxlen=RECENT_SECONDS)
        #: Of all these, found once a second: each record asks for it in every partition.
        self._most = -inf

    def note(self, stamp: float, steady: float) -> None:
        ahead = stamp - steady
        if self._ahead and steady - self._ahead[-1][0] < 1.0:
            began, before = self._ahead.pop()
            self._ahead.append((began, max(before, ahead)))
            self._most = max(self._most, ahead)
        else:
            self._ahead.append((steady, ahead))
            self._most = max(ahead for _, ahead in self._ahead)

    def offset(self, own: float) -> float:
        """Return how far a clock, `own` ahead of the steady one, is ahead of these stamps."""
        offset = own - self._most
        lasted = self._ahead[-1][0] - self._ahead[0][0]
        return offset if offset < 0 or lasted >= AHEAD_SECONDS else 0.0


class Clock:
    """The time of this worker; `offset` is how far its clock is ahead, None where not known."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offset: float | None = None
        self._wall = wall
        self._steady = steady
        self._own = wall() - steady()
        #: Stamps of brokers and of other workers, by partition of the changelog.
        self._brokers: dict[int, _Stamps] = {}
        self._workers: dict[int, _Stamps] = {}
        #: Of the last batches of the source, as seconds ahead of the steady clock.
        self._writers: deque[float] = deque(maxlen=RECENT_BATCHES)
        #: The times on the last records that this worker wrote, in milliseconds.
        self._written: dict[int, None] = {}
        self._is_logged = False

    def now(self) -> float:
        """Return the time in unix seconds, corrected where this clock is proved wrong."""
        self._look_for_step()
        return self._wall() - (self.offset or 0.0 if self.is_wrong else 0.0)

    @property
    def is_wrong(self) -> bool:
        """Return whether this clock is proved wrong."""
        return self.offset is not None and abs(self.offset) > OFF_SECONDS

    def stamp(self) -> float:
        """Return the time for a record that is written now, in unix seconds."""
        now = self.now()
        self._written[int(now * 1000)] = None
        if len(self._written) > MAX_WRITTEN:
            del self._written[next(iter(self._written))]
        return now

    def note_changelog(
        self, partition: int, stamp_ms: int, *, of_broker: bool, is_live: bool
    ) -> None:
        """Note the time on the newest record of a changelog partition, as it is read.

        It is the broker's or the writer's. `is_live` is False while old records are read.
        """
        self._look_for_step()
        steady, stamp = self._steady(), stamp_ms / 1000
        if not is_live and stamp <= steady + self._own:
            return
        if of_broker:
            self._brokers.setdefault(partition, _Stamps()).note(stamp, steady)
        elif stamp_ms in self._written:
            self._workers.pop(partition, None)
        else:
            self._workers.setdefault(partition, _Stamps()).note(stamp, steady)
        self.offset = self._estimate()

    def note_source(self, batches: Iterable[bytes | memoryview]) -> None:
        """Note the times on record batches of the source, before their events are judged."""
        self._look_for_step()
        steady = self._steady()
        stamps = (record_batch.newest_timestamp(raw) for raw in batches)
        self._writers.extend(stamp / 1000 - steady for stamp in stamps if stamp > 0)
        self.offset = self._estimate()

    def _estimate(self) -> float | None:
        if self._brokers:
            return median(each.offset(self._own) for each in self._brokers.values())
        writers = self._own - median_low(self._writers) if self._writers else None
        if writers is not None and writers < -MAX_WRITERS_AHEAD_SECONDS:
            writers = None
        workers = [each.offset(self._own) for each in self._workers.values()]
        if writers is not None and workers:
            return median((0.0, writers, median(workers)))
        # Old records alone may be a backlog, and another worker alone may be the wrong one.
        return min(0.0, writers) if writers is not None else None

    def _look_for_step(self) -> None:
        own = self._wall() - self._steady()
        if abs(own - self._own) > STEP_SECONDS:
            self._own = own
            self._brokers.clear()
            self._workers.clear()
            self._writers.clear()
            self.offset = None

    def reasons(self) -> tuple[str, ...]:
        """Return how this clock is wrong, for /readyz; empty where it is not."""
        if not self.is_wrong:
            return ()
        return (STATES["clock_wrong"], f"this worker's clock is {self._described()}")

    def report(self) -> None:
        """Log once that this clock is wrong, and once that it is right again."""
        is_wrong = self.is_wrong
        if is_wrong and not self._is_logged:
            log.error(
                "this worker's clock is %s: its time is corrected by that until it is right. "
                "Check the time service (NTP) of its machine",
                self._described(),
            )
        elif self._is_logged and not is_wrong:
            log.info("this worker's clock agrees with the times in Kafka again")
        self._is_logged = is_wrong

    def _described(self) -> str:
        offset = self.offset or 0.0
        direction = "ahead of" if offset > 0 else "behind"
        return f"{abs(offset):.0f} s {direction} the times in Kafka"
