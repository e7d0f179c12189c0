"""What waits for a flush counts like what is put into panes at once."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import chain, zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_aggregate import CATALOG, NOW, events, one_by_one, reading

from streams.classify.classifier import Classifier
from streams.counting import accumulator, grouped
from streams.counting.partition import Partition
from streams.decode.event import UsageEvent
from streams.state.codec import PaneKey, StateError, decode_pane, encode_pane
from streams.state.packing import pack
from streams.state.pane import DAY, FINE, Pane, is_kept, pane_start
from streams.state.pieces import at_once


def held(partition):
    return {
        key: (pane.cells, pane.models, pane.tenants)
        for key, pane in partition.panes.items()
        if is_kept(key.level, key.start, partition.newest)
    }


def applied(batches, classifier, *, settles=False, begins_tables=False):
    partition = Partition(0, 1)
    for log in batches:
        if begins_tables:
            classifier.use(copy.copy(classifier.catalog))
            classifier.make_room()
        partition.apply(reading(log, classifier, partition.position), classifier, NOW)
        if settles:
            partition.held.settle()
    return partition


batches = st.lists(events, min_size=1, max_size=6)


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("bound", [5, accumulator.MAX_ROWS])
def test_no_time_of_settling_changes_the_panes(is_compiled, bound, monkeypatch):
    monkeypatch.setattr(accumulator, "MAX_ROWS", bound)
    if not is_compiled:
        monkeypatch.setattr(grouped, "compiled", None)

    @given(batches)
    def law(logs):
        classifier = Classifier(CATALOG)
        waiting = applied(logs, classifier)
        at_once = applied(logs, classifier, settles=True)
        assert held(waiting) == held(at_once) == one_by_one([*chain(*logs)], classifier)
        assert waiting.totals == at_once.totals

    law()


@pytest.mark.parametrize("bound", [3, accumulator.MAX_ROWS])
def test_panes_written_while_events_are_counted_say_up_to_where_they_hold_them(bound, monkeypatch):
    monkeypatch.setattr(accumulator, "MAX_ROWS", bound)

    @given(batches, batches)
    def law(before, during):
        classifier, partition = Classifier(CATALOG), Partition(0, 1)
        records = {}
        for log, more in zip_longest(before, during, fillvalue=[]):
            partition.apply(reading(log, classifier, partition.position), classifier, NOW)
            work = partition.flushing()
            next(work, None)
            partition.apply(reading(more, classifier, partition.position), classifier, NOW)
            flush = at_once(work) if partition.pending is None else partition.pending
            records |= {None: flush.position[1], **flush.keys}
            partition.end_flush(flush, written=True)
        whole = [*chain(*chain(*zip_longest(before, during, fillvalue=[])))]

        restored = Partition.restore(0, 2, records)
        rest = whole[restored.position :]
        restored.apply(reading(rest, classifier, restored.position), classifier, NOW)

        restored.rewrite_all()
        assert written_again(restored) == one_by_one(whole, classifier)

    law()


def test_a_pane_written_between_two_parts_of_a_backlog_holds_all_up_to_its_stamp(monkeypatch):
    monkeypatch.setattr(accumulator, "MAX_ROWS", 80)
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    times = [NOW + hour * 3600 for hour in range(0, 240, 2)]
    log = [UsageEvent("gpt-4o", 1, 1, ts) for ts in times]
    partition.apply(reading(log[:5], classifier), classifier, NOW + 10 * 86_400)
    work = partition.flushing()
    next(work)
    for begin in range(5, 120, 5):
        batch = reading(log[begin : begin + 5], classifier, begin)
        partition.apply(batch, classifier, NOW + 10 * 86_400)
    assert partition.held.ahead

    for (level, start), value in at_once(work).keys.items():
        pane = decode_pane(value)
        inside = [ts for ts in times[: pane.stamp + 1] if pane_start(level, ts) == start]
        assert pane.requests == len(inside)


def written_again(partition):
    """Return what all panes of a partition hold, those at rest included."""
    panes = {key: decode_pane(value) for key, value in partition.begin_flush().keys.items()}
    return {key: (pane.cells, pane.models, pane.tenants) for key, pane in panes.items()}


@given(batches)
def test_new_tables_of_names_change_no_pane(logs):
    classifier = Classifier(CATALOG)

    assert held(applied(logs, classifier, begins_tables=True)) == one_by_one(
        [*chain(*logs)], classifier
    )


def test_panes_that_event_time_has_left_are_never_made():
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    log = [UsageEvent("gpt-4o", 1, 1, NOW + hour * 3600) for hour in range(48)]
    for begin in range(0, 48, 12):
        batch = reading(log[begin : begin + 12], classifier, partition.position)
        partition.apply(batch, classifier, NOW + 48 * 3600)

    assert Counter(key.level.name for key in partition.panes) == {
        "10s": 2,
        "5m": 26,
        "1h": 48,
        "1d": 3,
    }


def test_a_backlog_puts_what_it_has_left_into_long_panes_only(monkeypatch):
    monkeypatch.setattr(accumulator, "MAX_ROWS", 80)
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    for day in range(10):
        log = [UsageEvent("gpt-4o", 1, 1, NOW + (day * 24 + hour) * 3600) for hour in range(24)]
        batch = reading(log, classifier, partition.position)
        partition.apply(batch, classifier, NOW + 240 * 3600)

    assert {key.level.name for key in partition.held.running} == {"1h", "1d"}
    assert sum(pane.requests for key, pane in partition.panes.items() if key.level is DAY) == 240


def test_stamps_say_up_to_where_a_pane_holds_the_log():
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    for ts in (NOW, NOW, NOW - 86_400):
        log = [UsageEvent("gpt-4o", 1, 1, ts)]
        partition.apply(reading(log, classifier, partition.position), classifier, NOW)

    assert {pane.stamp for pane in partition.panes.values()} == {2}


def test_few_parts_wait_however_long_kafka_refuses_writes():
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    log = [UsageEvent("gpt-4o", 1, 1, NOW, None, "a")]
    for _ in range(3 * accumulator.MAX_PARTS):
        partition.apply(reading(log, classifier, partition.position), classifier, NOW)
        parts = [partition.held.accumulator._served, *partition.held.accumulator._of_tenants]
        assert max(map(len, parts)) <= accumulator.MAX_PARTS
        assert len(partition.held.accumulator) == sum(len(rows) for each in parts for rows in each)

    assert partition.totals.events == {"native": 3 * accumulator.MAX_PARTS}


def test_rows_are_added_up_again_only_after_many_more(monkeypatch):
    monkeypatch.setattr(accumulator, "MAX_ROWS", 100)
    thinned = []
    thin_out = accumulator.Accumulator._thin_out

    def noted(self, newest):
        thinned.append(len(self))
        thin_out(self, newest)

    monkeypatch.setattr(accumulator.Accumulator, "_thin_out", noted)
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    log = [UsageEvent(f"model-{number}", 1, 1, NOW) for number in range(100)]
    partition.apply(reading(log, classifier), classifier, NOW)
    for _ in range(100):
        partition.apply(reading(log[:1], classifier, partition.position), classifier, NOW)

    assert len(thinned) <= 2


def test_a_pane_that_cannot_be_read_stops_every_flush():
    """Else the next one says that its events are counted, and they are lost."""
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    log = [UsageEvent("gpt-4o", 1, 1, ts) for ts in (NOW - 60, NOW)]
    partition.apply(reading(log, classifier), classifier, NOW)
    held, panes = partition.held, partition.panes
    held.stored = {key: encode_pane(pane, 1) for key, pane in panes.items()}
    held.running = {}
    key = PaneKey(FINE, int(NOW))
    good = partition.held.stored[key]
    partition.held.stored[key] = encode_pane(Pane(stamp=1), 1).replace(pack({}, {}, {}), b"?")
    before = partition.totals.origins["row-proprietary"][0]
    partition.apply(reading(log, classifier, 2), classifier, NOW)

    for _ in range(2):
        with pytest.raises(StateError):
            partition.begin_flush()
    partition.held.stored[key] = good

    written = partition.begin_flush()
    assert {pane.requests for at, pane in partition.panes.items() if at.level is DAY} == {4}
    assert len(written.panes) == len(partition.panes)
    assert partition.totals.origins["row-proprietary"][0] == before + 2
