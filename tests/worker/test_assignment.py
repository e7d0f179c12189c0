"""A state that the worker has given up, and writes of an earlier owner."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from streams.counting.partition import Partition
from streams.state.view import Stale
from streams.worker import assignment
from streams.worker.assignment import STALE_SECONDS, StaleWrites
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
