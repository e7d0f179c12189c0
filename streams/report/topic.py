"""Read a topic from its beginning to its present end, without a consumer group or commits.

Each partition is counted separately, from the same bytes and in the same way as by a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka import admin
from streams.kafka.batch_fetch import PARTITION_FETCH_BYTES, read_in_batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.report.count import Count
    from streams.settings import Settings

#: Reading ends with an error after this long without records.
SILENCE_SECONDS = 30.0


class TopicUnreadableError(Exception):
    """The topic cannot be read; the message gives the reason and the remedy."""


def read(
    settings: Settings,
    topic: str,
    count: Callable[[], Count],
    advance: Callable[[int, int], None],
) -> list[Count]:
    """Return the counts of each partition; call `advance` with offsets read and their total.

    Raises TopicUnreadableError and admin.BrokerError.
    """
    client = admin.connect(settings)
    try:
        known = admin.find(client, topic).get(topic)
    except KafkaError as error:
        raise TopicUnreadableError(f"{topic} cannot be read: {error}") from None
    finally:
        client.close()
    if known is None:
        raise TopicUnreadableError(
            f"Topic {topic} does not exist: `tokenshare doctor` lists the others."
        )
    try:
        return asyncio.run(_read(settings, topic, known.partitions, count, advance))
    except (KafkaError, OSError) as error:
        raise TopicUnreadableError(f"{topic} cannot be read: {error}") from None


async def _read(
    settings: Settings,
    topic: str,
    partitions: int,
    count: Callable[[], Count],
    advance: Callable[[int, int], None],
) -> list[Count]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        **settings.kafka_security(),
    )
    await consumer.start()
    try:
        read_in_batches(consumer, [topic])
        tps = [TopicPartition(topic, number) for number in range(partitions)]
        ends = await consumer.end_offsets(tps)
        begins = await consumer.beginning_offsets(tps)
        counts = {tp: count() for tp in tps}
        for tp, each in counts.items():
            each.begin(f"{topic}[{tp.partition}]")
        at = {tp: begins[tp] for tp in tps if begins[tp] < ends[tp]}
        total = sum(ends[tp] - begins[tp] for tp in at)
        consumer.assign([*at])
        for tp, offset in at.items():
            consumer.seek(tp, offset)
        loop = asyncio.get_running_loop()
        last_records = loop.time()
        while at:
            found = await consumer.getmany(timeout_ms=500, max_records=1)
            if found:
                last_records = loop.time()
            elif loop.time() - last_records > SILENCE_SECONDS:
                raise TopicUnreadableError(
                    f"No records of {topic} for {SILENCE_SECONDS:.0f} s; check the broker."
                )
            for tp, batches in found.items():
                for each in batches:
                    if tp not in at:
                        continue
                    counts[tp].add_batches(each)
                    advance(each.end - at[tp], total)
                    at[tp] = each.end
                    if each.end >= ends[tp]:
                        del at[tp]
                        consumer.pause(tp)
        return [*counts.values()]
    finally:
        # If Kafka is gone by now, this raises the cancellation of its own tasks.
        with contextlib.suppress(asyncio.CancelledError):
            await consumer.stop()
