"""Adding up in arrays equals adding up one by one."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.classifier import Classifier, StaleNumbersError
from streams.classify.key_tables import TABLE_SIZE
from streams.classify.keys import model_key
from streams.classify.origin.catalog import Catalog
from streams.counting.accumulator import slots_of, starts_of
from streams.counting.aggregate import counting, late_events
from streams.counting.partition import Partition
from streams.decode.event import (
    MAX_REQUESTS,
    MAX_ROW_TOKENS,
    MAX_TOKENS,
    AggregateEvent,
    UsageEvent,
)
from streams.decode.money import nano_dollars
from streams.decode.rows import Reading, rows_of
from streams.state.codec import PaneKey
from streams.state.packing import pack, unpack
from streams.state.pane import (
    ALL_LEVELS,
    CROWDED_KEYS,
    DAY,
    FINE,
    HOUR,
    LEVELS,
    MIDDLE,
    TENANTS,
    is_kept,
    pane_start,
)

NOW = 1_800_000_000.0
CATALOG = Catalog.load()

events = st.lists(
    st.builds(
        UsageEvent,
        st.sampled_from(["gpt-4o", "deepseek-chat", "qwen-max", "my-alias", "other-alias"]),
        st.integers(0, MAX_TOKENS),
        st.integers(0, MAX_TOKENS) | st.integers(0, 100),
        st.floats(NOW - 3 * 86400, NOW) | st.integers(0, 30).map(lambda age: NOW - age),
        st.sampled_from([None, "en", "zh-CN", "zh", "nonsense"]),
        st.sampled_from([None, "", "a", "b"]),
        st.none(),
        st.none() | st.integers(0, MAX_TOKENS),
        st.none() | st.integers(0, 100),
        st.none() | st.sampled_from([0, 1e-9, "0.000123", 3.75e-08, 0.1, 999_999.999999999, -1]),
        st.sampled_from([None, "", "openai", "bedrock@eu-central-1", "vllm@10.0.0.1"]),
    ),
    min_size=1,
    max_size=40,
)


def one_by_one(log, classifier):
    """The same counts, as slowly and plainly as can be."""
    from streams.classify.language.tags import canonical

    newest = max(event.ts for event in log)
    panes: dict[PaneKey, tuple[dict, dict, dict]] = {}
    for event in log:
        known = CATALOG.classify(event.model)
        language = canonical(event.language)
        cell = f"{known.origin}/{language}"
        if known.origin == "unknown":
            cell += f"/{known.model}"
        tokens = event.prompt_tokens + event.completion_tokens
        core = [1, event.prompt_tokens, event.completion_tokens, tokens * tokens]
        more = optional(event, tokens)
        served = CATALOG.provider_key(event.provider) if event.provider else ""
        for level in ALL_LEVELS:
            start = pane_start(level, event.ts)
            if not is_kept(level, start, newest) or (level.of_tenants and not event.tenant):
                continue
            cells, models, tenants = panes.setdefault(PaneKey(level, start), ({}, {}, {}))
            keys = [
                (cells, cell, core + more),
                (models, model_key(known.model, served), core + more[:-1]),
            ]
            if level.of_tenants:
                name = classifier.tenant(event.tenant)
                keys = [
                    (tenants, f"{name}/o/{known.origin}", core),
                    (tenants, f"{name}/l/{language}", core),
                ]
            for into, key, counts in keys:
                into[key] = [a + b for a, b in zip_longest(into.get(key, []), counts, fillvalue=0)]
    for pane in panes.values():
        for each in pane:
            for key in each:
                each[key] = trimmed(each[key])
    return panes


def optional(event, tokens):
    """What an event says beside its tokens, in the columns of models."""
    cached, nano = event.cached_tokens, nano_dollars(event.cost)
    if cached is not None and cached > event.prompt_tokens:
        cached = None
    row = [0] * 7 if cached is None else [cached, tokens, 0, 0, 0, 0, 0]
    if nano is not None:
        row[3:] = nano, 1, tokens, (-(-nano // 1000)) ** 2
    return row


def trimmed(counts):
    while len(counts) > 4 and not counts[-1]:
        counts.pop()
    return counts


def reading(log, classifier, start=0):
    end = start + len(log)
    return Reading(start, end, rows_of(range(start, end), [None] * len(log), log, classifier))


@given(events)
def test_a_batch_adds_up_as_its_events_do(log):
    classifier = Classifier(CATALOG)
    partition = Partition(0, 1)
    batch = reading(log, classifier)
    partition.apply(batch, classifier, NOW)

    counted = {
        key: (pane.cells, pane.models, pane.tenants) for key, pane in partition.panes.items()
    }
    assert counted == one_by_one(log, classifier)


def test_squares_beyond_64_bits_are_exact():
    log = [UsageEvent("gpt-4o", MAX_TOKENS, MAX_TOKENS - 1, NOW)] * 10
    partition = Partition(0, 1)
    classifier = Classifier(CATALOG)
    partition.apply(reading(log, classifier), classifier, NOW)

    squares = 10 * (2 * MAX_TOKENS - 1) ** 2
    assert squares > 2**64
    assert all(pane.cells == {"row-proprietary/und": [10, 10**10, 10 * (MAX_TOKENS - 1), squares]}
               for pane in partition.panes.values())  # fmt: skip


def test_late_is_against_the_newest_before():
    ts = np.array([100.0, 50.0, 39.9, 200.0, 139.0, 141.0])

    assert late_events(ts, 0.0, 60.0) == 2
    assert late_events(ts, 1000.0, 60.0) == 6


def test_a_number_as_text_is_a_time_whatever_else_is_in_the_batch():
    # Which events share a batch is chance: it must not decide what counts.
    number, iso, plain, odd = (
        UsageEvent("m", 1, 1, ts) for ts in (str(NOW), "2027-01-15", NOW, "17")
    )
    for log in ([number], [plain, number], [number, iso], [odd, plain, number, iso, plain]):
        classifier = Classifier(CATALOG)
        counted, rejected = counting(reading(log, classifier).rows, 0.0, NOW, classifier)
        assert counted.rows.ts.tolist().count(NOW) == log.count(number) + log.count(plain)
        assert [why.reason for _, why in rejected] == ["bad_time"] * log.count(odd)


def test_a_row_of_many_requests_counts_as_so_many():
    def row(model, requests, prompt, completion, ts=NOW):
        event = UsageEvent(model, prompt, completion, ts, None, "red")
        return event if requests == 1 else AggregateEvent.of(event, requests)

    log = [
        row("gpt-4o", MAX_REQUESTS, MAX_ROW_TOKENS, MAX_ROW_TOKENS - 1),
        row("gpt-4o", 1, 10, 5),
        row("gpt-4o", 3, 10, 0, NOW - DAY.seconds),
        *[row("gpt-4o", MAX_REQUESTS, MAX_ROW_TOKENS, MAX_ROW_TOKENS)] * 1000,
    ]
    partition, classifier = Partition(0, 1), Classifier(CATALOG)
    partition.apply(reading(log, classifier), classifier, NOW)

    squares = -(-((2 * MAX_ROW_TOKENS - 1) ** 2) // MAX_REQUESTS) + 15 * 15
    squares += 1000 * (4 * MAX_ROW_TOKENS**2 // MAX_REQUESTS)
    days = [partition.panes[PaneKey(DAY, start)] for start in sorted(_starts(partition))]
    assert [day.cells["row-proprietary/und"] for day in days] == [
        [3, 10, 0, 34],
        [
            1001 * MAX_REQUESTS + 1,
            1001 * MAX_ROW_TOKENS + 10,
            1001 * MAX_ROW_TOKENS + 4,
            squares,
        ],
    ]
    assert partition.totals.origins["row-proprietary"][0] == 1001 * MAX_REQUESTS + 4
    # A pane of it is stored like any other.
    assert unpack(pack(days[1].cells)) == [days[1].cells]


def _starts(partition):
    return [key.start for key in partition.panes if key.level == DAY]


def test_a_slot_is_the_finest_pane_that_is_kept():
    ages = (0, 5000, 86400 * 10, 86400 * 800)
    seconds = np.array([int(NOW) - age for age in ages])

    found = starts_of(slots_of(seconds, LEVELS, NOW)).tolist()

    levels = (FINE, MIDDLE, HOUR, DAY)
    assert found == [
        pane_start(level, each) for level, each in zip(levels, seconds.tolist(), strict=False)
    ]


@pytest.mark.slow
def test_too_many_names_start_the_tables_again_and_counts_stay_right():
    classifier = Classifier(CATALOG)
    partition = Partition(0, 1)
    for first in range(0, TABLE_SIZE + 12_000, 4_000):
        log = [
            UsageEvent("gpt-4o", 1, 0, NOW, "en", f"tenant-{first + number}")
            for number in range(4_000)
        ]
        classifier.make_room()
        partition.apply(reading(log, classifier, partition.position), classifier, NOW)

    assert partition.totals.origins["row-proprietary"][0] == partition.position
    assert len(classifier.keys.tenants.names) <= TABLE_SIZE + 4_000
    hour = partition.panes[PaneKey(TENANTS, pane_start(TENANTS, NOW))]
    assert sum(c[0] for k, c in hour.tenants.items() if "/o/" in k) == partition.position
    assert len(hour.tenants) < CROWDED_KEYS + 8_000


def test_rows_whose_numbers_are_void_are_refused():
    classifier = Classifier(CATALOG)
    batch = reading([UsageEvent("gpt-4o", 1, 0, NOW)], classifier)
    counting(batch.rows, 0.0, NOW, classifier)
    classifier.use(Catalog.load())
    counting(batch.rows, 0.0, NOW, classifier)
    assert classifier.make_room()

    # The same number stands for another name by now.
    classifier.pairs([("deepseek-chat", None)])
    partition = Partition(0, 1)
    with pytest.raises(StaleNumbersError):
        partition.apply(batch, classifier, NOW)
    assert (partition.position, partition.panes) == (0, {})


def test_rows_of_another_classifier_are_refused():
    batch = reading([UsageEvent("gpt-4o", 1, 0, NOW)], Classifier(CATALOG))

    with pytest.raises(StaleNumbersError):
        counting(batch.rows[:1], 0.0, NOW, Classifier(CATALOG))
