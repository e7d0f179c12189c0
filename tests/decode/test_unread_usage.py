"""What shows usage without a reader, and ordinary traffic that does not."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from streams.decode.decoder import Decoder
from streams.decode.formats import otlp_json
from streams.decode.options import Options
from streams.decode.unread_usage import MAX_DEPTH, MAX_VALUES, evidence, holds_usage
from streams.decode.usage_names import OTHER, shown

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
}
OWN = {"app.model": "gpt-4o", "app.total_tokens": 15}


@pytest.mark.parametrize(
    "document",
    [
        {"modelName": "m", "stats": {"inputTokenCount": 4, "outputTokenCount": 2}},
        {"llm": {"model_id": "m"}, "tokens_used": "12"},
        {
            "attributes": [
                {"key": "vendor.model", "value": {"stringValue": "m"}},
                {"key": "vendor.tokens.prompt", "value": {"intValue": "7"}},
            ]
        },
        {"model": "m", "usage": {"input": 3, "output": 2}},
        {"model": {"id": "m"}, "tokens": {"input": "3"}},
        {"MODEL_NAME": "m", "TOKENS": 33.0},
        {"modelUsage": {"claude-sonnet-4": {"inputTokens": 3}}},
        {"model": "m", "usage": {"prompt": {"tokens": 3}}},
        {"ai.model": "m", "vendor.usage": '{"input": 3}'},
        {"model": "m", "x-amzn-bedrock-input-token-count": "41"},
        {"message": '{"model": "m", "tokens_predicted": 3}'},
    ],
)
def test_a_model_and_counts_show_usage(document):
    assert holds_usage(document)


@pytest.mark.parametrize(
    "document",
    [
        {"path": "/healthz", "status": 200},
        {"model": "m", "max_output_tokens": 100, "remaining_total_tokens": 9},
        {"model": "m", "text": "prompt_tokens: 12, total_tokens: 15"},
        {"model": "m", "messages": [{"content": {"prompt_tokens": 12}}]},
        {"model": "m", "prompt_tokens": 0, "stream": True},
        {"total_tokens": 12, "user": "a"},
        {"model": "m", "total_tokens": True},
        {"model": "-", "total_tokens": 12},
        {"model": "m", "total_tokens": 1.5, "prompt_tokens": -3, "output_tokens": 10**15},
        {"device.model.name": "phone", "total_tokens": 12},
        {"model": "m", "input_cost_per_token": 1, "tokens_per_second": 30, "token_id": 7},
        {"model": "m", "token_limits": {"input": 100}, "x-ratelimit-limit-input-tokens": 5},
        {"model": "m", "time_to_first_token": 3, "access_token_count": 2, "token": 5},
        {"model": "m", "body": '{"messages": [{"content": {"total_tokens": 12}}]}'},
        {"model": "m", "note": '{"total_tokens": 12}'},
        ["total_tokens", 12],
        None,
    ],
)
def test_ordinary_traffic_shows_none(document):
    assert not holds_usage(document)


def test_the_search_is_bounded():
    usage = {"model": "m", "total_tokens": 5}
    deep: object = usage
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    assert not holds_usage(deep)
    assert not holds_usage([*range(MAX_VALUES), usage])


def test_a_document_says_where_it_shows_usage():
    found = evidence({"stats": {"inputTokens": 4}, "request": {"modelId": "m"}})

    assert found is not None
    assert found.keys == "request,stats"


@pytest.mark.parametrize(
    "name",
    ["", "a b", "user-4711@example.com?", "u-4711815", "0123abcd4567", "x" * 65, "\u00e9", "a\nb"],
)
def test_a_name_that_may_identify_somebody_is_not_shown(name):
    assert shown(name) == OTHER


@pytest.mark.parametrize("name", ["shop.llm", "@vendor/otel-sdk", "model_name", "gen_ai.v2"])
def test_the_name_of_a_library_is_shown(name):
    assert shown(name) == name


# -- where records come from


def value_of(value):
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def span(number, attributes, parent=0):
    return {
        "traceId": "7" * 32,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "startTimeUnixNano": "1763467280000000000",
        "endTimeUnixNano": "1763467281000000000",
        "attributes": [{"key": key, "value": value_of(of)} for key, of in attributes.items()],
    }


def batch(*spans, scope="shop.llm", service="shop"):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    scopes = [{"scope": {"name": scope}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}


def as_protobuf(document):
    document = json.loads(json.dumps(document))
    for each in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId", "parentSpanId"):
            each[name] = base64.b64encode(bytes.fromhex(each[name])).decode()
    return ParseDict(document, TracesData()).SerializeToString()


def unread(value, options=None):
    return [each[1:] for each in Decoder(options).decode(value).unread]


def reasons(value):
    return [each.reason for each in Decoder().decode(value).skipped]


@pytest.mark.parametrize(
    "document",
    [
        batch(span(1, OWN)),
        batch(span(1, OWN), span(2, CHAT)),
        batch(span(1, OWN), span(2, CHAT, 1), span(3, OWN, 2)),
        batch(span(1, {"app.model": "m", "app.usage": '{"input": 3}'}), scope=""),
        batch(span(1, {"gen_ai.operation.name": "chat"} | OWN), scope="", service=""),
        batch(span(1, {"gen_ai.operation.name": "execute_tool"} | OWN)),
        batch(span(1, {"http.request.method": "GET", "gen_ai.request.model": "m"})),
    ],
)
def test_spans_show_usage_alike_in_each_encoding(document):
    compact = json.dumps(document, separators=(",", ":")).encode()
    assert compact.startswith(otlp_json.TYPED)
    found = Decoder().decode(compact)

    for value in (json.dumps(document, indent=1).encode(), as_protobuf(document)):
        other = Decoder().decode(value)
        assert other.unread == found.unread
        assert [each.reason for each in other.skipped] == [each.reason for each in found.skipped]
        assert other.events == found.events


def test_the_scope_is_the_source_else_the_service_else_keys():
    def source(**names):
        return unread(json.dumps(batch(span(1, OWN), **names)).encode())

    assert source() == [("otlp", "shop.llm")]
    assert source(scope="") == [("otlp", "shop")]
    assert source(scope="", service="") == [("otlp", "app.model,app.total_tokens")]
    assert source(scope="tenant 4711") == [("otlp", OTHER)]


def test_a_source_that_is_left_out_on_purpose_is_not_reported():
    value = json.dumps(batch(span(1, OWN))).encode()

    assert unread(value) == [("otlp", "shop.llm")]
    assert unread(value, Options(ignored_sources=("shop",))) == []


def test_a_broken_attribute_of_an_ordinary_span_spoils_nothing():
    document = batch(span(1, CHAT), span(2, OWN | {"app.note": "0123456789"}))
    value = as_protobuf(document).replace(b"0123456789", b"01234\xff6789")
    found = Decoder().decode(value)

    assert len(found.events) == 1
    assert [each.reason for each in found.skipped] == ["unread_usage"]


def test_what_repeats_a_counted_span_is_not_unread():
    document = batch(span(1, OWN), span(2, CHAT, 1), span(3, OWN, 2), span(4, OWN))

    assert reasons(json.dumps(document).encode()) == [
        "not_a_request",
        "not_a_request",
        "unread_usage",
    ]


def test_a_payload_is_judged_alike_whether_the_one_before_was_one_of_its_format():
    counted = {"call_type": "acompletion", "startTime": 1763467280.0, "model": "m", "id": "1"}
    strange = counted | {"token_usage": {"input": 3}}
    payloads = [counted | {"prompt_tokens": 1, "completion_tokens": 2}, counted, strange, counted]
    values = [json.dumps(each).encode() for each in payloads]
    together = Decoder().decode_many(values, [()] * 4)

    assert [[each.reason for each in one.skipped] for one in together] == [
        [],
        ["no_usage"],
        ["unread_usage"],
        ["no_usage"],
    ]
    assert together[1:] == [Decoder().decode(each) for each in values[1:]]


def test_a_failed_request_and_an_estimate_are_known_to_be_none():
    failed = {
        "call_type": "acompletion",
        "startTime": 1763467280.0,
        "model": "m",
        "status": "failure",
        "spend": 0,
        "prompt_tokens": 12,
        "completion_tokens": 0,
    }

    assert reasons(json.dumps(failed).encode()) == ["no_usage"]
