"""The OpenTelemetry Collector: it keeps what is read of a span, and no prompts."""

from __future__ import annotations

import base64
import importlib
import re

import orjson
from gateway_files import configuration, sample

from streams.decode.decoder import Decoder
from streams.decode.formats import otlp_names
from streams.decode.options import Options

COLLECTOR = configuration("otel-collector", "collector.yaml")


def kept(kind):
    """Return the keys that the Collector keeps of some kind of attributes."""
    statements = COLLECTOR["processors"]["transform/usage_only"]["trace_statements"]
    (keys,) = [
        re.findall('"([^"]+)"', statement)
        for statement in statements
        if statement.startswith(f"keep_keys({kind}.attributes")
    ]
    return keys


def test_the_collector_keeps_what_is_read_of_a_span_but_for_prompts():
    keys = kept("span")

    assert len(keys) == len(set(keys))
    assert set(keys) == set(otlp_names.WANTED) - set(otlp_names.MAY_HOLD_TEXTS)
    assert not {"gen_ai.input.messages", "gen_ai.output.messages", "input.value"} & set(keys)


def test_the_collector_drops_events_and_texts_of_errors():
    processors = COLLECTOR["processors"]

    assert processors["filter/genai"]["traces"]["spanevent"] == ["true"]
    assert {'set(span.status.message, "")', 'set(span.name, "gen_ai")'} <= set(
        processors["transform/usage_only"]["trace_statements"]
    )


def test_the_collector_refuses_spans_that_it_cannot_strip():
    assert COLLECTOR["processors"]["transform/usage_only"]["error_mode"] == "propagate"


def test_the_collector_drops_only_spans_without_usage_and_operation():
    (condition,) = COLLECTOR["processors"]["filter/genai"]["traces"]["span"]
    clauses = condition.split(" and ")

    assert all(re.fullmatch(r'span\.attributes\["[^"]+"\] == nil', each) for each in clauses)
    assert set(re.findall('"([^"]+)"', condition)) == {
        *(otlp_names.OPERATION, *otlp_names.INPUT, *otlp_names.OUTPUT, otlp_names.EMBEDDED),
        *(otlp_names.BARE_INPUT, otlp_names.BARE_OUTPUT),
        *(otlp_names.LANGFUSE_USAGE, otlp_names.MLFLOW_USAGE, otlp_names.BRAINTRUST_USAGE),
    }


def test_the_collector_strips_before_it_writes_and_writes_once():
    pipelines = COLLECTOR["service"]["pipelines"]

    assert pipelines == {
        "traces/tokenshare": {
            "receivers": ["otlp"],
            "processors": ["memory_limiter", "filter/genai", "transform/usage_only", "batch"],
            "exporters": ["kafka"],
        }
    }
    assert set(pipelines["traces/tokenshare"]["processors"]) == set(COLLECTOR["processors"])
    assert set(COLLECTOR["exporters"]) == {"kafka", "otlphttp/bridge"}


def test_a_batch_of_the_collector_fits_into_a_record():
    resource = sample("otel-collector")["resourceSpans"][0]
    span = resource["scopeSpans"][0]["spans"][0]
    most = COLLECTOR["processors"]["batch"]["send_batch_max_size"]

    assert most * len(orjson.dumps(span)) < 1_000_000 / 2


def test_a_span_of_the_collector_holds_nothing_that_it_does_not_keep():
    (resource,) = sample("otel-collector")["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    spans = scope["spans"]

    assert {each["key"] for each in resource["resource"]["attributes"]} <= set(kept("resource"))
    assert not scope["scope"].keys() & {"attributes"}
    assert {each["key"] for span in spans for each in span["attributes"]} <= set(kept("span"))
    assert {span["name"] for span in spans} == {"gen_ai"}


def test_both_encodings_of_the_collector_say_the_same():
    json_format = importlib.import_module("google.protobuf.json_format")
    traces_data = importlib.import_module("opentelemetry.proto.trace.v1.trace_pb2").TracesData
    document = sample("otel-collector")
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId", "parentSpanId"):
            # protobuf's own JSON has bytes in base 64, OTLP's has them in hex.
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    value = json_format.ParseDict(document, traces_data()).SerializeToString()
    as_json = Decoder(Options()).decode(orjson.dumps(sample("otel-collector")))
    as_protobuf = Decoder(Options()).decode(value)

    assert COLLECTOR["exporters"]["kafka"]["traces"]["encoding"] == "otlp_proto"
    assert len(as_protobuf.events) == 1
    assert [
        (each.model, each.prompt_tokens, each.completion_tokens, each.language, each.id)
        for each in as_protobuf.events
    ] == [
        (each.model, each.prompt_tokens, each.completion_tokens, each.language, each.id)
        for each in as_json.events
    ]
