"""Estimated costs are marked, never replace a stated one, and depend on nothing but the event."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from msgspec.structs import replace

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.classify.price import genai
from streams.counting.partition import Partition
from streams.decode.event import AggregateEvent, UsageEvent
from streams.decode.rows import Reading, rows_of
from streams.state.codec import decode_pane, parse_key
from streams.state.counts import (
    COST,
    COST_SQUARES,
    ESTIMATED,
    ESTIMATED_TOKENS,
    PRICED,
    PRICED_TOKENS,
    added_up,
    at,
    minus,
    none,
    tokens_of,
)
from streams.state.pane import DAY

NOW = 1_796_000_000.0
CATALOG = Catalog.load()

logs = st.lists(
    st.builds(
        UsageEvent,
        st.sampled_from(
            ["gpt-4o", "deepseek-chat", "claude-sonnet-4-5", "gemini-2.5-pro", "alias"]
        ),
        st.integers(0, 400_000),
        st.integers(0, 100_000),
        st.integers(0, 3 * 86_400).map(lambda age: NOW - age),
        st.sampled_from([None, "en"]),
        st.sampled_from([None, "a"]),
        st.none(),
        st.none() | st.integers(0, 500_000),
        st.none(),
        st.none() | st.sampled_from([0, 1e-9, 0.1, -1]),
        st.sampled_from([None, "", "openai", "deepseek", "bedrock@eu-central-1", "vllm@10.0.0.1"]),
    ),
    min_size=1,
    max_size=40,
)


def classifier_of(*, on=True, by_developer=False, catalog=CATALOG):
    return Classifier(catalog, prices=genai.load(by_developer=by_developer) if on else None)


def counted(log, classifier, sizes=()):
    """The partition after a log that is read in pieces: of these sizes, and the rest."""
    partition = Partition(0, 1)
    for size in [*sizes, len(log)]:
        part = log[partition.position :][:size]
        offsets = range(partition.position, partition.position + len(part))
        rows = rows_of(offsets, [None] * len(part), part, classifier)
        partition.apply(Reading(offsets.start, offsets.stop, rows), classifier, NOW)
    return partition


def restarted(log, classifier, sizes):
    """The days after a log of which each piece is counted by an owner of its own."""
    records, position = {}, 0
    for generation, size in enumerate([*sizes, len(log)], 1):
        owner = Partition.restore(0, generation, records)
        part = log[position:][:size]
        offsets = range(position, position + len(part))
        rows = rows_of(offsets, [None] * len(part), part, classifier)
        owner.apply(Reading(offsets.start, offsets.stop, rows), classifier, NOW)
        flush = owner.begin_flush()
        owner.end_flush(flush, written=True)
        position = offsets.stop
        written = [*flush.panes.items(), flush.position]
        records |= {parse_key(key)[1]: value for key, value in written}
    return {
        key: decode_pane(value).cells
        for key, value in records.items()
        if key is not None and key.level == DAY
    }


def days_of(partition):
    return {key: pane.cells for key, pane in partition.panes.items() if key.level == DAY}


def sums(log, classifier):
    """The counts of all days."""
    days = [pane for key, pane in counted(log, classifier).panes.items() if key.level == DAY]
    whole = added_up(counts for day in days for counts in day.cells.values())
    models = added_up(counts for day in days for counts in day.models.values())
    every = range(ESTIMATED_TOKENS + 1)
    assert [at(models, each) for each in every if each != COST_SQUARES] == [
        at(whole, each) for each in every if each != COST_SQUARES
    ]
    return minus(whole, none())


@settings(max_examples=examples(100))
@given(logs, st.booleans())
def test_what_is_not_estimated_is_exactly_what_was_stated(log, by_developer):
    stated = sums(log, classifier_of(on=False))
    estimated = sums(log, classifier_of(by_developer=by_developer))

    assert [at(estimated, each) for each in range(COST)] == [
        at(stated, each) for each in range(COST)
    ]
    assert at(estimated, COST) - at(estimated, ESTIMATED) == at(stated, COST)
    left = at(estimated, PRICED_TOKENS) - at(estimated, ESTIMATED_TOKENS)
    assert left == at(stated, PRICED_TOKENS)
    assert at(stated, ESTIMATED_TOKENS) == 0


@settings(max_examples=examples(100))
@given(logs)
def test_a_stated_cost_always_wins(log):
    log = [event if event.cost not in {None, -1} else replace(event, cost=0.25) for event in log]

    assert sums(log, classifier_of()) == sums(log, classifier_of(on=False))


@settings(max_examples=examples(100))
@given(logs, st.permutations(range(40)), st.lists(st.integers(1, 10), max_size=8))
def test_no_order_and_no_restart_changes_an_estimate(log, order, sizes):
    days = days_of(counted(log, classifier_of()))
    shuffled = [log[at] for at in order if at < len(log)]

    assert days_of(counted(shuffled, classifier_of(), sizes)) == days
    assert restarted(log, classifier_of(), sizes) == days
    assert restarted(shuffled, classifier_of(), sizes[::-1]) == days


def event(model="gpt-4o", provider="openai", prompt=1000, completion=100, **more):
    return replace(UsageEvent(model, prompt, completion, NOW), provider=provider, **more)


def test_an_estimate_is_marked_and_counts_as_priced():
    whole = sums([event(cached_tokens=400), event(cost=0.5), event("alias")], classifier_of())

    # $2.50 and $1.25 per million tokens in, $10 out.
    estimate = 600 * 2_500 + 400 * 1_250 + 100 * 10_000
    assert whole[COST] == estimate + 500_000_000
    assert (whole[ESTIMATED], whole[ESTIMATED_TOKENS]) == (estimate, 1100)
    assert (whole[PRICED], whole[PRICED_TOKENS]) == (2, 2200)
    assert tokens_of(whole) == 3300


@pytest.mark.parametrize("provider", [None, "", "vllm@10.0.0.1", "ollama", "my-own-gateway"])
def test_who_is_not_on_the_list_has_no_estimate(provider):
    assert sums([event(provider=provider)], classifier_of()) == [1, 1000, 100, 1100**2]


def test_a_provider_that_the_overrides_call_self_hosted_has_no_estimate(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text('[providers."openai"]\njurisdiction = "self-hosted"\n')
    classifier = classifier_of(catalog=Catalog.load(path))

    assert sums([event()], classifier) == [1, 1000, 100, 1100**2]


def test_a_row_of_many_requests_is_estimated_as_a_whole():
    whole = sums([AggregateEvent.of(event(), 10)], classifier_of())

    assert whole[COST] == whole[ESTIMATED] == 1000 * 2_500 + 100 * 10_000
    assert (whole[PRICED], whole[ESTIMATED_TOKENS]) == (10, 1100)


def test_an_event_without_tokens_has_no_price():
    assert sums([event(prompt=0, completion=0)], classifier_of()) == [1, 0, 0, 0]


def test_running_totals_have_the_estimates_too():
    totals = counted([event()], classifier_of()).totals

    assert at(totals.origins["row-proprietary"], ESTIMATED_TOKENS) == 1100
    assert at(totals.providers["openai"], ESTIMATED) == at(totals.providers["openai"], COST) > 0


def test_tenants_have_no_prices():
    panes = counted([event(tenant="a")], classifier_of()).panes.values()

    assert {len(counts) for pane in panes for counts in pane.tenants.values()} == {4}
