"""Cost, cached and reasoning tokens, and who served: read exactly, and deciding nothing else."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from every import every
from hypothesis import given
from hypothesis import strategies as st
from laws import some

from streams.decode.decoder import Decoder
from streams.decode.money import NANO, dollars, nano_dollars, sum_of, times_ten_to
from streams.decode.options import Options
from streams.decode.served_by import served_by, without_secrets

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from check import counted
from details import ODD, with_other_details
from format_documents import PLAIN, SAMPLES, decode


@every(list(enumerate(PLAIN)), name=lambda case: case[1].name)
def test_what_is_optional_decides_nothing_else(first, sample):
    for number in some(range(len(ODD)), first):
        changed = with_other_details(sample.value, number)
        if changed is None:
            continue
        one, other = map(decode, changed)
        assert counted(one) == counted(other)


def test_most_formats_have_samples_with_each_detail():
    said = {
        name: {sample.format for sample in SAMPLES if any(name in event for event in sample.events)}
        for name in ("cached", "reasoning", "cost", "provider")
    }
    assert len(said["cached"]) >= 15
    assert len(said["reasoning"]) >= 11
    assert len(said["cost"]) >= 14
    assert len(said["provider"]) >= 16


# --- prices


@given(st.integers(0, 10**15))
def test_a_price_is_written_as_a_number_that_is_read_as_the_same(nano):
    text = format(Decimal(nano) / NANO, "f")
    assert nano_dollars(text) == nano
    assert nano_dollars(dollars(text)) == nano


@given(st.lists(st.decimals(0, 1000, places=9), min_size=1, max_size=5))
def test_a_sum_of_prices_is_exact(prices):
    assert nano_dollars(sum_of(*map(str, prices))) == sum(int(each * NANO) for each in prices)


@given(st.decimals(0, 10**6, places=7))
def test_cents_become_dollars_exactly(cents):
    assert nano_dollars(times_ten_to(-2, str(cents))) == int(cents * NANO / 100)


@pytest.mark.parametrize("price", [None, True, -1, "-1", "x", float("nan"), [], {}, "1" * 90])
def test_a_sum_with_what_is_no_price_is_none(price):
    assert sum_of(0.5, price) is None
    assert dollars(price) is None


def test_a_price_in_another_unit_stays_unknown_where_it_is_none():
    assert times_ten_to(-2, "x") is None
    assert times_ten_to(-2, None) is None


# --- who served


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("openai", "openai"),
        ("azure@acme.openai.azure.com", "azure@acme.openai.azure.com"),
        ("azure@https://u:secret@acme.example/x?key=secret", None),
        ("https://user:secret@api.example.com:8443/v1?key=secret", "api.example.com"),
        ("vllm@10.0.0.5:8000/secret", "vllm@10.0.0.5"),
        ("@eu-central-1", "@eu-central-1"),
        ("a\nsecret", None),
        ("x" * 200, None),
        (7, None),
        (None, None),
    ],
    ids=str,
)
def test_of_a_provider_only_name_and_place_are_kept(text, kept):
    found = without_secrets(text)
    assert "secret" not in str(found)
    if kept is not None or text is None:
        assert found == kept


@given(st.text(max_size=30), st.text(max_size=30))
def test_who_served_stays_the_same_when_it_is_cleaned_again(name, place):
    found = served_by(name, place)
    again = without_secrets(found)
    assert without_secrets(again) == again


# --- a mapping of one's own


def mapped(document, **paths):
    paths = {"model": "m", "prompt_tokens": "p", "completion_tokens": "c", **paths}
    decoder = Decoder(Options(format="custom", paths=paths))
    [event] = decoder.decode(json.dumps(document).encode()).events
    return event


def test_a_mapping_may_say_cost_parts_and_provider():
    event = mapped(
        {
            "m": "m-1",
            "p": 100,
            "c": 20,
            "n": 4,
            "cache": {"a": 30, "b": 10},
            "price": {"in": 0.1, "out": "0.2"},
            "think": 5,
            "by": {"name": "acme", "url": "https://u:secret@llm.acme.example/v1?k=secret"},
        },
        requests="n",
        cached_tokens="cache.a+cache.b",
        reasoning_tokens="think",
        cost="price.in+price.out",
        provider="by.name",
        endpoint="by.url",
    )

    assert (event.cached_tokens, event.reasoning_tokens) == (40, 5)
    assert nano_dollars(event.cost) == 300_000_000
    assert event.provider == "acme@llm.acme.example"
    assert event.requests == 4


@pytest.mark.parametrize("wrong", ODD, ids=lambda each: repr(each)[:20])
def test_a_mapped_detail_never_makes_a_record_unreadable(wrong):
    event = mapped(
        {"m": "m-1", "p": 100, "c": 20, "x": wrong},
        cached_tokens="x",
        reasoning_tokens="x",
        cost="x",
        provider="x",
        endpoint="x",
    )
    assert (event.prompt_tokens, event.completion_tokens) == (100, 20)


def test_a_sum_of_prices_of_which_one_is_none_is_not_known():
    document = {"m": "m-1", "p": 1, "c": 1, "a": 0.5, "b": "EUR 3"}
    assert mapped(document, cost="a+b").cost is None
    assert mapped(document, cost="a+missing").cost == "0.5"
    assert mapped(document, cost="missing|a").cost == 0.5
