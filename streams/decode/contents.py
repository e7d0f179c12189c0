"""All of a record's value as plain lists and dictionaries, also what lies in its texts and bytes.

For commands that show a record to a person: what is changed here is written back in the encoding
that it had. The decoder of a worker reads no more than it needs, and nothing of this.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from streams.decode.event import Rejected
from streams.decode.formats import cloudevents, encodings
from streams.decode.formats.json_lines import BrokenLine, documents_of, events_of, is_stream
from streams.decode.formats.lenient_json import leniently, loads
from streams.decode.formats.raw_usage import TOO_MANY_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.kafka.record_batch import Headers

#: As deep as the decoder looks into what is inside something else.
_MAX_DEPTH = 12
_JSON_BEGINS = ("{", "[", '"')
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
_OPENED = (b"{", b"[")


class UnreadableError(Exception):
    """A value that is no document of any kind; the message repeats nothing of it."""


@dataclass(slots=True)
class Packed:
    """Documents that are written in one text: as JSON, lines of it, events, or in base64.

    `broken` is how many lines of it are no JSON; they are left out.
    """

    how: Literal["json", "lines", "events", "base64"]
    documents: list[Any]
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """What a value holds, and the names of the encodings around all of it, outermost first."""

    packed: Packed
    encodings: tuple[str, ...] = ()


def contents_of(value: bytes | None, headers: Headers, max_bytes: int) -> Contents:
    """Return what a value holds. Raises UnreadableError."""
    if value is None:
        raise UnreadableError("the record has no value")
    if len(value) > max_bytes:
        raise UnreadableError(f"{len(value)} bytes, at most {max_bytes} are read")
    try:
        return _contents(value, headers, encodings.Budget(max_bytes))
    except RecursionError:
        raise UnreadableError("nested too deeply") from None


def _contents(value: bytes, headers: Headers, budget: encodings.Budget) -> Contents:
    around = ("gzip",) if encodings.is_gzip(value) else ()
    if encodings.is_protobuf(headers) and not encodings.is_plain(value):
        inside = encodings.gunzip(value, budget) if around else value
        document = None if isinstance(inside, Rejected) else _otlp(inside)
        if document is None:
            raise UnreadableError("no OTLP traces, logs or metrics in protobuf")
        return _of_protobuf(document, around, budget)
    opened = encodings.opened(value, budget)
    if isinstance(opened, Rejected):
        raise UnreadableError(opened.detail)
    if opened.schema is not None:
        around = (*around, "the prefix of a schema registry")
    elif opened.value is not value and not around:
        around = ("an encoding of text",)
    return _of_text(opened.value, around, budget)


def _of_text(value: bytes, around: tuple[str, ...], budget: encodings.Budget) -> Contents:
    if encodings.has_too_many_values(value):
        raise UnreadableError(TOO_MANY_VALUES.detail)
    # Its first byte is the tag of its first field, which JSON reads as white space.
    if value[:1] == b"\n" and value.strip() and not _is_json(value):
        document = _otlp(value)
        if document is not None:
            return _of_protobuf(document, around, budget)
    packed = _packed(value, 0, budget)
    if packed is None:
        raise UnreadableError(_why_unreadable(value))
    return Contents(packed, around)


def _of_protobuf(
    document: dict[str, Any], around: tuple[str, ...], budget: encodings.Budget
) -> Contents:
    return Contents(Packed("json", [_unpacked(document, 0, budget)]), (*around, "protobuf"))


def _is_json(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except ValueError:
        return False
    return True


def _why_unreadable(value: bytes) -> str:
    if not value.strip():
        return "the value has no content"
    try:
        value.decode()
    except UnicodeDecodeError as invalid:
        return f"invalid UTF-8 at byte {invalid.start}: neither text nor OTLP in protobuf"
    return "neither JSON, nor lines of JSON, nor a stream of events"


def _packed(value: bytes, depth: int, budget: encodings.Budget) -> Packed | None:
    """Return the documents of a text, None where it is none."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            value.decode()
        except UnicodeDecodeError:
            return None
        found = leniently(value, str(error))
        if found is None:
            return _several(value, depth, budget)
    return Packed("json", [_unpacked(found, depth, budget)])


def _several(value: bytes, depth: int, budget: encodings.Budget) -> Packed | None:
    how: Literal["lines", "events"] = "events" if is_stream(value) else "lines"
    documents = events_of(value) if how == "events" else documents_of(value)
    good = [each for each in documents if not isinstance(each, BrokenLine)]
    if not good and how == "lines":
        return None
    unpacked = [_unpacked(each, depth, budget) for each in good]
    return Packed(how, unpacked, len(documents) - len(good))


