"""OTLP as protobuf: the spans and log records of an export request.

Most of a batch is attributes that nobody asks for. So a message is parsed by a schema of its own,
in which attributes are bytes: the same bytes on the wire, of which only the wanted ones are read,
and most of them were seen before.

Source: open-telemetry/opentelemetry-proto, opentelemetry/proto (field numbers).
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WholeSpan

from streams.decode.formats import otlp_names as names
from streams.decode.formats.envelopes import may_hold
from streams.decode.formats.otlp_json import COUNTING
from streams.decode.formats.otlp_log import Record
from streams.decode.formats.otlp_span import FAILED, NOT_UTF8, Source, Span
from streams.decode.unread_usage import MAX_VALUES
from streams.decode.usage_names import may_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.decode.event import Rejected

_PACKAGE: Final = "tokenshare.otlp"
_SERVICE: Final = b"service.name"
_MAX_DEPTH: Final = 8
#: A trace id and a span id, in bytes; other signals have other fields in their place.
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8

_BYTES, _INT, _FIXED = Field.TYPE_BYTES, Field.TYPE_INT32, Field.TYPE_FIXED64
#: Message -> field -> its number, and its type or message; a list is repeated.
_SCHEMA: Final[dict[str, dict[str, tuple[int, Any]]]] = {
    "Status": {"code": (3, _INT)},
    "Scope": {"name": (1, _BYTES)},
    "Resource": {"attributes": (1, [_BYTES])},
    "Span": {
        "trace_id": (1, _BYTES),
        "span_id": (2, _BYTES),
        "parent_span_id": (4, _BYTES),
        "kind": (6, _INT),
        "start": (7, _FIXED),
        "end": (8, _FIXED),
        "attributes": (9, [_BYTES]),
        "events": (11, [_BYTES]),
        "status": (15, "Status"),
    },
    "LogRecord": {
        "time": (1, _FIXED),
        "body": (5, _BYTES),
        "attributes": (6, [_BYTES]),
        "trace_id": (9, _BYTES),
        "span_id": (10, _BYTES),
        "observed": (11, _FIXED),
        "event_name": (12, _BYTES),
    },
    "ScopeSpans": {"scope": (1, "Scope"), "items": (2, ["Span"])},
    "ScopeLogs": {"scope": (1, "Scope"), "items": (2, ["LogRecord"])},
    "ResourceSpans": {"resource": (1, "Resource"), "scopes": (2, ["ScopeSpans"])},
    "ResourceLogs": {"resource": (1, "Resource"), "scopes": (2, ["ScopeLogs"])},
    "Text": {"text": (1, _BYTES)},
    "Pair": {"key": (1, _BYTES), "value": (2, "Text")},
    "Traces": {"resources": (1, ["ResourceSpans"])},
    "Logs": {"resources": (1, ["ResourceLogs"])},
}


@cache
def _message(name: str) -> Any:
    """Return the class of a message."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="tokenshare/otlp.proto", package=_PACKAGE, syntax="proto3"
    )
    for message, fields in _SCHEMA.items():
        made = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            is_repeated = isinstance(kind, list)
            kind = kind[0] if is_repeated else kind  # noqa: PLW2901
            field = made.field.add(name=name, number=number)
            field.label = Field.LABEL_REPEATED if is_repeated else Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def traces(value: bytes) -> Any:
    """Return the resources of an export request of spans. Raises DecodeError."""
    message = _message("Traces")()
    message.ParseFromString(value)
    return message.resources


def logs(value: bytes) -> Any:
    """Return the resources of an export request of log records. Raises DecodeError."""
    message = _message("Logs")()
    message.ParseFromString(value)
    return message.resources


def items(resources: Any) -> Iterator[Any]:
    """Yield the spans or log records of resources, as they are."""
    for resource in resources:
        for scope in resource.scopes:
            yield from scope.items


def has_ids(span: Any) -> bool:
    """Return whether a span has ids of the right length."""
    return len(span.trace_id) == _TRACE_ID_BYTES and len(span.span_id) == _SPAN_ID_BYTES


