"""A consumer stops whatever its fetches wait for."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher

from streams.kafka import fetch_end


async def stop_in_backoff(*, quietly: bool, is_clearing_up: bool = False) -> list[str]:
    """Stop a consumer whose fetches wait to be repeated; return what was closed."""
    consumer = AIOKafkaConsumer()
    made = fetcher.Fetcher(AIOKafkaClient(), consumer._subscription)
    consumer._fetcher = made
    if quietly:
        fetch_end.end_quietly(consumer)
    if not is_clearing_up:
        await asyncio.sleep(0)
    for _ in range(3):
        made._pending_tasks.add(asyncio.create_task(asyncio.sleep(60)))
    await asyncio.sleep(0)
    closed: list[str] = []

    async def close():
        closed.append("client")

    await consumer._client.close()
    consumer._client.close = close
    await consumer.stop()
    return closed


@pytest.mark.parametrize("is_clearing_up", [False, True])
def test_a_fetch_in_backoff_does_not_end_a_stop_half_way(is_clearing_up):
    stopping = stop_in_backoff(quietly=True, is_clearing_up=is_clearing_up)

    assert asyncio.run(asyncio.wait_for(stopping, 30)) == ["client"]


def test_aiokafka_still_needs_it():
    stopping = stop_in_backoff(quietly=False)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(stopping, 30))
