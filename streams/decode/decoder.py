"""Decode a record's value and headers into events: split, unwrap, detect the format, read, judge.

Every item of a batch is judged on its own. Plain events and LiteLLM's payloads, which are most
records, are decoded by typed decoders that build nothing else. Everything that those reject takes
the general path; where both apply, they return the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import orjson

from streams.decode.event import Rejected, Skipped, UsageEvent
from streams.decode.formats import (
    cloudevents,
    custom,
    encodings,
    envelopes,
    litellm,
    native,
    otlp,
    provider,
)
from streams.decode.formats.json_lines import (
    BrokenLine,
    documents_of,
    events_of,
    is_stream,
    safe_message,
)
from streams.decode.formats.lenient_json import leniently
from streams.decode.formats.raw_usage import (
    MAX_ITEMS,
    MAX_VALUES,
    TOO_MANY_ITEMS,
    TOO_MANY_VALUES,
    Found,
    Item,
    SharedId,
    json_type,
    judge,
)
from streams.decode.formats.registry import (
    ACCESS_LOG,
    Format,
    format_of,
    formats_named,
)
from streams.decode.options import AUTO, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.decode.event import Reason, SkipReason
    from streams.kafka.record_batch import Headers

#: Maximum nesting of envelopes and arrays; no pipeline nests deeper.
_MAX_DEPTH = 12
_NESTED = Rejected("bad_envelope", "envelopes in envelopes")

#: The detail reported when a reader fails on a document, which should not happen.
FAILED = "cannot be read as what it seems to be"


class Decoded(NamedTuple):
    """The contents of one record; `format` is that of its first item, None where it is unknown.

    `formats` are those of its events, one each.
    """

    format: str | None
    events: Sequence[UsageEvent] = ()
    rejected: Sequence[Rejected] = ()
    skipped: Sequence[Skipped] = ()
    formats: Sequence[str] = ()


class _Judged(NamedTuple):
    """The outcome of an item, and the format that it was read as.

    `is_known` is False for what is neither of a format nor an envelope: in the field of a log
    shipper it is a line like any other.
    """

    format: str | None
    item: UsageEvent | Rejected | Skipped
    is_known: bool = True

    @property
    def is_no_document(self) -> bool:
        """Return whether there is not even JSON to be read."""
        return isinstance(self.item, Rejected) and self.item.reason in {"not_json", "not_utf8"}


class Decoder:
    """Decodes records. No content of a record makes it raise."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options = options or Options()
        self._custom = custom.Mapped(options.paths) if options.paths else None
        self._pinned = None if options.format == AUTO else formats_named(options.format)
        # The typed decoders follow the order of detection; they do not support mappings and pins.
        self._is_plain = self._custom is None and self._pinned is None
        self._is_litellm = False
        self._budget = encodings.Budget()
        fields: Any = litellm.Fields if options.detect is None else litellm.FieldsWithText
        self._litellm = msgspec.json.Decoder(fields).decode
        self._litellm_batch = msgspec.json.Decoder(list[fields]).decode

    def decode(self, value: bytes | None, headers: Headers = ()) -> Decoded:
        """Decode one record."""
        try:
            return self._decoded(value, headers)
        except Exception:  # noqa: BLE001 - a record must not be able to stop a worker
            return Decoded(None, rejected=[Rejected("wrong_type", FAILED)])

    def _decoded(self, value: bytes | None, headers: Headers) -> Decoded:
        is_protobuf = _is_protobuf(headers)
        unreadable = self._unreadable(value, is_protobuf=is_protobuf)
        if unreadable is not None or value is None:
            return Decoded(None, rejected=[unreadable] if unreadable else [])
        self._budget.left = self._options.max_record_bytes
        envelope = cloudevents.from_headers(headers) if headers else None
        found = None
        if self._is_litellm and self._is_plain and not is_protobuf:
            found = self._fast_litellm(value)
        if found is None:
            found = self._value(value, 0, is_protobuf=is_protobuf)
            self._is_litellm = found[0].format == litellm.NAME
        return _sorted(found if envelope is None else _completed(found, envelope))

    def decode_many(
        self, values: Sequence[bytes | None], headers: Sequence[Headers]
    ) -> list[UsageEvent | Decoded]:
        """Decode the values of a batch: an event where a value is exactly one, in its place."""
        try:
            return self._decoded_together(values, headers)
        except Exception:  # noqa: BLE001 - likewise; decoded alone, a record cannot affect others
            return list(map(self.decode, values, headers))

    def _decoded_together(
        self, values: Sequence[bytes | None], headers: Sequence[Headers]
    ) -> list[UsageEvent | Decoded]:
        decoded: list[UsageEvent | Decoded] = []
        plain = native.readable(values, headers, self._options.max_record_bytes)
        events = iter(plain if self._is_plain else [None] * len(values))
        while len(decoded) < len(values):
            try:
                # Keeps the values before the failing one; the iterator is then past it.
                decoded.extend(map(native.decode, events))
            except native.UNREADABLE:
                decoded.append(self._decode_at(values, headers, len(decoded)))
                # Formats come in runs: the next values usually have the same format.
                while self._is_litellm and next(events, self) is not self:
                    decoded.append(self._decode_at(values, headers, len(decoded)))
        for index in native.nameless(decoded):
            decoded[index] = self._decode_at(values, headers, index)
        return decoded

    def _decode_at(
        self, values: Sequence[bytes | None], headers: Sequence[Headers], index: int
    ) -> Decoded:
        return self.decode(values[index], headers[index])

    def _unreadable(self, value: bytes | None, *, is_protobuf: bool) -> Rejected | None:
        if value is None:
            return Rejected("tombstone", "the record has no value")
        limit = self._options.max_record_bytes
        if len(value) > limit:
            return Rejected("too_large", f"{len(value)} bytes, at most {limit} are read")
        # Protobuf has its own count.
        return TOO_MANY_VALUES if not is_protobuf and _has_too_many_values(value) else None

    def _fast_litellm(self, value: bytes) -> list[_Judged] | None:
        """Return the result for a payload or an array of them, None where it may not be one."""
        try:
            # The typed decoder does not validate the texts that it skips.
            if not value.isascii():
                value.decode()
            if native.MAY_BE_ENVOY in value:
                return None
            is_batch = value[:1] == b"["
            documents = self._litellm_batch(value) if is_batch else [self._litellm(value)]
            is_known = all(map(litellm.is_litellm, documents))
            if not 0 < len(documents) <= MAX_ITEMS or not is_known:
                return None
            detect = self._options.detect
            return [
                _Judged(litellm.NAME, _judge(litellm.read(document), detect))
                for document in documents
            ]
        except Exception:  # noqa: BLE001 - what this rejects, the general path judges
            return None

    # -- the general path

    def _value(self, value: bytes, depth: int, *, is_protobuf: bool = False) -> list[_Judged]:
        if encodings.is_plain(value):
            return self._json(value, depth)
        if is_protobuf:
            inside = encodings.gunzip(value, self._budget) if encodings.is_gzip(value) else value
            return _one(inside) if isinstance(inside, Rejected) else self._protobuf(inside)
        opened = encodings.opened(value, self._budget)
        if isinstance(opened, Rejected):
            return _one(opened)
        found = self._json(opened.value, depth, is_changed=opened.value is not value)
        if opened.schema is not None and len(found) == 1 and found[0].is_no_document:
            return _one(encodings.not_json_behind(opened.schema))
        return found

    def _json(self, value: bytes, depth: int, *, is_changed: bool = False) -> list[_Judged]:
        if (depth or is_changed) and _has_too_many_values(value):
            return _one(TOO_MANY_VALUES)
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return self._no_json(value, depth, error)
        return self._any(document, depth)

    def _protobuf(self, value: bytes) -> list[_Judged]:
        if self._pinned is not None and all(each.name != otlp.NAME for each in self._pinned):
            return [self._other_format()]
        return self._judged(otlp.NAME, otlp.read_protobuf(value))

    def _no_json(self, value: bytes, depth: int, error: orjson.JSONDecodeError) -> list[_Judged]:
        why = str(error)
        if not value.strip():
            return _unknown("empty", "the value has no content")
        # Its first byte is the tag of its first field, which JSON reads as white space.
        if value[:1] == b"\n":
            found = self._protobuf(value)
            item = found[0].item
            if not (isinstance(item, Rejected) and item.reason == "not_protobuf"):
                return found
        try:
            value.decode()
        except UnicodeDecodeError as invalid:
            hint = "; of binary formats only OTLP traces are read" if invalid.start < 8 else ""
            return _unknown("not_utf8", f"invalid UTF-8 at byte {invalid.start}{hint}")
        document = leniently(value, why)
        if document is not None:
            return self._any(document, depth)
        if is_stream(value):
            # A stream that was cut off before its first data is a piece of one.
            events = events_of(value)
            return self._each(events, depth) if events else _skip("stream_chunk")
        lines = documents_of(value)
        if lines:
            return self._each(lines, depth)
        is_too_deep = "depth" in why
        return _unknown("not_json", "nested too deeply" if is_too_deep else safe_message(error))

    def _any(self, document: object, depth: int) -> list[_Judged]:
        if isinstance(document, dict):
            return self._object(document, depth)
        if isinstance(document, (Rejected, Skipped)):
            return [_Judged(None, document)]
        if isinstance(document, BrokenLine):
            return _unknown("not_json", str(document))
        if isinstance(document, list) and depth < _MAX_DEPTH:
            return self._each(document, depth) if document else _skip("empty_batch")
        if isinstance(document, bytes):
            return self._value(document, depth)
        # Texts in texts end by themselves: each doubles the backslashes of the one inside.
        if isinstance(document, str) and envelopes.may_hold(document):
            return self._value(document.lstrip().encode(errors="replace"), depth)
        return _unknown("not_an_object", f"{json_type(document)}, expected a JSON object")

    def _each(self, documents: Sequence[object], depth: int) -> list[_Judged]:
        """Judge each item; of the chunks of one streamed response only the last counts."""
        if len(documents) > MAX_ITEMS:
            return _one(TOO_MANY_ITEMS)
        found: list[_Judged] = []
        last: dict[object, int] = {}
        for document in provider.assembled(documents):
            inside = self._any(document, depth + 1)
            format_, item, _ = inside[0]
            if (
                format_ in {provider.NAME, provider.GEMINI}
                and isinstance(item, UsageEvent)
                and item.id is not None
            ):
                before = last.get(item.id)
                if before is not None:
                    found[before] = _Judged(format_, Skipped("stream_chunk"))
                last[item.id] = len(found)
            found += inside
            if len(found) > MAX_ITEMS:
                return _one(TOO_MANY_ITEMS)
        return found

    def _object(self, document: dict[str, Any], depth: int) -> list[_Judged]:
        if depth > _MAX_DEPTH:
            return _one(_NESTED)
        if cloudevents.is_envelope(document):
            data = cloudevents.data_of(document)
            if isinstance(data, Rejected):
                return _one(data)
            inner = (
                self._value(data, depth + 1, is_protobuf=_is_protobuf_envelope(document))
                if isinstance(data, bytes)
                else self._any(data, depth + 1)
            )
            return _completed(inner, cloudevents.envelope_of(document))
        if envelopes.is_change(document):
            return _skip("not_a_request")
        formats = self._formats_of(document)
        # A gateway that logs ordinary traffic may log a response in one of the fields.
        if formats is None or formats[0].name == ACCESS_LOG:
            inside = self._inside(document, depth)
            if inside is not None:
                return inside
        if formats is not None:
            return self._read(document, formats)
        unknown = formats_named(native.NAME) if self._pinned is None else self._pinned
        return [each._replace(is_known=False) for each in self._read(document, unknown)]

    def _inside(self, document: dict[str, Any], depth: int) -> list[_Judged] | None:
        """Judge what an envelope or a log shipper's document holds; None where it is neither."""
        inside = envelopes.unwrapped(document)
        if isinstance(inside, envelopes.Inside):
            return _completed(self._each(inside.documents, depth), inside.envelope)
        if inside is not None:
            return [_Judged(None, inside)]
        for value in envelopes.shipped(document):
            found = self._any(value, depth + 1)
            # The fields may hold anything, and one line twice: as it was, and parsed.
            if any(each.is_known for each in found):
                return _completed(found, envelopes.around(document))
        return None

    def _formats_of(self, document: dict[str, Any]) -> tuple[Format, ...] | None:
        """Return the formats that a document matches, None where it matches no accepted format."""
        if self._custom is not None and self._custom.matches(document):
            return (Format(custom.NAME, self._custom.matches, self._custom.read),)
        if self._pinned is None:
            found = format_of(document)
            return None if found is None else (found,)
        found_pinned = tuple(each for each in self._pinned if each.matches(document))
        return found_pinned or None

    def _read(self, document: dict[str, Any], formats: Sequence[Format]) -> list[_Judged]:
        for each in formats:
            # For our own event the native reader gives the best reason.
            if each.matches(document) or each.name == native.NAME:
                try:
                    return self._judged(each.name, each.read(document))
                except Exception:  # noqa: BLE001 - a record must not be able to stop a worker
                    return [_Judged(each.name, Rejected("wrong_type", FAILED))]
        return [self._other_format()]

    def _other_format(self) -> _Judged:
        name = self._options.format
        return _Judged(name, Rejected("other_format", f"not of the format {name}"))

    def _judged(self, name: str, items: Item | UsageEvent | list[Item]) -> list[_Judged]:
        detect = self._options.detect
        if not isinstance(items, list):
            return [_Judged(name, _judge(items, detect))]
        return [_Judged(name, _judge(each, detect)) for each in items]