class Spans:
    """Reads the spans of export requests; values of attributes that repeat are read once."""

    def __init__(self) -> None:
        self._read = Attributes(names.WANTED)

    def of(self, resources: Any) -> list[tuple[Span, Source]]:
        """Return the spans with their sources. Raises DecodeError."""
        found: list[tuple[Span, Source]] = []
        for resource in resources:
            service = _service(resource.resource.attributes)
            for scope in resource.scopes:
                source = Source.of(scope.scope.name.decode(errors="replace"), service)
                found += [(self._span(each), source) for each in scope.items]
        return found

    def _span(self, span: Any) -> Span:
        is_broken = False
        try:
            attributes = self._read.of(span.attributes)
        except DecodeError:
            attributes, is_broken = self._read.sound(span.attributes)
        may_count = attributes.pop(_COUNTS[0], None) is not None
        return Span(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.kind,
            span.start,
            span.end,
            span.HasField("status") and span.status.code in FAILED,
            attributes,
            span.attributes,
            may_count,
            span,
            is_broken,
        )


@cache
def reader() -> Spans:
    """Return the reader of spans; its cache may be shared, nothing else of it changes."""
    return Spans()


def records(resources: Any) -> Iterator[tuple[Record, Source] | Rejected]:
    """Yield the log records with their sources, and what is wrong with one. Raises DecodeError."""
    for resource in resources:
        service = _service(resource.resource.attributes)
        for scope in resource.scopes:
            source = Source.of(scope.scope.name.decode(errors="replace"), service)
            for each in scope.items:
                attributes, is_broken = _all(each.attributes)
                body, is_broken_body = _body(each.body)
                if is_broken_body and may_hold(body):
                    yield NOT_UTF8
                    continue
                yield (
                    Record(
                        each.trace_id.hex(),
                        each.span_id.hex(),
                        each.time or each.observed or None,
                        each.event_name.decode(errors="replace"),
                        attributes,
                        body,
                        is_broken,
                    ),
                    source,
                )


def _all(attributes: Any) -> tuple[dict[str, object], bool]:
    """Return all attributes of a log record, and whether one that is needed is not UTF-8.

    What is not is replaced in it, so that the record is recognised.
    """
    found: dict[str, object] = {}
    is_broken = False
    for raw in attributes:
        try:
            pair = KeyValue.FromString(raw)
        except DecodeError:
            key, text = _lossy(raw)
            found[key] = text
            is_broken = is_broken or key in names.NEEDED
            continue
        found[pair.key] = _value(pair.value, 0)
    return found, is_broken


def _body(raw: bytes) -> tuple[object, bool]:
    """Return the body of a log record, and whether it is a text that is not UTF-8.

    Some receivers keep a text as bytes.
    """
    if not raw:
        return None, False
    try:
        value = AnyValue.FromString(raw)
    except DecodeError:
        return _message("Text").FromString(raw).text.decode(errors="replace"), True
    if value.WhichOneof("value") != "bytes_value":
        return _value(value, 0), False
    try:
        return str(value.bytes_value, "utf-8"), False
    except UnicodeDecodeError:
        return None, False


def _lossy(raw: bytes) -> tuple[str, str]:
    """Return the key and the text of an attribute that is not UTF-8. Raises DecodeError."""
    pair = _message("Pair").FromString(raw)
    return pair.key.decode(errors="replace"), pair.value.text.decode(errors="replace")


def _service(attributes: Any) -> object:
    for raw in attributes:
        if _SERVICE in raw:
            try:
                pair = KeyValue.FromString(raw)
            except DecodeError:
                # It only says where the spans come from.
                key, text = _lossy(raw)
                if key == _SERVICE.decode():
                    return text
                continue
            if pair.key == _SERVICE.decode():
                return _value(pair.value, 0)
    return None


def _value(value: Any, depth: int) -> object:
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
            return [_value(each, depth + 1) for each in value.array_value.values]
        case "kvlist_value" if depth < _MAX_DEPTH:
            return {each.key: _value(each.value, depth + 1) for each in value.kvlist_value.values}
    return None


def counting(attributes: Any) -> dict[str, object]:
    """Return all attributes of a span; broken ones are left out."""
    pairs = (_parsed(raw) for raw in islice(attributes, MAX_VALUES))
    return {pair.key: _value(pair.value, 0) for pair in pairs if pair is not None}


def events(span: Any) -> Iterator[tuple[object, dict[str, object]]]:
    """Yield time and attributes of those events of a span that may hold counts."""
    for raw in islice(span.events, MAX_VALUES):
        if any(word in raw for word in COUNTING):
            try:
                event = WholeSpan.Event.FromString(raw)
            except DecodeError:
                continue
            attributes = {pair.key: _value(pair.value, 0) for pair in event.attributes}
            if any(map(may_count, attributes)):
                yield event.time_unix_nano, attributes


