"""A changelog that holds all that was written is complete; one that lost a record is noticed.

A log is written by one owner after another, without Kafka: each is cut off at any of its writes,
some go on writing after they lost the partition, and some writes are sent twice.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from test_partition import CLASSIFIER, MODELS, NOW, batch, event

from streams.counting.journal import fence
from streams.counting.partition import Partition
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.state import codec
from streams.state.codec import PaneKey, decode_pane, decode_position, parse_key, position_key
from streams.state.pane import DAY, FINE, HOUR, LEVELS, MIDDLE, TENANTS, is_kept
from streams.state.seal import Part, Sealed, digest_of
from streams.state.verify import difference
from streams.state.view import View

EVENTS = st.lists(
    st.builds(
        lambda age, model, tenant: event(NOW - age, model, 7, 1, "en", tenant),
        st.one_of(st.integers(0, 100), st.integers(0, 90_000), st.integers(0, 60 * 86400)),
        st.sampled_from(MODELS),
        st.sampled_from([None, "a", "b"]),
    ),
    min_size=1,
    max_size=40,
)


@dataclass
class Owner:
    """An owner with its clock, and its writes that Kafka does not have yet."""

    partition: Partition
    clock: float
    letters: list[int] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    waiting: list[tuple[Any, Any]] = field(default_factory=list)
    flush: Any = None

    def count(self, log, size):
        start = self.partition.position
        rejected = self.partition.apply(batch(log[start : start + size], start), CLASSIFIER,
                                        self.clock)  # fmt: skip
        self.letters += [offset for offset, _ in rejected]

    def begin(self, dice):
        # As the flusher does: a flush that is written again takes no letters of later verdicts.
        if self.partition.pending is None:
            self.unsent, self.letters = self.letters, []
        flush = self.flush = self.partition.begin_flush()
        panes: list[tuple[Any, Any]] = list(flush.panes.items())
        panes += [(None, letter) for letter in self.unsent]
        dice.shuffle(panes)
        first = [] if flush.verdicts is None else [flush.verdicts]
        self.waiting = [*first, *panes, flush.position]

    def fail(self):
        """Kafka has not acknowledged the rest of the writes."""
        self.unsent = [value for key, value in self.waiting if key is None]
        self.partition.end_flush(self.flush, written=False)
        self.waiting, self.flush = [], None

    def finish(self):
        self.partition.end_flush(self.flush, written=True)
        expired, self.flush = self.flush.expired, None
        return [(key, None) for key in expired]


class Kafka:
    """A changelog, read by one follower; every state of it is one that a fresh worker may find."""

    def __init__(self):
        self.log = []
        self.view = View()
        self.dead: set[int] = set()
        self.owner = None

    def write(self, key, value):
        if key is None:
            self.dead.add(value)
            return
        self.log.append((key, value))
        stale = self.view.apply(key, value)
        if stale is not None and self.owner is not None:
            self.owner.partition.rewrite(stale.key)
        assert difference(self.view.of_partition(0)) is None

    def take_over(self, generation, clock):
        self.owner = None
        value = fence(generation, self.view.of_partition(0))
        self.write(position_key(0), value)
        generation = codec.order(value)[0]
        records = self.view.of_partition(0)
        partition = Partition.restore(0, generation, records, is_fenced=True)
        partition.is_moved = True
        for key in self.view.stale.get(0, ()):
            partition.rewrite(key)
        self.owner = Owner(partition, clock)
        return self.owner

    def flush(self, owner, dice, reaches=1.0):
        """Write one flush; False where the owner is cut off in it."""
        owner.begin(dice)
        total = len(owner.waiting)
        while owner.waiting:
            if dice.random() > reaches ** (1 / total):
                return False
            if dice.random() < 0.02:
                # The write arrives, its acknowledgement does not, or neither.
                if dice.random() < 0.5:
                    self.write(*owner.waiting[0])
                owner.fail()
                return True
            self.write(*owner.waiting.pop(0))
        for deletion in owner.finish():
            if dice.random() > reaches ** (1 / total):
                return False
            self.write(*deletion)
        return True


def lives(log, dice, clocks=(NOW,), zombies=True):
    """Return Kafka after a log was counted by owners that are cut off anywhere."""
    kafka = Kafka()
    gone = []
    generation = 0
    while True:
        generation += 1
        owner = kafka.take_over(generation, dice.choice(clocks))
        alive = True
        while owner.partition.position < len(log) and alive:
            owner.count(log, dice.randint(1, 9))
            if dice.random() < 0.5:
                alive = kafka.flush(owner, dice, 0.7)
            if gone and dice.random() < 0.5:
                write_late(kafka, dice.choice(gone), log, dice)
        for _ in range(20):
            alive = alive and (not owner.partition.needs_flush or kafka.flush(owner, dice))
        if alive and not owner.partition.needs_flush:
            return kafka
        if zombies:
            owner.waiting = [each for each in owner.waiting if each[0] is not None]
            gone.append(owner)


def write_late(kafka, owner, log, dice):
    """Let an owner that has lost the partition go on for a while."""
    if not owner.waiting and owner.partition.position < len(log):
        owner.count(log, dice.randint(1, 9))
        owner.letters = []
        owner.begin(dice)
    for _ in range(dice.randint(0, len(owner.waiting))):
        kafka.write(*owner.waiting.pop(0))
    if not owner.waiting and owner.flush is not None:
        for deletion in owner.finish():
            kafka.write(*deletion)


def panes_of(partition):
    held = {
        key: decode_pane(value) for key, value in partition.held.stored.items()
    } | partition.panes
    return {
        key: (pane.cells, pane.tenants)
        for key, pane in held.items()
        if is_kept(key.level, key.start, partition.newest)
    }


@settings(max_examples=examples(150), deadline=None)
@given(EVENTS, st.integers(0, 2**32))
def test_each_state_that_owners_can_leave_is_complete_and_the_last_one_right(log, seed):
    kafka = lives(log, random.Random(seed))
    truth = Partition(0, 1)
    truth.apply(batch(log), CLASSIFIER, NOW)

    found = Partition.restore(0, 99, kafka.view.of_partition(0))
    assert panes_of(found) == panes_of(truth)
    assert found.totals == truth.totals
    # A fresh worker reads the compacted log: the last record of each key, where it is.
    last = {key: at for at, (key, _) in enumerate(kafka.log)}
    fresh = View()
    for at in sorted(last.values()):
        fresh.apply(*kafka.log[at])
    assert difference(fresh.of_partition(0)) is None
    assert panes_of(Partition.restore(0, 99, fresh.of_partition(0))) == panes_of(truth)


@settings(max_examples=examples(150), deadline=None)
@given(EVENTS, st.integers(0, 2**32))
def test_a_record_that_is_lost_is_noticed(log, seed):
    kafka = lives(log, random.Random(seed), zombies=False)
    records = dict(kafka.view.of_partition(0))
    newest = decode_position(records[None]).newest
    for key in records:
        # Without its position a partition is counted again: see the next test.
        if key is not None and is_kept(key.level, key.start, newest):
            assert difference({each: records[each] for each in records if each != key})


@settings(max_examples=examples(200), deadline=None)
@given(EVENTS, st.integers(0, 2**32))
def test_older_records_are_noticed_or_the_count_from_them_is_right(log, seed):
    dice = random.Random(seed)
    kafka = lives(log, dice, zombies=False)
    records = dict(kafka.view.of_partition(0))
    written: dict = {}
    for name, value in kafka.log:
        written.setdefault(parse_key(name)[1], []).append(value)
    for key in dice.sample(list(records), dice.randint(1, min(3, len(records)))):
        older = dice.choice(written[key])
        if older is None:
            del records[key]
        else:
            records[key] = older
    if difference(records) is not None:
        return
    truth = Partition(0, 1)
    truth.apply(batch(log), CLASSIFIER, NOW)
    found = Partition.restore(0, 99, records)
    if found.position < len(log):
        found.apply(batch(log[found.position :], found.position), CLASSIFIER, NOW)
    assert panes_of(found) == panes_of(truth)


BOUND = ALLOWED_CLOCK_SKEW_SECONDS
NEAR_THE_BOUND = st.lists(
    st.builds(lambda ahead: event(NOW + ahead), st.sampled_from([0, BOUND - 2, BOUND, BOUND + 2])),
    min_size=1,
    max_size=40,
)


@settings(max_examples=examples(300), deadline=None)
@given(NEAR_THE_BOUND, st.integers(0, 2**32))
def test_owners_with_other_clocks_give_the_verdicts_of_those_before_them(log, seed):
    kafka = lives(log, random.Random(seed), (NOW - 3, NOW - 1, NOW + 1, NOW + 3), zombies=False)

    found = Partition.restore(0, 99, kafka.view.of_partition(0))
    requests = dict.fromkeys(LEVELS, 0)
    for (level, _), (cells, _) in panes_of(found).items():
        requests[level] += sum(counts[0] for counts in cells.values())
    assert set(requests.values()) == {len(log) - len(kafka.dead)}
    records = found.totals.records
    assert records.get("counted/", 0) == len(log) - len(kafka.dead)
    assert records.get("rejected/future", 0) == len(kafka.dead)


def small_state():
    partition = Partition(0, 1)
    ages = (0, 3700, 86400, 40 * 86400)
    partition.apply(batch([event(NOW - age) for age in reversed(ages)]), CLASSIFIER, NOW)
    flush = partition.begin_flush()
    partition.end_flush(flush, written=True)
    records = {parse_key(key)[1]: value for key, value in (*flush.panes.items(), flush.position)}
    return partition, records


def test_what_is_lost_is_reported_by_level_and_day():
    _, records = small_state()
    hour = next(key for key in records if key is not None and key.level is HOUR)
    day = hour.start - hour.start % DAY.seconds
    del records[hour]

    lost = difference(records)
    assert (lost.panes, lost.requests, lost.days) == ({"1h": 1}, {"1h": 1}, (day,))
    assert str(lost) == "1h: 1 panes, 1 requests"


def test_days_are_not_named_where_hours_are_no_longer_kept_or_levels_agree():
    _, records = small_state()
    old = [key for key in records if key is not None and key.start < NOW - 38 * 86400]
    assert [key.level for key in old] == [DAY]
    assert difference({key: records[key] for key in records if key != old[0]}).days == ()
    day_and_hours = {key for key in records if key is not None and key.level in {DAY, HOUR}}
    nothing_left = {key: records[key] for key in records if key not in day_and_hours}
    assert difference(nothing_left).requests == {"1h": 3, "1d": 4}
    assert difference(nothing_left).days == ()


def test_state_without_seals_is_taken_as_complete_and_sealed_by_its_next_owner():
    _, records = small_state()
    old = {key: without_marks(key, value) for key, value in records.items()}
    some = dict(list(old.items())[:3])
    assert difference(old) is None
    assert difference(some) is None

    partition = Partition.restore(0, 2, old)
    partition.is_moved = True
    flush = partition.begin_flush()
    sealed = {**old, None: flush.position[1]}
    assert difference(sealed) is None
    assert decode_position(flush.position[1]).seal.requests == {"10s": 2, "5m": 3, "1h": 3, "1d": 4}
    dropped = next(key for key in sealed if key is not None and key.level is MIDDLE)
    del sealed[dropped]
    assert difference(sealed).requests == {"5m": 1}


# The structures of the version before seals, which has to read what this one writes.
class OldPane(msgspec.Struct, array_like=True):
    v: int
    g: int
    s: int
    packed: bytes


class OldPosition(msgspec.Struct):
    v: int
    g: int
    s: int
    newest: float
    read_at: float
    totals: codec.Totals
    topic: str = ""


def without_marks(key, value):
    if key is None:
        return msgspec.json.encode(msgspec.json.decode(value, type=OldPosition))
    return msgspec.msgpack.encode(msgspec.msgpack.decode(value, type=OldPane))


def test_a_version_without_seals_reads_what_this_one_writes():
    partition, records = small_state()
    partition.apply(batch([event(NOW + 400), event(NOW)], partition.position), CLASSIFIER, NOW)
    flush = partition.begin_flush()
    for name, value in (*flush.panes.items(), flush.verdicts, flush.position):
        key = parse_key(name)[1]
        old = without_marks(key, value)
        assert codec.order(old) == codec.order(value)
        if key is not None:
            assert codec.decode_pane(old) == codec.decode_pane(value)
        records[key] = old
    restored = Partition.restore(0, 2, records)
    assert restored.position == partition.position
    assert panes_of(restored) == panes_of(partition)


def test_panes_at_rest_are_rewritten_as_they_are():
    partition, records = small_state()
    restored = Partition.restore(0, 2, records)
    assert restored.rewrite_all() == len(records) - 1
    flush = restored.begin_flush()
    again = {parse_key(key)[1]: value for key, value in (*flush.panes.items(), flush.position)}

    assert difference(again) is None
    assert {key: decode_pane(value) for key, value in again.items() if key is not None} == {
        key: decode_pane(value) for key, value in records.items() if key is not None
    }
    assert all(codec.order(value)[0] == restored.generation for value in again.values())
    # A worker that saw neither the loss nor the rewriting takes the new ones.
    view = View()
    for key, value in records.items():
        name = position_key(0) if key is None else codec.pane_key(0, key)
        view.apply(name, value)
    for key, value in (*flush.panes.items(), flush.position):
        assert view.apply(key, value) is None
    assert dict(view.of_partition(0)) == again
    assert partition.position == restored.position


def test_an_owner_that_never_wrote_is_overtaken_like_any_other():
    kafka = Kafka()
    first = kafka.take_over(1, NOW)
    # Its group counts generations more slowly than fences are written.
    kafka.take_over(2, NOW)
    first.partition.apply(batch([event()]), CLASSIFIER, NOW)
    flush = first.partition.begin_flush()

    for key, value in (*flush.panes.items(), flush.position):
        assert kafka.view.apply(key, value) is not None
    assert difference(kafka.view.of_partition(0)) is None


def test_a_retained_pane_is_not_deleted_by_an_owner_that_lost_the_partition():
    _, records = small_state()
    view = View()
    for key, value in records.items():
        view.apply(position_key(0) if key is None else codec.pane_key(0, key), value)
    retained = next(key for key in records if key is not None and key.level is FINE)

    assert view.apply(codec.pane_key(0, retained), None).key == retained
    assert view.records[0][retained] == records[retained]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([FINE, HOUR, TENANTS]), st.integers(0, 5), st.integers(-1, 2**62)
        ),
        max_size=30,
    )
)
def test_running_sums_are_those_of_all_panes(changes):
    sealed, parts = Sealed(), {}
    for n, (level, at, stamp) in enumerate(changes):
        key = PaneKey(level, at * level.seconds)
        sealed.put(key, Part(stamp, n))
        parts[key] = Part(stamp, n)
    there = {key: part for key, part in parts.items() if part.stamp >= 0}

    seal = sealed.seal(1)
    assert seal.digest == digest_of(there.items())
    assert sum(seal.panes.values()) == len(there)
    assert sum(seal.requests.values()) == sum(part.requests for part in there.values())


@pytest.mark.parametrize("stamp", [0, 2**63 - 1])
def test_a_seal_survives_its_encoding(stamp):
    sealed = Sealed()
    for number in range(50):
        sealed.put(PaneKey(FINE, number * 10), Part(stamp, 1))
    seal = sealed.seal(3)
    record = codec.PositionRecord(2, 1, 1, NOW, NOW, codec.Totals(), seal=seal)
    assert decode_position(codec.encode_position(record)).seal == seal
