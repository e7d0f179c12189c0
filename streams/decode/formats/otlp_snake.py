"""OTLP's JSON by the names of protobuf's fields, in snake case, as OTLP's JSON in camel case.

The specification has camel case. Serializers of protobuf write the fields' own names where they are
asked to (`preserving_proto_field_name`), and ids in base64, as protobuf's own JSON does.

Source: opentelemetry-proto, opentelemetry/proto; protobuf.dev, ProtoJSON format.
"""

from __future__ import annotations

from typing import Any, Final

from streams.decode.formats.jaeger import id_of

#: Keys of a document of each signal, and what they are in camel case.
SIGNALS: Final = {
    "resource_spans": "resourceSpans",
    "resource_logs": "resourceLogs",
    "resource_metrics": "resourceMetrics",
}
_IDS: Final = {
    "trace_id": "traceId",
    "span_id": "spanId",
    "parent_span_id": "parentSpanId",
}
#: What a value lies in.
VALUES: Final = {
    "string_value": "stringValue",
    "int_value": "intValue",
    "double_value": "doubleValue",
    "bool_value": "boolValue",
    "bytes_value": "bytesValue",
    "array_value": "arrayValue",
    "kvlist_value": "kvlistValue",
}
_NAMES: Final = {
    **SIGNALS,
    **_IDS,
    **VALUES,
    "scope_spans": "scopeSpans",
    "scope_logs": "scopeLogs",
    "instrumentation_library_spans": "instrumentationLibrarySpans",
    "instrumentation_library_logs": "instrumentationLibraryLogs",
    "log_records": "logRecords",
    "event_name": "eventName",
    "start_time_unix_nano": "startTimeUnixNano",
    "end_time_unix_nano": "endTimeUnixNano",
    "time_unix_nano": "timeUnixNano",
    "observed_time_unix_nano": "observedTimeUnixNano",
}
#: Deeper than any value that is read.
_MAX_DEPTH: Final = 64


def in_camel_case(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of any signal with the names of OTLP's JSON; itself where it has them."""
    return document if document.keys().isdisjoint(SIGNALS) else _renamed(document, 0)


def _renamed(node: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return None
    if type(node) is list:
        return [_renamed(each, depth + 1) for each in node]
    if type(node) is not dict:
        return node
    return {
        _NAMES.get(key, key): id_of(each) if key in _IDS else _renamed(each, depth + 1)
        for key, each in node.items()
    }
