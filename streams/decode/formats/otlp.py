"""OTLP traces with GenAI spans, as JSON and as protobuf.

Sources: open-telemetry/semantic-conventions-genai, docs/gen-ai (attributes, what input includes);
opentelemetry-proto, docs/specification.md (JSON: 64-bit integers are decimal strings, and readers
accept numbers as well). The names of older emitters are alternatives, never summed.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.decode.event import Rejected, Skipped
from streams.decode.formats import wire
from streams.decode.formats.provider_usage import with_cache
from streams.decode.formats.raw_usage import (
    MAX_ITEMS,
    MAX_VALUES,
    TOO_MANY_ITEMS,
    Found,
    Item,
    add,
    json_type,
    part,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

NAME = "otlp"

#: Operations that are one request to a model.
_REQUESTS = ("chat", "text_completion", "generate_content", "embeddings")
#: Operations whose spans hold the sum of their children, or no tokens of their own.
_NO_REQUESTS = (
    *("invoke_agent", "invoke_workflow", "create_agent"),
    *("execute_tool", "plan", "fetch_response"),
)

_INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
)
_OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
)
_CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
)
_CACHE_CREATION = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)
_MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_OPERATION = ("gen_ai.operation.name",)
_TENANT = ("tenant.id", "tenant", "enduser.id", "user.id")
_LANGUAGE = ("gen_ai.prompt.language", "tokenshare.language", "language")
_TEXT = (
    "gen_ai.input.messages",
    "gen_ai.prompt_json",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "llm.input_messages.0.message.content",
    "input.value",
)
_ERROR = "error.type"
#: The status code of a failed span.
_FAILED = (2, "STATUS_CODE_ERROR")
_WANTED = frozenset(
    (
        _ERROR,
        *(*_INPUT, *_OUTPUT, *_CACHE_READ, *_CACHE_CREATION),
        *(*_MODEL, *_OPERATION, *_TENANT, *_LANGUAGE, *_TEXT),
    )
)

#: A trace id and a span id, in bytes; other signals in protobuf have other fields in their place.
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8


class _Span(NamedTuple):
    """The required fields of a span, from either encoding."""

    trace: str
    id: str
    parent: str
    start: object
    failed: bool
    attributes: Mapping[str, object]


def is_otlp(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an OTLP batch of any signal."""
    return not document.keys().isdisjoint(("resourceSpans", "resourceMetrics", "resourceLogs"))


def read(document: Mapping[str, Any]) -> list[Item]:
    """Return the result for the spans of a batch; metrics and logs repeat them and are skipped."""
    if "resourceSpans" not in document:
        return [Skipped("not_a_request")]
    return _items(_json_spans(document["resourceSpans"]))


def read_protobuf(value: bytes) -> list[Item]:
    """Return the result for the spans of an ExportTraceServiceRequest."""
    # Needed for protobuf only; the import takes a tenth of a second.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData  # noqa: PLC0415

    traces = TracesData()
    try:
        # Before any message is built: an empty one takes two bytes here, and 180 when parsed.
        wire.check(value, TracesData.DESCRIPTOR, MAX_VALUES, Span.DESCRIPTOR, MAX_ITEMS)
        traces.ParseFromString(value)
    except wire.TooManyError as error:
        return [Rejected("too_large", str(error))]
    except (DecodeError, RecursionError, wire.MalformedError):
        return [_without_ids(value, "no OTLP traces")]
    if next(_spans(traces), None) is None:
        # Empty, as sent by a connection test, or something unknown.
        if traces.resource_spans or not value:
            return [Skipped("empty_batch")]
        return [Rejected("not_protobuf", "binary, and no OTLP traces")]
    if not any(
        len(span.trace_id) == _TRACE_ID_BYTES and len(span.span_id) == _SPAN_ID_BYTES
        for span in _spans(traces)
    ):
        # It is not needed any more, and may be large.
        del traces
        return [_without_ids(value, "binary, and no OTLP traces")]
    return _items(
        _Span(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.status.code in _FAILED,
            _protobuf_attributes(span.attributes),
        )
        for span in _spans(traces)
    )


def _spans(traces: TracesData) -> Iterator[Span]:
    return (
        span
        for resource in traces.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )


def _without_ids(value: bytes, why: str) -> Item:
    """Return the result for a value without spans that have ids: another signal, or unknown."""
    try:
        is_other = _is_other_signal(value)
    except wire.TooManyError as error:
        return Rejected("too_large", str(error))
    return Skipped("not_a_request") if is_other else Rejected("not_protobuf", why)


