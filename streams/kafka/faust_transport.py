"""A Faust transport whose message is a batch of records, and whose place is the table's position.

Stock Faust hands out one record a message and spends four asyncio tasks on each; here a message is
all that a fetch brought of one partition. Stock Faust also decides by acknowledgements what to
commit and starts again from there; here the table's position record says where a partition is read
from, and the group's committed offset only follows it, for tools that show lag.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import faust
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
)
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.kafka import record_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping

log = logging.getLogger("tokenshare.transport")

#: Records in one message. At 0.6 microseconds an event the loop is free again within 20 ms,
#: and what is spent once a message is spread over thousands.
BATCH_RECORDS = 32_768

#: Answers from this size on are joined once.
_LARGE_BYTES = 128 * 1024

#: One answer of a broker holds at most so much, however many partitions are behind.
FETCH_BYTES = 16 * 1024 * 1024
#: And of one partition so much: what is spent once an answer is spread over more records.
PARTITION_FETCH_BYTES = 4 * 1024 * 1024

_LENGTH = struct.Struct(">i")
_LOG_OVERHEAD = 12  # base offset and length, which the length does not count


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one partition between two offsets, as the bytes of Kafka's record batches.

    `start` is the offset that was asked for and `end` the next one to ask for: batches of a
    partition chain even where compaction or transactions leave holes in the log. The first of the
    record batches may hold records before `start`, which are not part of this one. `damaged` are
    the first offsets of batches whose checksum is wrong.
    """

    topic: str
    partition: int
    start: int
    end: int
    record_batches: list[memoryview]
    damaged: frozenset[int] = frozenset()


class _Batches(PartitionRecords):  # type: ignore[misc]
    """One fetch's data of a partition, cut into batches instead of unpacked into records.

    aiokafka builds a ConsumerRecord for each record, which is most of what reading costs; here the
    bytes go on as they are, still compressed.
    """

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Batch]:
        start = self.next_fetch_offset
        held: list[memoryview] = []
        damaged: set[int] = set()
        count = 0
        for raw, is_sound in self._record_batches():
            held.append(raw)
            count += record_batch.last_offset(raw) - record_batch.base_offset(raw) + 1
            if not is_sound:
                damaged.add(record_batch.base_offset(raw))
            if count >= BATCH_RECORDS:
                yield self._batch(start, held, damaged)
                start, held, damaged, count = self.next_fetch_offset, [], set(), 0
        if held or self.next_fetch_offset != start:
            yield self._batch(start, held, damaged)

    def _batch(self, start: int, held: list[memoryview], damaged: set[int]) -> Batch:
        topic, partition = self._tp
        return Batch(topic, partition, start, self.next_fetch_offset, held, frozenset(damaged))

    def _record_batches(self) -> Iterator[tuple[memoryview, bool]]:
        """Return the bytes of each batch that counts, and whether its checksum is right.

        A batch that aiokafka cannot read is one that counts: the reader says what is wrong.
        """
        # Follows aiokafka's own order of checks: checksum, aborted transactions, control batches.
        records = self._records
        end = 0
        while records.has_next():
            begin = end
            end += _LOG_OVERHEAD + _LENGTH.unpack_from(records.data, end + 8)[0]
            raw = memoryview(records.data)[begin:end]
            first = record_batch.base_offset(raw)
            try:
                batch = records.next_batch()
                is_sound = not self._check_crcs or self._is_intact(raw, batch)
                counts, following = self._counts(batch), int(batch.next_offset)
            except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise
                log.warning("%s: a record batch at offset %s: %r", self._tp, first, error)
                # What comes behind it is fetched again: aiokafka may not have gone on.
                self.next_fetch_offset = max(
                    self.next_fetch_offset, record_batch.last_offset(raw) + 1
                )
                yield raw, False
                return
            # The next offset comes from the batch, which keeps it when compaction takes records. It
            # moves on whatever a batch says, or the same bytes would be fetched for ever.
            self.next_fetch_offset = max(self.next_fetch_offset, following, first + 1)
            if counts:
                yield raw, is_sound

    @staticmethod
    def _is_intact(raw: memoryview, batch: Any) -> bool:
        return bool(
            record_batch.is_intact(raw) if record_batch.is_scannable(raw) else batch.validate_crc()
        )

    def _counts(self, batch: Any) -> bool:
        """Return whether a batch holds records of somebody's, and not those of an aborted one."""
        aborted = False
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            aborted = batch.is_transactional and batch.producer_id in self._aborted_producers
        return not aborted and not batch.is_control_batch


