"""A partition counts every event once, whatever happens to its owner."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise
from textwrap import dedent

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.counting.partition import ALLOWED_LATENESS_SECONDS, BrokenChainError, Partition
from streams.decode.event import Rejected, UsageEvent
from streams.decode.rows import Reading, rows_of
from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    decode_pane,
    decode_position,
    order,
    parse_key,
)
from streams.state.pane import (
    ALL_LEVELS,
    DAY,
    FINE,
    HOUR,
    LEVELS,
    MIDDLE,
    TENANTS,
    Pane,
    pane_start,
)
from streams.state.pieces import at_once

NOW = 1_800_000_000.0
CLASSIFIER = Classifier(Catalog.load())
MODELS = ("gpt-4o", "deepseek-chat", "llama-3.3-70b-instruct", "prod-chat")


def event(ts=NOW - 60, model="gpt-4o", prompt=10, completion=5, language="en", tenant=None):
    # Prices and providers of the same sizes for each tenant: the laws hold with them as well.
    more = (prompt, 0, prompt / 1e6, "openai") if tenant == "a" else ()
    return UsageEvent(model, prompt, completion, ts, language, tenant, None, *more)


def batch(events, start=0, end=None, offsets=None, rejected=None):
    offsets = list(range(start, start + len(events))) if offsets is None else offsets
    counting = [each for each in zip(offsets, events, strict=True) if each[1] is not None]
    return Reading(
        start=start,
        end=start + len(events) if end is None else end,
        rows=rows_of(
            [offset for offset, _ in counting],
            [int(NOW * 1000)] * len(counting),
            [event for _, event in counting],
            CLASSIFIER,
        ),
        rejected=rejected or (),
    )


def counted(partition: Partition) -> dict[PaneKey, dict[str, list[int]]]:
    panes = {
        key: decode_pane(value) for key, value in partition.held.stored.items()
    } | partition.panes
    return {key: pane.cells for key, pane in panes.items()}


def apply(partition, events, start=None, **rest):
    start = partition.position if start is None else start
    return partition.apply(batch(events, start, **rest), CLASSIFIER, NOW)


def test_a_flush_in_pieces_holds_all_that_its_position_stands_for():
    # Events come between the pieces: they are in the next flush, and once.
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW - hour * 3600) for hour in range(20)])
    position = partition.position

    def disturbed():
        work = partition.flushing()
        while True:
            try:
                yield next(work)
            except StopIteration as end:
                return end.value
            apply(partition, [event(ts=NOW - 3600)])

    flush = at_once(disturbed())

    assert flush.end == position
    assert decode_position(flush.position[1]).s == position
    partition.end_flush(flush, written=True)
    assert partition.needs_flush
    last = partition.begin_flush()
    partition.end_flush(last, written=True)
    written = {key: value for each in (flush, last) for key, value in each.panes.items()}
    days = [decode_pane(value) for key, value in written.items() if parse_key(key)[1].level is DAY]
    assert sum(counts[0] for pane in days for counts in pane.cells.values()) == partition.position
    # A worker that dies behind the first of the two counts what is missing, and nothing twice.
    records = {parse_key(key)[1]: value for key, value in (*flush.panes.items(), flush.position)}
    follower = Partition.restore(0, 1, records)
    apply(follower, [event(ts=NOW - 3600)] * (partition.position - position))
    assert counted(follower) == counted(partition)


def test_a_flush_that_is_given_up_is_made_again():
    partition = Partition(0, 1)
    apply(partition, [event(), event(ts=NOW - 7200)])
    work = partition.flushing()
    next(work)
    next(work)
    work.close()

    panes = partition.begin_flush().panes
    assert len(panes) == len(counted(partition))
    assert all(panes.values())


def test_an_event_is_counted_in_a_pane_of_each_level():
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW - 60)])

    assert set(counted(partition)) == {
        PaneKey(level, pane_start(level, NOW - 60)) for level in LEVELS
    }
    for cells in counted(partition).values():
        assert cells == {"row-proprietary/en": [1, 10, 5, 225]}


def test_a_model_of_unknown_origin_keeps_its_name():
    partition = Partition(0, 1)
    apply(partition, [event(model="prod-chat")])

    assert all(cells == {"unknown/en/prod-chat": [1, 10, 5, 225]}
               for cells in counted(partition).values())  # fmt: skip


def test_tenants_are_hashed_and_kept_by_the_hour():
    partition = Partition(0, 1)
    apply(partition, [event(tenant="Example Ltd"), event()])

    by_level = {key.level: pane for key, pane in partition.panes.items()}
    assert set(by_level) == set(ALL_LEVELS)
    assert all(by_level[level].tenants == {} for level in LEVELS)
    assert by_level[TENANTS].cells == by_level[TENANTS].models == {}
    name = CLASSIFIER.tenant("Example Ltd")
    assert set(by_level[TENANTS].tenants) == {f"{name}/o/row-proprietary", f"{name}/l/en"}
    assert "Example" not in repr(by_level)


def test_an_old_event_is_counted_in_the_levels_that_still_keep_its_pane():
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW), event(ts=NOW - 2 * 3600), event(ts=NOW - 40 * 86400)])

    levels = sorted(key.level.name for key in counted(partition))
    assert levels == sorted(["10s", "5m", "1h", "1d", "5m", "1h", "1d"])


def test_a_late_event_counts_and_is_said_to_be_late():
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW), event(ts=NOW - ALLOWED_LATENESS_SECONDS - 1)])

    assert partition.totals.late == 1
    assert partition.totals.records == {"counted/": 2}


@pytest.mark.parametrize(
    ("ts", "reason"),
    [
        (NOW + 301, "future"),
        ((NOW + 301) * 1000, "future"),
        (NOW - 800 * 86400, "too_old"),
        ("soon", "bad_time"),
        (12.0, "bad_time"),
    ],
)
def test_an_event_that_cannot_be_placed_in_time_is_rejected(ts, reason):
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW)])
    rejected = apply(partition, [event(ts=ts), event(ts=NOW)])

    assert [(offset, why.reason) for offset, why in rejected] == [(1, reason)]
    assert partition.totals.records == {"counted/": 2, f"rejected/{reason}": 1}
    assert partition.position == 3


def test_the_records_time_replaces_a_missing_one():
    partition = Partition(0, 1)
    apply(partition, [event(ts=None)])

    assert PaneKey(FINE, pane_start(FINE, NOW)) in partition.panes


def test_rejected_records_move_the_position_too():
    partition = Partition(0, 1)
    apply(partition, [None, event()], rejected=[(0, Rejected("empty", ""))])

    assert partition.position == 2
    assert partition.totals.records == {"rejected/empty": 1, "counted/": 1}


@pytest.mark.parametrize("start", [4, 6])
def test_a_reading_that_does_not_chain_is_refused_and_counts_nothing(start):
    partition = Partition(3, 1, position=5)
    with pytest.raises(BrokenChainError, match=f"partition 3: .* {start}, expected 5"):
        apply(partition, [event()], start=start)

    assert (partition.position, partition.panes, partition.needs_flush) == (5, {}, False)


@pytest.mark.parametrize("start", [1, 3])
def test_ids_are_remembered_only_of_readings_that_chain(start):
    partition = Partition(3, 1, position=5, read_to=2)
    with pytest.raises(BrokenChainError, match=f"partition 3: .* {start}, expected 2"):
        partition.remember(batch([event()], start))

    assert partition.read_to == 2


def numbered(events, start=0):
    """Return a reading of these events; those that are the same object have the same id."""
    reading = batch(events, start)
    reading.rows.id[:] = [id(each) for each in events]
    return reading


def owner(records=(), generation=1):
    return Partition.restore(0, generation, dict(records), dedupe_records=100)


def written(partition):
    flush = partition.begin_flush()
    partition.end_flush(flush, written=True)
    panes = {parse_key(name)[1]: value for name, value in flush.panes.items()}
    return {**panes, None: flush.position[1]}


@pytest.mark.parametrize("away", [0, 200, 3600])
@pytest.mark.parametrize("before", [0, 2])
def test_a_copy_of_a_rejected_event_counts_after_a_restart_as_without_one(away, before):
    partition = owner()
    early = event(NOW + 400)
    log = numbered([*(event(NOW - at) for at in range(before)), early])
    ((offset, rejected),) = partition.apply(log, CLASSIFIER, NOW)
    assert (offset, rejected.reason) == (before, "future")

    after = owner(written(partition), 2)
    after.remember(log)
    assert after.read_to == after.position == before + 1
    copy = numbered([early], before + 1)
    assert after.apply(copy, CLASSIFIER, NOW + 400 + away) == []
    assert after.totals.records["counted/"] == before + 1
    assert "skipped/duplicate" not in after.totals.records


def test_a_copy_of_a_counted_event_is_skipped_after_a_restart():
    partition = owner()
    given = event(NOW + 200)
    partition.apply(numbered([given]), CLASSIFIER, NOW)
    after = owner(written(partition), 2)
    after.remember(numbered([given]))
    after.apply(numbered([given], 1), CLASSIFIER, NOW)
    assert after.totals.records == {"counted/": 1, "skipped/duplicate": 1}


def test_the_chain_is_checked_with_optimization_too():
    code = """
        from streams.counting.partition import BrokenChainError, Partition
        from streams.decode.rows import Reading, Rows
        none = Rows.empty(0, 1)
        for check in (
            lambda: Partition(0, 1).apply(Reading(6, 7, none), None, 0.0),
            lambda: Partition(0, 1).remember(Reading(6, 7, none)),
        ):
            try:
                check()
            except BrokenChainError as error:
                print(error)
    """
    done = subprocess.run(
        [sys.executable, "-O", "-c", dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("begins at offset 6, expected 0") == 2


def test_holes_in_the_log_are_no_holes_in_the_chain():
    partition = Partition(0, 1)
    apply(partition, [event(), event()], offsets=[3, 7], end=11)

    assert partition.position == 11


def test_a_flush_holds_what_is_new_and_a_failed_one_is_written_again():
    partition = Partition(3, 7)
    apply(partition, [event()])
    first = partition.begin_flush()

    assert {parse_key(key)[0] for key in first.panes} == {3}
    assert len(first.panes) == len(LEVELS)
    assert order(first.position[1]) == (7, 1)
    assert not partition.needs_flush

    partition.end_flush(first, written=False)
    assert partition.begin_flush().panes == first.panes


def test_expired_panes_are_deleted_after_the_position_that_left_them():
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW - 90 * 60)])
    partition.end_flush(partition.begin_flush(), written=True)
    apply(partition, [event(ts=NOW)])
    flush = partition.begin_flush()

    assert flush.expired == [f"0/10s/{pane_start(FINE, NOW - 90 * 60)}"]
    assert not set(flush.expired) & set(flush.panes)


def test_expired_panes_of_a_flush_that_is_given_up_are_deleted_by_the_next():
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW - 90 * 60)])
    partition.end_flush(partition.begin_flush(), written=True)
    apply(partition, [event(ts=NOW)])
    work = partition.flushing()
    next(work)
    work.close()

    assert partition.begin_flush().expired == [f"0/10s/{pane_start(FINE, NOW - 90 * 60)}"]


def test_a_pane_that_event_time_has_left_rests_as_bytes_and_can_be_woken():
    partition = Partition(0, 1)
    apply(partition, [event(ts=NOW - 3600)])
    apply(partition, [event(ts=NOW)])
    partition.end_flush(partition.begin_flush(), written=True)
    old = PaneKey(FINE, pane_start(FINE, NOW - 3600))

    assert old in partition.held.stored
    apply(partition, [event(ts=NOW - 3600)])
    assert partition.panes[old].cells["row-proprietary/en"][0] == 2
    assert old not in partition.held.stored


def test_a_new_owner_writes_under_a_higher_generation_than_any_before():
    first = Partition(0, 41)
    apply(first, [event()])
    flush = first.begin_flush()
    records = {parse_key(k)[1]: v for k, v in (*flush.panes.items(), flush.position)}

    # The group was deleted: its generations count from one again.
    assert Partition.restore(0, 1, records).generation == 42
    assert Partition.restore(0, 99, records).generation == 99
    assert Partition.restore(0, 5, {}).generation == 5


def test_an_owner_writes_again_what_somebody_else_wrote_over():
    partition = Partition(0, 2)
    apply(partition, [event(ts=NOW - 3600), event(ts=NOW)])
    partition.end_flush(partition.begin_flush(), written=True)
    assert not partition.needs_flush

    resting = PaneKey(FINE, pane_start(FINE, NOW - 3600))
    partition.rewrite(resting)
    partition.rewrite(None)

    assert list(partition.begin_flush().keys) == [resting]


# The law. A log is read by one owner after another; each is cut off anywhere: before a flush, in
# the middle of its pane records, before its position, after it. Whatever Kafka holds then is a
# prefix of what was written, and the next owner takes up from that.
events_of_a_log = st.lists(
    st.builds(
        lambda age, model, prompt, language: event(NOW - age, model, prompt, 1, language),
        st.one_of(st.integers(0, 100), st.integers(0, 90_000), st.integers(0, 60 * 86400)),
        st.sampled_from(MODELS),
        st.integers(0, 1000),
        st.sampled_from(["en", "zh", None]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=examples(200), deadline=None)
@given(events_of_a_log, st.integers(0, 2**32))
def test_restarting_anywhere_counts_as_not_restarting(log, seed):
    dice = random.Random(seed)
    truth = Partition(0, 1)
    apply(truth, log)

    kafka: dict[PaneKey | None, bytes] = {}
    generation = 0
    while True:
        generation += 1
        owner = Partition.restore(0, generation, kafka)
        crashed = False
        while owner.position < len(log) and not crashed:
            size = dice.randint(1, 12)
            apply(owner, log[owner.position : owner.position + size])
            if dice.random() < 0.5:
                crashed = not write(owner, kafka, dice)
        if not crashed and write(owner, kafka, dice):
            break

    final = Partition.restore(0, generation + 1, kafka)
    final.begin_flush()
    truth.begin_flush()
    assert counted(final) == counted(truth)
    assert final.position == len(log)
    assert final.totals == truth.totals
    assert final.newest == truth.newest


def write(owner: Partition, kafka: dict[PaneKey | None, bytes], dice: random.Random) -> bool:
    """Write one flush, or only some of it; returns whether the owner lives on."""
    flush = owner.begin_flush()
    writes = list(flush.panes.items())
    dice.shuffle(writes)
    writes.append(flush.position)
    writes += [(key, None) for key in flush.expired]
    reached = len(writes) if dice.random() < 0.6 else dice.randint(0, len(writes))
    for key, value in writes[:reached]:
        at = parse_key(key)[1]
        if value is None:
            kafka.pop(at, None)
        elif at not in kafka or order(kafka[at]) <= order(value):
            kafka[at] = value
    position_is_written = reached > len(flush.panes)
    owner.end_flush(flush, written=position_is_written)
    return reached == len(writes)


@given(events_of_a_log, st.integers(1, 20))
def test_the_size_of_batches_does_not_matter(log, size):
    whole, parts = Partition(0, 1), Partition(0, 1)
    apply(whole, log)
    while parts.position < len(log):
        apply(parts, log[parts.position : parts.position + size])
    whole.begin_flush()
    parts.begin_flush()

    assert counted(whole) == counted(parts)
    assert whole.totals == parts.totals


@given(events_of_a_log, st.randoms())
def test_the_order_of_arrival_does_not_matter_for_what_is_kept_at_the_end(log, dice):
    # Order matters only to panes that come to be too old before their event arrives.
    newest = max(each.ts for each in log)
    young = [each for each in log if each.ts > newest - 3600]
    shuffled = list(young)
    dice.shuffle(shuffled)
    one, two = Partition(0, 1), Partition(0, 1)
    apply(one, young)
    apply(two, shuffled)

    assert counted(one) == counted(two)


def test_the_state_version_is_written_into_every_value():
    partition = Partition(0, 1)
    apply(partition, [event()])
    flush = partition.begin_flush()

    assert flush.position[1].startswith(b'{"v":%d,' % STATE_VERSION)
    for value in flush.panes.values():
        assert msgspec.msgpack.decode(value)[0] == STATE_VERSION


def test_levels_are_four_and_each_holds_whole_panes_of_the_one_before():
    assert LEVELS == (FINE, MIDDLE, HOUR, DAY)
    for finer, coarser in pairwise(LEVELS):
        assert coarser.seconds % finer.seconds == 0
    assert Pane().stamp == -1
