"""An OTLP export request in protobuf as OTLP's JSON, with all of it: to be shown, not counted.

Source: opentelemetry-proto, docs/specification.md (ids are hexadecimal digits, 64-bit integers are
decimal strings).
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from streams.decode.formats import otlp_protobuf, wire
from streams.decode.formats.raw_usage import MAX_ITEMS, MAX_VALUES

#: Protobuf's own JSON has these in base64.
_IDS = ("traceId", "spanId", "parentSpanId")


def document_of(value: bytes) -> dict[str, Any] | None:
    """Return the request as a document, None where the value is none or above the limits."""
    try:
        return _document(value)
    except Exception:  # noqa: BLE001 - protobuf's errors differ between its implementations
        return None


def _document(value: bytes) -> dict[str, Any] | None:
    if not value:
        return {"resourceSpans": []}
    message = _message(value)
    if message is None:
        return None
    message.ParseFromString(value)
    return _with_hex(MessageToDict(message)) or {"resourceSpans": []}


def _message(value: bytes) -> Any:
    """Return an empty message of the request's kind: all kinds use the same field numbers."""
    wire.check(value, TracesData.DESCRIPTOR, MAX_VALUES, Span.DESCRIPTOR, MAX_ITEMS)
    traces = otlp_protobuf.traces(value)
    spans = list(otlp_protobuf.items(traces))
    if (traces and not spans) or any(map(otlp_protobuf.has_ids, spans)):
        return TracesData()
    wire.check(value, LogsData.DESCRIPTOR, MAX_VALUES, LogRecord.DESCRIPTOR, MAX_ITEMS)
    if any(each.time or each.observed for each in otlp_protobuf.items(otlp_protobuf.logs(value))):
        return LogsData()
    wire.check(value, MetricsData.DESCRIPTOR, MAX_VALUES)
    metrics = MetricsData.FromString(value)
    is_metrics = any(
        metric.name and metric.WhichOneof("data")
        for resource in metrics.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
    return MetricsData() if is_metrics else None


def _with_hex(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: base64.b64decode(each).hex()
            if key in _IDS and isinstance(each, str)
            else _with_hex(each)
            for key, each in node.items()
        }
    return [_with_hex(each) for each in node] if isinstance(node, list) else node
