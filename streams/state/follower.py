"""Follow the whole changelog: every worker has the state of every partition.

The newest record of each key goes into the view, so a recovery is complete once the end of the
changelog is reached.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from mode import Service

from streams.state.codec import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.state.view import Stale, View

log = logging.getLogger("tokenshare.table")

_POLL_MS = 100


class Follower(Service):
    """Reads all partitions of the changelog from the beginning, and new records as they arrive."""

    def __init__(
        self,
        make_consumer: Callable[[], AIOKafkaConsumer],
        topic: str,
        partitions: int,
        *,
        view: View,
        on_stale: Callable[[Stale], None],
        on_cut: Callable[[int, str], None],
        on_failure: Callable[[BaseException], None],
        on_time: Callable[[Any, bool], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._make_consumer = make_consumer
        self._tps = [TopicPartition(topic, number) for number in range(partitions)]
        self._view = view
        self._on_stale = on_stale
        self._on_cut = on_cut
        self._on_failure = on_failure
        #: Receives the newest record read of a partition, and whether it has just been written.
        self._on_time = on_time
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[int, int] = {}
        self._to_reread: set[TopicPartition] = set()
        self.has_caught_up = False
        #: How long the first read of the changelog took; None until it is complete.
        self.recovery_seconds: float | None = None
        #: Set whenever records have been read.
        self.news = asyncio.Event()

    async def on_start(self) -> None:
        """Connect, and start at the first record. Raises KafkaError."""
        consumer = self._make_consumer()
        try:
            await consumer.start()
            consumer.assign(self._tps)
            await consumer.seek_to_beginning(*self._tps)
        except BaseException:
            # Also where the process is stopped meanwhile: `on_stop` does not know it yet.
            await consumer.stop()
            raise
        self._consumer = consumer

    async def on_stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    @property
    def client(self) -> Any:
        """Return aiokafka's client, for requests that its consumer does not offer."""
        assert self._consumer is not None
        return self._consumer._client  # noqa: SLF001 - it has no public name

    @Service.task
    async def _follow(self) -> None:
        assert self._consumer is not None
        try:
            await self._read_on(self._consumer)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - without a follower all figures are outdated
            self._on_failure(error)

    async def _read_on(self, consumer: AIOKafkaConsumer) -> None:
        while not self.should_stop:
            try:
                await self._start_again(consumer)
                batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=2000)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    self._on_cut(tp.partition, "it no longer has the offset that was read last")
                continue
            except KafkaError as error:
                log.warning("changelog cannot be read, trying again: %s", error)
                await self.sleep(1.0)
                continue
            for tp, records in batches.items():
                for record in records:
                    self._take(record)
                self._next[tp.partition] = records[-1].offset + 1
                if self._on_time is not None:
                    self._on_time(records[-1], self.has_caught_up)
            if batches:
                self.news.set()
                await asyncio.sleep(0)

    def reread(self, partition: int) -> None:
        """Read a partition from its beginning, for it is another one or has lost its end."""
        self._next[partition] = 0
        self._to_reread.add(self._tps[partition])

    async def _start_again(self, consumer: AIOKafkaConsumer) -> None:
        if self._to_reread:
            tps = [*self._to_reread]
            if await consumer.seek_to_beginning(*tps):
                self._to_reread.difference_update(tps)

    def _take(self, record: Any) -> None:
        name = (record.key or b"").decode(errors="replace")
        try:
            stale = self._view.apply(name, record.value)
        except StateError as error:
            raise StateError(
                f"{record.topic}[{record.partition}]@{record.offset}: {error}. Run the version of "
                "tokenshare that wrote it, or set TOKENSHARE_GROUP to a new name."
            ) from None
        if stale is not None:
            self._on_stale(stale)

    async def catch_up(self, partitions: Iterable[int], is_wanted: Callable[[], bool]) -> bool:
        """Wait until all present records of these partitions have been read, and return True.

        Return False as soon as `is_wanted` does, or when the service stops.
        """
        consumer = self._consumer
        wanted = set(partitions)
        tps = [tp for tp in self._tps if tp.partition in wanted]
        ends: dict[TopicPartition, int] | None = None
        while is_wanted() and not self.should_stop and consumer is not None:
            if ends is None:
                try:
                    ends = await consumer.end_offsets(tps)
                except KafkaError as error:
                    log.warning("end of the changelog not known, trying again: %s", error)
                    await self.sleep(1.0)
                    continue
            behind = [tp for tp, end in ends.items() if not await self._has_read(tp, end)]
            if not behind:
                return True
            await asyncio.sleep(0.02)
        return False

    async def _has_read(self, tp: TopicPartition, end: int) -> bool:
        if end <= 0 or self._next.get(tp.partition, 0) >= end:
            return True
        if tp in self._to_reread:
            return False
        # Where compaction has removed the last records, only the consumer's position shows it.
        assert self._consumer is not None
        try:
            position = await asyncio.wait_for(self._consumer.position(tp), timeout=1.0)
        except (TimeoutError, KafkaError):
            return False
        return bool(position >= end)

    @Service.task
    async def _catch_up_once(self) -> None:
        started = time.monotonic()
        numbers = [tp.partition for tp in self._tps]
        self.has_caught_up = await self.catch_up(numbers, lambda: True)
        self.recovery_seconds = time.monotonic() - started
        self.news.set()

    async def end_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the next offset of each partition of a topic. Raises KafkaError."""
        assert self._consumer is not None
        tps = [TopicPartition(topic, number) for number in partitions]
        return {tp.partition: end for tp, end in (await self._consumer.end_offsets(tps)).items()}

    async def beginning_offset(self, topic: str, partition: int) -> int:
        """Return the first offset that Kafka still holds. Raises KafkaError."""
        assert self._consumer is not None
        tp = TopicPartition(topic, partition)
        return int((await self._consumer.beginning_offsets([tp]))[tp])
