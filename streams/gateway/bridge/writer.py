"""Writes records to Kafka in batches of a few milliseconds, each acknowledged or refused.

Batches are built here and handed over whole. aiokafka would create a future, a result and a choice
of partition for every record, which costs as much as reading the post; here a post waits for the
few batches that contain its records. One batch per partition is in flight at a time, so a refusal
is final: a batch that Kafka has not taken in time is never written later, except one that was
already being sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2

from streams.kafka import aio_login, diagnosis
from streams.kafka.errors import is_of_compression
from streams.kafka.token_source import TokenError
from streams.settings import SettingsError

if TYPE_CHECKING:
    from asyncio import Future, Task, TimerHandle
    from collections.abc import Sequence

    from aiokafka.producer.message_accumulator import BatchBuilder

    from streams.gateway.bridge.post import Record
    from streams.settings import Settings

log = logging.getLogger("tokenshare.bridge")

#: Linger of a batch's first record: a request to Kafka costs as much for one record as for many.
LINGER_SECONDS = 0.005
#: Brokers accept batches of 1 MB by default; where a topic accepts less, batches get smaller.
BATCH_BYTES = 512 * 1024
#: A larger record gets its own batch, so that its size does not affect other records.
ALONE_BYTES = 64 * 1024
#: Records of one post that are added to batches before other posts are served.
SLICE_RECORDS = 500
CONNECT_SECONDS = 5.0
PAUSE_SECONDS = 0.5
#: What an attempt to connect may raise that another one may not.
_CONNECT_ERRORS = (KafkaError, OSError, TimeoutError, SettingsError)
CHECK_SECONDS = 0.2
DISCARD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why some or all of a post's records are not in Kafka."""

    reason: Literal["kafka", "too_large"]
    detail: str


class _Post:
    """Waits for the batches that contain its records."""

    __slots__ = ("future", "left", "refusal")

    def __init__(self, future: Future[Refusal | None]) -> None:
        self.future = future
        # One more than its batches, until all of its records are in batches.
        self.left = 1
        self.refusal: Refusal | None = None

    def settle(self, refusal: Refusal | None) -> None:
        self.refusal = self.refusal or refusal
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(self.refusal)


class _Batch:
    __slots__ = ("builder", "opened_at", "posts")

    def __init__(self, builder: BatchBuilder, opened_at: float) -> None:
        self.builder = builder
        self.opened_at = opened_at
        self.posts: list[_Post] = []

    def settle(self, refusal: Refusal | None) -> None:
        for post in self.posts:
            post.settle(refusal)


class _Lane:
    """The batches of one partition: one in flight, the others queued, the last still open."""

    __slots__ = ("batches", "open", "partition", "under_way")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.under_way: _Batch | None = None
        self.batches: deque[_Batch] = deque()
        self.open: _Batch | None = None

    def add(self, record: Record, post: _Post, producer: AIOKafkaProducer, now: float) -> None:
        is_alone = len(record.value) > ALONE_BYTES
        batch = self.open
        if batch is None or is_alone or not _added(batch, record):
            batch = _Batch(producer.create_batch(), now)
            # A batch accepts its first record regardless of its size.
            _added(batch, record)
            self.batches.append(batch)
            self.open = None if is_alone else batch
        if not batch.posts or batch.posts[-1] is not post:
            batch.posts.append(post)
            post.left += 1

    def take(self) -> _Batch:
        batch = self.under_way = self.batches.popleft()
        if batch is self.open:
            self.open = None
        return batch

    def oldest(self) -> float | None:
        first = self.under_way or (self.batches[0] if self.batches else None)
        return None if first is None else first.opened_at


def _added(batch: _Batch, record: Record) -> bool:
    key, value, headers = record
    return bool(batch.builder.append(timestamp=None, key=key, value=value, headers=list(headers)))


