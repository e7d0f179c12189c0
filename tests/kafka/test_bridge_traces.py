"""A running bridge answers posts of traces, logs and SDKs."""

from __future__ import annotations

import gzip
import time

import orjson
import pytest
from bridge_posts import EVENT, GOOD, SECRET, TOKEN, authorized, packed, records, span, traces
from odd import CONTROLS, NONCHARACTERS, PLACES

from streams.classify.enrichment import KINDS

pytestmark = pytest.mark.kafka


def test_traces_are_answered_as_otlp_wants_it(shared):
    assert authorized(shared, traces(span(1, **GOOD)), "/v1/traces") == (200, {})
    assert authorized(shared, {"resourceSpans": []}, "/v1/traces") == (200, {})
    assert authorized(shared, {}, "/v1/traces") == (200, {})
    status, answer = authorized(
        shared,
        traces(span(1, **GOOD), span(2, **GOOD | {"usage.input_tokens": -1})),
        "/v1/traces",
    )
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert "bad_count" in answer["partialSuccess"]["errorMessage"]


def test_logs_are_answered_as_otlp_wants_it(shared):
    def logs(tokens):
        attributes = {
            "event.name": "api_request",
            "model": "claude-opus-4-6",
            "input_tokens": tokens,
        }
        record = {
            "attributes": [
                {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
            ]
        }
        return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}

    assert authorized(shared, logs("12"), "/v1/logs") == (200, {})
    assert authorized(shared, {}, "/v1/logs") == (200, {})
    status, answer = authorized(shared, logs("-1"), "/v1/logs")
    assert status == 200
    assert answer["partialSuccess"]["rejectedLogRecords"] == "1"
    assert "bad_count" in answer["partialSuccess"]["errorMessage"]


def test_traces_in_protobuf_are_answered_in_protobuf(shared):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    def send(body: bytes, **headers: str):
        return shared.ask(
            "POST",
            "/v1/traces",
            body,
            Content_Type="application/x-protobuf",
            Authorization=f"Bearer {TOKEN}",
            **headers,
        )

    plain = packed(span(1, **GOOD), span(2, **GOOD | {"usage.input_tokens": -1}))
    for body, headers in ((plain, {}), (gzip.compress(plain), {"Content_Encoding": "gzip"})):
        status, answered, answer = send(body, **headers)
        told = ExportTraceServiceResponse.FromString(answer)

        assert (status, answered["Content-Type"]) == (200, "application/x-protobuf")
        assert told.partial_success.rejected_spans == 1
        assert "bad_count" in told.partial_success.error_message
    assert send(b"")[0] == 200
    assert send(b"")[2] == b""
    status, answered, answer = send(b"no traces")
    assert (status, answered["Content-Type"]) == (400, "application/x-protobuf")
    assert b"not_protobuf" in answer


def test_metrics_say_what_has_come(shared):
    before = shared.metric("tokenshare_bridge_post_seconds_count")
    authorized(shared, EVENT)
    authorized(shared, b"nonsense")

    assert shared.metric("tokenshare_bridge_post_seconds_count") == before + 2
    assert shared.metric('tokenshare_bridge_requests_total{path="/v1/events",status="202"}') > 0
    assert shared.metric('tokenshare_bridge_events_total{reason="not_json",result="rejected"}') > 0
    assert shared.metric("tokenshare_bridge_ready") == 1
    assert shared.metric("tokenshare_bridge_waiting_events") == 0
    assert shared.metric("tokenshare_build_info") == 1


@pytest.mark.parametrize("path", ["/v1/events", "/v1/traces"])
def test_a_post_is_accepted_whatever_characters_are_in_its_prompt(make_bridge, bootstrap, path):
    pytest.importorskip("pycld2")
    bridge = make_bridge().wait_ready()
    failures = "tokenshare_enrichment_failures_total{"
    said = bridge.ask("GET", "/metrics")[2].decode()
    assert {line for line in said.splitlines() if line.startswith(failures)} == {
        f'{failures}kind="{kind}"}} 0.0' for kind in KINDS
    }
    places = [PLACES[name] for name in ("at the end", "inside words")]
    prompts = [place(odd) for place in places for odd in NONCHARACTERS + CONTROLS]
    for index, prompt in enumerate(prompts):
        asked = [{"role": "user", "content": f"{SECRET} {prompt}"}]
        if path == "/v1/traces":
            logged = {"input.messages": orjson.dumps(asked).decode(), "response.model": "qwen3"}
            tokens = {"usage.input_tokens": 10, "usage.output_tokens": 5}
            assert bridge.post(traces(span(index, **logged, **tokens)), path)[0] == 200
        else:
            payload = {"call_type": "completion", "startTime": time.time(), "messages": asked}
            assert bridge.post(EVENT | payload, path)[0] == 202

    kept = records(bootstrap, bridge.environment["TOKENSHARE_TOPIC"], len(prompts))
    events = [orjson.loads(each.value) for each in kept]
    counts = [(each["prompt_tokens"], each["completion_tokens"]) for each in events]
    assert counts == [(10, 5)] * len(prompts)
    assert {each.get("language") for each in events} == {"en"}
    assert bridge.metric(failures) == 0
    assert bridge.stop() == 0
    assert "Traceback" not in bridge.said()
    assert SECRET not in bridge.said()
