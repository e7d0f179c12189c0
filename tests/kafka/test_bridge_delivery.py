"""What a bridge accepts is in Kafka once, whatever goes away."""

from __future__ import annotations

import http.client
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Self

import orjson
import pytest
from apache import ApacheKafka
from bridge_posts import EVENT, GOOD, SECRET, TOKEN, BridgeProcess, packed, records, span
from frozen import freeze
from kafka.admin import KafkaAdminClient, NewTopic
from processes import WAIT_SECONDS, wait_until

from streams.classify.tenant import marked
from streams.demo.broker import EmbeddedBroker, free_port

pytestmark = pytest.mark.kafka


def test_what_is_accepted_is_in_kafka_once_and_nothing_else_of_it(
    make_bridge, make_worker, bootstrap, topic
):
    bridge = make_bridge(tenant_salt="pepper").wait_ready()
    payload = {
        "call_type": "acompletion",
        "startTime": time.time(),
        "model": "gpt-4o",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "messages": [{"role": "user", "content": SECRET}],
        "response": {"choices": [{"message": {"content": SECRET}}]},
        "metadata": {"user_api_key_team_id": "team-7"},
    }
    posts: list[list[dict[str, Any]]] = [
        *([EVENT | {"id": f"n-{n}", "note": SECRET, "tenant": "team-7"}] for n in range(200)),
        *([payload | {"id": f"l-{n}-{m}"} for m in range(5)] for n in range(40)),
    ]

    def send(part: list[Any]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=20)
        for each in part:
            connection.request("POST", "/", orjson.dumps(each if len(each) > 1 else each[0]))
            answer = connection.getresponse()
            assert answer.status == 202
            assert orjson.loads(answer.read())["accepted"] == len(each)

    threads = [threading.Thread(target=send, args=(posts[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = records(bootstrap, topic, 400)

    values = [orjson.loads(record.value) for record in found]
    assert sorted(value["id"] for value in values) == sorted(
        each["id"] for post in posts for each in post
    )
    assert {record.key.decode() for record in found} == {value["id"] for value in values}
    assert all(set(value) <= {*EVENT, "id", "ts", "tenant"} for value in values)
    assert {value["language"] for value in values} == {"en"}
    assert {value["tenant"] for value in values} == {marked("team-7", b"pepper")}
    assert not any(SECRET.encode() in record.value for record in found)

    worker = make_worker(topic=topic, group=topic, tenant_salt="pepper").start()
    worker.wait_counted(400)
    assert bridge.stop() == 0


def test_a_kept_body_is_counted_by_a_worker(make_bridge, make_worker, bootstrap, topic):
    bridge = make_bridge(bridge_keep_bodies="true").wait_ready()
    body = packed(span(1, **GOOD))
    assert bridge.post([EVENT | {"note": SECRET}] * 3)[1]["accepted"] == 3
    assert bridge.ask("POST", "/v1/traces", body, Content_Type="application/x-protobuf")[0] == 200
    large = orjson.dumps([EVENT | {"note": os.urandom(1_000).hex()} for _ in range(1_500)])
    if bridge.post(large)[0] != 202:  # the embedded broker takes any size
        assert bridge.post(large)[0] == 413
        assert bridge.post(EVENT)[0] == 202

    found = records(bootstrap, topic, 2)
    assert {SECRET.encode() in record.value for record in found} == {True, False}
    assert ("content-type", b"application/x-protobuf") in {
        each for record in found for each in record.headers
    }
    worker = make_worker(topic=topic, group=topic).start()
    wait_until(lambda: worker.records().get("counted/", 0) >= 4, "counts\n" + worker.tail())


def test_spans_of_opentelemetrys_sdk_are_counted_exactly(make_bridge, make_worker, topic):
    try:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error.name} is not installed")
    bridge = make_bridge(bridge_token=TOKEN).wait_ready()
    processor = BatchSpanProcessor(
        OTLPSpanExporter(
            endpoint=f"http://127.0.0.1:{bridge.port}/v1/traces",
            headers={"Authorization": f"Bearer {TOKEN}"},
            compression=Compression.Gzip,
        )
    )
    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("test")
    for number in range(50):
        with tracer.start_as_current_span("invoke_agent") as agent:
            agent.set_attributes(
                {
                    "gen_ai.operation.name": "invoke_agent",
                    "gen_ai.request.model": "qwen3-32b",
                    "gen_ai.usage.input_tokens": 200,
                    "gen_ai.usage.output_tokens": 20,
                }
            )
            for _ in range(2):
                with tracer.start_as_current_span("chat") as chat:
                    chat.set_attributes(
                        {
                            "gen_ai.operation.name": "chat",
                            "gen_ai.provider.name": "alibaba",
                            "gen_ai.request.model": "qwen3-32b",
                            "gen_ai.response.model": "qwen3-32b",
                            "gen_ai.usage.input_tokens": 100,
                            "gen_ai.usage.output_tokens": 10,
                            "gen_ai.input.messages": SECRET,
                        }
                    )
            with tracer.start_as_current_span("execute_tool") as tool:
                tool.set_attribute("gen_ai.operation.name", "execute_tool")
        if number == 25:
            provider.force_flush()
    provider.shutdown()

    worker = make_worker(topic=topic, group=topic).start().wait_ready()
    worker.wait_counted(100)
    lines = worker.get("/metrics").splitlines()
    assert 'llm_tokens_total{dimension="origin",key="cn-open"} 11000.0' in lines
    assert 'llm_requests_total{dimension="language",key="en"} 100.0' in lines
    assert bridge.metric('tokenshare_bridge_requests_total{path="/v1/traces",status="200"}') >= 2
    assert bridge.stop() == 0
    assert TOKEN not in bridge.said()


#: LiteLLM's SDK as a proxy runs it: every other request is streamed. It forgets what it is given
#: while it posts, so it is told when to.
LITELLM = """
import asyncio, litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

litellm.callbacks = ["generic_api"]

async def main():
    for number in range(20):
        answer = await litellm.acompletion(
            model="openai/gpt-4o",
            api_key="none",
            messages=[{"role": "user", "content": SECRET}],
            mock_response=SECRET,
            stream=number % 2 == 1,
        )
        if number % 2:
            async for _ in answer:
                pass
    (logger,) = litellm.logging_callback_manager.get_custom_loggers_for_type(GenericAPILogger)
    while len(logger.log_queue) < 20:
        await asyncio.sleep(0.05)
    await logger.flush_queue()

asyncio.run(main())
"""


def test_what_litellms_own_callback_posts_is_accepted(make_bridge, bootstrap, topic):
    if importlib.util.find_spec("litellm") is None:
        assert not os.environ.get("CI")
        pytest.skip("litellm is not installed")
    bridge = make_bridge(bridge_token=TOKEN).wait_ready()
    environment = {
        "GENERIC_LOGGER_ENDPOINT": f"http://127.0.0.1:{bridge.port}/",
        "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {TOKEN}",
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "300",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    subprocess.run(
        [sys.executable, "-c", LITELLM.replace("SECRET", repr(SECRET))],
        env=os.environ | environment,
        check=True,
        timeout=300,
    )
    found = records(bootstrap, topic, 20)

    values = [orjson.loads(record.value) for record in found]
    assert len({value["id"] for value in values}) == len(values) == 20
    assert {value["model"] for value in values} == {"gpt-4o"}
    assert {value["language"] for value in values} == {"en"}
    assert not any(SECRET.encode() in record.value for record in found)
    assert TOKEN not in bridge.said()


def posting(bridge: BridgeProcess, name: str, until: threading.Event, fates: dict[str, int]):
    """Post one event after the other, each until it is accepted or the end."""
    number = 0
    while not until.is_set():
        identifier = f"{name}-{number}"
        try:
            status, _ = bridge.post(EVENT | {"id": identifier})
        except OSError:
            status = 0
        fates[identifier] = status
        number += 1
        if status in {0, 429, 503}:
            time.sleep(0.05)


class Posting:
    """Threads that post while something happens."""

    def __init__(self, bridge: BridgeProcess) -> None:
        self.fates: dict[str, int] = {}
        self._until = threading.Event()
        self._threads = [
            threading.Thread(target=posting, args=(bridge, f"t{n}", self._until, self.fates))
            for n in range(6)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._until.set()
        for thread in self._threads:
            thread.join()

    def accepted(self) -> set[str]:
        return {name for name, status in self.fates.items() if status == 202}


def ids(bootstrap: str, topic: str, least: int) -> list[str]:
    return [orjson.loads(record.value)["id"] for record in records(bootstrap, topic, least)]


def test_a_broker_that_hangs_gets_all_that_was_accepted_and_a_full_buffer_says_so(
    make_bridge, topic
):
    with EmbeddedBroker() as broker:
        bridge = make_bridge(
            bootstrap_servers=broker.bootstrap,
            bridge_acknowledge_seconds=1,
            bridge_buffer_events=4,
        ).wait_ready()
        with Posting(bridge) as load:
            wait_until(lambda: len(load.accepted()) > 50, "posts")
            freeze(broker.pid)
            try:
                wait_until(lambda: {429, 503} <= set(load.fates.values()), "refusals")
                status, headers, answer = bridge.ask("POST", "/", orjson.dumps(EVENT))
                assert status in {429, 503}
                assert int(headers["Retry-After"]) > 0
                assert orjson.loads(answer).keys() == {"error", "remedy"}
                wait_until(lambda: (bridge.ready() or [0])[0] == 503, "not ready")
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            before = len(load.accepted())
            wait_until(lambda: len(load.accepted()) > before + 50, "posts again\n" + bridge.said())
        found = ids(broker.bootstrap, topic, len(load.accepted()))
        assert load.accepted() <= set(found)
        assert bridge.metric("tokenshare_bridge_kafka_failures_total") > 0
        assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()
    assert "Kafka accepts events again" in bridge.said()


def test_a_killed_broker_has_all_that_was_accepted_when_it_is_back(make_bridge, topic, kafka_jars):
    with ApacheKafka() as kafka:
        bridge = make_bridge(
            bootstrap_servers=kafka.bootstrap, bridge_acknowledge_seconds=1.5
        ).wait_ready()
        with Posting(bridge) as load:
            wait_until(lambda: len(load.accepted()) > 100, "posts")
            kafka.stop(signal.SIGKILL)
            wait_until(lambda: 503 in load.fates.values(), "refusals")
            kafka.start()
            before = len(load.accepted())
            wait_until(lambda: len(load.accepted()) > before + 100, "posts\n" + bridge.said())
        found = ids(kafka.bootstrap, topic, len(load.accepted()))
        assert load.accepted() <= set(found)
        assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()


@pytest.fixture(scope="module")
def apache(kafka_jars):
    with ApacheKafka() as broker:
        yield broker.bootstrap


def test_a_topic_that_was_deleted_is_named_and_may_come_back(make_bridge, topic, apache):
    admin = KafkaAdminClient(bootstrap_servers=apache)
    bridge = make_bridge(bootstrap_servers=apache, bridge_acknowledge_seconds=1).wait_ready()
    with Posting(bridge) as load:
        wait_until(lambda: len(load.accepted()) > 50, "posts")
        admin.delete_topics([topic])
        missing = f"topic {topic} does not exist"
        wait_until(lambda: missing in str(bridge.ready()), "the cause")
        wait_until(lambda: missing in bridge.said(), "the cause in the log\n" + bridge.said())
        admin.create_topics([NewTopic(topic, 1, 1)])
        before = len(load.accepted())
        wait_until(lambda: len(load.accepted()) > before + 50, "posts again\n" + bridge.said())
    admin.close()
    assert bridge.stop() == 0
    assert bridge.said().count(missing) < 4
    assert "Task was destroyed" not in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_topic_that_takes_only_small_batches_gets_small_ones(make_bridge, topic, apache):
    admin = KafkaAdminClient(bootstrap_servers=apache)
    admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "10000"})])
    admin.close()
    bridge = make_bridge(bootstrap_servers=apache, bridge_keep_bodies="true").wait_ready()
    large = EVENT | {"note": os.urandom(10_000).hex()}
    assert bridge.post(large)[0] == 413
    events = [EVENT | {"id": os.urandom(200).hex()} for _ in range(200)]
    assert bridge.stop() == 0

    bridge = make_bridge(bootstrap_servers=apache).wait_ready()
    statuses = [bridge.post(events)[0]]
    while statuses[-1] == 503:
        statuses.append(bridge.post(events)[0])
    assert statuses[-1] == 202
    assert len(statuses) < 10
    assert set(ids(apache, topic, 200)) == {event["id"] for event in events}
    assert bridge.stop() == 0


def test_sigterm_finishes_what_is_under_way(make_bridge, bootstrap, topic):
    bridge = make_bridge().wait_ready()
    with Posting(bridge) as load:
        wait_until(lambda: len(load.accepted()) > 50, "posts")
        began = time.monotonic()
        assert bridge.stop() == 0
        assert time.monotonic() - began < 5
    found = ids(bootstrap, topic, len(load.accepted()))
    assert load.accepted() <= set(found)
    assert len(found) == len(set(found))
    assert "stopped" in bridge.said()


def test_without_a_broker_it_waits_says_so_and_ends_with_3(make_bridge):
    nowhere = f"127.0.0.1:{free_port()}"
    bridge = make_bridge(bootstrap_servers=nowhere, broker_wait_seconds=4)
    wait_until(bridge.ready, "an answer")
    assert bridge.ready()[0] == 503
    assert bridge.ask("GET", "/healthz")[0] == 200
    assert bridge.post(EVENT)[0] == 503
    assert bridge.process.wait(WAIT_SECONDS) == 3
    assert f"no Kafka at {nowhere} yet, waiting" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_bridge_that_anybody_could_post_to_does_not_start(make_bridge):
    bridge = make_bridge(bridge_host="0.0.0.0")
    assert bridge.process.wait(WAIT_SECONDS) == 1
    assert "TOKENSHARE_BRIDGE_TOKEN" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_second_bridge_on_a_port_says_which_setting_to_change(make_bridge, shared):
    bridge = make_bridge(bridge_port=shared.port)
    assert bridge.process.wait(WAIT_SECONDS) == 1
    assert "TOKENSHARE_BRIDGE_PORT" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_pinned_format_of_posts_is_not_a_format_of_workers(make_bridge):
    bridge = make_bridge(format="litellm").wait_ready()

    assert "TOKENSHARE_FORMAT=litellm" in bridge.said()
    assert bridge.stop() == 0


def test_a_topic_that_is_missing_and_may_not_be_made_is_named(make_bridge, topic):
    bridge = make_bridge(create_topics="false")
    assert bridge.process.wait(WAIT_SECONDS) == 1
    assert f"Topic {topic} does not exist" in bridge.said()
