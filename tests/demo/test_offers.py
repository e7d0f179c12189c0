"""Simulated requests say who served them and what they cost, and the records read as that."""

import json

from streams.classify.provider.providers import Providers
from streams.decode.formats import native
from streams.decode.money import nano_dollars
from streams.demo.bulk import plain_events
from streams.demo.figures import study
from streams.demo.offers import offers

EVENTS = [*plain_events(3000, 5, 1_800_000_000.0, 1_800_003_600.0)]


def test_offers_are_of_models_of_the_study():
    assert set(offers()) < {model.name for model in study().models}


def test_every_simulated_provider_is_in_the_catalogue():
    known = Providers.load()
    texts = {text for offer in offers().values() for text in offer.providers}
    found = {text: known.classify(text).jurisdiction for text in texts}
    assert "unknown" not in found.values(), found
    assert {"cn", "us", "self-hosted", "fr", "sg"} <= set(found.values())


def test_a_record_reads_as_what_was_simulated():
    for event in EVENTS:
        read = native.decode(event.value)
        assert read.provider == event.provider
        assert read.cached_tokens == event.cached_tokens
        cost = read.cost
        assert (None if cost is None else nano_dollars(cost)) == event.cost


def test_prices_follow_from_sizes_and_own_servers_state_none():
    priced = [event for event in EVENTS if event.cost is not None]
    assert 0.7 < len(priced) / len(EVENTS) < 0.99
    own = [event for event in EVENTS if event.provider and event.provider.startswith("vllm")]
    assert own
    assert all(event.cost is None for event in own)
    event = next(each for each in priced if "claude" in json.loads(each.value)["model"])
    uncached = event.prompt_tokens - event.cached_tokens
    assert (
        event.cost == uncached * 3000 + event.cached_tokens * 300 + event.completion_tokens * 15000
    )
