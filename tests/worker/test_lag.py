"""The lag: what is a backlog, and what a worker logs while Kafka is away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import SaslAuthenticationFailed

from streams.classify.origin.catalog import Catalog
from streams.kafka import reconnect
from streams.settings import load
from streams.state.view import View
from streams.web.snapshot import STATES
from streams.worker import publisher as module
from streams.worker.clock import Clock
from streams.worker.owned import Owned
from streams.worker.publisher import BACKLOG_EVENTS, LAG_WARNING_INTERVAL_SECONDS, Publisher


class Follower:
    """A follower whose Kafka answers, or does not."""

    has_caught_up = True
    is_away = False

    async def end_offsets(self, _topic, partitions):
        if self.is_away:
            raise TimeoutError
        return dict.fromkeys(partitions, 7)


def made(follower):
    topic: Any = SimpleNamespace(partitions=2)
    assignment: Any = SimpleNamespace(is_active=True)
    flusher: Any = SimpleNamespace(is_failing=False)
    integrity: Any = SimpleNamespace(reasons=tuple)
    return Publisher(
        load(topic="usage"),
        Catalog.load(),
        topic,
        view=View(),
        follower=follower,
        owned=Owned(),
        assignment=assignment,
        flusher=flusher,
        integrity=integrity,
        clock=Clock(),
    )


def test_a_refused_login_is_a_state_where_something_fails_for_it(monkeypatch):
    refusals = reconnect.Refusals()
    monkeypatch.setattr(reconnect, "REFUSALS", refusals)
    refusals.note(reconnect.Refusal("kafka:9092", SaslAuthenticationFailed("no")))
    follower = Follower()
    publisher = made(follower)
    asyncio.run(publisher.read_ends())
    publisher.take_snapshot(1_800_000_000.0)
    assert publisher.readiness() == ()

    follower.is_away = True
    asyncio.run(publisher.read_ends())
    cause, *states = publisher.readiness()
    assert cause.startswith("kafka:9092 refuses the login. Check TOKENSHARE_SASL_USERNAME")
    assert states == [STATES["lag_unknown"], STATES["login_refused"]]


def test_that_kafka_is_away_is_logged_once_a_minute_and_not_at_every_question(caplog, monkeypatch):
    clock = iter([0.0, 5.0, LAG_WARNING_INTERVAL_SECONDS - 1, LAG_WARNING_INTERVAL_SECONDS + 1])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    follower = Follower()
    publisher = made(follower)

    async def ask(times):
        for _ in range(times):
            await publisher.read_ends()

    asyncio.run(ask(1))
    publisher.take_snapshot(1_800_000_000.0)
    assert publisher.readiness() == ()
    assert [each.end_offset for each in publisher.snapshot.partitions] == [7, 7]

    follower.is_away = True
    asyncio.run(ask(4))
    publisher.take_snapshot(1_800_000_001.0)

    assert publisher.readiness() == (STATES["lag_unknown"],)
    assert [each.end_offset for each in publisher.snapshot.partitions] == [None, None]
    assert len(caplog.messages) == 2
    assert all(
        each.startswith("Kafka does not say where usage ends (TimeoutError)")
        for each in caplog.messages
    )


def test_many_events_that_wait_are_a_backlog():
    publisher = made(Follower())
    asyncio.run(publisher.read_ends())
    publisher.take_snapshot(1_800_000_000.0)
    assert not publisher.has_backlog()

    publisher.ends = {0: BACKLOG_EVENTS, 1: 1}
    publisher.take_snapshot(1_800_000_001.0)
    assert publisher.has_backlog()
