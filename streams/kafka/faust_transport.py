"""A Faust transport whose message is a batch of records, and whose position is the table's.

Stock Faust makes a message of each record and spends four asyncio tasks on each; here a message is
everything that a fetch returned of one partition. Stock Faust also decides by acknowledgements what
to commit, and resumes there; here the table's position record decides where a partition is read
from, and the group's committed offset only follows it, for tools that show lag.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, cast

import faust
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.kafka.batch_fetch import read_in_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.kafka.batch_fetch import Batch


class _Thread(driver.AIOKafkaConsumerThread):
    """The thread of aiokafka's consumer."""

    #: How often Kafka's answers did not fit what the client knew of its topics.
    surprises = 0

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        read_in_batches(consumer, cast("Any", self.app).source_topics)
        client = consumer._client
        ask_again = client.force_metadata_update

        def note_and_ask() -> Any:
            self.surprises += 1
            return ask_again()

        client.force_metadata_update = note_and_ask

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: the stock check is of acknowledgements, which decide nothing here.

        After five minutes it would report every partition as stuck. Lag and flush time report it.
        """

    async def take_join_error(self) -> KafkaError | None:
        """Return the error that coordination of the group waits with, and let it go on."""
        if self._consumer is None:
            return None
        try:
            self._consumer._coordinator.check_errors()
        except KafkaError as error:
            return error
        return None

    async def commit_positions(self, offsets: Mapping[TP, int]) -> None:
        """Commit offsets of partitions that are still assigned; raises KafkaError."""
        consumer = self._ensure_consumer()
        assigned = self.assignment()
        await consumer.commit(
            {
                TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
                for tp, offset in offsets.items()
                if tp in assigned
            }
        )


class Consumer(driver.Consumer):
    """Reads batches; the table decides where to start and what to commit."""

    #: Offsets written to the table, by partition: nothing beyond them is ever committed.
    written: dict[TP, int]
    #: Returns the offset to read a partition from; set by the app.
    position_of: Callable[[TP], int | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written = {}
        self.position_of = lambda _tp: None

    @property
    def surprises(self) -> int:
        """Return how often Kafka's answers did not fit what was known of its topics, ever growing.

        A leader has moved, a broker is away, or a topic was deleted or recreated.
        """
        thread = cast("_Thread | None", getattr(self, "_thread", None))
        return thread.surprises if thread else 0

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        batch = cast("Batch", record)
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.start,
            None,  # type: ignore[arg-type]
            0,
            None,
            None,
            cast("Any", batch),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Any) -> bool:
        """Note that the agent is done with a message. Commits follow the table."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self._notify_ack()
        return True

    def _notify_ack(self) -> None:
        waiting = self._waiting_for_ack
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    # A full queue makes the agent's channel wait, which is all the back-pressure that is needed.
    # Stock Faust excludes the partition from fetches instead, and sleeps a second when all are
    # excluded.
    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: the full queue of the channel makes the reader wait."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing: no partition has been excluded."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit the written positions; on failure, log and retry at the next interval."""
        offsets = {
            tp: offset
            for tp, offset in self.written.items()
            if offset != self._committed_offset.get(tp)
        }
        if not offsets:
            return False
        thread = cast("_Thread", self._thread)
        try:
            await thread.call_thread(thread.commit_positions, offsets)
        except (KafkaError, IllegalStateError) as error:
            self.log.warning("offsets not committed, lag tools will be behind: %s", error)
            return False
        self._committed_offset.update(offsets)
        return True

    async def join_error(self) -> KafkaError | None:
        """Return the error of the last join of the group, if any; the next join then begins."""
        thread = cast("_Thread", self._thread)
        return cast("KafkaError | None", await thread.call_thread(thread.take_join_error))

    async def perform_seek(self) -> None:
        """Move each source partition to the position in the table."""
        for tp in self.assignment():
            position = self.position_of(tp)
            if position is not None:
                await self.seek_to(tp, position)

    async def seek_to(self, tp: TP, offset: int) -> None:
        """Read a partition from `offset` on; do nothing where it is no longer assigned."""
        thread = cast("_Thread", self._thread)
        try:
            await thread.call_thread(self._seek_in_thread, tp, offset)
        except IllegalStateError:
            # A rebalance can revoke the partition between any two awaits.
            self.log.info("%s is no longer assigned, not read from %s", tp, offset)

    async def _seek_in_thread(self, tp: TP, offset: int) -> None:
        thread = cast("_Thread", self._thread)
        thread._ensure_consumer().seek(TopicPartition(tp.topic, tp.partition), offset)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                records, active = await self._wait_next_records(timeout=1.0)
                for tp, batches in (records or {}).items():
                    key = TP(tp.topic, tp.partition)
                    if active is None or key in active:
                        await self._hand_out(key, cast("list[Batch]", batches))
                await asyncio.sleep(0)
        except ConsumerStoppedError:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _hand_out(self, tp: TP, batches: list[Batch]) -> None:
        for batch in batches:
            # A stop of the flow drops what was read: each partition is read again from its position
            # afterwards.
            if not self.flow_active:
                return
            await self.wait_first(
                self.callback(self._to_message(tp, batch)), self.suspend_flow.wait()
            )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: batches chain by themselves."""


class Transport(driver.Transport):
    """aiokafka with batches."""

    Consumer: ClassVar[type[Consumer]] = Consumer

    driver_version = f"batches over {driver.Transport.driver_version}"


class BatchSchema(faust.Schema[Any, Any]):
    """Passes the batch on as it is: our own code decodes it."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the message's key: None, for a batch has none."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the batch."""
        return message.value
