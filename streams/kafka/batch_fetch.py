"""Make aiokafka's consumer return the bytes of whole record batches instead of single records.

aiokafka has no public interface for it, so `install` replaces private parts of it. Importing this
module changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.kafka import record_batch
from streams.kafka.errors import InvalidRecordError, UnsupportedCompressionTypeError
from streams.kafka.fetch_end import end_quietly
from streams.kafka.fetch_pace import keep_pace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

log = logging.getLogger("tokenshare.transport")

#: Records in one `Batch`. At 0.6 microseconds an event the event loop is free again within 20 ms,
#: and the cost of a batch is spread over thousands of records.
BATCH_RECORDS = 32_768

#: Responses of at least this size are joined once.
_LARGE_BYTES = 128 * 1024

#: Limit of one response of a broker, however many partitions have data.
FETCH_BYTES = 16 * 1024 * 1024
#: Limit of one partition in it: large, to spread the cost of a response over more records.
PARTITION_FETCH_BYTES = 4 * 1024 * 1024

_LENGTH = struct.Struct(">i")
_LOG_OVERHEAD = 12  # base offset and length, which are not part of the length


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one partition between two offsets, as the bytes of Kafka's record batches.

    `start` is the offset that was fetched from and `end` the next one to fetch: batches of a
    partition chain even where compaction or transactions leave holes in the log. The first of the
    record batches may hold records before `start`, which are not part of this one. `damaged` are
    the first offsets of batches whose checksum is wrong. `epoch` is the leader epoch of all of
    them, -1 where Kafka does not keep it.
    """

    topic: str
    partition: int
    start: int
    end: int
    record_batches: list[memoryview]
    damaged: frozenset[int] = frozenset()
    epoch: int = -1


class _Batches(PartitionRecords):  # type: ignore[misc]
    """The data of one partition in a fetch, cut into batches instead of unpacked into records.

    aiokafka builds a ConsumerRecord for each record, most of the cost of reading; here the bytes
    stay as they are, still compressed.
    """

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Batch]:
        start = reached = self.next_fetch_offset
        held: list[memoryview] = []
        damaged: set[int] = set()
        count = 0
        epoch = -1
        for raw, is_sound, counts in self._record_batches():
            found = record_batch.leader_epoch(raw)
            if found != epoch and reached != start:
                # aiokafka takes this for the next offset, while the batch is handed out.
                following, self.next_fetch_offset = self.next_fetch_offset, reached
                yield self._batch(start, held, damaged, epoch)
                self.next_fetch_offset = following
                start, held, damaged, count = reached, [], set(), 0
            epoch, reached = found, self.next_fetch_offset
            if not counts:
                continue
            held.append(raw)
            count += record_batch.last_offset(raw) - record_batch.base_offset(raw) + 1
            if not is_sound:
                damaged.add(record_batch.base_offset(raw))
            if count >= BATCH_RECORDS:
                yield self._batch(start, held, damaged, epoch)
                start, held, damaged, count = self.next_fetch_offset, [], set(), 0
        if held or self.next_fetch_offset != start:
            yield self._batch(start, held, damaged, epoch)

    def _batch(self, start: int, held: list[memoryview], damaged: set[int], epoch: int) -> Batch:
        topic, partition = self._tp
        end = self.next_fetch_offset
        return Batch(topic, partition, start, end, held, frozenset(damaged), epoch)

    def _record_batches(self) -> Iterator[tuple[memoryview, bool, bool]]:
        """Yield the bytes of each batch, whether its checksum is right, and whether it counts.

        A batch that aiokafka cannot read counts as well: the decoder reports what is wrong.
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
                kind = type(error).__name__
                log.warning("%s: a record batch at offset %s: %s", self._tp, first, kind)
                # What follows it is fetched again: aiokafka may not have moved past it.
                self.next_fetch_offset = max(
                    self.next_fetch_offset, record_batch.last_offset(raw) + 1
                )
                yield raw, False, True
                return
            # The next offset is the batch's own, which compaction keeps when it removes records. It
            # always moves on, or a damaged batch would be fetched for ever.
            self.next_fetch_offset = max(self.next_fetch_offset, following, first + 1)
            yield raw, is_sound, counts

    @staticmethod
    def _is_intact(raw: memoryview, batch: Any) -> bool:
        return bool(
            record_batch.is_intact(raw) if record_batch.is_scannable(raw) else batch.validate_crc()
        )

    def _counts(self, batch: Any) -> bool:
        """Return whether a batch holds records of producers that have not aborted them."""
        aborted = False
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            aborted = batch.is_transactional and batch.producer_id in self._aborted_producers
        return not aborted and not batch.is_control_batch


class _WholeReader(asyncio.StreamReader):
    """Collects the pieces of a large response and joins them once.

    Stock asyncio appends each piece to a buffer that grows by an eighth at a time, which copies a
    megabyte some nine times.
    """

    _wanted = 0
    _held = 0
    _pieces: list[bytes]
    # Private parts of asyncio's reader.
    _buffer: bytearray
    _eof: bool
    _exception: Exception | None
    _wakeup_waiter: Callable[[], None]
    _wait_for_data: Callable[[str], Coroutine[Any, Any, None]]

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        """Add data that has arrived; asyncio's transport calls it."""
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


def _create_whole_reader_task(self: Any) -> Any:
    # A connection creates its reader itself, so the class of a reader in use is replaced.
    self._reader.__class__ = _WholeReader
    return _create_reader_task(self)


class _KeptRecords(MemoryRecords):  # type: ignore[misc]
    """Fetched data that keeps its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def install() -> None:
    """Patch aiokafka for this process; a second call changes nothing more.

    Connections read large responses in one piece, fetched records keep their bytes, and errors that
    aiokafka does not know get a class. Connections that are open already keep their reader.
    """
    AIOKafkaConnection._create_reader_task = _create_whole_reader_task
    fetcher.MemoryRecords = _KeptRecords
    for error in (InvalidRecordError, UnsupportedCompressionTypeError):
        errors.kafka_errors.setdefault(error.errno, error)


class _BatchedResults(dict[TopicPartition, Any]):
    """The fetcher's buffer: the data of source topics is turned into batches."""

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
            # It and its iterator refer to each other and keep the fetched bytes: over a gigabyte
            # before Python collects old objects.
            records._records_iterator = None
        super().__setitem__(tp, result)


def read_in_batches(consumer: Any, topics: Iterable[str]) -> None:
    """Make a started consumer of aiokafka return `Batch`es of these topics; calls `install`."""
    install()
    # Records of a transaction count when it is committed, not when it is aborted.
    consumer._fetcher._isolation_level = READ_COMMITTED
    consumer._isolation_level = "read_committed"
    # An empty partition in the same fetch would delay the others by Faust's 1,500 ms.
    consumer._fetcher._fetch_max_wait_ms = 50
    keep_pace(consumer)
    end_quietly(consumer)
    consumer._fetcher._fetch_max_bytes = FETCH_BYTES
    consumer._fetcher._records = _BatchedResults(frozenset(topics))
