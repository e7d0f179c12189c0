"""Writes the samples of OTLP as protobuf, beside this file: `python tests/formats/otlp/make.py`."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

HERE = Path(__file__).parent
TRACE = bytes.fromhex("5b8efff798038103d269b633813fc60c")
#: 2026-11-18T12:01:20.5Z in nanoseconds.
START = 1_795_003_280_500_000_000
SECOND = 1_000_000_000

PROMPT, COMPLETION = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
MODEL, OPERATION = "gen_ai.request.model", "gen_ai.operation.name"

CHAT = {
    OPERATION: "chat",
    "gen_ai.provider.name": "openai",
    MODEL: "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    PROMPT: 1200,
    COMPLETION: 300,
    "gen_ai.usage.cache_read.input_tokens": 1024,
    "gen_ai.usage.reasoning.output_tokens": 256,
    "gen_ai.input.messages": '[{"role":"user","content":"batch, specversion"}]',
    "user.id": "u-17",
}


def any_value(value):
    # A boolean is an integer to Python, so it comes first.
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=value)


def attributes(said):
    return [KeyValue(key=key, value=any_value(value)) for key, value in said.items()]


def traces(*spans):
    """Return a batch of spans, each given as id, parent, start and attributes."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(attributes({"service.name": "gateway"}))
    scope = resource.scope_spans.add()
    for number, parent, start, said in spans:
        scope.spans.add(
            trace_id=TRACE,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            name=str(said.get(OPERATION, "request")),
            start_time_unix_nano=start,
            end_time_unix_nano=start + SECOND,
            attributes=attributes(said),
        )
    return request.SerializeToString()


def metrics():
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    metric = scope.metrics.add(name="gen_ai.client.token.usage", unit="{token}")
    metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.histogram.data_points.add(
        start_time_unix_nano=START - 60 * SECOND,
        time_unix_nano=START,
        count=3,
        sum=1200.0,
        bucket_counts=[1, 2],
        explicit_bounds=[1000.0],
        attributes=attributes({"gen_ai.token.type": "input", MODEL: "gpt-4o"}),
    )
    return request.SerializeToString()


def logs():
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.log_records.add(
        time_unix_nano=START,
        severity_text="INFO",
        event_name="gen_ai.client.inference.operation.details",
        trace_id=TRACE,
        span_id=(0xB1).to_bytes(8, "big"),
        body=AnyValue(string_value="a request"),
        attributes=attributes({MODEL: "gpt-4o", PROMPT: 12}),
    )
    return request.SerializeToString()


def agent_logs():
    """Return a coding agent's log event, an access log's line in a body, and a mapping in one."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    event = {"event.name": "api_request", "model": "claude-opus-4-6", "request_id": "req_c1"}
    counts = {"input_tokens": 6, "output_tokens": 42, "cache_read_tokens": 3800}
    scope.log_records.add(time_unix_nano=START, attributes=attributes(event | counts))
    line = '{"genai_model_name": "phi-4", "genai_tokens_input": 7, "genai_tokens_output": 1}'
    scope.log_records.add(time_unix_nano=START, body=AnyValue(string_value=line))
    scope.log_records.add(observed_time_unix_nano=START, body=AnyValue(string_value="started"))
    return request.SerializeToString()


def emitters():
    """Return spans with counts as texts and doubles, long texts, and usage in a JSON text."""
    usage = '{"prompt_tokens": 300, "completion_tokens": 21, "total_tokens": 321}'
    langfuse = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o-mini",
        "langfuse.observation.usage_details": usage + " " * 100,
    }
    chat = {OPERATION: "chat", MODEL: "mistral-large"}
    return traces(
        (0xD1, 0, START, chat | {PROMPT: "812", COMPLETION: "64"}),
        (0xD2, 0, START, chat | {PROMPT: 12.0, COMPLETION: 3.0}),
        (0xD3, 0, START, langfuse),
        (0xD4, 0xD5, START, chat | {PROMPT: 2**31, COMPLETION: 3}),
        (0xD5, 0, START, {OPERATION: "invoke_agent", PROMPT: 5, COMPLETION: 5}),
    )


def samples():
    chat = traces((0xB1, 0xB0, START, CHAT))
    return {
        "chat": chat,
        "agent-logs": agent_logs(),
        "emitters": emitters(),
        "agent": traces(
            (
                0xA1,
                0,
                START - SECOND // 2,
                {OPERATION: "invoke_agent", MODEL: "gpt-4o", PROMPT: 30},
            ),
            (0xA2, 0xA1, START, {OPERATION: "chat", MODEL: "gpt-4o", PROMPT: 10, COMPLETION: 1}),
            (
                *(0xA3, 0xA1, START + SECOND // 2),
                {OPERATION: "chat", MODEL: "gpt-4o", PROMPT: 20, COMPLETION: 2},
            ),
        ),
        "bad-items": traces(
            (0xB1, 0, START, {MODEL: "gpt-4o", PROMPT: True}),
            (0xB2, 0, START, {MODEL: "gpt-4o", PROMPT: 7.5}),
            (0xB3, 0, START, {MODEL: "gpt-4o", PROMPT: "7"}),
            (0xB4, 0, START, {MODEL: "gpt-4o", PROMPT: -7}),
            (0xB5, 0, START, {MODEL: "gpt-4o", PROMPT: 7, COMPLETION: 1}),
        ),
        "cut-off": chat[:-20],
        "empty": b"",
        "logs": logs(),
        "metrics": metrics(),
    }


if __name__ == "__main__":
    for name, value in samples().items():
        (HERE / f"protobuf-{name}.bin").write_bytes(value)
