"""OTLP as JSON: the spans and log records of a document.

Source: opentelemetry-proto, docs/specification.md (64-bit integers are decimal strings, and readers
accept numbers as well).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from streams.decode.event import Rejected
from streams.decode.formats import otlp_names as names
from streams.decode.formats.otlp_span import FAILED, Source, Span
from streams.decode.formats.raw_usage import json_type, part, whole
from streams.decode.unread_usage import MAX_VALUES
from streams.decode.usage_names import MAX_NAME, may_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.decode.formats.otlp_log import Record

#: One of these is in every name of a count.
COUNTING: Final = (b"oken", b"OKEN", b"sage", b"SAGE")
#: Messages hold parts which hold texts: a deeper structure is not a prompt.
_MAX_DEPTH: Final = 8
_SERVICE: Final = "service.name"


def spans(document: dict[str, Any]) -> Iterator[tuple[Span, Source] | Rejected]:
    """Yield the spans of a document with their sources, and what is wrong with it."""
    for inside in _scopes(document, "resourceSpans", "scopeSpans", "instrumentationLibrarySpans"):
        if isinstance(inside, Rejected):
            yield inside
            continue
        scope, source = inside
        for span in _objects(scope.get("spans"), "spans"):
            if isinstance(span, Rejected):
                yield span
            else:
                given = span.get("attributes")
                found = span_of(span, _wanted(given))
                yield found._replace(unread=given, events=span.get("events")), source


def _scopes(
    document: dict[str, Any], resources: str, scopes: str, older: str
) -> Iterator[tuple[dict[str, Any], Source] | Rejected]:
    for resource in _objects(document.get(resources), resources):
        if isinstance(resource, Rejected):
            yield resource
            continue
        service = _attribute(part(resource, "resource", "attributes"), _SERVICE)
        for scope in _objects(resource.get(scopes, resource.get(older)), scopes):
            if isinstance(scope, Rejected):
                yield scope
                continue
            yield scope, Source.of(part(scope, "scope", "name"), service)


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


def span_of(span: Mapping[str, Any], attributes: Mapping[str, object]) -> Span:
    """Return a span with OTLP's fields, whatever their types; its attributes are read already.

    Ids are hexadecimal digits of any case.
    """
    return Span(
        text_of(span.get("traceId")).lower(),
        text_of(span.get("spanId")).lower(),
        text_of(span.get("parentSpanId")).lower(),
        plain(span.get("kind")),
        span.get("startTimeUnixNano"),
        span.get("endTimeUnixNano"),
        plain(part(span, "status", "code")) in FAILED,
        attributes,
    )


def plain(value: object) -> object:
    """Return a number or a text; anything else cannot be looked up."""
    return value if type(value) in {int, str} else None


def text_of(value: object) -> str:
    """Return a text, "" for anything else."""
    return value if type(value) is str else ""


def _wanted(attributes: object) -> dict[str, object]:
    found: dict[str, object] = {}
    if type(attributes) is not list:
        return found
    for each in attributes:
        if type(each) is dict:
            key = each.get("key")
            name = names.WANTED.get(key) if type(key) is str else None
            if name is not None and name not in found:
                found[name] = value_of(each.get("value"))
    return found


def counting(attributes: Any) -> dict[str, object]:
    """Return all attributes of a span, none where no name may be a count's."""
    pairs = [(_key(each), each) for each in attributes] if type(attributes) is list else []
    if not any(may_count(key) for key, _ in pairs):
        return {}
    return {
        key: _typed_value(each.value) if type(each) is _Attribute else value_of(each.get("value"))
        for key, each in pairs[:MAX_VALUES]
        if key
    }


def events(given: Any) -> Iterator[tuple[object, Mapping[str, object]]]:
    """Yield time and attributes of those events of a span that may hold counts."""
    if type(given) is _TypedSpan:
        raw = bytes(given.events)
        given = orjson.loads(raw) if any(word in raw for word in COUNTING) else None
    for event in given[:MAX_VALUES] if type(given) is list else ():
        attributes = _all(event.get("attributes")) if type(event) is dict else {}
        if any(map(may_count, attributes)):
            yield event.get("timeUnixNano"), attributes


def _key(attribute: object) -> str:
    if type(attribute) is _Attribute:
        return attribute.key
    return text_of(attribute.get("key")) if type(attribute) is dict else ""


def _attribute(attributes: object, name: str) -> object:
    if type(attributes) is list:
        for each in attributes:
            if type(each) is dict and each.get("key") == name:
                return value_of(each.get("value"))
    return None


def value_of(value: object) -> object:
    """Return the plain value of an OTLP value, None where it is none."""
    if type(value) is not dict:
        return None
    text = value.get("stringValue")
    if text is not None:
        return text
    number = value.get("intValue")
    if number is not None:
        return whole(number)
    for kind in ("doubleValue", "boolValue"):
        held = value.get(kind)
        if held is not None:
            return held
    for kind in ("arrayValue", "kvlistValue"):
        held = value.get(kind)
        if type(held) is dict:
            return _values(held.get("values"), depth=0)
    return None


def _values(values: object, depth: int) -> object:
    """Return any structure as plain lists and dictionaries, to the depth that prompts have."""
    if type(values) is not list or depth > _MAX_DEPTH:
        return None
    plain: list[object] = []
    keyed: dict[str, object] = {}
    for each in values:
        if type(each) is not dict:
            continue
        if type(each.get("key")) is str:
            keyed[each["key"]] = _inner(each.get("value"), depth)
        else:
            plain.append(_inner(each, depth))
    return keyed or plain