class _WholeReader(asyncio.StreamReader):
    """Takes a large answer of Kafka's in pieces, and joins them once.

    Stock asyncio appends each piece to a buffer that grows by an eighth at a time, so that a
    megabyte is copied some nine times over.
    """

    _wanted = 0
    _held = 0
    _pieces: list[bytes]
    # Of asyncio's own, which are not part of what it promises.
    _buffer: bytearray
    _eof: bool
    _exception: Exception | None
    _wakeup_waiter: Callable[[], None]
    _wait_for_data: Callable[[str], Coroutine[Any, Any, None]]

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        """Take in what has come, as the transport hands it out."""
        if not self._wanted:
            super().feed_data(data)
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= self._wanted:
            self._wakeup_waiter()

    async def readexactly(self, n: int) -> bytes:
        """Return the next `n` bytes. Raises IncompleteReadError where the stream ends before."""
        if n < _LARGE_BYTES or len(self._buffer) >= n or self._exception is not None:
            return await super().readexactly(n)
        self._pieces, self._held, self._wanted = [bytes(self._buffer)], len(self._buffer), n
        self._buffer.clear()
        try:
            while self._held < n and not self._eof:
                await self._wait_for_data("readexactly")
        finally:
            data, self._pieces, self._wanted = b"".join(self._pieces), [], 0
        if len(data) < n:
            raise asyncio.IncompleteReadError(data, n)
        if len(data) > n:
            self._buffer += data[n:]
            data = data[:n]
        return data


_create_reader_task = AIOKafkaConnection._create_reader_task


def _read_whole(self: Any) -> Any:
    self._reader.__class__ = _WholeReader
    return _create_reader_task(self)


# A connection makes its reader itself; what it reads by is the only thing that changes.
AIOKafkaConnection._create_reader_task = _read_whole


class _KeptRecords(MemoryRecords):  # type: ignore[misc]
    """Fetched data that stays at hand as bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


# The fetcher makes its records itself, under this name; nothing else about them changes.
fetcher.MemoryRecords = _KeptRecords


class _BatchedResults(dict[TopicPartition, Any]):
    """The fetcher's buffer; what is put in of a source topic comes out as batches."""

    def __init__(self, topics: frozenset[str]) -> None:
        super().__init__()
        self._topics = topics

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:
        if type(result) is FetchResult and tp.topic in self._topics:
            records = result._partition_records
            result._partition_records = _Batches(
                tp,
                records._records,
                records._aborted_transactions,
                records.next_fetch_offset,
                None,
                None,
                records._check_crcs,
                records._isolation_level,
            )
            # It and its iterator hold each other, and with them the fetched bytes: over a gigabyte
            # of them before Python's collector of old objects comes by.
            records._records_iterator = None
        super().__setitem__(tp, result)


def read_in_batches(consumer: Any, topics: Iterable[str]) -> None:
    """Make aiokafka's consumer, which has been started, give `Batch`es of these topics."""
    # What is written in a transaction counts when it is committed, not when it is aborted.
    consumer._fetcher._isolation_level = READ_COMMITTED
    consumer._isolation_level = "read_committed"
    # An empty partition in the same fetch would hold up the others for Faust's 1,500 ms.
    consumer._fetcher._fetch_max_wait_ms = 50
    consumer._fetcher._fetch_max_bytes = FETCH_BYTES
    consumer._fetcher._records = _BatchedResults(frozenset(topics))


class _Thread(driver.AIOKafkaConsumerThread):
    """The thread that aiokafka's consumer runs in."""

    async def on_start(self) -> None:
        await super().on_start()
        read_in_batches(self._ensure_consumer(), cast("Any", self.app).source_topics)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: the stock check looks at acknowledgements, which decide nothing here.

        After five minutes it would report every partition as stuck. Lag and flush time say it.
        """

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
    """Reads batches, and leaves it to the table where to start and what to commit."""

    #: What has been written to the table, by partition: nothing beyond it is ever committed.
    written: dict[TP, int]
    #: Gives where to read a partition from; set by the app.
    position_of: Callable[[TP], int | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written = {}
        self.position_of = lambda _tp: None

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
        """Note that the agent is done with a message. What is committed follows the table."""
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

    # A full queue makes the agent's channel wait, and that is all the back-pressure there has to
    # be. Stock Faust takes the partition out of the fetch instead, and sleeps a second when all
    # are out.
    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: the channel's queue holds up the reader by itself."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, for the same reason."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit the written positions; a failure is told and waits for the next time."""
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

    async def perform_seek(self) -> None:
        """Read each source partition on from where the table stands."""
        for tp in self.assignment():
            position = self.position_of(tp)
            if position is not None:
                await self.seek_to(tp, position)

    async def seek_to(self, tp: TP, offset: int) -> None:
        """Read a partition from `offset`; does nothing where it is no longer assigned."""
        thread = cast("_Thread", self._thread)
        try:
            await thread.call_thread(self._seek_in_thread, tp, offset)
        except IllegalStateError:
            # A rebalance can take the partition away between any two awaits.
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
            # A stop of the flow drops what was read: after it, each partition is read again from
            # its position.
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
    """Hands the batch through as it is: it is decoded in our own code."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the message's key, which a batch has not."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the batch."""
        return message.value