def _judge(
    item: Item | UsageEvent, detect: Callable[[object], str] | None
) -> UsageEvent | Rejected | Skipped:
    if not isinstance(item, Found):
        return item
    try:
        return judge(item, detect)
    except Exception:  # noqa: BLE001 - the other items of a record count
        return Rejected("wrong_type", FAILED)


def _one(rejected: Rejected) -> list[_Judged]:
    return [_Judged(None, rejected)]


def _unknown(reason: Reason, detail: str) -> list[_Judged]:
    return [_Judged(None, Rejected(reason, detail), is_known=False)]


def _skip(reason: SkipReason) -> list[_Judged]:
    return [_Judged(None, Skipped(reason))]


def _sorted(found: list[_Judged]) -> Decoded:
    format_, item, _ = found[0]
    if len(found) == 1 and isinstance(item, UsageEvent):
        return Decoded(format_, (item,), formats=(format_ or "",))
    _skip_repeated(found)
    events = [each for each in found if isinstance(each.item, UsageEvent)]
    return Decoded(
        next((each.format for each in found if each.format is not None), None),
        [each.item for each in found if isinstance(each.item, UsageEvent)],
        [each.item for each in found if isinstance(each.item, Rejected)],
        [each.item for each in found if isinstance(each.item, Skipped)],
        [each.format or "" for each in events],
    )


