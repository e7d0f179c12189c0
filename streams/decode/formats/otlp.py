"""OpenTelemetry's protocol: traces with GenAI spans and logs with usage, as JSON and as protobuf.

Sources: open-telemetry/semantic-conventions-genai, docs/gen-ai (attributes, what input includes);
opentelemetry-proto, docs/specification.md. Metrics repeat the spans and are skipped.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from streams.decode.event import Rejected, Skipped
from streams.decode.formats import otlp_json, otlp_log, otlp_snake, otlp_span, wire
from streams.decode.formats.raw_usage import MAX_ITEMS, MAX_VALUES, TOO_MANY_ITEMS, Item
from streams.decode.formats.traced import Line, Traced
from streams.decode.usage_names import may_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.decode.formats.otlp_log import Record
    from streams.decode.formats.otlp_span import Source, Span

NAME = "otlp"
_SIGNALS = frozenset((*otlp_snake.SIGNALS, *otlp_snake.SIGNALS.values()))

Items = list[Item | Traced | Line]


def is_otlp(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an OTLP batch of any signal."""
    return not document.keys().isdisjoint(_SIGNALS)


def read(document: dict[str, Any]) -> Items:
    """Return the result for the spans and log records of a batch."""
    document = otlp_snake.in_camel_case(document)
    found: Items = []
    if "resourceSpans" in document:
        found += of_spans(otlp_json.spans(document), otlp_json.counting, otlp_json.events)
    if "resourceLogs" in document:
        found += _of_records(otlp_json.records(document))
    return found or [Skipped("not_a_request")]


def of_spans(
    spans: Iterable[tuple[Span, Source] | Rejected],
    attributes: Callable[[Any], Mapping[str, object]],
    events: Callable[[Any], Iterable[tuple[object, Mapping[str, object]]]],
) -> Items:
    """Return the result for spans; `attributes` decodes those that may hold unread counts.

    `events` returns the times and attributes of those of a span's events that may hold counts.
    """
    read = list(islice(spans, MAX_ITEMS + 1))
    if len(read) > MAX_ITEMS:
        return [TOO_MANY_ITEMS]
    found: Items = []
    for each in read:
        if isinstance(each, Rejected):
            found.append(each)
            continue
        span, source = each
        traced = otlp_span.traced(span, source)
        item = traced.item
        # Most spans are ordinary, and most of these have no name of a count.
        if type(item) is Skipped and not item.is_final:
            if span.may_count or any(map(may_count, span.attributes)):
                traced = otlp_span.looked_into(traced, attributes(span.unread), source)
            reported = list(events(span.events)) if span.events is not None else None
            if reported and (not span.is_broken or _is_ordinary(traced.item)):
                found += _of_events(traced, span, source, reported)
                continue
        if span.is_broken and not _is_ordinary(traced.item):
            found.append(otlp_span.NOT_UTF8)
            continue
        found.append(traced)
    return found or [Skipped("empty_batch")]


def _of_events(
    traced: Traced, span: Span, source: Source, events: list[tuple[object, Mapping[str, object]]]
) -> Items:
    """Return a span without usage, and the requests that its events report."""
    requests = [
        request
        for number, (time, attributes) in enumerate(events)
        if (request := otlp_span.of_event(span, number, time, attributes, source)) is not None
    ]
    if requests:
        return [traced, *requests]
    held = {**span.attributes, "events": [attributes for _, attributes in events]}
    return [otlp_span.looked_into(traced, held, source)]


def _is_ordinary(item: object) -> bool:
    """Return whether an item is something else than a request."""
    return type(item) is Skipped and item.reason == "not_a_request"


def _is_of(found: Traced | Line) -> bool:
    """Return whether the attributes of a log record say what a request used."""
    return not _is_ordinary(found.item) if isinstance(found, Traced) else not found.attributes


def _of_records(records: Iterable[tuple[Record, Source] | Rejected]) -> Items:
    found: Items = []
    for each in islice(records, MAX_ITEMS + 1):
        if isinstance(each, Rejected):
            found.append(each)
            continue
        traced = otlp_log.traced(*each)
        found.append(otlp_span.NOT_UTF8 if each[0].is_broken and _is_of(traced) else traced)
    if len(found) > MAX_ITEMS:
        return [TOO_MANY_ITEMS]
    return found or [Skipped("empty_batch")]


def read_protobuf(value: bytes) -> Items:
    """Return the result for an export request of spans or log records."""
    # Needed for protobuf only; the import takes a tenth of a second.
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        return _read_protobuf(value)
    except wire.TooManyError as error:
        return [Rejected("too_large", str(error))]
    except (DecodeError, RecursionError, wire.MalformedError):
        return [_other_signal(value, "no OTLP traces or logs")]


def _read_protobuf(value: bytes) -> Items:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData  # noqa: PLC0415
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData  # noqa: PLC0415

    from streams.decode.formats import otlp_protobuf  # noqa: PLC0415

    # Before any message is built: an empty one takes two bytes here, and 180 when parsed.
    wire.check(value, TracesData.DESCRIPTOR, MAX_VALUES, Span.DESCRIPTOR, MAX_ITEMS)
    traces = otlp_protobuf.traces(value)
    if next(otlp_protobuf.items(traces), None) is None:
        # Empty, as sent by a connection test, or something unknown.
        if traces or not value:
            return [Skipped("empty_batch")]
        return [Rejected("not_protobuf", "binary, and no OTLP traces or logs")]
    if any(map(otlp_protobuf.has_ids, otlp_protobuf.items(traces))):
        spans = otlp_protobuf.reader().of(traces)
        return of_spans(spans, otlp_protobuf.counting, otlp_protobuf.events)
    # It is not needed any more, and may be large.
    del traces
    wire.check(value, LogsData.DESCRIPTOR, MAX_VALUES, LogRecord.DESCRIPTOR, MAX_ITEMS)
    logs = otlp_protobuf.logs(value)
    if any(each.time or each.observed for each in otlp_protobuf.items(logs)):
        return _of_records(otlp_protobuf.records(logs))
    del logs
    return [_other_signal(value, "binary, and no OTLP traces or logs")]


def read_typed(value: bytes) -> Items | None:
    """Return the result for a batch of spans as JSON, None for anything that is not exactly one."""
    if not value.startswith(otlp_json.TYPED):
        return None
    try:
        return of_spans(otlp_json.typed_spans(value), otlp_json.counting, otlp_json.events)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _other_signal(value: bytes, why: str) -> Item:
    """Return the result for a value without spans and log records: metrics, or unknown."""
    try:
        is_metrics = _is_metrics(value)
    except wire.TooManyError as error:
        return Rejected("too_large", str(error))
    return Skipped("not_a_request") if is_metrics else Rejected("not_protobuf", why)


def _is_metrics(value: bytes) -> bool:
    """Return whether a value is OTLP metrics, which use the same field numbers.

    Raises TooManyError where it may be, and holds more than the limit.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData  # noqa: PLC0415

    metrics = MetricsData()
    try:
        wire.check(value, MetricsData.DESCRIPTOR, MAX_VALUES)
        metrics.ParseFromString(value)
    except (DecodeError, RecursionError, wire.MalformedError):
        return False
    return any(
        metric.name and metric.WhichOneof("data")
        for resource in metrics.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
