"""What a worker does when the changelog has changed under it, without Kafka."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_partition import CLASSIFIER, NOW, batch, event

from streams.counting.journal import fence
from streams.counting.partition import Partition
from streams.kafka.admin import Topic
from streams.state.codec import order, pane_key, parse_key, position_key
from streams.state.view import View
from streams.worker.changelog_watch import ChangelogWatch, Look
from streams.worker.integrity import Integrity
from streams.worker.owned import Owned

DAY = 86400


class Written:
    """A flusher that writes into a view."""

    def __init__(self, view):
        self.view = view

    async def write(self, partition):
        while partition.needs_flush:
            flush = partition.begin_flush()
            for key, value in (*flush.panes.items(), flush.position):
                self.view.apply(key, value)
            partition.end_flush(flush, written=True)
        return True


class State:
    """One partition, as counted, in the view of a worker."""

    def __init__(self):
        self.view, self.owned = View(), Owned()
        self.flusher = cast("Any", Written(self.view))
        self.reread = []
        self.integrity = Integrity("panes", self.view, self.owned, self.flusher)
        follower: Any = SimpleNamespace(reread=self.reread.append, has_caught_up=True)
        self.integrity.follower = follower
        self.partition = Partition(0, 1)
        log = [event(NOW - age) for age in (3 * DAY, 3 * DAY, 2 * DAY, 60)]
        self.partition.apply(batch(log), CLASSIFIER, NOW)
        asyncio.run(self.flusher.write(self.partition))

    def lose(self, level):
        """Lose the first pane of a level."""
        name = min(
            pane_key(0, key) for key in self.view.records[0] if key and key.level.name == level
        )
        del self.view.records[0][parse_key(name)[1]]

    def look(self):
        asyncio.run(self.integrity.look())


@pytest.mark.parametrize("is_noted_first", [False, True])
def test_a_pane_that_this_worker_has_written_and_read_back_is_in_memory_once(is_noted_first):
    state = State()
    state.owned.partitions = {0: state.partition}
    state.view.shared = state.owned.shared
    state.partition.apply(batch([event(NOW + 3600)], 4), CLASSIFIER, NOW + 3600)
    state.partition.apply(batch([event(NOW + 3 * DAY)], 5), CLASSIFIER, NOW + 3 * DAY)
    flush = state.partition.begin_flush()
    if is_noted_first:
        state.partition.end_flush(flush, written=True)
    for key, value in flush.panes.items():
        state.view.apply(key, bytes(bytearray(value)))
    if not is_noted_first:
        state.partition.end_flush(flush, written=True)

    at_rest = flush.keys.keys() & state.partition.held.stored.keys()
    assert at_rest
    read = state.view.of_partition(0)
    assert all(read[key] is state.partition.held.stored[key] for key in at_rest)


def test_a_worker_with_incomplete_state_is_not_ready_and_says_what_is_missing():
    state = State()
    state.look()
    assert state.integrity.reasons() == ()
    fresh = State()
    fresh.lose("1h")
    fresh.look()

    general, detail = fresh.integrity.reasons()
    assert "lost records" in general
    assert detail == "partition 0 lacks 1h: 1 panes, 2 requests"
    # Its owner writes all of it again.
    fresh.partition.rewrite_all()
    asyncio.run(fresh.flusher.write(fresh.partition))
    fresh.look()
    assert fresh.integrity.reasons() == ()


def test_a_new_owner_goes_on_without_what_is_lost_and_every_later_one_shows_it(caplog):
    state = State()
    state.lose("1h")
    assert not state.integrity.verify([0])
    taken = Partition.restore(0, 2, state.view.of_partition(0))
    state.integrity.take_over(taken)

    assert taken.lost.requests == {"1h": 2}
    assert "has lost counts, and no worker has them: 1h: 1 panes, 2 requests; on 20" in caplog.text
    asyncio.run(state.flusher.write(taken))
    assert state.integrity.verify([0])
    later = Partition.restore(0, 3, state.view.of_partition(0))
    assert later.lost == taken.lost
    assert state.view.positions[0].lost == taken.lost


def test_an_owner_writes_everything_again_and_logs_it_once(caplog):
    state = State()
    state.owned.partitions = {0: state.partition}
    state.integrity.on_records_lost(0, "for a reason")
    state.integrity.on_records_lost(0, "for another one")

    assert state.reread == [0, 0]
    flush = state.partition.begin_flush()
    assert len(flush.panes) == len(state.view.records[0]) - 1
    assert caplog.text.count("panes[0] has lost records") == 1


@pytest.mark.parametrize("is_taken", [False, True], ids=["no-owner-yet", "next-owner-wrote"])
def test_the_last_owner_heals_until_the_next_one_has_written(is_taken):
    state = State()
    state.integrity.release({0: state.partition})
    if is_taken:
        value = fence(2, state.view.of_partition(0))
        state.view.apply(position_key(0), value)
        assert order(value)[0] > state.partition.generation
    flushes = state.partition.journal.flushes
    state.integrity.on_records_lost(0, "for a reason")
    state.look()

    assert (state.partition.journal.flushes == flushes) == is_taken


def test_a_partition_that_was_cut_is_written_again_by_its_next_owner():
    state = State()
    state.integrity.on_records_lost(0, "for a reason")
    taken = Partition.restore(0, 2, state.view.of_partition(0))
    state.integrity.take_over(taken)

    assert len(taken.begin_flush().panes) == len(state.view.records[0]) - 1


class Cuts:
    """Notes what has lost records."""

    def __init__(self):
        self.seen = []

    def on_records_lost(self, number, why):
        self.seen.append((number, why))


def watch():
    cuts: Any = Cuts()
    settings: Any = SimpleNamespace(changelog_topic="panes")
    return ChangelogWatch(settings, 2, cuts), cuts


def test_another_topic_under_the_changelogs_name_is_noticed(caplog):
    watching, cuts = watch()
    watching.compare(Look(Topic(2, "one"), "compact"))
    watching.compare(Look(Topic(2, "one"), None))
    assert cuts.seen == []
    watching.compare(Look(None))
    watching.compare(Look(None))
    assert caplog.text.count("the topic panes was deleted") == 1
    watching.compare(Look(Topic(2, "two"), "compact"))
    watching.compare(Look(Topic(2, "two"), "compact"))

    assert cuts.seen == [(number, "it was deleted and recreated") for number in (0, 1)]


def test_a_changelog_with_a_retention_is_reported_at_once_and_rewritten_when_it_has_none(caplog):
    watching, cuts = watch()
    for policy in ("compact", "delete", "delete", None, "compact", "compact"):
        watching.compare(Look(Topic(2, "one"), policy))

    assert caplog.text.count("has cleanup.policy=delete now") == 1
    assert cuts.seen == [(number, "its records could expire until now") for number in (0, 1)]
