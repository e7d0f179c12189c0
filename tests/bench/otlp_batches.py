"""OTLP batches of a hundred spans, as instrumented applications send them, for the benchmark."""

from __future__ import annotations

import json
import random
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

BATCH = 100
_START = 1_795_003_280_500_000_000
_SECOND = 1_000_000_000
_MODELS = ("gpt-4o-2024-08-06", "qwen3-32b", "claude-sonnet-4-5", "deepseek-chat", "llama-3.3-70b")


def _attributes(draw: random.Random) -> dict[str, Any]:
    model = draw.choice(_MODELS)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.id": f"chatcmpl-{draw.getrandbits(96):024x}",
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.response.finish_reasons": "stop",
        "gen_ai.usage.input_tokens": draw.randrange(100, 4000),
        "gen_ai.usage.output_tokens": draw.randrange(10, 900),
        "gen_ai.usage.cache_read.input_tokens": 64,
        "server.address": "llm.example",
        "server.port": 443,
        "user.id": f"user-{draw.randrange(900)}",
    }


def json_batch(number: int) -> bytes:
    """Return a batch as JSON."""
    return json.dumps(_document(random.Random(number)), separators=(",", ":")).encode()


def _document(draw: random.Random) -> dict[str, Any]:
    spans = [
        {
            "traceId": f"{draw.getrandbits(128):032x}",
            "spanId": f"{draw.getrandbits(64):016x}",
            "parentSpanId": f"{draw.getrandbits(64):016x}",
            "name": "chat",
            "kind": 3,
            "startTimeUnixNano": str(_START + at * _SECOND),
            "endTimeUnixNano": str(_START + (at + 1) * _SECOND),
            "attributes": [
                {"key": key, "value": _value(value)} for key, value in _attributes(draw).items()
            ],
            "status": {},
        }
        for at in range(BATCH)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scope = {"name": "opentelemetry.instrumentation.openai_v2", "version": "2.3"}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]
    }


def _value(value: object) -> dict[str, object]:
    match value:
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": value}


def protobuf_batch(number: int) -> bytes:
    """Return the same batch as protobuf."""
    (resource,) = _document(random.Random(number))["resourceSpans"]
    request = ExportTraceServiceRequest()
    made = request.resource_spans.add()
    for each in resource["resource"]["attributes"]:
        made.resource.attributes.add(key=each["key"], value=_any_value(each["value"]))
    (scope,) = resource["scopeSpans"]
    inside = made.scope_spans.add()
    inside.scope.name = scope["scope"]["name"]
    for span in scope["spans"]:
        inside.spans.add(
            trace_id=bytes.fromhex(span["traceId"]),
            span_id=bytes.fromhex(span["spanId"]),
            parent_span_id=bytes.fromhex(span["parentSpanId"]),
            name=span["name"],
            kind=span["kind"],
            start_time_unix_nano=int(span["startTimeUnixNano"]),
            end_time_unix_nano=int(span["endTimeUnixNano"]),
            attributes=[
                {"key": each["key"], "value": _any_value(each["value"])}
                for each in span["attributes"]
            ],
        )
    return request.SerializeToString()


def _any_value(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, held),) = value.items()
    return {
        "string_value"
        if kind == "stringValue"
        else "int_value"
        if kind == "intValue"
        else "double_value": int(held) if kind == "intValue" else held
    }