class Writer:
    """Writes to the source topic, and reconnects as often as necessary.

    `run` is a task beside the posts. While there is no connection, `write` refuses at once.
    """

    def __init__(self, settings: Settings, acknowledge_seconds: float) -> None:
        self._settings = settings
        self._seconds = acknowledge_seconds
        self._producer: AIOKafkaProducer | None = None
        self._lanes: list[_Lane] = []
        self._sticky = 0
        self._timer: TimerHandle | None = None
        self._tasks: set[Task[None]] = set()
        self._ending: set[Task[None]] = set()
        self._changed = asyncio.Event()
        self._renewing = False
        self._refusal = Refusal("kafka", "Kafka has not been reached yet")
        #: Why Kafka accepts nothing, since it last did: each reason is logged once.
        self._logged: set[str] = set()
        self._has_warned_plain = False
        self._batch_bytes = BATCH_BYTES
        self.failures = 0

    @property
    def refusal(self) -> Refusal | None:
        """Return the immediate result of `write`, None while there is a connection."""
        return self._refusal if self._producer is None else None

    @property
    def trouble(self) -> str:
        """Return why Kafka accepts nothing now, or has not for a second; "" while it does."""
        if self._producer is None:
            return self._refusal.detail
        waits = self._waits()
        return "" if waits < 1.0 else f"Kafka has not acknowledged for {waits:.0f} s"

    async def write(self, records: Sequence[Record]) -> Refusal | None:
        """Return None once Kafka has acknowledged all records, otherwise the reason why not."""
        loop = asyncio.get_running_loop()
        post = _Post(loop.create_future())
        producer, now = self._producer, loop.time()
        for index, record in enumerate(records, 1):
            if producer is None or producer is not self._producer:
                post.refusal = self._refusal
                break
            self._lane_of(record.key).add(record, post, producer, now)
            if not index % SLICE_RECORDS:
                self._arm()
                await asyncio.sleep(0)
                producer, now = self._producer or producer, loop.time()
        self._arm()
        post.settle(None)
        return await post.future

    async def run(self) -> None:
        """Connect, and reconnect after each failure, until cancelled."""
        while True:
            if self._producer is None:
                try:
                    self._open(await self._connected())
                except _CONNECT_ERRORS as error:
                    self._away(_why(error, self._settings))
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            await self._check()

    async def close(self, seconds: float) -> None:
        """Wait for batches in flight, then close the connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._oldest() is not None:  # noqa: ASYNC110 - asked at the end only
                    await asyncio.sleep(0.01)
        producer = self._give_up("the bridge has stopped")
        if producer is not None:
            await _end(producer)

    # -- batches

    def _lane_of(self, key: bytes | None) -> _Lane:
        lanes = self._lanes
        if key is None:
            return lanes[self._sticky]
        # The same partitioning as all Kafka producers: equal ids go to one partition.
        number: int = (murmur2(key) & 0x7FFFFFFF) % len(lanes)
        return lanes[number]

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._tick)

    def _tick(self) -> None:
        """Send a batch of each partition that has one and none in flight."""
        self._timer = None
        producer = self._producer
        if producer is None or self._renewing:
            return
        for lane in self._lanes:
            if lane.batches and lane.under_way is None:
                task = asyncio.create_task(self._deliver(producer, lane, lane.take()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._sticky = self._next_sticky()

    def _next_sticky(self) -> int:
        """Return the next partition without a batch in flight, if there is one."""
        count = len(self._lanes)
        after = [(self._sticky + step) % count for step in range(1, count + 1)]
        return next((each for each in after if self._lanes[each].under_way is None), after[0])

    async def _deliver(self, producer: AIOKafkaProducer, lane: _Lane, batch: _Batch) -> None:
        refusal = None
        try:
            await (
                await producer.send_batch(
                    batch.builder, self._settings.topic, partition=lane.partition
                )
            )
        except (KafkaError, AssertionError) as error:
            refusal = self._failed(error, batch)
        else:
            self._back()
        lane.under_way = None
        batch.settle(refusal)
        if self._renewing:
            self._changed.set()
        elif lane.batches:
            self._arm()

    def _failed(self, error: Exception, batch: _Batch) -> Refusal:
        """Record that Kafka has refused a batch.

        aiokafka has still numbered it, and Kafka would find a gap before the next number:
        once the other batches in flight are settled, a new connection starts with new numbers.
        """
        self._renewing = True
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
            if batch.builder.record_count() == 1:
                return Refusal("too_large", "the topic does not accept a record of this size")
            # Its individual records may each be small enough.
            self._batch_bytes = min(self._batch_bytes, batch.builder.size() // 2)
            why = "the topic accepts only smaller batches: the next ones are smaller"
        else:
            why = _why(error, self._settings)
        self.failures += 1
        self._warn_once(f"Kafka refuses events: {why}", why)
        return Refusal("kafka", why)

    # -- connections

    async def _connected(self) -> AIOKafkaProducer:
        try:
            return await self._started(idempotent=True)
        except KafkaError as error:
            if error.retriable:
                raise
            producer = await self._started(idempotent=False)
            if not self._has_warned_plain:
                self._has_warned_plain = True
                log.warning(
                    "this Kafka does not support idempotent writes (%s): when a connection breaks, "
                    "events may be written twice",
                    type(error).__name__,
                )
            return producer

    async def _started(self, *, idempotent: bool) -> AIOKafkaProducer:
        settings = self._settings
        await aio_login.wait_for_token(settings)
        producer = AIOKafkaProducer(
            bootstrap_servers=list(settings.bootstrap_servers),
            client_id="tokenshare-bridge",
            acks="all",
            enable_idempotence=idempotent,
            compression_type=settings.codec,
            max_batch_size=self._batch_bytes,
            request_timeout_ms=max(1000, round(self._seconds * 1000)),
            **aio_login.arguments(settings),
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await producer.start()
                await producer.partitions_for(settings.topic)
        except BaseException:
            await _end(producer)
            raise
        return producer

    def _open(self, producer: AIOKafkaProducer) -> None:
        was_away = self._producer is None
        self._producer, self._renewing = producer, False
        self._add_lanes(producer)
        if was_away:
            self._back()
        self._arm()

    def _warn_once(self, line: str, why: str) -> None:
        if why not in self._logged:
            self._logged.add(why)
            log.warning("%s", line)

    def _back(self) -> None:
        if self._logged:
            log.info("Kafka accepts events again")
            self._logged.clear()

    def _add_lanes(self, producer: AIOKafkaProducer) -> None:
        known = producer.client.cluster.partitions_for_topic(self._settings.topic) or ()
        while len(self._lanes) < len(known):
            self._lanes.append(_Lane(len(self._lanes)))

    async def _check(self) -> None:
        """Check the connection: whether it acknowledges, and whether it has to be replaced."""
        producer = self._producer
        if producer is None:
            return
        if self._waits() > self._seconds:
            self._lost(f"Kafka has not acknowledged within {self._seconds:g} s")
        elif not self._renewing:
            self._add_lanes(producer)
        elif not any(lane.under_way for lane in self._lanes):
            try:
                fresh = await self._connected()
            except _CONNECT_ERRORS as error:
                self._lost(_why(error, self._settings))
            else:
                self._open(fresh)
                self._discard(producer)

    def _waits(self) -> float:
        oldest = self._oldest()
        return 0.0 if oldest is None else asyncio.get_running_loop().time() - oldest

    def _oldest(self) -> float | None:
        return min((at for lane in self._lanes if (at := lane.oldest()) is not None), default=None)

    def _lost(self, why: str) -> None:
        self.failures += 1
        producer = self._give_up(why)
        self._away(why)
        if producer is not None:
            self._discard(producer)

    def _away(self, why: str) -> None:
        self._refusal = Refusal("kafka", why)
        self._warn_once(f"{why}; meanwhile posts are answered with 503", why)

    def _give_up(self, why: str) -> AIOKafkaProducer | None:
        """Refuse everything that waits, and return the connection that it waited for."""
        producer, self._producer = self._producer, None
        self._refusal = Refusal("kafka", why)
        for task in self._tasks:
            task.cancel()
        lanes, self._lanes, self._sticky = self._lanes, [], 0
        for lane in lanes:
            for batch in (lane.under_way, *lane.batches):
                if batch is not None:
                    batch.settle(self._refusal)
        return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_end(producer))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _end(producer: AIOKafkaProducer) -> None:
    """Close a connection with everything it still holds: its own `stop` would wait for that."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(DISCARD_SECONDS):
            # As in `stop`, without the wait; otherwise it would warn that `stop` was not called.
            producer._closed = True  # noqa: SLF001
            sending: Any = producer._sender.sender_task  # noqa: SLF001
            if sending is not None:
                sending.cancel()
            await producer.client.close()
            if sending is not None:
                # It waits for its requests, and one of them may wait for a connection.
                sending.cancel()
                await asyncio.wait([sending])


def _why(error: BaseException, settings: Settings) -> str:
    """Return an error for the log and the client: its type, without external text."""
    topic = settings.topic
    if isinstance(error, TopicAuthorizationFailedError):
        return f"this login has no right to write to {topic}: allow Write on it"
    if isinstance(error, UnknownTopicOrPartitionError):
        return (
            f"topic {topic} does not exist, or this login may not see it: `tokenshare doctor --fix`"
        )
    if isinstance(error, TokenError | SettingsError):
        return str(error)
    if is_of_compression(error):
        return (
            f"{topic} takes no {settings.compression}: set TOKENSHARE_COMPRESSION to gzip or none"
        )
    refused = diagnosis.refused(settings).removesuffix(".")
    return refused or f"Kafka cannot be written to ({type(error).__name__})"
