"""The records of the scenarios on spans hold each request once, whoever reports it how often."""

from __future__ import annotations

import pytest
from span_records import nested, of_one_id

from streams.decode.decoder import Decoder
from streams.decode.trace_memory import TraceMemory
from streams.demo.bulk import plain_events

COUNT = 600


def counted(records, partitions=4):
    """Return the events of records that a worker would count."""
    memories = [TraceMemory(10_000) for _ in range(partitions)]
    found = []
    for offset, record in enumerate(records):
        decoded = Decoder().decode(record.value)
        assert not decoded.rejected
        repeated = memories[record.trace % partitions].repeated(offset, decoded.nodes)
        found += [each for each in decoded.events if each.id not in repeated]
    return found


@pytest.mark.parametrize("write", [nested, of_one_id])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_request_counts_once(write, seed):
    events = list(plain_events(COUNT, seed, 1_780_000_000.0, 1_780_003_000.0))
    records = list(write(events, seed))

    found = counted(records)

    assert len(records) > COUNT
    assert sorted((each.prompt_tokens, each.completion_tokens) for each in found) == sorted(
        (each.prompt_tokens, each.completion_tokens) for each in events
    )


@pytest.mark.parametrize("write", [nested, of_one_id])
def test_without_the_memory_of_a_partition_they_count_more_than_once(write):
    events = list(plain_events(COUNT, 1, 1_780_000_000.0, 1_780_003_000.0))

    alone = sum(len(Decoder().decode(each.value).events) for each in write(events, 1))

    assert alone > 1.2 * COUNT
