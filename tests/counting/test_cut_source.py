"""A source that loses its last records: what was counted stays, what comes next counts once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from test_partition import CLASSIFIER, NOW, apply, batch, event, write

from streams.counting.partition import Partition
from streams.state.codec import STATE_VERSION, PaneKey, decode_pane, decode_position, order
from streams.state.pane import LEVELS


@dataclass
class Log:
    """A partition's log: the number of each event and the leader epoch that it was written in."""

    records: list[tuple[int, int]] = field(default_factory=list)
    epoch: int = 0
    sent: int = 0

    def append(self, count: int) -> None:
        self.records += [(self.sent + each, self.epoch) for each in range(count)]
        self.sent += count

    def cut(self, end: int) -> None:
        """Lose all records from an offset on; the next leader has a higher epoch."""
        del self.records[end:]
        self.epoch += 1

    def end_of(self, epoch: int) -> int:
        """Answer OffsetsForLeaderEpoch: where the epoch, or the last one before it, ended."""
        later = (at for at, record in enumerate(self.records) if record[1] > epoch)
        return next(later, len(self.records))


def numbered(number: int):
    # One bit each: a pane's sum tells which events are in it.
    return event(NOW - 37 * number, prompt=1 << number, completion=0)


def test_what_was_counted_stays_and_new_records_at_the_same_offsets_count():
    partition = Partition(0, 1, epoch=3)
    apply(partition, [numbered(each) for each in range(5)])
    partition.end_flush(partition.begin_flush(), written=True)

    assert partition.cut_to(2) == 3
    partition.begin_epoch(4)
    flush = partition.begin_flush()
    assert (flush.end, order(flush.position[1])) == (2, (1, 5))
    assert decode_position(flush.position[1]).offset == 2
    apply(partition, [numbered(each) for each in range(5, 8)])

    assert partition.position == 5
    assert partition.totals.records == {"counted/": 8, "lost/truncated": 3}
    assert [sum_of(level, panes_of(partition)) for level in LEVELS] == [(8, 255)] * len(LEVELS)


def test_a_position_after_a_cut_has_a_version_that_refuses_those_who_know_no_shift():
    partition = Partition(0, 1)
    apply(partition, [event(), event()])
    partition.cut_to(1)

    assert decode_position(partition.begin_flush().position[1]).v == STATE_VERSION


def test_records_that_expired_leave_no_epoch_that_could_look_like_a_cut():
    partition = Partition(0, 1, position=5, epoch=3)
    partition.skip_to(9)

    assert (partition.epoch, partition.position) == (-1, 9)


def test_ids_of_lost_records_are_forgotten_as_a_restarted_worker_would():
    partition = Partition.restore(0, 1, {}, dedupe_records=100)
    first = batch([event(), event()])
    first.rows.id[:] = [7, 8]
    partition.apply(first, CLASSIFIER, NOW)
    partition.cut_to(1)
    again = batch([event(), event()], start=1)
    again.rows.id[:] = [8, 7]
    partition.apply(again, CLASSIFIER, NOW)

    assert partition.totals.records == {
        "counted/": 3,
        "lost/truncated": 1,
        "skipped/duplicate": 1,
    }


def panes_of(partition: Partition):
    return {
        key: decode_pane(value) for key, value in partition.held.stored.items()
    } | partition.panes


def sum_of(level, panes) -> tuple[int, int]:
    of_level = [pane for key, pane in panes.items() if key.level is level]
    cells = [counts for pane in of_level for counts in pane.cells.values()]
    return sum(each[0] for each in cells), sum(each[1] for each in cells)


def read_some(owner: Partition, log: Log, size: int, kafka, dice) -> bool:
    """Count some records as a worker does; return whether the owner lives on."""
    records = log.records[owner.position : owner.position + size]
    if not records or len(log.records) < owner.position:
        end = len(log.records) if owner.epoch < 0 else log.end_of(owner.epoch)
        if end >= owner.position:
            return True
        owner.cut_to(end)
        return write(owner, kafka, dice)
    epoch = records[0][1]
    if epoch != owner.epoch:
        end = log.end_of(owner.epoch)
        if owner.epoch >= 0 and end < owner.reach:
            owner.cut_to(min(end, owner.position))
            return write(owner, kafka, dice)
        owner.begin_epoch(epoch)
        if not write(owner, kafka, dice):
            return False
    same = [number for number, of in records if of == epoch]
    apply(owner, [numbered(number) for number in same])
    return True


def stored_records(log: Log, kafka) -> set[int]:
    """Return what the stored position stands for: it is counted for good, even if it is lost."""
    if None not in kafka:
        return set()
    stored = decode_position(kafka[None])
    is_cut = log.end_of(stored.epoch) < stored.offset
    return set() if is_cut else {number for number, _ in log.records[: stored.offset]}


@settings(max_examples=examples(300), deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_is_cut_and_whenever_workers_crash_each_record_left_counts_once(seed):
    dice = random.Random(seed)
    log = Log()
    kafka: dict[PaneKey | None, bytes] = {}
    counted_for_good: set[int] = set()
    generation = 0
    owner = Partition.restore(0, 1, kafka)
    while log.sent < 50:
        step = dice.random()
        if step < 0.35:
            log.append(dice.randint(1, 8))
        elif step < 0.45:
            log.cut(dice.randint(0, len(log.records)))
        lives = read_some(owner, log, dice.randint(1, 9), kafka, dice)
        if lives and dice.random() < 0.3:
            lives = write(owner, kafka, dice)
        if lives and dice.random() < 0.05:
            lives = False
        counted_for_good |= stored_records(log, kafka)
        if not lives:
            generation += 1
            owner = Partition.restore(0, generation, kafka)
    for _ in range(200):
        # The same dice: fresh ones each time would break off the same write for ever.
        if not read_some(owner, log, 9, kafka, dice):
            owner = Partition.restore(0, generation + 1, kafka)
    flush = owner.begin_flush()
    assert flush.end == len(log.records)
    check(owner, {number for number, _ in log.records} | counted_for_good)


def check(owner: Partition, expected: set[int]) -> None:
    panes = panes_of(owner)
    must = sum(1 << number for number in expected)
    for level in LEVELS:
        requests, bits = sum_of(level, panes)
        assert bits.bit_count() == requests, "each once"
        assert bits & must == must, "none is missing"
