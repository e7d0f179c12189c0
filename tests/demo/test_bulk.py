"""A bulk of everything, and the truth of what was sent."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from itertools import pairwise, repeat
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from traffic_counts import DAY, SEEDS, START, counted, said, truths

from streams.demo.bulk import live_events, plain_events
from streams.demo.figures import ORIGINS, study
from streams.demo.truth import Truth, TruthError


@given(st.integers(0, 500), st.sampled_from(SEEDS), st.floats(1.0, 40 * DAY))
@settings(max_examples=examples(25), deadline=None)
def test_a_bulk_has_its_count_within_its_time_each_event_once(count, seed, span):
    events = list(plain_events(count, seed, START, START + span))

    assert len({said(event)["id"] for event in events}) == len(events) == count
    assert all(START <= event.ts < START + span for event in events)
    assert all(said(event)["ts"] == event.ts for event in events)


def test_a_bulk_has_every_origin_language_model_and_way_of_writing_them():
    origins, languages, models = set(), set(), set()
    ways = defaultdict(set)
    for event in plain_events(60_000, 1, START, START + DAY):
        value = said(event)
        origins.add(event.origin)
        languages.add(event.language)
        models.add(value["model"])
        ways[event.language].add(value.get("language"))

    assert origins == set(ORIGINS)
    assert languages == {language.tag for language in study().languages}
    assert models == {name for model in study().models for name in (model.name, *model.also)}
    assert ways["zh-Hans"] >= {"zh_CN", "zho"}
    assert ways["en"] >= {"EN", "en_US.UTF-8"}
    assert ways["und"] == {None, "", "und"}


def test_a_bulk_is_out_of_order_but_not_far():
    times = [event.ts for event in plain_events(20_000, 1, 0.0, 20_000.0)]
    moved = [abs(place - at) for place, at in enumerate(times)]

    assert any(before > after for before, after in pairwise(times))
    assert 20 < fmean(moved) < 100
    assert max(moved) < 2_000


def test_the_same_seed_gives_the_same_bulk():
    first, second = (list(plain_events(3_000, 4, START, START + DAY)) for _ in range(2))

    assert first == second


def test_a_live_event_is_of_the_time_at_which_it_is_asked_for():
    clock = iter([START, START + 0.5, START + 0.75, START + 9.0])
    events = live_events(3, 4, lambda: next(clock))
    found = [next(events), next(events), next(events)]

    assert [event.ts for event in found] == [START + 0.5, START + 0.75, START + 9.0]
    assert all(said(event)["ts"] == event.ts for event in found)
    assert next(events, None) is None


def test_a_gateway_that_is_started_again_makes_new_requests():
    first, second = (list(live_events(100, 4, repeat(at).__next__)) for at in (START, START + 1))

    assert len({said(event)["id"] for event in (*first, *second)}) == 200
    assert [event[2:] for event in first] == [event[2:] for event in second]


def test_a_bulk_needs_time_to_lie_in():
    with pytest.raises(ValueError, match="no millisecond"):
        list(plain_events(1, 1, START, START))


def test_a_bulk_comes_fast_enough_not_to_be_what_is_measured():
    # An idle core makes some 250,000 a second; a busy machine must not fail the test.
    begin = time.process_time()

    made = sum(1 for _ in plain_events(100_000, 1, START, START + DAY))

    assert made / (time.process_time() - begin) > 50_000


def test_a_truth_counts_requests_and_tokens_by_origin_and_language():
    events = list(plain_events(1_000, 2, START, START + DAY))
    truth = counted(events)

    assert truth.requests == 1_000
    assert truth.tokens == sum(event.tokens for event in events)
    for dimension in ("origin", "language"):
        sums = Counter()
        for event in events:
            sums[getattr(event, dimension)] += event.tokens
        assert truth.tokens_by(dimension) == sums


def test_the_truths_of_two_parts_add_up_to_that_of_the_whole():
    events = list(plain_events(1_000, 3, START, START + DAY))
    parts = counted(events[:400])

    parts.merge(counted(events[400:]))

    assert parts == counted(events)


@given(truths)
@settings(deadline=None)
def test_a_manifest_keeps_the_truth_through_json(truth):
    manifest = truth.to_manifest(seed=1, start=START, end=START + DAY, topic="llm-usage")

    assert Truth.from_manifest(json.loads(json.dumps(manifest))) == truth
    assert manifest["events"] == truth.requests
    assert sum(cell["tokens"] for cell in manifest["cells"]) == truth.tokens


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"cells": [{}], "events": 0},
        {"cells": None, "events": 0},
        {"cells": [], "events": 5},
    ],
    ids=["empty", "cell-without-key", "no-list", "wrong-sum"],
)
def test_what_is_not_a_manifest_is_refused(manifest):
    with pytest.raises(TruthError):
        Truth.from_manifest(manifest)
