"""Notice what the changelog has lost, have it written again, and say what is lost for good.

Whoever holds the counts of a partition in memory heals it: its owner, or the owner before where the
present one has not taken it over yet. A worker that is assigned a partition with records missing
waits for that, and goes on without them in the end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streams.state.verify import difference
from streams.web.snapshot import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.counting.partition import Partition
    from streams.state.follower import Follower
    from streams.state.verify import Difference
    from streams.state.view import View
    from streams.worker.flusher import Flusher
    from streams.worker.owned import Owned

log = logging.getLogger("tokenshare.app")

#: How long a new owner waits for missing records. Living workers notice a loss within 10 s.
REPAIR_SECONDS = 30.0
REPAIR_CHECK_SECONDS = 0.5
#: A loss is noticed in several ways at once, and is logged once.
QUIET_SECONDS = 60.0
_NEVER = -1e9


class Integrity:
    """Whether the state of each partition is complete; `differences` are what others lack."""

    def __init__(self, changelog: str, view: View, owned: Owned, flusher: Flusher) -> None:
        self.differences: dict[int, Difference] = {}
        self.follower: Follower
        self._changelog = changelog
        self._view = view
        self._owned = owned
        self._flusher = flusher
        #: Partitions whose records may be in this worker's memory only.
        self._unsafe: set[int] = set()
        #: What this worker owned until the last rebalance.
        self._released: dict[int, Partition] = {}
        self._to_heal: set[int] = set()
        self._warned_at: dict[int, float] = {}
        self._losses: dict[int, float] = {}
        self._has_verified = False

    def reasons(self) -> tuple[str, ...]:
        """Return why the state is not complete, for /readyz."""
        if not self.differences:
            return ()
        missing = sorted(self.differences.items())
        return (
            STATES["incomplete"],
            *(f"partition {number} lacks {found}" for number, found in missing),
        )

    def on_records_lost(self, number: int, why: str) -> None:
        """Read a partition's changelog again, and write it again where its counts are here."""
        self.follower.reread(number)
        self._unsafe.add(number)
        partition = self._owned.get(number)
        if partition is not None:
            panes = partition.rewrite_all()
            what = f"its {panes} panes are written again"
        elif number in self._released:
            self._to_heal.add(number)
            what = "its owner writes it again"
        else:
            what = "its owner writes it again"
        now = time.monotonic()
        if now - self._warned_at.get(number, _NEVER) > QUIET_SECONDS:
            log.error("%s[%s] has lost records: %s; %s", self._changelog, number, why, what)
        self._warned_at[number] = now

    def release(self, partitions: Mapping[int, Partition]) -> None:
        """Keep the partitions that are revoked, until their next owner has written its position."""
        self._released |= partitions

    def take_over(self, partition: Partition) -> None:
        """Complete a partition that this worker takes over, and note what is lost for good."""
        number = partition.number
        self._released.pop(number, None)
        self._to_heal.discard(number)
        for key in self._view.stale.get(number, ()):
            partition.rewrite(key)
        if number in self._unsafe:
            partition.rewrite_all()
        found = self.differences.pop(number, None)
        if found is None:
            return
        loss = found.loss(time.time())
        if loss is None:
            log.error("partition %s lacked %s: it is counted from there", number, found)
            return
        partition.lose(loss)
        days = ", ".join(f"{datetime.fromtimestamp(day, UTC):%Y-%m-%d}" for day in loss.days)
        log.error(
            "%s[%s] has lost counts, and no worker has them: %s%s. Shares of that time lack them",
            *(self._changelog, number, found, f"; on {days}" if days else ""),
        )

    def verify(self, numbers: Iterable[int]) -> bool:
        """Verify partitions, and return whether all of them are complete."""
        complete = True
        for number in numbers:
            found = difference(self._view.of_partition(number))
            if found is None:
                self.differences.pop(number, None)
            else:
                complete = False
                self.differences[number] = found
        return complete

    async def wait_for_repair(self, numbers: list[int], is_wanted: Callable[[], bool]) -> None:
        """Wait until partitions are complete, or no worker has their records."""
        ends = time.monotonic() + REPAIR_SECONDS
        has_warned = False
        while not self.verify(numbers) and is_wanted() and time.monotonic() < ends:
            if not has_warned:
                log.warning("the state is not complete, waiting: %s", "; ".join(self.reasons()[1:]))
            has_warned = True
            await asyncio.sleep(REPAIR_CHECK_SECONDS)

    async def look(self) -> None:
        """Verify what may have changed; called each second."""
        if not self.follower.has_caught_up:
            return
        if not self._has_verified:
            for number in [*self._view.records]:
                self.verify([number])
                await asyncio.sleep(0)
            self._has_verified = True
        # What its owner has given up as lost, this worker may still have in memory.
        for number, position in [*self._view.positions.items()]:
            noticed = 0.0 if position.lost is None else position.lost.noticed
            if noticed != self._losses.setdefault(number, noticed):
                self._losses[number] = noticed
                if self._owned.get(number) is None and not self.verify([number]):
                    self._view.forget(number)
                    self.follower.reread(number)
        self.verify([*self.differences])
        self._forget_safe()
        for number in [*self._to_heal]:
            await self._heal(number)

    def _forget_safe(self) -> None:
        for number in [*self._unsafe]:
            partition, position = self._owned.get(number), self._view.positions.get(number)
            if partition is None or partition.needs_flush or position is None:
                continue
            if position.seal is not None and position.seal.n >= partition.journal.flushes:
                # All before it is read again: a deletion may be lost as well.
                partition.delete([key for key in self._view.records[number] if key is not None])
                self._unsafe.discard(number)

    async def _heal(self, number: int) -> None:
        partition = self._released.get(number)
        position = self._view.positions.get(number)
        self._to_heal.discard(number)
        if partition is None or self._owned.get(number) is not None:
            return
        if position is not None and position.g > partition.generation:
            # The next owner has taken it over, and has all that there was.
            return
        panes = partition.rewrite_all()
        log.warning("partition %s has no owner yet, its %s panes are written again", number, panes)
        if not await self._flusher.write(partition):
            self._to_heal.add(number)
