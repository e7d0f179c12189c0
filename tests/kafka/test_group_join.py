"""A join of the group that Kafka refuses is named, and works once it can."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from apache import ApacheKafka
from kafka.admin import KafkaAdminClient, NewTopic
from processes import WAIT_SECONDS, wait_until

from streams.kafka import group_join
from streams.settings import load

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def strict(broker_kind, request):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker takes any member: run with --broker apache")
    request.getfixturevalue("kafka_jars")
    with ApacheKafka({"group.min.session.timeout.ms": "6000", "group.max.size": "1"}) as broker:
        yield broker.bootstrap


def refusal(worker):
    names = ("bootstrap_servers", "group", "session_timeout_seconds")
    given = {name: worker.environment[f"TOKENSHARE_{name.upper()}"] for name in names}
    return asyncio.run(group_join.refusal(load(**given)))


def test_a_session_timeout_that_the_broker_refuses_ends_the_start(strict, make_worker):
    worker = make_worker(bootstrap_servers=strict, session_timeout_seconds="3").start()

    assert worker.process.wait(WAIT_SECONDS) == 1
    assert "TOKENSHARE_SESSION_TIMEOUT_SECONDS" in worker.tail()


def test_a_worker_joins_once_a_foreign_member_has_left(strict, make_worker):
    worker = make_worker(bootstrap_servers=strict, session_timeout_seconds="6")
    admin = KafkaAdminClient(bootstrap_servers=strict)
    admin.create_topics([NewTopic(make_worker.topic, 3, 1)])
    admin.close()

    async def run():
        foreign = AIOKafkaConsumer(
            make_worker.topic, bootstrap_servers=strict, group_id=f"g-{make_worker.topic}"
        )
        await foreign.start()
        assert await asyncio.to_thread(refusal, worker)
        worker.start()
        reason = f"group g-{make_worker.topic} "
        await asyncio.to_thread(
            wait_until,
            lambda: reason in str(worker.ask("/readyz")[1].get("reasons")),
            "a reason in /readyz",
        )
        await foreign.stop()

    asyncio.run(run())
    worker.wait_ready()


def test_a_worker_joins_once_a_full_group_has_room(strict, make_worker):
    first, second = (
        make_worker(bootstrap_servers=strict, session_timeout_seconds="6") for _ in range(2)
    )
    first.start().wait_ready()
    assert "group.max.size" in refusal(second).remedy
    second.start()
    wait_until(
        lambda: "group.max.size" in str(second.ask("/readyz")[1].get("reasons")),
        "a reason in /readyz",
    )

    assert first.stop() == 0
    second.wait_ready()
