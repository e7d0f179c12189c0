"""Restores assigned partitions from the table, and flushes them before they are revoked."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from faust.types import TP

from streams.counting.journal import fence
from streams.counting.partition import Partition, check_topic
from streams.kafka.errors import is_of_compression
from streams.settings import SettingsError
from streams.state.codec import order, position_key
from streams.worker.faust_app import SEND_ERRORS
from streams.worker.source_log import SourceLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.kafka.admin import Topic
    from streams.kafka.batch_fetch import Batch
    from streams.settings import Settings
    from streams.state.follower import Follower
    from streams.state.table import PaneTable
    from streams.state.view import Stale, View
    from streams.worker.faust_app import TokenshareApp
    from streams.worker.flusher import Flusher
    from streams.worker.integrity import Integrity
    from streams.worker.owned import Owned

log = logging.getLogger("tokenshare.app")

#: Time limit of the last flush before a partition is revoked.
REVOKE_FLUSH_SECONDS = 3.0
#: Time limit of the first write of a new owner.
FENCE_SECONDS = 5.0
FENCE_RETRY_SECONDS = 1.0
#: The partition of the changelog that decides which source the state of all partitions is of.
DECIDING_PARTITION = 0
#: How often its position is looked for.
DECIDED_CHECK_SECONDS = 0.1
#: A partition is moved to its position at most this often: one seek is enough for all batches read
#: before.
SEEK_INTERVAL_SECONDS = 1.0
#: Late writes of an earlier owner come in bursts; a burst is logged once.
STALE_SECONDS = 60.0
_NEVER = -1e9


class Assignment:
    """Keeps `owned` equal to what the group assigns to this worker.

    `source` is the topic as found at the start. `is_active` is False while the group rebalances;
    `rebalances` counts how often it has. `fail` receives errors that end the process.
    """

    def __init__(
        self,
        settings: Settings,
        source: Topic,
        app: TokenshareApp,
        *,
        view: View,
        follower: Follower,
        owned: Owned,
        flusher: Flusher,
        integrity: Integrity,
        table: PaneTable,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.is_active = False
        self.rebalances = 0
        #: Why Kafka refuses this worker as a member of the group; "" if it does not.
        self.refusal = ""
        self._settings = settings
        self._source = source
        self._app = app
        self._view = view
        self._follower = follower
        self._owned = owned
        self._flusher = flusher
        self._integrity = integrity
        self._table = table
        self._fail = fail
        self.source_log = SourceLog(
            settings,
            source,
            follower=follower,
            owned=owned,
            flusher=flusher,
            seek=self.seek,
            fail=fail,
        )
        self._revocations = 0
        #: When a partition was last moved to its position, by number.
        self._sought_at: dict[int, float] = {}

    def position_of(self, tp: TP) -> int | None:
        """Return where to read a partition from, None if another worker owns it."""
        partition = self._owned.get(tp.partition)
        return None if partition is None or tp.topic != self._settings.topic else partition.read_to

    async def seek(self, partition: Partition) -> None:
        """Continue reading a partition at the next offset of its state."""
        at = TP(self._settings.topic, partition.number)
        await self._app.group_consumer.seek_to(at, partition.read_to)

    async def restore(self) -> None:
        """Take over the assigned partitions; Faust calls this after a rebalance, before it seeks.

        Does nothing where the next rebalance has begun meanwhile.
        """
        app = self._app
        generation = app.consumer_generation_id
        revocations = self._revocations

        def is_wanted() -> bool:
            return bool(
                app.consumer_generation_id == generation and self._revocations == revocations
            )

        topic = self._settings.topic
        assigned = sorted(tp.partition for tp in app.consumer.assignment() if tp.topic == topic)
        try:
            known = {DECIDING_PARTITION, *assigned}
            caught_up = await self._follower.catch_up(known, is_wanted)
            fenced: dict[int, int] = {}
            if caught_up and is_wanted():
                self._check_topics()
                await self._decide_source(assigned, generation, is_wanted)
                await self._integrity.wait_for_repair(assigned, is_wanted)
                fenced = await self._fence(assigned, generation, is_wanted)
                caught_up = await self._follower.catch_up(assigned, is_wanted)
            if not caught_up or not is_wanted():
                return
            self._take_over(assigned, generation, fenced)
        except Exception as error:  # noqa: BLE001 - Faust drops what its callbacks raise
            self._fail(error)
            return
        self.rebalances += 1
        self.is_active = True
        log.info(
            "partitions %s of %s from %s",
            assigned,
            topic,
            {number: each.position for number, each in self._owned.partitions.items()},
        )

    def _check_topics(self) -> None:
        # Before anything is written: a fence would keep another deployment from writing.
        for position in self._view.positions.values():
            check_topic(position.topic, self._source.topic_id)

    async def _decide_source(
        self, assigned: list[int], generation: int, is_wanted: Callable[[], bool]
    ) -> None:
        """Wait until it is known which source the state is of, before any other fence is written.

        Only an empty changelog does not say so. Two deployments of one group may both start on it,
        each with all partitions of its own source: were each partition decided by itself, each
        could get some of them, and both would end. Raises SourceReplacedError for the other one.
        """
        if not self._source.topic_id:
            return
        while is_wanted() and DECIDING_PARTITION not in self._view.positions:
            if DECIDING_PARTITION in assigned:
                await self._fence([DECIDING_PARTITION], generation, is_wanted)
                await self._follower.catch_up([DECIDING_PARTITION], is_wanted)
            else:
                await asyncio.sleep(DECIDED_CHECK_SECONDS)
        self._check_topics()

    async def _fence(
        self, assigned: list[int], generation: int, is_wanted: Callable[[], bool]
    ) -> dict[int, int]:
        """End what earlier owners may write; return the generations of the fences.

        While Kafka refuses writes a partition is taken over without: then its earlier owner cannot
        write either. One that nobody has counted waits: its fence decides whose it is.
        Raises SettingsError where Kafka refuses the compression.
        """
        fences = {
            position_key(number): fence(
                generation, self._view.of_partition(number), self._source.topic_id
            )
            for number in assigned
        }
        while is_wanted():
            try:
                await self._app.maybe_start_producer()
                await asyncio.wait_for(self._table.write(fences), timeout=FENCE_SECONDS)
            except (TimeoutError, *SEND_ERRORS) as error:
                if is_of_compression(error):
                    raise SettingsError(
                        f"Kafka does not take what is compressed with {self._settings.compression} "
                        f"into {self._settings.changelog_topic}. Set TOKENSHARE_COMPRESSION to "
                        "another one: gzip or none."
                    ) from None
                name = type(error).__name__
                log.warning("%s cannot be written: %s", self._settings.changelog_topic, name)
                if self._are_known(assigned):
                    break
                await asyncio.sleep(FENCE_RETRY_SECONDS)
                continue
            return {number: order(fences[position_key(number)])[0] for number in assigned}
        return {}

    def _are_known(self, assigned: list[int]) -> bool:
        positions = self._view.positions
        return all(number in positions and positions[number].topic for number in assigned)

    def _take_over(self, assigned: list[int], generation: int, fenced: Mapping[int, int]) -> None:
        partitions = {}
        for number in assigned:
            position = self._view.positions.get(number)
            is_fenced = position is not None and position.g == fenced.get(number)
            partitions[number] = Partition.restore(
                number,
                fenced[number] if is_fenced else generation,
                self._view.of_partition(number),
                self._source.topic_id,
                self._settings.dedupe_records,
                trace_records=self._settings.trace_records,
                is_fenced=is_fenced,
            )
        for partition in partitions.values():
            # Written before anything is counted: the position's generation marks the new owner.
            partition.is_moved = True
            self._integrity.take_over(partition)
        self._owned.partitions = partitions
        self._flusher.forget_letters()
        self._sought_at = {}

    async def on_revoked(self, _app: Any, revoked: Any, **_: Any) -> None:  # noqa: ARG002
        """Write and commit what is counted, then release all partitions."""
        self.is_active = False
        self._revocations += 1
        # The other members wait for this, at most for the rebalance timeout.
        limit = min(REVOKE_FLUSH_SECONDS, self._settings.rebalance_timeout_seconds / 2)
        consumer = self._app.group_consumer
        try:
            await asyncio.wait_for(self._flusher.flush(), timeout=limit)
            await asyncio.wait_for(consumer.force_commit(), timeout=limit / 3)
        except (TimeoutError, *SEND_ERRORS):
            log.warning("last counts not written, the next owner reads them again")
        self._integrity.release(self._owned.partitions)
        self._owned.partitions = {}
        consumer.written.clear()

    async def on_gap(self, partition: Partition, batch: Batch) -> None:
        """Move the reader to the position where a batch does not follow it.

        Mostly these are batches that were read before a rebalance. Where Kafka no longer holds the
        position, the records in between are lost for good, and where the log ends before it, those
        that were counted: an error is logged.
        """
        number = partition.number
        now = time.monotonic()
        if now - self._sought_at.get(number, _NEVER) < SEEK_INTERVAL_SECONDS:
            return
        self._sought_at[number] = now
        if await self.source_log.look_for_expiry(partition):
            return
        await self.source_log.look_for_cut(partition, batch)
        if self._owned.holds(partition):
            await self.seek(partition)


class StaleWrites:
    """Rewrites what an earlier owner of a partition has overwritten."""

    def __init__(self, owned: Owned) -> None:
        self._owned = owned
        #: When the last such write was read, by partition.
        self._last_at: dict[int, float] = {}

    def overwrite(self, stale: Stale) -> None:
        """Mark the key for rewriting at the next flush, where its partition is this worker's."""
        number = stale.partition
        partition = self._owned.get(number)
        if partition is None:
            return
        partition.rewrite(stale.key)
        now = time.monotonic()
        if now - self._last_at.get(number, _NEVER) > STALE_SECONDS:
            log.warning("an earlier owner wrote partition %s late, writing it again", number)
        self._last_at[number] = now
