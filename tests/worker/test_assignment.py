"""A state that the worker has given up, writes of an earlier owner, two deployments at once."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import UnsupportedForMessageFormatError
from faust.exceptions import ProducerSendError
from faust.types import TP

from streams.counting.partition import Partition
from streams.kafka.admin import Topic
from streams.kafka.errors import UnsupportedCompressionTypeError
from streams.settings import Settings, SettingsError
from streams.state.view import Stale, View
from streams.worker import assignment
from streams.worker.assignment import STALE_SECONDS, Assignment, StaleWrites
from streams.worker.owned import Owned


def test_a_state_is_held_until_another_one_of_its_partition_takes_its_place():
    before, after = Partition(0, 1), Partition(0, 2)
    owned = Owned({0: before})
    assert owned.holds(before)
    assert not owned.holds(after)

    owned.partitions = {0: after}
    assert owned.holds(after)
    assert not owned.holds(before)

    owned.partitions = {}
    assert not owned.holds(after)
    assert owned.get(0) is None


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(assignment, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_what_an_earlier_owner_wrote_late_is_written_again_and_a_bunch_logged_once(caplog, clock):
    ours = Partition(0, 2)
    stale_writes = StaleWrites(Owned({0: ours}))

    for seconds in (0, STALE_SECONDS - 1, STALE_SECONDS - 1, STALE_SECONDS + 1):
        clock.now += seconds
        stale_writes.overwrite(Stale(0, None))
        assert ours.needs_flush
        ours.end_flush(ours.begin_flush(), written=True)

    assert caplog.messages == ["an earlier owner wrote partition 0 late, writing it again"] * 2


def test_late_writes_on_the_partitions_of_others_are_theirs_to_mend(caplog, clock):
    StaleWrites(Owned({0: Partition(0, 2)})).overwrite(Stale(1, None))

    assert caplog.messages == []


class Changelog:
    """What both deployments write, in one order; each reads it into a view of its own."""

    def __init__(self):
        self.views = []

    def append(self, key, value):
        for view in self.views:
            view.apply(key, value)


class Deployment:
    """One worker with all partitions of its own source, up to the point where it counts."""

    def __init__(self, changelog, topic, pauses):
        self.error = None
        self.view, self.owned = View(), Owned()
        changelog.views.append(self.view)

        async def write(items):
            for key, value in items.items():
                for _ in range(next(pauses)):
                    await asyncio.sleep(0)
                changelog.append(key, value)

        async def at_once(*_):
            return True

        assigned = [TP(topic, number) for number in range(4)]
        self.table = SimpleNamespace(write=write)
        make: Any = Assignment
        self.assignment = make(
            Settings(_env_file=None, topic=topic),
            Topic(4, f"id of {topic}", None),
            SimpleNamespace(
                consumer_generation_id=1,
                consumer=SimpleNamespace(assignment=lambda: assigned),
                maybe_start_producer=at_once,
            ),
            view=self.view,
            follower=SimpleNamespace(catch_up=at_once),
            owned=self.owned,
            flusher=SimpleNamespace(forget_letters=lambda: None),
            integrity=SimpleNamespace(wait_for_repair=at_once, take_over=lambda _: None),
            table=self.table,
            fail=self.fail,
        )

    def fail(self, error):
        self.error = error


@pytest.mark.parametrize("seed", range(20))
def test_of_two_deployments_on_an_empty_changelog_one_counts_all_and_one_ends(seed):
    pauses = iter(Random(seed).choices(range(4), k=1000))
    changelog = Changelog()
    both = [Deployment(changelog, topic, pauses) for topic in ("first", "second")]

    async def start():
        await asyncio.gather(*(each.assignment.restore() for each in both))

    asyncio.run(start())

    (winner,) = [each for each in both if each.error is None]
    (loser,) = [each for each in both if each.error is not None]
    assert list(winner.owned.partitions) == [0, 1, 2, 3]
    assert not loser.owned.partitions
    assert "another deployment uses this group" in str(loser.error)


def wrapped(error):
    outer = ProducerSendError("not sent")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedForMessageFormatError(),
        UnsupportedCompressionTypeError(),
        wrapped(UnsupportedForMessageFormatError()),
    ],
)
def test_a_kafka_that_does_not_take_the_compression_ends_a_worker_with_the_setting(error):
    worker = Deployment(Changelog(), "usage", iter(()))

    async def refuse(items):
        raise error

    worker.table.write = refuse
    asyncio.run(worker.assignment.restore())

    assert isinstance(worker.error, SettingsError)
    assert "TOKENSHARE_COMPRESSION" in str(worker.error)
    assert not worker.owned.partitions
