"""Decode a record's value and headers into events: split, unwrap, detect the format, read, judge.

Every item of a batch is judged on its own. Plain events and LiteLLM's payloads, which are most
records, are decoded by typed decoders that build nothing else. Everything that those reject takes
the general path; where both apply, they return the same result.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import orjson

from streams.decode.decoded import (
    FAILED,
    Decoded,
    is_something,
    judge_item,
    placed,
    sorted_out,
    traced_item,
)
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
from streams.decode.formats.anthropic_stream import assembled, assembled_lines
from streams.decode.formats.encodings import has_too_many_values as _has_too_many_values
from streams.decode.formats.encodings import is_protobuf as _is_protobuf
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
    TOO_MANY_ITEMS,
    TOO_MANY_VALUES,
    Item,
    json_type,
)
from streams.decode.formats.registry import (
    ACCESS_LOG,
    Format,
    format_of,
    formats_named,
)
from streams.decode.formats.traced import Line, Traced
from streams.decode.judged import (
    Judged,
    completed,
    one,
    skip,
    unknown,
)
from streams.decode.options import AUTO, Options
from streams.decode.second_look import answered, counting, resembling, unread_document
from streams.decode.unread_usage import is_ordinary, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.kafka.record_batch import Headers

__all__ = ["FAILED", "Decoded", "Decoder"]

#: Maximum nesting of envelopes and arrays; no pipeline nests deeper.
_MAX_DEPTH = 12
_NESTED = Rejected("bad_envelope", "envelopes in envelopes")

#: What a format returns for one item.
Read = Item | Traced | Line


class Decoder:
    """Decodes records. No content of a record makes it raise."""

    def __init__(
        self, options: Options | None = None, budget: encodings.Budget | None = None
    ) -> None:
        self._options = options = options or Options()
        self._custom = custom.Mapped(options.paths) if options.paths else None
        self._pinned = None if options.format == AUTO else formats_named(options.format)
        # The typed decoders follow the order of detection; they do not support mappings and pins.
        self._is_plain = self._custom is None and self._pinned is None
        self._accepts_otlp = self._pinned is None or _is_otlp_among(self._pinned)
        self._ignored = frozenset(options.ignored_sources)
        self._budget = budget or encodings.Budget()
        self._of_lines = self
        if self._pinned is not None and self._accepts_otlp:
            # A log record may hold a line of any format.
            self._of_lines = Decoder(replace(options, format=AUTO), self._budget)
        self._is_litellm = False
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
        unreadable = _unreadable(value, self._options.max_record_bytes, is_protobuf=is_protobuf)
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
        return sorted_out(found if envelope is None else completed(found, envelope))

    def items(self, value: bytes, headers: Headers = ()) -> list[Judged]:
        """Return each item of a record for itself, also one that repeats another one.

        For explanations: always by the general path, which is the slower one.
        """
        self._budget.left = self._options.max_record_bytes
        try:
            found = self._value(value, 0, is_protobuf=_is_protobuf(headers))
        except Exception:  # noqa: BLE001 - as in `decode`
            return [Judged(None, Rejected("wrong_type", FAILED))]
        envelope = cloudevents.from_headers(headers) if headers else None
        return found if envelope is None else completed(found, envelope)

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

    def _fast_litellm(self, value: bytes) -> list[Judged] | None:
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
            found = [judge_item(litellm.read(document), detect) for document in documents]
            # The rest of their document may hold usage all the same.
            if any(type(each) is Skipped and is_ordinary(each) for each in found):
                return None
            return [Judged(litellm.NAME, each) for each in found]
        except Exception:  # noqa: BLE001 - what this rejects, the general path judges
            return None

    # -- the general path

    def _value(self, value: bytes, depth: int, *, is_protobuf: bool = False) -> list[Judged]:
        if encodings.is_plain(value):
            return self._json(value, depth)
        if is_protobuf:
            inside = encodings.gunzip(value, self._budget) if encodings.is_gzip(value) else value
            return one(inside) if isinstance(inside, Rejected) else self._protobuf(inside)
        opened = encodings.opened(value, self._budget)
        if isinstance(opened, Rejected):
            return one(opened)
        found = self._json(opened.value, depth, is_changed=opened.value is not value)
        if opened.schema is not None and len(found) == 1 and found[0].is_no_document:
            return one(encodings.not_json_behind(opened.schema))
        return found

    def _json(self, value: bytes, depth: int, *, is_changed: bool = False) -> list[Judged]:
        if (depth or is_changed) and _has_too_many_values(value):
            return one(TOO_MANY_VALUES)
        if self._accepts_otlp and self._custom is None:
            spans = otlp.read_typed(value)
            if spans is not None:
                return self._judged(otlp.NAME, spans, depth)
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return self._no_json(value, depth, error)
        return self._any(document, depth)

    def _protobuf(self, value: bytes) -> list[Judged]:
        return self._otlp(otlp.read_protobuf(value), 0)

    def _otlp(self, items: Sequence[Read], depth: int) -> list[Judged]:
        """Judge a batch; where another format is pinned, it may hold that format's log lines."""
        if self._accepts_otlp:
            return self._judged(otlp.NAME, items, depth)
        if not any(isinstance(each, Line) for each in items):
            return [self._other_format()]
        none = Skipped("not_a_request")
        lines = [each if isinstance(each, Line) else none for each in items]
        return self._judged(self._options.format, lines, depth)

    def _no_json(self, value: bytes, depth: int, error: orjson.JSONDecodeError) -> list[Judged]:
        why = str(error)
        if not value.strip():
            return unknown("empty", "the value has no content")
        # Its first byte is the tag of its first field, which JSON reads as white space.
        if value[:1] == b"\n":
            found = self._protobuf(value)
            item = found[0].item
            if not (isinstance(item, Rejected) and item.reason == "not_protobuf"):
                return found
        try:
            value.decode()
        except UnicodeDecodeError as invalid:
            hint = "; of binary formats only OTLP is read" if invalid.start < 8 else ""
            return unknown("not_utf8", f"invalid UTF-8 at byte {invalid.start}{hint}")
        document = leniently(value, why)
        if document is not None:
            return self._any(document, depth)
        if is_stream(value):
            # A stream that was cut off before its first data is a piece of one.
            events = events_of(value)
            return self._each(events, depth) if events else skip("stream_chunk")
        lines = documents_of(value)
        if lines:
            return self._each(lines, depth)
        is_too_deep = "depth" in why
        return unknown("not_json", "nested too deeply" if is_too_deep else safe_message(error))

    def _any(self, document: object, depth: int) -> list[Judged]:
        if isinstance(document, dict):
            return self._object(document, depth)
        if isinstance(document, (Rejected, Skipped)):
            return [Judged(None, document)]
        if isinstance(document, BrokenLine):
            return unknown("not_json", str(document))
        if isinstance(document, list) and depth < _MAX_DEPTH:
            return self._each(document, depth) if document else skip("empty_batch")
        if isinstance(document, bytes):
            return self._value(document, depth)
        # Texts in texts end by themselves: each doubles the backslashes of the one inside.
        if isinstance(document, str) and envelopes.may_hold(document):
            return self._value(document.lstrip().encode(errors="replace"), depth)
        return unknown("not_an_object", f"{json_type(document)}, expected a JSON object")

    def _each(self, documents: Sequence[object], depth: int) -> list[Judged]:
        """Judge each item; of the chunks of one streamed response only the last counts."""
        if len(documents) > MAX_ITEMS:
            return one(TOO_MANY_ITEMS)
        found: list[Judged] = []
        last: dict[object, int] = {}
        for document in assembled(documents):
            inside = self._any(document, depth + 1)
            format_, item = inside[0].format, inside[0].item
            if (
                format_ in {provider.NAME, provider.GEMINI}
                and isinstance(item, UsageEvent)
                and item.id is not None
                and not provider.is_whole(document)
            ):
                before = last.get(item.id)
                if before is not None:
                    found[before] = Judged(format_, Skipped("stream_chunk"))
                last[item.id] = len(found)
            found += inside
            if len(found) > MAX_ITEMS:
                return one(TOO_MANY_ITEMS)
        return found

    def _object(self, document: dict[str, Any], depth: int) -> list[Judged]:
        if depth > _MAX_DEPTH:
            return one(_NESTED)
        if cloudevents.is_envelope(document):
            return self._cloud_event(document, depth)
        if envelopes.is_change(document):
            return skip("not_a_request")
        formats = self._formats_of(document)
        # A gateway that logs ordinary traffic may log a response in one of the fields.
        if formats is None or formats[0].name == ACCESS_LOG:
            inside = self._inside(document, depth)
            if inside is not None:
                return inside
        if formats is not None:
            return self._read(document, formats, depth)
        if otlp.is_otlp(document):
            return self._otlp(otlp.read(document), depth)
        if envelopes.is_plain_line(document) and not native.has_part(document):
            return [Judged(None, unread(document, "not_a_request"))]
        answer = answered(document, self._within(depth))
        if answer is not None:
            return answer
        others = formats_named(native.NAME) if self._pinned is None else self._pinned
        return [each._replace(is_known=False) for each in self._read(document, others, depth)]

    def _cloud_event(self, document: dict[str, Any], depth: int) -> list[Judged]:
        data = cloudevents.data_of(document)
        if isinstance(data, Rejected):
            return one(data)
        inner = (
            self._value(data, depth + 1, is_protobuf=cloudevents.holds_protobuf(document))
            if isinstance(data, bytes)
            else self._any(data, depth + 1)
        )
        return completed(inner, cloudevents.envelope_of(document))

    def _inside(self, document: dict[str, Any], depth: int) -> list[Judged] | None:
        """Judge what an envelope or a log shipper's document holds; None where it is neither."""
        inside = envelopes.unwrapped(document)
        if isinstance(inside, envelopes.Inside):
            return completed(self._each(inside.documents, depth), inside.envelope)
        if inside is not None:
            return [Judged(None, inside)]
        for value in envelopes.shipped(document):
            found = self._any(value, depth + 1)
            # The fields may hold anything, and one line twice: as it was, and parsed.
            if any(each.is_known for each in found):
                return completed(found, envelopes.around(document))
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

    def _read(
        self, document: dict[str, Any], formats: Sequence[Format], depth: int
    ) -> list[Judged]:
        for each in formats:
            # For our own event the native reader gives the best reason.
            if each.matches(document) or each.name == native.NAME:
                try:
                    found = self._judged(each.name, each.read(document), depth)
                    # Of spans and log records the reader itself has looked at every attribute.
                    if each.read is otlp.read or is_something(found):
                        return found
                    return self._again(document, found, depth)
                except Exception:  # noqa: BLE001 - a record must not be able to stop a worker
                    return [Judged(each.name, Rejected("wrong_type", FAILED))]
        return [self._other_format()]

    def _again(self, document: dict[str, Any], found: list[Judged], depth: int) -> list[Judged]:
        """Return the outcome of a document in which its reader has found nothing to count."""
        name = found[0].format
        if name == custom.NAME:
            return unread_document(document, found)
        return (
            (resembling(document) if self._pinned is None else None)
            or (None if name == ACCESS_LOG else counting(self._inside(document, depth)))
            or answered(document, self._within(depth))
            or unread_document(document, found)
        )

    def _within(self, depth: int) -> Callable[[object], list[Judged]]:
        """Return what judges a document inside another one."""
        return lambda document: self._any(document, depth + 1)

    def _other_format(self) -> Judged:
        name = self._options.format
        return Judged(name, Rejected("other_format", f"not of the format {name}"))

    def _judged(
        self, name: str, items: Read | UsageEvent | Sequence[Read], depth: int
    ) -> list[Judged]:
        detect = self._options.detect
        found: list[Judged] = []
        many = cast("list[Read | UsageEvent]", items if isinstance(items, list) else [items])
        if len(many) > 1:
            many = assembled_lines(many)
        for at, each in enumerate(many):
            if isinstance(each, Traced):
                found.append(traced_item(name, each, self._ignored, detect))
            elif isinstance(each, Line):
                found += self._line(name, each, depth, at)
            else:
                found.append(Judged(name, judge_item(each, detect)))
        return found

    def _line(self, name: str, line: Line, depth: int, at: int) -> list[Judged]:
        """Judge the line of a log record. Most of them hold no usage, and are ordinary."""
        if self._ignored.isdisjoint(line.sources):
            found = self._of_lines.line(line.document, depth + 1)
            if any(each.is_known for each in found):
                return placed(completed(found, envelopes.at_time(line.ts)), line, at)
            return [Judged(name, line.unread(), line.node)]
        return [Judged(name, Skipped("not_a_request"))]

    def line(self, document: object, depth: int) -> list[Judged]:
        """Judge a document that lies in another one, at a depth."""
        return self._any(document, depth)


def _unreadable(value: bytes | None, limit: int, *, is_protobuf: bool) -> Rejected | None:
    if value is None:
        return Rejected("tombstone", "the record has no value")
    if len(value) > limit:
        return Rejected("too_large", f"{len(value)} bytes, at most {limit} are read")
    # Protobuf has its own count.
    return TOO_MANY_VALUES if not is_protobuf and _has_too_many_values(value) else None


def _is_otlp_among(formats: Sequence[Format]) -> bool:
    return any(each.name == otlp.NAME for each in formats)
