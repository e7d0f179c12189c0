"""LiteLLM itself calls the callback, and each of its requests is in Kafka once."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import time
from collections import Counter

import pytest
from kafka import KafkaAdminClient
from processes import wait_until
from producer_records import records

from streams.gateway.producer import UsageProducer

pytestmark = [
    pytest.mark.kafka,
    # LiteLLM's own types, read by pydantic.
    pytest.mark.filterwarnings("ignore:Items? .* `ReadOnly`:UserWarning"),
]

# Otherwise its import fetches prices.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

CHINESE = "请用简单的话解释一下量子计算机是怎么工作的，谢谢。"
MESSAGES = [{"role": "user", "content": CHINESE}]
ANSWER = "It works with qubits."

#: How long a second report of a call is waited for: LiteLLM makes both within moments.
SETTLE_SECONDS = 1.0

#: Where LiteLLM keeps callbacks: `callbacks` are spread over the others at the first call.
REGISTRIES = (
    "callbacks",
    "success_callback",
    "failure_callback",
    "_async_success_callback",
    "_async_failure_callback",
)


@pytest.fixture(scope="module")
def litellm():
    """The real package, which takes seconds to import: only for tests that run."""
    try:
        return importlib.import_module("litellm")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("litellm is not installed")


@pytest.fixture
def topic(request, bootstrap):
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60] + f"-{os.getpid()}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
    finally:
        admin.close()
    return name


@pytest.fixture
def producer(litellm, bootstrap, topic, monkeypatch):
    """The producer behind the only callback of LiteLLM."""
    module = importlib.import_module("streams.gateway.litellm")
    with UsageProducer(bootstrap, topic, tenant_salt="pepper") as made:
        for name in REGISTRIES:
            monkeypatch.setattr(litellm, name, [])
        litellm.callbacks = [module.UsageCallback(made)]
        yield made


def counted(producer, bootstrap, topic, expected):
    """The events in Kafka, once there are as many as expected and no more come."""

    def taken():
        stats = producer.stats
        return stats.sent + stats.buffered + stats.failed + sum(stats.dropped.values())

    wait_until(lambda: taken() >= expected, f"{expected} events from LiteLLM")
    time.sleep(SETTLE_SECONDS)
    assert producer.flush(30)
    assert producer.stats.dropped == {}
    found = records(bootstrap, topic)
    for record in found:
        written = (record.key or b"") + record.value
        for part in (CHINESE, CHINESE[:6], ANSWER, "qubits", "Acme", "pepper"):
            assert part.encode() not in written
            assert json.dumps(part).strip('"').encode() not in written
    return [json.loads(record.value) for record in found]


def ask(litellm, **other):
    return litellm.completion(
        **{"model": "gpt-4o-mini", "messages": MESSAGES, "mock_response": ANSWER} | other
    )


def ask_async(litellm, **other):
    return litellm.acompletion(
        **{"model": "gpt-4o-mini", "messages": MESSAGES, "mock_response": ANSWER} | other
    )


def test_every_request_of_the_sdk_is_counted_once(litellm, producer, bootstrap, topic):
    ids = [ask(litellm).id for _ in range(3)]
    streamed = [list(ask(litellm, stream=True)) for _ in range(3)]
    ids += [chunks[0].id for chunks in streamed]

    async def others():
        asked = [ask_async(litellm) for _ in range(3)]
        found = [answer.id for answer in await asyncio.gather(*asked)]
        for _ in range(3):
            chunks = [chunk async for chunk in await ask_async(litellm, stream=True)]
            found.append(chunks[0].id)
        # A blocking call inside a loop.
        found.append(ask(litellm).id)
        text = await litellm.atext_completion(
            model="gpt-3.5-turbo-instruct", prompt=CHINESE, mock_response=ANSWER
        )
        found.append(text.id)
        await asyncio.sleep(SETTLE_SECONDS)
        return found

    ids += asyncio.run(others())
    events = counted(producer, bootstrap, topic, len(ids))

    assert Counter(event["id"] for event in events) == Counter(ids)
    assert len(set(ids)) == len(ids) == 14
    assert {event["language"] for event in events} == {"zh-Hans"}
    assert {event["model"] for event in events} == {"gpt-4o-mini", "gpt-3.5-turbo-instruct"}
    assert all(event["prompt_tokens"] > 0 < event["completion_tokens"] for event in events)
    assert all(abs(event["ts"] - time.time()) < 120 for event in events)


def test_failures_without_tokens_are_not_counted(litellm, producer, bootstrap, topic):
    for failure in (Exception("boom"), "litellm.RateLimitError"):
        with pytest.raises((litellm.InternalServerError, litellm.RateLimitError)):
            ask(litellm, mock_response=failure)

    async def failing():
        for failure in (Exception("boom"), "litellm.RateLimitError"):
            with pytest.raises((litellm.InternalServerError, litellm.RateLimitError)):
                await ask_async(litellm, mock_response=failure)
        await asyncio.sleep(SETTLE_SECONDS)

    asyncio.run(failing())
    answered = ask(litellm)

    assert [each["id"] for each in counted(producer, bootstrap, topic, 1)] == [answered.id]


def test_answers_from_the_cache_are_not_counted(litellm, producer, bootstrap, topic, monkeypatch):
    handler = importlib.import_module("litellm.caching.caching_handler")
    try:
        handler._should_defer_streaming_cache_hit_callbacks(cached_result=None)
    except ImportError:
        # It imports what only comes with the proxy, to tell streams; there are none here.
        monkeypatch.setattr(
            handler, "_should_defer_streaming_cache_hit_callbacks", lambda cached_result: False
        )
    monkeypatch.setattr(litellm, "cache", litellm.Cache(type="local"))
    blocking = [ask(litellm, caching=True).id for _ in range(3)]

    async def asking():
        found = []
        for _ in range(3):
            found.append((await ask_async(litellm, caching=True, model="gpt-4o")).id)
            await asyncio.sleep(0.2)
        await asyncio.sleep(SETTLE_SECONDS)
        return found

    others = asyncio.run(asking())
    events = counted(producer, bootstrap, topic, 2)

    assert len(set(blocking)) == len(set(others)) == 1
    assert sorted(event["id"] for event in events) == sorted({*blocking, *others})


def test_behind_an_alias_the_model_that_answered_is_counted(litellm, producer, bootstrap, topic):
    router = litellm.Router(
        model_list=[
            {
                "model_name": "our-alias",
                "litellm_params": {
                    "model": "openai/qwen3-32b",
                    "api_key": "none",
                    "mock_response": ANSWER,
                },
            }
        ]
    )
    router.completion("our-alias", MESSAGES)

    [event] = counted(producer, bootstrap, topic, 1)
    assert event["model"].endswith("qwen3-32b")


def test_redacted_messages_tell_no_language(litellm, producer, bootstrap, topic, monkeypatch):
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    ask(litellm)

    [event] = counted(producer, bootstrap, topic, 1)
    assert "language" not in event


def test_tenant_and_language_come_from_the_metadata(litellm, producer, bootstrap, topic):
    ask(litellm, metadata={"user_api_key_team_id": "Acme", "language": "fr"})

    [event] = counted(producer, bootstrap, topic, 1)
    assert event["language"] == "fr"
    assert event["tenant"].startswith("hmac-sha256:")


def test_without_a_broker_litellm_goes_on(litellm, monkeypatch):
    from streams.demo.broker import free_port

    module = importlib.import_module("streams.gateway.litellm")
    for name in REGISTRIES:
        monkeypatch.setattr(litellm, name, [])
    with UsageProducer(f"127.0.0.1:{free_port()}", "nowhere", buffer=2) as producer:
        litellm.callbacks = [module.UsageCallback(producer)]
        for _ in range(5):
            assert ask(litellm).choices[0].message.content == ANSWER
        wait_until(lambda: producer.stats.dropped.get("full") == 3, "3 dropped events")
        producer.close(0)
    assert producer.stats.failed == 2


def test_a_worker_counts_what_litellm_answers(litellm, make_worker, bootstrap, monkeypatch):
    worker = make_worker().start().wait_ready()
    monkeypatch.setenv("TOKENSHARE_BOOTSTRAP_SERVERS", bootstrap)
    monkeypatch.setenv("TOKENSHARE_TOPIC", make_worker.topic)
    for name in REGISTRIES:
        monkeypatch.setattr(litellm, name, [])
    callback = importlib.import_module("streams.gateway.litellm").UsageCallback()
    litellm.callbacks = [callback]
    ask(litellm, model="qwen/qwen3-32b", custom_llm_provider="openai")

    worker.wait_counted(1)
    callback._producer.close()
    metrics = wait_until(
        lambda: (page := worker.get("/metrics")) and "zh-Hans" in page and page,
        "the language on /metrics",
    )
    assert 'llm_requests_total{dimension="language",key="zh-Hans"} 1.0' in metrics
    assert 'llm_requests_total{dimension="origin",key="cn-open"} 1.0' in metrics
