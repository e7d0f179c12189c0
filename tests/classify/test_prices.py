"""Estimates by genai-prices are the package's own prices, and what it does not know has none."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from prompt_documents import Counted

from streams.classify.price import genai
from streams.classify.price.prices import Amounts, Prices

NOW = 1_796_000_000.0
LISTED = [(provider, model) for provider in providers for model in provider.models]


def cost(price, ts=NOW, prompt=0, cached=-1, completion=0, requests=1):
    """The nano-dollars of one row by one price."""
    prices = Prices({"here": lambda _: price})
    number = prices.number("m", "here", "")
    if number < 0:
        return -1
    used = Amounts(np.array([ts]), *(np.array([n]) for n in (prompt, cached, completion, requests)))
    return int(prices.costs(np.array([number]), used)[0])


def model_of(prices):
    return ModelInfo("m", ClauseEquals("m"), prices=prices)


def rate(dollars, **tiers):
    above = [Tier(int(start[1:]), Decimal(price)) for start, price in tiers.items()]
    return TieredPrices(Decimal(dollars), above) if above else Decimal(dollars)


@settings(max_examples=examples(400))
@given(
    st.sampled_from(LISTED),
    st.floats(1_700_000_000, 1_830_000_000).map(round),
    st.integers(0, 2_000_000) | st.sampled_from([128_000, 200_000, 200_001, 272_001]),
    st.none() | st.floats(0, 1),
    st.integers(0, 300_000),
)
def test_an_estimate_is_what_the_package_calculates(listed, ts, prompt, part, completion):
    provider, model = listed
    cached = -1 if part is None else int(prompt * part)
    price = genai.price_of(model)
    found = -1 if price is None else cost(price, ts, prompt, cached, completion)
    if found < 0:
        return

    usage = Usage(input_tokens=prompt, cache_read_tokens=max(cached, 0), output_tokens=completion)
    when = dt.datetime.fromtimestamp(ts, dt.UTC)
    theirs = model.calc_price(usage, provider, genai_request_timestamp=when).total_price
    assert abs(found - theirs * 10**9) <= Decimal("0.51")
    assert found == int((theirs * 10**9).quantize(Decimal(1), ROUND_HALF_UP))


def test_most_of_the_list_can_be_taken():
    priced = [model for _, model in LISTED if genai.price_of(model) is not None]

    assert len(priced) > 0.85 * len(LISTED)


def test_a_listed_model_without_a_price_is_not_free():
    assert genai.price_of(model_of(ModelPrice())) is None
    nothing = model_of(ModelPrice(input_mtok=Decimal(0), output_mtok=Decimal(0)))
    assert genai.price_of(nothing) is None


def test_a_model_that_is_billed_by_more_than_tokens_has_no_price():
    by_request = ModelPrice(input_mtok=rate("1"), output_mtok=rate("1"), requests_kcount=rate("12"))
    assert genai.price_of(model_of(by_request)) is None
    with_searches = ModelPrice(input_mtok=rate("1"), web_searches_kcount=rate("10"))
    assert cost(genai.price_of(model_of(with_searches)), prompt=7) == 7_000


def test_what_has_no_rate_makes_the_whole_unknown():
    embedding = genai.price_of(model_of(ModelPrice(input_mtok=rate("0.02"))))

    assert cost(embedding, prompt=1000) == 20_000
    assert cost(embedding, prompt=1000, completion=1) == -1


def test_cache_reads_without_a_price_of_their_own_cost_what_the_input_costs():
    plain = genai.price_of(model_of(ModelPrice(input_mtok=rate("2"), output_mtok=rate("4"))))
    assert cost(plain, prompt=10, cached=9) == cost(plain, prompt=10) == 20_000
    read = ModelPrice(input_mtok=rate("2"), cache_read_mtok=rate("0.5"), output_mtok=rate("4"))
    assert cost(genai.price_of(model_of(read)), prompt=10, cached=4, completion=1) == 18_000


def test_a_tier_is_for_all_tokens_and_by_the_mean_of_a_row_of_many_requests():
    price = genai.price_of(
        model_of(ModelPrice(input_mtok=rate("1", _100="2"), output_mtok=rate("10", _200="30")))
    )

    assert cost(price, prompt=100, completion=1) == 110_000
    assert cost(price, prompt=101, completion=1) == 212_000
    assert cost(price, prompt=201, completion=1) == 432_000
    assert cost(price, prompt=300, completion=3, requests=3) == 330_000
    assert cost(price, prompt=303, completion=3, requests=3) == 636_000


def test_a_price_is_that_of_the_events_day_and_hour():
    begin = dt.date(2026, 8, 1)
    at = dt.datetime(2026, 8, 1, tzinfo=dt.UTC).timestamp()
    night = TimeOfDateConstraint(dt.time(22), dt.time(2))
    price = genai.price_of(
        model_of(
            [
                ConditionalPrice(prices=ModelPrice(input_mtok=rate("1"))),
                ConditionalPrice(
                    StartDateConstraint(begin), prices=ModelPrice(input_mtok=rate("2"))
                ),
                ConditionalPrice(night, prices=ModelPrice(input_mtok=rate("5"))),
            ]
        )
    )

    hours = {-12: 1, -1: 5, 0: 5, 2: 2, 12: 2, 22: 5}
    found = {hour: cost(price, at + hour * 3600, prompt=1) // 1000 for hour in hours}
    assert found == hours


def test_an_absurd_estimate_is_none():
    price = genai.price_of(model_of(ModelPrice(input_mtok=rate("600"), output_mtok=rate("600"))))

    assert cost(price, prompt=10**9) == 600_000 * 10**9
    assert cost(price, prompt=10**13, completion=10**13, requests=10**9) == -1


@pytest.mark.parametrize(
    ("model", "provider", "known"),
    [
        ("gpt-4o", "openai", True),
        ("openai/gpt-4o", "openai", True),
        ("GPT-4o", "azure-openai", True),
        ("claude-sonnet-4-5", "vertex-ai", True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws-bedrock", True),
        ("deepseek-chat", "deepseek", True),
        ("gpt-4o", "deepseek", False),
        ("gpt-4o", "self-hosted", False),
        ("gpt-4o", "aws-bedrock-cn", False),
        ("gpt-4o", "nobody", False),
        ("prod-chat", "openai", False),
        ("gpt-4o", "", False),
    ],
)
def test_a_price_is_that_of_who_served(model, provider, known):
    assert (genai.load().number(model, provider, "OpenAI") >= 0) is known


def test_the_developers_own_price_is_for_those_who_ask_and_for_nobody_named():
    prices = genai.load(by_developer=True)

    assert prices.number("gpt-4o", "", "OpenAI") == prices.number("gpt-4o", "openai", "OpenAI") >= 0
    assert prices.number("gpt-4o", "self-hosted", "OpenAI") == -1
    assert prices.number("gpt-4o", "", "unknown") == -1
    assert set(genai._DEVELOPERS.values()) <= prices.lists.keys()


def test_the_developers_of_the_list_are_those_of_the_catalogue():
    from streams.classify.origin.catalog_file import builtin_facts

    facts = builtin_facts()
    assert genai._DEVELOPERS.keys() <= {each.name for each in facts.developers.values()}


class Broken:
    def find_model(self, *args, **kwargs):
        raise RecursionError


def test_a_lookup_that_fails_is_no_price_and_is_counted():
    with Counted("price") as failing:
        assert genai._find((Broken(),), [], "gpt-4o") is None
    assert failing.count == 1
