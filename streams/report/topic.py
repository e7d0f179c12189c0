"""Read a topic from its beginning to its present end, without a consumer group or commits.

Each partition is counted separately, from the same bytes and in the same way as by a worker.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka import admin, topic_reader
from streams.kafka.topic_reader import TopicUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.report.count import Count
    from streams.settings import Settings


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
    async with topic_reader.consumer_of(settings, topic) as consumer:
        tps = [TopicPartition(topic, number) for number in range(partitions)]
        ends = await consumer.end_offsets(tps)
        begins = await consumer.beginning_offsets(tps)
        counts = {tp: count() for tp in tps}
        for tp, each in counts.items():
            each.begin(f"{topic}[{tp.partition}]")
        total = sum(ends[tp] - begins[tp] for tp in tps)
        spans = {tp: (begins[tp], ends[tp]) for tp in tps}
        async for batch in topic_reader.batches(consumer, spans):
            counts[TopicPartition(topic, batch.partition)].add_batches(batch)
            advance(batch.end - batch.start, total)
        return [*counts.values()]
