"""Spans in other shapes than OTLP's, with the same attributes.

* Zipkin's JSON, as the Collector's Kafka exporter writes it (`encoding: zipkin_json`): every
  attribute is a text, times are microseconds.
* CloudWatch's `aws/spans`: one span a line, attributes and resource as plain maps.
* Rows of Braintrust's logs, as its SDKs send and its exports write them.

Sources: openzipkin/zipkin-api, zipkin2-api.yaml; AWS, CloudWatch's Transaction Search;
braintrustdata/braintrust-sdk, e2e/scenarios (payloads of logs), js/src/logger.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.decode.formats import otlp_names as names
from streams.decode.formats.native import has_part
from streams.decode.formats.otlp_json import plain, span_of, text_of
from streams.decode.formats.otlp_span import Source, Span, looked_into, traced
from streams.decode.formats.raw_usage import part, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.formats.traced import Traced

_MICROSECOND: Final = 1000
_NONE: Final[dict[str, object]] = {}
#: Tags of a Zipkin span that the Collector takes from the scope.
_SCOPES: Final = ("otel.scope.name", "otel.library.name")


def is_zipkin(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a span of Zipkin's.

    Other records have ids of those names as well: a span's tags are a mapping, its time is a
    number, and what it names is in its tags.
    """
    return (
        type(document.get("traceId")) is str
        and type(document.get("id")) is str
        and "spanId" not in document
        and type(document.get("tags", _NONE)) is dict
        and type(whole(document.get("timestamp", 0))) is int
        and ("tags" in document or "timestamp" in document or "localEndpoint" in document)
        and not has_part(document)
    )


def read_zipkin(span: Mapping[str, Any]) -> Traced:
    """Return what a span of Zipkin's is."""
    tags = span.get("tags")
    attributes = tags if type(tags) is dict else {}
    begin, lasts = whole(span.get("timestamp")), whole(span.get("duration"))
    start = begin * _MICROSECOND if type(begin) is int else None
    end = None if start is None or type(lasts) is not int else start + lasts * _MICROSECOND
    failed = "error" in attributes or attributes.get("otel.status_code") == "ERROR"
    found = Span(
        text_of(span.get("traceId")).lower(),
        text_of(span.get("id")).lower(),
        text_of(span.get("parentId")).lower(),
        plain(span.get("kind")),
        start,
        end,
        failed,
        attributes,
    )
    scope = next((attributes[key] for key in _SCOPES if attributes.get(key)), "")
    source = Source.of(scope, part(span, "localEndpoint", "serviceName"))
    return looked_into(traced(found, source), attributes, source)


def is_cloudwatch(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a span of CloudWatch's."""
    return (
        type(document.get("traceId")) is str
        and type(document.get("spanId")) is str
        and type(document.get("attributes")) is dict
        and "startTimeUnixNano" in document
    )


def read_cloudwatch(span: Mapping[str, Any]) -> Traced:
    """Return what a span of CloudWatch's is."""
    wanted = {key: value for key, value in span["attributes"].items() if key in names.WANTED}
    service = part(span, "resource", "attributes", "service.name")
    source = Source.of(part(span, "scope", "name"), service)
    return looked_into(traced(span_of(span, wanted), source), span["attributes"], source)


def is_braintrust(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a row of Braintrust's logs: a span, in fields of its own."""
    return (
        type(document.get("span_attributes")) is dict
        and type(document.get("metrics")) is dict
        and ("span_id" in document or "root_span_id" in document)
    )


def read_braintrust(row: Mapping[str, Any]) -> Traced:
    """Return what a row of Braintrust's logs is; its metrics have seconds as well as tokens."""
    metrics = row["metrics"]
    attributes: dict[str, object] = {
        names.BRAINTRUST_KIND: row["span_attributes"],
        names.BRAINTRUST_USAGE: metrics,
        names.BRAINTRUST_MODEL: row.get("metadata"),
        names.TEXT[-1]: row.get("input"),
    }
    parents = row.get("span_parents")
    found = Span(
        text_of(row.get("root_span_id")),
        text_of(row.get("span_id")),
        text_of(parents[0]) if type(parents) is list and parents else "",
        None,
        _nanoseconds(metrics.get("start")) or row.get("created"),
        _nanoseconds(metrics.get("end")),
        row.get("error") is not None,
        {name: value for name, value in attributes.items() if value is not None},
    )
    source = Source.of("", "")
    return looked_into(traced(found, source), attributes, source)


def _nanoseconds(seconds: object) -> int | None:
    # Bounded by a date: a day that has not come in thousands of years.
    if type(seconds) not in {int, float} or not 0 < seconds < 1e11:  # type: ignore[operator]
        return None
    return int(seconds * 1_000_000) * _MICROSECOND  # type: ignore[operator]
