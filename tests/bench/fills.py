"""Parts that write: events, payloads and state into topics. Each runs in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from typing import Any

from generated_events import EVENTS_PER_SECOND, events
from measuring import settings_of

LITELLM_EVENTS, LITELLM_PER_SECOND = 300_000, 2_000
STUDY_SEED = 1
SOAK_POOL, SOAK_BATCH = 200_000, 4_000


def fill(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send the events to the topic."""
    from streams.demo.sender import send

    number = arguments.events
    seconds = arguments.days * 86400 or number / EVENTS_PER_SECOND
    source = events(number, time.time() - seconds, number / seconds)
    truth = asyncio.run(send(arguments.bootstrap, arguments.topic, source))
    return {"events": truth.requests}


def fill_litellm(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send LiteLLM's payloads to the topic."""
    from aiokafka.record._crecords import default_records
    from payload import payloads

    from streams.demo.sender import send
    from streams.demo.truth import Simulated

    # Java's clients and librdkafka, by which gateways write, compress fast; aiokafka does it hard.
    hard = default_records.lz4_encode
    default_records.lz4_encode = lambda data: hard(data, level=0)
    number = arguments.events
    start = time.time() - number / LITELLM_PER_SECOND
    source = (
        Simulated(start, value, "", "", 0, 0)
        for value in payloads(number, start, LITELLM_PER_SECOND)
    )
    asyncio.run(send(arguments.bootstrap, arguments.topic, source))
    return {"events": number}


def fill_study(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send the study's events to the topic."""
    from streams.demo.sender import send
    from streams.demo.study_year import study_events

    truth = asyncio.run(send(arguments.bootstrap, arguments.topic, study_events(STUDY_SEED)))
    return {"events": truth.requests}


def fill_state(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the state of two years into the group's changelog."""
    import full_state

    from streams.kafka import admin

    settings = settings_of(arguments)
    client = admin.connect(settings, 10.0)
    try:
        source = admin.find(client, arguments.topic)[arguments.topic]
    finally:
        client.close()
    return asyncio.run(full_state.fill(settings, source.topic_id, time.time()))


def soak(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send the events over and over, stamped with the current time."""
    return asyncio.run(_soak(arguments))


async def _soak(arguments: argparse.Namespace) -> dict[str, Any]:
    from aiokafka import AIOKafkaProducer

    values = [re.sub(rb'"ts":[0-9.]+,', b"", each.value) for each in events(SOAK_POOL, 0.0)]
    producer = AIOKafkaProducer(
        bootstrap_servers=arguments.bootstrap,
        acks="all",
        compression_type="lz4",
        max_batch_size=900_000,
    )
    await producer.start()
    try:
        waiting: set[asyncio.Future[Any]] = set()
        for number in range(arguments.events // SOAK_BATCH):
            at = number * SOAK_BATCH % SOAK_POOL
            stamp = round(time.time() * 1000)
            batch = producer.create_batch()
            for value in values[at : at + SOAK_BATCH]:
                batch.append(timestamp=stamp, key=None, value=value)
            batch.close()
            if len(waiting) >= 2 * arguments.partitions:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            partition = number % arguments.partitions
            waiting.add(await producer.send_batch(batch, arguments.topic, partition=partition))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return {"events": arguments.events}