def _unpacked(node: Any, depth: int, budget: encodings.Budget) -> Any:
    """Return a value with everything opened that its texts hold."""
    if isinstance(node, dict):
        if cloudevents.is_envelope(node) and cloudevents.holds_protobuf(node):
            node = _without_protobuf(node, budget)
        return {key: _unpacked(each, depth, budget) for key, each in node.items()}
    if isinstance(node, list):
        return [_unpacked(each, depth, budget) for each in node]
    if isinstance(node, str) and depth < _MAX_DEPTH:
        return _opened(node, depth + 1, budget) or node
    return node


def _opened(text: str, depth: int, budget: encodings.Budget) -> Packed | None:
    """Return what a text holds, None where it holds no document."""
    inner = text.lstrip("\ufeff \t\r\n")
    if inner[:1] in _JSON_BEGINS:
        for each in (inner, inner.replace('\\"', '"')):
            found = _json(each)
            if found is not None:
                return Packed("json", [_unpacked(found, depth, budget)])
        return _several(inner.encode(errors="replace"), depth, budget)
    encoded = inner.encode(errors="replace")
    if ":" in inner[:8] and is_stream(encoded):
        return _several(encoded, depth, budget)
    if _BASE64.fullmatch(text) and len(text) % 4 == 0:
        return _base64(text, depth, budget)
    return None


def _json(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


def _base64(text: str, depth: int, budget: encodings.Budget) -> Packed | None:
    value = base64.b64decode(text)
    if not (encodings.is_gzip(value) or value.lstrip()[:1] in _OPENED):
        return None
    opened = encodings.opened(value, budget)
    inside = None if isinstance(opened, Rejected) else _packed(opened.value, depth, budget)
    return None if inside is None else Packed("base64", [inside], inside.broken)


def _without_protobuf(event: dict[str, Any], budget: encodings.Budget) -> dict[str, Any]:
    """Return a CloudEvent with OTLP's JSON in the place of its protobuf."""
    data = cloudevents.data_of(event)
    if isinstance(data, bytes) and encodings.is_gzip(data):
        data = encodings.gunzip(data, budget)
    document = _otlp(data) if isinstance(data, bytes) else None
    if document is None:
        return event
    kept = {key: each for key, each in event.items() if key != "data_base64"}
    return kept | {"datacontenttype": "application/json", "data": document}


def _otlp(value: bytes) -> dict[str, Any] | None:
    """Return an export request in protobuf as OTLP's JSON, None where it is none."""
    # Needed for protobuf only; the import takes a tenth of a second.
    from streams.decode.formats.otlp_document import document_of  # noqa: PLC0415

    return document_of(value)


# --- and back


def written(packed: Packed) -> str:
    """Return the text that documents are written in."""
    if packed.how == "base64":
        return base64.b64encode(written(packed.documents[0]).encode()).decode()
    texts = [dumped(plain(each)) for each in packed.documents]
    if packed.how == "events":
        return "".join(f"data: {each}\n\n" for each in texts) or "data:\n\n"
    return "\n".join(texts)


def plain(node: Any) -> Any:
    """Return a value with what was opened written back into its texts."""
    if isinstance(node, Packed):
        return written(node)
    if isinstance(node, dict):
        return {key: plain(each) for key, each in node.items()}
    return [plain(each) for each in node] if isinstance(node, list) else node


def dumped(node: Any) -> str:
    """Return a value as JSON on one line."""
    try:
        return orjson.dumps(node).decode()
    except TypeError:
        # Half of a surrogate pair, or more levels than orjson writes.
        return json.dumps(node, separators=(",", ":"))


# --- leaves

#: Where a value lies: keys of objects, places in arrays, and `None` for a step into what is packed.
Place = tuple[Any, ...]


def leaves(node: Any, place: Place = ()) -> list[tuple[Place, Any]]:
    """Return every value that is neither an object nor an array, with its place."""
    found: list[tuple[Place, Any]] = []
    _collect(node, place, found.append)
    return found


def _collect(node: Any, place: Place, keep: Callable[[tuple[Place, Any]], None]) -> None:
    if isinstance(node, Packed):
        for at, each in enumerate(node.documents):
            _collect(each, (*place, None, at), keep)
    elif isinstance(node, dict):
        for key, each in node.items():
            _collect(each, (*place, key), keep)
    elif isinstance(node, list):
        for at, each in enumerate(node):
            _collect(each, (*place, at), keep)
    else:
        keep((place, node))


def inside(node: Any, place: Place) -> Any:
    """Return the value at a place."""
    for step in place:
        node = node.documents if step is None else node[step]
    return node


def put(node: Any, place: Place, value: Any) -> None:
    """Set the value at a place, in the documents themselves."""
    inside(node, place[:-1])[place[-1]] = value
