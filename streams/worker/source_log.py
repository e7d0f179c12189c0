"""Notices where the source no longer holds what was counted, and goes on from what it holds."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from kafka.errors import KafkaError

from streams.counting.partition import SourceReplacedError
from streams.kafka import admin, leader_epoch
from streams.kafka.admin import BrokerError
from streams.settings import SettingsError
from streams.worker.faust_app import SEND_ERRORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.counting.partition import Partition
    from streams.kafka.admin import Topic
    from streams.kafka.batch_fetch import Batch
    from streams.settings import Settings
    from streams.state.follower import Follower
    from streams.worker.flusher import Flusher
    from streams.worker.owned import Owned

log = logging.getLogger("tokenshare.app")

#: Pause between two tries while Kafka does not answer or takes no writes.
RETRY_SECONDS = 1.0
#: A new leader may report too low an end for a moment: without epochs it is asked twice.
CONFIRM_SECONDS = 2.0
#: A partition without news is checked when it is taken over, and then this often.
IDLE_CHECK_SECONDS = 30.0

#: What a question to Kafka may raise.
_ASK_ERRORS = (TimeoutError, BrokerError, KafkaError, SettingsError, *SEND_ERRORS)


def find_source(settings: Settings) -> Topic | None:
    """Return the source topic as it is now, None if there is none. Raises KafkaError."""
    client = admin.connect(settings)
    try:
        return admin.find(client, settings.topic).get(settings.topic)
    finally:
        client.close()


def check_source(settings: Settings, known: Topic, found: Topic | None) -> Topic:
    """Return the source; raises SourceReplacedError where it is another topic than at the start."""
    if found is None or found.topic_id != known.topic_id:
        raise SourceReplacedError(
            f"{settings.topic} was deleted{' and recreated' if found else ''}. Set "
            "TOKENSHARE_GROUP to a new name to count the new one from its beginning."
        )
    return found


class SourceLog:
    """Compares the owned partitions with their logs in Kafka.

    A partition of the source loses its last records where a leader is elected that does not have
    them, or a broker loses power. `seek` moves the reader to a partition's position. Whoever
    changes a partition holds `lock`.
    """

    def __init__(
        self,
        settings: Settings,
        source: Topic,
        *,
        follower: Follower,
        owned: Owned,
        flusher: Flusher,
        seek: Callable[[Partition], Awaitable[None]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.lock = asyncio.Lock()
        self._settings = settings
        self._source = source
        self._follower = follower
        self._owned = owned
        self._flusher = flusher
        self._seek = seek
        self._fail = fail
        #: The position of each partition at the last look, for those that stand still.
        self._looked_at: dict[int, int] = {}
        #: The first offset that Kafka holds of a partition, when it was last asked.
        self._beginnings: dict[int, int] = {}
        #: When the epoch of a partition without news was last asked for, with its state.
        self._asked: dict[int, tuple[Partition, float]] = {}

    async def admits(self, partition: Partition, batch: Batch) -> bool:
        """Return whether a batch that follows the last one read may be counted.

        A batch of a later epoch may not follow what is counted, but what was left of it.
        """
        epoch, known = batch.epoch, partition.epoch
        if epoch in {-1, known}:
            return True
        # No record of the epoch that is counted is left to be read: what an earlier owner has
        # counted in some panes only is gone as well.
        if (
            known >= 0
            and epoch > known
            and await self._is_cut(partition, partition.reach, is_beyond=True)
        ):
            return False
        if batch.end <= partition.position:
            # Counted records, read again for their ids, are of this epoch and those before.
            return self._owned.holds(partition)
        # Epochs start over with another topic of the same name.
        if epoch < known and not await self._is_same_topic(partition):
            return False
        partition.begin_epoch(epoch)
        return await self._write(partition)

    async def watch(self, ends: Mapping[int, int]) -> None:
        """Look at partitions that may have lost records without any new one to show it.

        `ends` are the end offsets of the source's partitions.
        """
        for number, end in ends.items():
            partition = self._owned.get(number)
            if partition is None:
                continue
            before = self._looked_at.get(number)
            self._looked_at[number] = partition.position
            if partition.epoch >= 0 and (end < partition.position or self._is_due(partition, end)):
                async with self.lock:
                    await self._is_cut(partition, partition.position)
            elif end > partition.position == before:
                async with self.lock:
                    await self.look_for_expiry(partition)

    def _is_due(self, partition: Partition, end: int) -> bool:
        # A log that was cut may have grown to just the position.
        if end != partition.position:
            return False
        state, asked_at = self._asked.get(partition.number, (None, 0.0))
        now = time.monotonic()
        is_due = state is not partition or now - asked_at >= IDLE_CHECK_SECONDS
        if is_due:
            self._asked[partition.number] = (partition, now)
        return is_due

    async def look_for_cut(self, partition: Partition, batch: Batch) -> bool:
        """Return whether the log ends below the position, where a batch comes from before it.

        Kafka sends the first records that it holds to a reader that is beyond the end.
        """
        if batch.end > partition.position or batch.start != self._beginnings.get(partition.number):
            return False
        if partition.epoch < 0:
            return await self._ends_early(partition)
        return await self._is_cut(partition, partition.position, is_beyond=True)

    async def look_for_expiry(self, partition: Partition) -> bool:
        """Go on from the first record that Kafka holds if it is after the position."""
        number = partition.number
        try:
            beginning = await self._follower.beginning_offset(self._settings.topic, number)
        except SEND_ERRORS as error:
            log.warning("beginning of %s not known: %s", self._settings.topic, error)
            return False
        self._beginnings[number] = beginning
        if not self._owned.holds(partition):
            return False
        if beginning > partition.position:
            log.error(
                "%s[%s]: records %s to %s expired before they were read",
                *(self._settings.topic, number, partition.position, beginning - 1),
            )
            partition.skip_to(beginning)
        elif beginning > partition.read_to:
            # Ids of records that Kafka no longer holds cannot be read again.
            partition.read_to = beginning
        else:
            return False
        await self._seek(partition)
        return True

    async def _is_cut(self, partition: Partition, limit: int, *, is_beyond: bool = False) -> bool:
        """Return whether the epoch of what is counted ended before `limit`; then it is cut.

        Where Kafka does not know the epoch, the end of the log tells, if something else shows that
        the reader `is_beyond` it: a broker that is not Apache's may report too low an end.
        """
        tp = TopicPartition(self._settings.topic, partition.number)
        while self._owned.holds(partition):
            try:
                end = await leader_epoch.end_of(self._follower.client, tp, partition.epoch)
            except SEND_ERRORS as error:
                log.warning("%s: not known where epoch %s ended: %s", tp, partition.epoch, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if end is None:
                return is_beyond and await self._ends_early(partition)
            return end < limit and await self._cut(partition, end)
        return True

    async def _ends_early(self, partition: Partition) -> bool:
        """Do the same without epochs: a log that ends before the position was cut there."""
        number = partition.number
        found = []
        while self._owned.holds(partition):
            try:
                ends = await self._follower.end_offsets(self._settings.topic, [number])
            except SEND_ERRORS as error:
                log.warning("end of %s not known: %s", self._settings.topic, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            found.append(ends[number])
            if found[-1] >= partition.position:
                return False
            if len(found) > 1:
                return await self._cut(partition, max(found))
            await asyncio.sleep(CONFIRM_SECONDS)
        return True

    async def _cut(self, partition: Partition, end: int) -> bool:
        if not await self._is_same_topic(partition):
            return True
        position = partition.position
        lost = partition.cut_to(min(end, position))
        if lost:
            log.error(
                "%s[%s] was cut at %s: Kafka has lost records %s to %s after they were counted. "
                "They stay counted; going on from %s",
                *(self._settings.topic, partition.number, end, end, position - 1, end),
            )
        if await self._write(partition):
            await self._seek(partition)
        return True

    async def _is_same_topic(self, partition: Partition) -> bool:
        """Return whether the source is the topic that was found at the start; else this ends."""
        while self._owned.holds(partition):
            try:
                found = await asyncio.to_thread(find_source, self._settings)
            except _ASK_ERRORS as error:
                log.warning("%s cannot be looked up: %s", self._settings.topic, error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                check_source(self._settings, self._source, found)
            except SourceReplacedError as error:
                self._fail(error)
                return False
            return self._owned.holds(partition)
        return False

    async def _write(self, partition: Partition) -> bool:
        """Write the partition; return whether it is still owned once Kafka has it."""
        while self._owned.holds(partition):
            if await self._flusher.write(partition):
                return self._owned.holds(partition)
            await asyncio.sleep(RETRY_SECONDS)
        return False
