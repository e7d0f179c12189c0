"""The follower's consumer, at a real broker."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.client import ConnectionGroup

from streams.kafka import fetch_pace

pytestmark = pytest.mark.kafka


def test_a_question_does_not_wait_behind_a_fetch(make_worker, bootstrap):
    make_worker(partitions="200").start().wait_ready()
    tps = [TopicPartition(make_worker.topic, number) for number in range(200)]

    async def ask():
        reader = fetch_pace.Reader(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await reader.start()
        try:
            reader.assign(tps)
            await reader.seek_to_beginning(*tps)
            await reader.getmany(timeout_ms=100)
            ends = await reader.end_offsets(tps)
            return ends, {group for _, group in reader._client._conns}
        finally:
            await reader.stop()

    ends, groups = asyncio.run(ask())

    assert ends == dict.fromkeys(tps, 0)
    assert {ConnectionGroup.DEFAULT, ConnectionGroup.COORDINATION} <= groups
