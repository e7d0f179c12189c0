"""Parts that a worker is compared with: raw fetch, decoding alone, orjson alone, stock Faust.

Each runs in a process of its own and returns its figures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import gc
import time
from typing import Any

from fills import LITELLM_PER_SECOND
from generated_events import events
from measuring import PATIENCE_SECONDS, Clock, memory

LOADS = 50_000
FAUST_EVENTS = 30_000
DECODE_EVENTS = 409_600


def raw(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fetch all batches of the topic and count their records."""
    return asyncio.run(_raw(arguments))


async def _raw(arguments: argparse.Namespace) -> dict[str, Any]:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from streams.kafka import batch_fetch, record_batch

    batch_fetch.install()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=arguments.bootstrap,
        enable_auto_commit=False,
        max_partition_fetch_bytes=1024 * 1024,
    )
    await consumer.start()
    try:
        consumer._fetcher._records = batch_fetch._BatchedResults(frozenset([arguments.topic]))
        # The collector would look at the fetched records again and again: not a cost of reading.
        gc.disable()
        tps = [TopicPartition(arguments.topic, each) for each in range(arguments.partitions)]
        consumer.assign(tps)
        clock = Clock()
        await consumer.seek_to_beginning(*tps)
        counted = 0
        while counted < arguments.events:
            for batches in (await consumer.getmany(timeout_ms=1000)).values():
                for batch in batches:
                    counted += sum(len(record_batch.read(raw)) for raw in batch.record_batches)
        return clock.figures(counted)
    finally:
        await consumer.stop()


def decode(arguments: argparse.Namespace) -> dict[str, Any]:
    """Decode values in memory in Python, as all values that are no plain events."""
    from streams.decode.decoder import Decoder
    from streams.decode.event import UsageEvent

    number = min(arguments.events, DECODE_EVENTS)
    values = [event.value for event in events(number, time.time())]
    batches = [values[at : at + 4096] for at in range(0, number, 4096)]
    decoder = Decoder()
    headers = [()] * 4096
    clock = Clock()
    for batch in batches:
        decoded = decoder.decode_many(batch, headers[: len(batch)])
        assert all(isinstance(each, UsageEvent) for each in decoded)
    return clock.figures(number) | {"bytes_per_event": sum(map(len, values)) / number}


def loads(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parse LiteLLM's payloads one by one with orjson, and throw them away: no Kafka, no counts."""
    import orjson
    from payload import payloads

    values = list(payloads(min(arguments.events, LOADS), time.time(), LITELLM_PER_SECOND))
    turns = -(-arguments.events // len(values))
    # The collector would look at the parsed objects again and again: not a cost of parsing.
    gc.disable()
    clock = Clock()
    for _ in range(turns):
        for value in values:
            orjson.loads(value)
    return clock.figures(turns * len(values)) | {
        "bytes_per_event": sum(map(len, values)) / len(values)
    }


def faust(arguments: argparse.Namespace) -> dict[str, Any]:
    """Count tokens by model with the windowed table of Faust's user guide."""
    return asyncio.run(_faust(arguments))


async def _faust(arguments: argparse.Namespace) -> dict[str, Any]:
    import faust as stock

    app = stock.App(
        arguments.group,
        broker=f"kafka://{arguments.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_partitions=arguments.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_rebalance_timeout=3,
        broker_session_timeout=6,
        broker_heartbeat_interval=1,
    )
    app.finalize()
    topic = app.topic(arguments.topic, value_serializer="json")
    table = app.Table("tokens", default=int, partitions=arguments.partitions).tumbling(
        dt.timedelta(minutes=1), expires=dt.timedelta(hours=1)
    )
    clock: Clock | None = None
    done: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    @app.agent(topic)
    async def count(usages: Any) -> None:
        nonlocal clock
        clock = clock or Clock()
        counted = 0
        async for usage in usages:
            table[usage["model"]] += usage["prompt_tokens"] + usage["completion_tokens"]
            counted += 1
            if counted == FAUST_EVENTS and not done.done():
                done.set_result(clock.figures(counted) | memory())

    await app.start()
    try:
        return await asyncio.wait_for(done, PATIENCE_SECONDS)
    finally:
        # Its shutdown waits for what nobody needs any more.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(app.stop(), 5.0)
