"""What waits for a flush counts like what is put into panes at once."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_aggregate import CATALOG, NOW, events, one_by_one, reading

from streams.classify.classifier import Classifier
from streams.counting import accumulator, grouped, held_panes
from streams.counting.partition import Partition
from streams.decode.event import UsageEvent
from streams.state.pane import is_kept


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
    monkeypatch.setattr(held_panes, "MAX_ROWS", bound)
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


def test_stamps_say_up_to_where_a_pane_holds_the_log():
    classifier, partition = Classifier(CATALOG), Partition(0, 1)
    for ts in (NOW, NOW, NOW - 86_400):
        log = [UsageEvent("gpt-4o", 1, 1, ts)]
        partition.apply(reading(log, classifier, partition.position), classifier, NOW)

    assert {pane.stamp for pane in partition.panes.values()} == {2}
