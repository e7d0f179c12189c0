"""How long a fetch waits for news."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.protocol.metadata import MetadataResponse_v0

from streams.kafka import fetch_pace

NODE = 1
OWN_WAIT_MS = 50


def cluster_of(partitions: int, *, leader: int = NODE) -> MetadataResponse_v0:
    described = [(0, number, leader, [NODE], [NODE]) for number in range(partitions)]
    return MetadataResponse_v0([(NODE, "127.0.0.1", 9092)], [(0, "t", described)])


def waits(partitions: int, change=lambda found, state, tps: None, leader: int = NODE) -> list[int]:
    """Return the waits of the next fetches where each partition has a position."""

    async def found():
        consumer = AIOKafkaConsumer()
        client = AIOKafkaClient()
        client.cluster.update_metadata(cluster_of(partitions, leader=leader))
        tps = [TopicPartition("t", number) for number in range(partitions)]
        consumer._subscription.assign_from_user(tps)
        made = fetcher.Fetcher(client, consumer._subscription, fetch_max_wait_ms=OWN_WAIT_MS)
        consumer._fetcher = made
        state = consumer._subscription.subscription.assignment
        for tp in tps:
            state.state_value(tp).reset_to(0)
        try:
            change(made, state, tps)
            fetch_pace.keep_pace(consumer)
            requests, *_ = made._get_actions_per_node(state)
            return [request._max_wait_ms for _, request in requests]
        finally:
            await consumer.stop()

    return asyncio.run(found())


@pytest.mark.parametrize(
    ("partitions", "wait"), [(1, 50), (12, 50), (100, 50), (240, 120), (1000, 500), (3000, 500)]
)
def test_a_fetch_of_more_partitions_waits_longer_for_news(partitions, wait):
    assert waits(partitions) == [wait]


def test_a_fetch_does_not_wait_longer_while_records_are_not_consumed():
    def hold_one(found, state, tps):
        found._records[tps[7]] = fetcher.FetchResult(
            tps[7], assignment=state, partition_records=None, backoff=0.0
        )

    assert waits(1000, hold_one) == [OWN_WAIT_MS]


def test_a_fetch_does_not_wait_longer_while_a_partition_is_paused():
    def pause_one(_found, state, tps):
        state.state_value(tps[7]).pause()

    assert waits(1000, pause_one) == [OWN_WAIT_MS]


def test_nothing_is_fetched_before_a_partition_has_a_position():
    def forget_one(_found, state, tps):
        state.state_value(tps[7]).await_reset(-2)

    assert waits(1000, forget_one) == []


def test_nothing_is_fetched_where_there_is_no_leader():
    assert waits(300, leader=-1) == []
