"""What a worker says while Kafka is away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from streams.worker import worker as app
from streams.worker.worker import Worker


class Away:
    """A follower whose Kafka does not answer."""

    async def end_offsets(self, *_):
        raise TimeoutError


def test_that_kafka_is_away_is_said_once_a_minute_and_not_at_every_question(caplog, monkeypatch):
    clock = iter([0.0, 5.0, 59.0, 61.0])
    monkeypatch.setattr(app, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    worker = SimpleNamespace(
        follower=Away(),
        settings=SimpleNamespace(topic="usage"),
        source=SimpleNamespace(partitions=2),
        _ends={0: 7, 1: 8},
        _lag_said_at=-app.LAG_SAID_SECONDS,
    )

    async def ask(times):
        for _ in range(times):
            await Worker.read_ends(worker)

    asyncio.run(ask(4))

    assert worker._ends == {}
    assert len(caplog.messages) == 2
    assert all(
        each.startswith("Kafka does not say where usage ends (TimeoutError)")
        for each in caplog.messages
    )