def _skip_repeated(found: list[_Judged]) -> None:
    """Skip the events that report a request again which an earlier one of the record reports."""
    seen: set[object] = set()
    for at, (format_, item, _) in enumerate(found):
        if isinstance(item, UsageEvent) and type(item.id) is SharedId:
            if item.id in seen:
                found[at] = _Judged(format_, Skipped("duplicate"))
            seen.add(item.id)


def _completed(found: list[_Judged], envelope: cloudevents.Envelope) -> list[_Judged]:
    """Set an envelope's time and id where the document inside has none."""
    if envelope == cloudevents.Envelope():
        return found
    completed = list(found)
    several = len(found) > 1
    for index, each in enumerate(found):
        item = each.item
        if isinstance(item, UsageEvent) and (item.ts is None or item.id is None):
            name = f"{envelope.id}/{index}" if several and envelope.id else envelope.id
            event = msgspec.structs.replace(
                item,
                ts=envelope.time if item.ts is None else item.ts,
                id=name if item.id is None else item.id,
            )
            completed[index] = each._replace(item=event)
    return completed


def _is_protobuf(headers: Headers) -> bool:
    return any(
        value is not None and name.lower() == "content-type" and b"protobuf" in value.lower()
        for name, value in headers
    )


def _is_protobuf_envelope(document: Mapping[str, Any]) -> bool:
    kind = document.get("datacontenttype")
    return type(kind) is str and "protobuf" in kind.lower()


def _has_too_many_values(value: bytes) -> bool:
    return (
        len(value) > native.MANY_BYTES
        and sum(map(value.count, (b"{", b"[", b",", b"\n"))) > MAX_VALUES
    )
