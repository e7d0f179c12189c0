"""A follower that does not come to start leaves no connection behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.state.follower import Follower


class Unstarted:
    """A consumer that never starts."""

    def __init__(self, error):
        self.error = error
        self.is_stopped = False

    async def start(self):
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()

    async def stop(self):
        self.is_stopped = True


@pytest.mark.parametrize("error", [None, KafkaConnectionError("away")])
def test_a_consumer_that_has_not_started_is_stopped(error):
    consumer = Unstarted(error)
    nothing: Any = None
    follower = Follower(
        lambda: consumer,
        *("changelog", 4),
        view=nothing,
        on_stale=nothing,
        on_cut=nothing,
        on_failure=nothing,
    )

    async def start():
        starting = asyncio.create_task(follower.on_start())
        await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

    asyncio.run(start())

    assert consumer.is_stopped