def _parsed(raw: bytes) -> Any:
    """Return an attribute, None for a broken one."""
    try:
        return KeyValue.FromString(raw)
    except DecodeError:
        return None


#: Attributes that are cached, and the longest one in bytes.
_MAX_CACHED, _MAX_LENGTH = 8192, 96
#: Tags of an attribute's key and value, and of a value's text, integer and double.
_KEY, _VALUE, _TEXT, _INTEGER, _DOUBLE = 0x0A, 0x12, 0x0A, 0x18, 0x21
#: A length, or a number, of one byte is below this.
_ONE_BYTE = 0x80
_DOUBLE_BYTES = 9
_double: Final = struct.Struct("<d").unpack_from

_Pair = tuple[str, object]
_MISSING: Final[_Pair] = ("", None)
#: In the place of all attributes that are not wanted, and may be a count by their names.
_COUNTS: Final[_Pair] = ("", True)


class Attributes:
    """Reads the wanted ones of attributes that are bytes."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._names = {name.encode(): name for name in wanted}
        self._known: dict[bytes, _Pair | None] = {}

    def of(self, attributes: Any) -> dict[str, object]:
        """Return the wanted attributes; of a repeated name the first. Raises DecodeError.

        One without a name stands for those that may be counts.
        """
        found: dict[str, object] = {}
        known, missing = self._known.get, _MISSING
        for raw in attributes:
            pair = known(raw, missing)
            if pair is missing:
                pair = self._pair(raw)
                # No id of an answer comes again, and hardly any price.
                if len(raw) <= _MAX_LENGTH and (pair is None or pair[0] not in names.UNIQUE):
                    if len(self._known) >= _MAX_CACHED:
                        self._known.clear()
                    self._known[raw] = pair
            if pair is not None:
                name, value = pair
                if name not in found:
                    found[name] = value
        return found

    def sound(self, attributes: Any) -> tuple[dict[str, object], bool]:
        """Return the wanted attributes of a span that has a text that is not UTF-8.

        And whether that is one that is needed: a prompt is not. Raises DecodeError.
        """
        found: dict[str, object] = {}
        is_broken = False
        for raw in attributes:
            try:
                pair = self._pair(raw)
            except DecodeError:
                name, text = _lossy(raw)
                pair = (self._names[name.encode()], text) if name in names.TEXT else None
                is_broken = is_broken or name in names.NEEDED
            if pair is not None:
                found.setdefault(*pair)
        return found, is_broken

    def _pair(self, raw: bytes) -> _Pair | None:
        """Return name and value, None for a name that is not wanted."""
        if len(raw) > 2 and raw[0] == _KEY and raw[1] < _ONE_BYTE:
            end = 2 + raw[1]
            name = self._names.get(raw[2:end])
            if name is None:
                return _COUNTS if may_count(raw[2:end].decode(errors="replace")) else None
            value = _plain(raw, end)
            if value is not None:
                return name, value
        pair = KeyValue.FromString(raw)
        known = self._names.get(pair.key.encode())
        return None if known is None else (known, _value(pair.value, 0))


def _plain(raw: bytes, at: int) -> object:
    """Return the value that is the rest of an attribute: a text or a number.

    None for every other kind of value, which takes longer.
    """
    size = len(raw) - at - 2
    if size < 2 or raw[at] != _VALUE or raw[at + 1] != size:
        return None
    kind, begin = raw[at + 2], at + 3
    if kind == _TEXT:
        if raw[begin] >= _ONE_BYTE or raw[begin] != size - 2:
            return None
        try:
            return raw[begin + 1 :].decode()
        except UnicodeDecodeError:
            raise DecodeError("a text is not UTF-8") from None
    if kind == _INTEGER:
        return _integer(raw, begin)
    if kind == _DOUBLE and size == _DOUBLE_BYTES:
        return float(_double(raw, begin)[0])
    return None


def _integer(raw: bytes, at: int) -> int | None:
    """Return the integer that is the rest of an attribute; None for a negative one."""
    number = shift = 0
    for place in range(at, len(raw)):
        byte = raw[place]
        number |= (byte & 0x7F) << shift
        if byte < _ONE_BYTE:
            return number if place + 1 == len(raw) and number < 1 << 63 else None
        shift += 7
    return None
