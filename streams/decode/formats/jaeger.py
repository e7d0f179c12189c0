"""Jaeger's spans as JSON, with the attributes of OpenTelemetry as tags.

* As protobuf's JSON has them (the Collector's Kafka exporter, `encoding: jaeger_json`): a tag has
  `vType` and a value by its type, ids are base64, the time is a text and the duration in seconds.
* As Jaeger's interface and its storage have them: a tag has `type` and `value`, ids are hexadecimal
  digits, time and duration are microseconds.

Source: jaegertracing/jaeger-idl, proto/api_v2/model.proto; jaegertracing/jaeger, the JSON model of
its interface (`uimodel`) and of Elasticsearch (`dbmodel`).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from streams.decode.event import event_time
from streams.decode.formats.otlp_json import plain, text_of
from streams.decode.formats.otlp_span import Source, Span, looked_into, traced
from streams.decode.formats.raw_usage import first, part, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.formats.traced import Traced

_MICROSECOND: Final = 1000
_SECOND: Final = 1_000_000_000
#: Tags that the Collector takes from the scope.
_SCOPES: Final = ("otel.scope.name", "otel.library.name")
#: Where a tag has its value.
VALUES: Final = ("value", "vStr", "vInt64", "vFloat64", "vBool")
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
#: Types of tags, as Jaeger's interface writes them.
TYPES: Final = ("string", "int64", "float64", "bool", "binary")
#: An id of 8 or 16 bytes in base64.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{11}=|[A-Za-z0-9+/]{22}==")
#: A reference to a span that is no parent, by its name and its number.
_FOLLOWS: Final = ("FOLLOWS_FROM", 1)


def is_jaeger(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a span of Jaeger's."""
    return (
        type(first(document, "traceID", "traceId")) is str
        and type(first(document, "spanID", "spanId")) is str
        and "operationName" in document
        and type(document.get("tags", [])) is list
        and "startTime" in document
    )


def read(span: Mapping[str, Any]) -> Traced:
    """Return what a span of Jaeger's is."""
    attributes = _attributes(span.get("tags"))
    start = _nanoseconds(span["startTime"])
    lasts = _lasts(span.get("duration"))
    trace = id_of(first(span, "traceID", "traceId"))
    failed = attributes.get("error") in (True, "true") or (
        attributes.get("otel.status_code") == "ERROR"
    )
    found = Span(
        trace,
        id_of(first(span, "spanID", "spanId")),
        _parent(span, trace),
        _kind(attributes.get("span.kind")),
        start,
        None if start is None or lasts is None else start + lasts,
        failed,
        attributes,
    )
    scope = next((attributes[key] for key in _SCOPES if attributes.get(key)), "")
    source = Source.of(scope, part(span, "process", "serviceName"))
    return looked_into(traced(found, source), attributes, source)


def id_of(value: object) -> str:
    """Return an id in hexadecimal digits, as OTLP writes it; protobuf's JSON has it in base64."""
    text = text_of(value)
    if _BASE64.fullmatch(text):
        try:
            return base64.b64decode(text, validate=True).hex()
        except binascii.Error:
            return text
    return text


def _attributes(tags: Any) -> dict[str, object]:
    found: dict[str, object] = {}
    for each in tags if type(tags) is list else ():
        if type(each) is dict and type(each.get("key")) is str:
            # A zero, an empty text and false are left out by protobuf's JSON.
            value = first(each, *VALUES)
            found.setdefault(each["key"], 0 if value is None and "INT" in _type(each) else value)
    return found


def _type(tag: Mapping[str, Any]) -> str:
    return text_of(tag.get("vType")).upper()


def _kind(name: object) -> object:
    return name.upper() if type(name) is str else plain(name)


def _parent(span: Mapping[str, Any], trace: str) -> str:
    """Return the id of the span around one; older spans name it themselves."""
    references = span.get("references")
    for each in references if type(references) is list else ():
        if type(each) is dict and each.get("refType", "CHILD_OF") not in _FOLLOWS:
            of = first(each, "traceID", "traceId")
            if of is None or id_of(of) == trace:
                return id_of(first(each, "spanID", "spanId"))
    return id_of(first(span, "parentSpanID", "parentSpanId"))


def _nanoseconds(time: object) -> int | None:
    number = whole(time)
    if type(number) is int:
        return number * _MICROSECOND
    seconds = event_time(time, None) if type(time) is str else None
    return None if seconds is None else round(seconds * 1_000_000) * _MICROSECOND


def _lasts(duration: object) -> int | None:
    number = whole(duration)
    if type(number) is int:
        return number * _MICROSECOND
    found = _DURATION.fullmatch(duration) if type(duration) is str else None
    return None if found is None else int(float(found[1]) * _SECOND)