def _inner(value: object, depth: int) -> object:
    if type(value) is dict and len(value) == 1:
        ((kind, held),) = value.items()
        if kind in {"arrayValue", "kvlistValue"} and type(held) is dict:
            return _values(held.get("values"), depth + 1)
    return value_of(value)


# --- log records


def records(document: dict[str, Any]) -> Iterator[tuple[Record, Source] | Rejected]:
    """Yield the log records of a document with their sources, and what is wrong with it."""
    from streams.decode.formats.otlp_log import Record  # noqa: PLC0415 - it reads what this yields

    older = "instrumentationLibraryLogs"
    for inside in _scopes(document, "resourceLogs", "scopeLogs", older):
        if isinstance(inside, Rejected):
            yield inside
            continue
        scope, source = inside
        for each in _objects(scope.get("logRecords"), "logRecords"):
            if isinstance(each, Rejected):
                yield each
                continue
            yield (
                Record(
                    text_of(each.get("traceId")),
                    text_of(each.get("spanId")),
                    whole(each.get("timeUnixNano")) or whole(each.get("observedTimeUnixNano")),
                    text_of(each.get("eventName")),
                    _all(each.get("attributes")),
                    _body(each.get("body")),
                ),
                source,
            )


def _body(value: object) -> object:
    """Return the body of a log record: bytes of a text are a text."""
    held = part(value, "bytesValue")
    if type(held) is not str:
        return value_of(value)
    try:
        return base64.b64decode(held, validate=True).decode()
    except ValueError:
        return None


def _all(attributes: object) -> dict[str, object]:
    found = _values(attributes, depth=0)
    return found if type(found) is dict else {}


# --- the same, without building what is not wanted


class _Value(msgspec.Struct, gc=False, rename="camel"):
    string_value: str | None = None
    int_value: str | int | None = None
    double_value: float | None = None
    bool_value: bool | None = None
    array_value: msgspec.Raw = msgspec.Raw()
    kvlist_value: msgspec.Raw = msgspec.Raw()


class _Attribute(msgspec.Struct, gc=False):
    key: str
    value: _Value


class _Status(msgspec.Struct, gc=False):
    code: int | str = 0


class _TypedSpan(msgspec.Struct, gc=False, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    kind: int | str = 0
    start_time_unix_nano: str | int = 0
    end_time_unix_nano: str | int = 0
    status: _Status | None = None
    attributes: list[_Attribute] = []
    events: msgspec.Raw = msgspec.Raw()


class _Scope(msgspec.Struct, gc=False):
    name: str = ""


class _Spans(msgspec.Struct, gc=False):
    spans: list[_TypedSpan]
    scope: _Scope | None = None


class _Resource(msgspec.Struct, gc=False):
    attributes: list[_Attribute] = []


class _ScopeSpans(msgspec.Struct, gc=False, rename="camel"):
    scope_spans: list[_Spans]
    resource: _Resource | None = None


class _Traces(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    resource_spans: list[_ScopeSpans]


#: How a batch begins that is written without white space.
TYPED: Final = b'{"resourceSpans":'
_decode: Final = msgspec.json.Decoder(_Traces).decode


#: Names of attributes -> what they are found under. Emitters have a few dozen each.
_known: Final[dict[str, str | None]] = {}
_MAX_KNOWN: Final = 4096
_MISSING: Final = "\0"
#: In the place of all attributes that are not wanted, and may be a count by their names.
_COUNTS: Final = ""


def typed_spans(value: bytes) -> list[tuple[Span, Source]]:
    """Return the spans of a batch without building what is not wanted; the same as `spans`.

    Raises msgspec.DecodeError or UnicodeDecodeError for anything that is not exactly one.
    """
    # The typed decoder does not validate the texts that it skips.
    if not value.isascii():
        value.decode()
    found: list[tuple[Span, Source]] = []
    for resource in _decode(value).resource_spans:
        service = None
        if resource.resource is not None:
            for each in resource.resource.attributes:
                if each.key == _SERVICE:
                    service = _typed_value(each.value)
                    break
        for scope in resource.scope_spans:
            source = Source.of(scope.scope and scope.scope.name, service)
            found += [(_typed_span(each), source) for each in scope.spans]
    return found


def _typed_span(span: _TypedSpan) -> Span:
    attributes: dict[str, object] = {}
    known = _known.get
    for each in span.attributes:
        name = known(each.key, _MISSING)
        # Most attributes are not needed.
        if name is None:
            continue
        if name is _MISSING:
            name = _learned(each.key)
        if name is not None and name not in attributes:
            held = each.value
            text = held.string_value
            attributes[name] = _other_value(held) if text is None else text
    may_count = attributes.pop(_COUNTS, None) is not None
    status = span.status
    return Span(
        span.trace_id.lower(),
        span.span_id.lower(),
        span.parent_span_id.lower(),
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status is not None and status.code in FAILED,
        attributes,
        span.attributes,
        may_count,
        span,
    )


def _learned(key: str) -> str | None:
    """Return the name that an attribute is found under, None for one that is not needed."""
    name = names.WANTED.get(key) or (_COUNTS if may_count(key) else None)
    if len(key) <= MAX_NAME:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[key] = name
    return name


def _typed_value(value: _Value) -> object:
    text = value.string_value
    return _other_value(value) if text is None else text


def _other_value(value: _Value) -> object:
    """Return a value that is no text."""
    if value.int_value is not None:
        return whole(value.int_value)
    if value.double_value is not None:
        return value.double_value
    if value.bool_value is not None:
        return value.bool_value
    for raw in (value.array_value, value.kvlist_value):
        text = bytes(raw)
        held = orjson.loads(text) if text else None
        if type(held) is dict:
            return _values(held.get("values"), depth=0)
    return None
