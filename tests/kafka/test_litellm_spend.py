"""Spend on /metrics is the sum of the prices that LiteLLM computed, to the nano-dollar."""

from __future__ import annotations

import importlib
import os
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer
from processes import wait_until

from streams.gateway.producer import UsageProducer

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Items? .* `ReadOnly`:UserWarning"),
]

# Otherwise its import fetches prices.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

REQUESTS = 1000
#: A model of each of five providers, and the country of who operates the endpoint.
MODELS = {
    "gpt-4o-mini": "us",
    "anthropic/claude-haiku-4-5": "us",
    "deepseek/deepseek-chat": "cn",
    "mistral/mistral-small-latest": "fr",
    "groq/openai/gpt-oss-120b": "us",
}
NANO = Decimal(10) ** -9
_SPEND = re.compile(r'llm_cost_usd_total\{dimension="(\w+)",key="([^"]*)"\} (\S+)')


@pytest.fixture(scope="module")
def payloads():
    """What LiteLLM reports of a thousand mocked requests, priced by its own map."""
    try:
        litellm: Any = importlib.import_module("litellm")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("litellm is not installed")
    logger: Any = importlib.import_module("litellm.integrations.custom_logger").CustomLogger
    found: list[dict[str, Any]] = []

    class Keep(logger):  # type: ignore[misc]
        def log_success_event(self, kwargs, *_, **__):
            found.append(kwargs["standard_logging_object"])

    names = ("callbacks", "success_callback", "failure_callback", "_async_success_callback")
    before = {name: getattr(litellm, name) for name in names}
    for name in names:
        setattr(litellm, name, [])
    litellm.callbacks = [Keep()]
    models = list(MODELS)
    for number in range(REQUESTS):
        litellm.completion(
            model=models[number % len(models)],
            messages=[{"role": "user", "content": "Tell me more, please."}],
            mock_response=answer(litellm, 11 + number * 7, 3 + number % 37),
            api_key="none",
        )
    wait_until(lambda: len(found) == REQUESTS, "LiteLLM's reports")
    for name, value in before.items():
        setattr(litellm, name, value)
    return found


def answer(litellm, prompt, completion):
    """Return an answer of these sizes, a third of whose prompt was cached."""
    details = {"cached_tokens": prompt // 3}
    sizes = {"prompt_tokens": prompt, "completion_tokens": completion}
    usage = litellm.Usage(**sizes, prompt_tokens_details=details)
    said = {"message": {"role": "assistant", "content": "Here it is."}}
    return litellm.ModelResponse(choices=[said], usage=usage)


def spend(worker):
    """Return the dollars on /metrics by dimension and key."""
    found = {}
    for dimension, key, dollars in _SPEND.findall(worker.get("/metrics")):
        found.setdefault(dimension, {})[key] = Decimal(dollars)
    return found


def check(worker, payloads):
    worker.wait_counted(REQUESTS)
    prices = [Decimal(str(each["response_cost"])) for each in payloads]
    assert min(prices) > 0
    exact = sum(price.quantize(NANO, ROUND_HALF_EVEN) for price in prices)
    wait_until(lambda: sum(spend(worker).get("origin", {}).values()) == exact, "the whole spend")
    shown = spend(worker)
    assert sum(shown["provider"].values()) == exact
    by_provider: dict[str, Decimal] = {}
    for payload, price in zip(payloads, prices, strict=True):
        name = payload["custom_llm_provider"]
        rounded = price.quantize(NANO, ROUND_HALF_EVEN)
        by_provider[name] = by_provider.get(name, Decimal()) + rounded
    assert set(shown["provider"]) == set(by_provider)
    assert shown["provider"] == by_provider
    shares = worker.get("/api/v1/shares?dimensions=jurisdiction,provider")["windows"]["1h"]
    assert shares["priced_ratio"] == 1
    assert {each["key"] for each in shares["jurisdiction"]} == set(MODELS.values())
    assert sum(each["cost"] for each in shares["provider"]) == pytest.approx(float(exact))


def test_by_the_callback(payloads, bootstrap, make_worker):
    module = importlib.import_module("streams.gateway.litellm")
    worker = make_worker().start().wait_ready()
    with UsageProducer(bootstrap, make_worker.topic) as producer:
        callback = module.UsageCallback(producer)
        for payload in payloads:
            callback.log_success_event({"standard_logging_object": payload})
        assert producer.flush(30)
    check(worker, payloads)


def test_by_the_payloads_themselves(payloads, bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for payload in payloads:
        producer.send(make_worker.topic, orjson.dumps(payload, default=str))
    producer.flush()
    producer.close()
    check(worker, payloads)
