"""Read spans of offsets as record batches, without a consumer group or commits."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer

from streams.kafka import aio_login, oversized_batch, record_batch
from streams.kafka.batch_fetch import PARTITION_FETCH_BYTES, read_in_batches
from streams.kafka.record_batch import CorruptBatchError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from aiokafka import TopicPartition

    from streams.kafka.batch_fetch import Batch
    from streams.kafka.record_batch import Record
    from streams.settings import Settings

#: Reading ends with an error after this long without records.
SILENCE_SECONDS = 30.0


class TopicUnreadableError(Exception):
    """The topic cannot be read; the message gives the reason and the remedy."""


@contextlib.asynccontextmanager
async def consumer_of(settings: Settings, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer that returns these topics in batches, stopped at the end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        **aio_login.arguments(settings),
    )
    await consumer.start()
    try:
        read_in_batches(consumer, topics)
        yield consumer
    finally:
        # If Kafka is gone by now, this raises the cancellation of its own tasks.
        with contextlib.suppress(asyncio.CancelledError):
            await consumer.stop()


async def batches(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, tuple[int, int]]
) -> AsyncIterator[Batch]:
    """Yield the batches of each partition from its first offset to before its last one.

    The last batch of a partition may hold later records as well. Raises TopicUnreadableError.
    """
    ends = {tp: end for tp, (begin, end) in spans.items() if begin < end}
    if not ends:
        return
    consumer.assign([*ends])
    for tp in ends:
        consumer.seek(tp, spans[tp][0])
    loop = asyncio.get_running_loop()
    last_records = loop.time()
    while ends:
        found = await consumer.getmany(timeout_ms=500, max_records=1)
        if found:
            last_records = loop.time()
        elif loop.time() - last_records > SILENCE_SECONDS:
            topic = next(iter(ends)).topic
            raise TopicUnreadableError(
                f"No records of {topic} for {SILENCE_SECONDS:.0f} s; check the broker."
            )
        for tp, some in found.items():
            for each in some:
                if tp in ends:
                    yield each
                    if each.end >= ends[tp]:
                        del ends[tp]
                        consumer.pause(tp)


def records_in(batch: Batch, limit: int) -> Iterator[Record]:
    """Yield the records of a batch that can be read; `limit` is that of `oversized_batch.parts`."""
    for raw in batch.record_batches:
        if record_batch.base_offset(raw) in batch.damaged:
            continue
        with contextlib.suppress(CorruptBatchError):
            for record in records_of(raw, limit):
                if batch.start <= record.offset < batch.end:
                    yield record


def records_of(raw: bytes | memoryview, limit: int) -> Iterator[Record]:
    """Yield the records of one record batch. Raises CorruptBatchError at a damaged one."""
    if not record_batch.is_scannable(raw):
        for each in record_batch.read(raw):
            yield record_batch.Record(
                each.offset, each.timestamp, each.key, each.value, tuple(each.headers)
            )
        return
    whole = record_batch.unpack(raw)
    after, dense = record_batch.base_offset(raw) - 1, record_batch.is_dense(raw)
    parts = (raw,) if whole is not None else oversized_batch.parts(raw, limit)
    count = 0
    for part in parts:
        unpacked = whole or record_batch.unpack(part)
        if unpacked is None:
            raise CorruptBatchError("cannot be decompressed")
        records, why = record_batch.sound_records(unpacked, part, after, dense=dense)
        count += len(records)
        yield from records
        if why:
            raise CorruptBatchError(why)
        after = records[-1].offset if records else after
    if count < record_batch.records_in(raw):
        raise CorruptBatchError(record_batch.CUT_OFF)