def _is_other_signal(value: bytes) -> bool:
    """Return whether a value is OTLP metrics or logs, which use the same field numbers.

    Raises TooManyError where it may be, and holds more than the limit.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData  # noqa: PLC0415
    from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData  # noqa: PLC0415

    metrics, logs = MetricsData(), LogsData()
    try:
        wire.check(value, MetricsData.DESCRIPTOR, MAX_VALUES)
        metrics.ParseFromString(value)
        if any(
            metric.name and metric.WhichOneof("data")
            for resource in metrics.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ):
            return True
    except (DecodeError, RecursionError, wire.MalformedError):
        pass
    del metrics
    try:
        wire.check(value, LogsData.DESCRIPTOR, MAX_VALUES)
        logs.ParseFromString(value)
    except (DecodeError, RecursionError, wire.MalformedError):
        return False
    return any(
        entry.time_unix_nano or entry.observed_time_unix_nano
        for resource in logs.resource_logs
        for scope in resource.scope_logs
        for entry in scope.log_records
    )


def _items(spans: Iterable[_Span | Rejected]) -> list[Item]:
    """Return an item a span.

    A span without an operation that contains a counted one is treated as its sum, as agents write
    it.
    """
    read = [
        (span, span if isinstance(span, Rejected) else _item(span))
        for span in islice(spans, MAX_ITEMS + 1)
    ]
    if len(read) > MAX_ITEMS:
        return [TOO_MANY_ITEMS]
    if not read:
        return [Skipped("empty_batch")]
    parents = {
        span.parent
        for span, item in read
        if isinstance(span, _Span) and isinstance(item, Found) and span.parent
    }
    of = {span.id: span.parent for span, _ in read if isinstance(span, _Span) and span.id}
    around: set[str] = set()
    for parent in parents:
        outer = parent
        while outer and outer not in around:
            around.add(outer)
            outer = of.get(outer, "")
    return [
        Skipped("not_a_request")
        if isinstance(span, _Span)
        and isinstance(item, Found)
        and span.id in around
        and _OPERATION[0] not in span.attributes
        else item
        for span, item in read
    ]


def _item(span: _Span) -> Item:
    attributes = span.attributes
    operation = attributes.get(_OPERATION[0])
    if operation in _NO_REQUESTS:
        return Skipped("not_a_request")
    prompt, completion = _first(attributes, _INPUT), _first(attributes, _OUTPUT)
    if prompt is None and completion is None:
        return Skipped("no_usage" if operation in _REQUESTS else "not_a_request")
    cached = add(_first(attributes, _CACHE_READ), _first(attributes, _CACHE_CREATION))
    # Some report Anthropic's input unchanged, without the cache: a part then exceeds its whole.
    prompt = with_cache(prompt, cached, is_beside=False)
    start = whole(span.start)
    return Found(
        model=_first(attributes, _MODEL),
        prompt=prompt,
        completion=completion,
        ts=start or None,
        language=_first(attributes, _LANGUAGE),
        tenant=_first(attributes, _TENANT),
        id=f"{span.trace}/{span.id}" if span.id else None,
        text=_first(attributes, _TEXT),
        failed=span.failed or attributes.get(_ERROR) is not None,
    )


def _first(attributes: Mapping[str, object], names: tuple[str, ...]) -> object:
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


# --- JSON


def _json_spans(resources: object) -> Iterator[_Span | Rejected]:
    for resource in _objects(resources, "resourceSpans"):
        if isinstance(resource, Rejected):
            yield resource
            continue
        scopes = resource.get("scopeSpans", resource.get("instrumentationLibrarySpans"))
        for scope in _objects(scopes, "scopeSpans"):
            if isinstance(scope, Rejected):
                yield scope
                continue
            for span in _objects(scope.get("spans"), "spans"):
                yield span if isinstance(span, Rejected) else _json_span(span)


def _objects(value: object, name: str) -> Iterator[dict[str, Any] | Rejected]:
    if value is None:
        return
    if type(value) is not list:
        yield Rejected("wrong_type", f"{name} is {json_type(value)}, expected an array")
        return
    for each in value:
        if type(each) is dict:
            yield each
        else:
            yield Rejected("wrong_type", f"{name} holds {json_type(each)}")


def _json_span(span: dict[str, Any]) -> _Span:
    return _Span(
        _text(span.get("traceId")),
        _text(span.get("spanId")),
        _text(span.get("parentSpanId")),
        span.get("startTimeUnixNano"),
        part(span, "status", "code") in _FAILED,
        _json_attributes(span.get("attributes")),
    )


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _json_attributes(attributes: object) -> dict[str, object]:
    found: dict[str, object] = {}
    if type(attributes) is not list:
        return found
    for each in attributes:
        if type(each) is dict:
            key = each.get("key")
            if type(key) is str and key in _WANTED and key not in found:
                found[key] = _json_value(each.get("value"))
    return found


def _json_value(value: object) -> object:
    if type(value) is not dict or len(value) != 1:
        return None
    ((kind, held),) = value.items()
    match kind:
        case "intValue":
            return whole(held)
        case "stringValue" | "boolValue" | "doubleValue":
            return held
        case "arrayValue" | "kvlistValue" if type(held) is dict:
            return _json_values(held.get("values"), depth=0)
    return None


def _json_values(values: object, depth: int) -> object:
    """Return any structure as plain lists and dictionaries, to the depth that prompts have."""
    if type(values) is not list or depth > _MAX_DEPTH:
        return None
    plain: list[object] = []
    keyed: dict[str, object] = {}
    for each in values:
        if type(each) is not dict:
            continue
        if type(each.get("key")) is str:
            keyed[each["key"]] = _json_inner(each.get("value"), depth)
        else:
            plain.append(_json_inner(each, depth))
    return keyed or plain


def _json_inner(value: object, depth: int) -> object:
    if type(value) is dict and len(value) == 1:
        ((kind, held),) = value.items()
        if kind in {"arrayValue", "kvlistValue"} and type(held) is dict:
            return _json_values(held.get("values"), depth + 1)
    return _json_value(value)


#: Messages hold parts which hold texts: a deeper structure is not a prompt.
_MAX_DEPTH = 8


# --- protobuf


def _protobuf_attributes(attributes: Any) -> dict[str, object]:
    found: dict[str, object] = {}
    for each in attributes:
        if each.key in _WANTED and each.key not in found:
            found[each.key] = _protobuf_value(each.value, 0)
    return found


def _protobuf_value(value: Any, depth: int) -> object:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "bool_value":
            return value.bool_value
        case "array_value" if depth < _MAX_DEPTH:
            return [_protobuf_value(each, depth + 1) for each in value.array_value.values]
        case "kvlist_value" if depth < _MAX_DEPTH:
            return {
                each.key: _protobuf_value(each.value, depth + 1)
                for each in value.kvlist_value.values
            }
    return None
