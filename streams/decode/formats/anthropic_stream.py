"""The events of one Anthropic stream as one response, also where each is in a wrapper of its own.

Sources: Anthropic's API reference, streaming; the fields of log shippers (see
`streams/decode/formats/envelopes.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streams.decode.formats.envelopes import SHIPPED
from streams.decode.formats.lenient_json import loads
from streams.decode.formats.provider import ANTHROPIC_EVENTS
from streams.decode.formats.raw_usage import part
from streams.decode.formats.traced import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHIPPED = frozenset(SHIPPED)
_BEGIN = "message_start"
#: Wrappers in wrappers; pipelines have two.
_MAX_DEPTH = 3


class _Held(NamedTuple):
    """An event, and the field of the document that it lies in, "" where it is the document."""

    event: dict[str, Any]
    field: str = ""


def assembled(documents: Sequence[object]) -> Sequence[object]:
    """Return documents in which the events of one Anthropic stream are one response.

    The first event of a stream has the input and later ones the output so far, so the response
    takes the place of the last event with usage. The others stay what they are: pieces.
    """
    if not any(map(_may_begin, documents)):
        return documents
    held = [_held(each) for each in documents]
    found = list(documents)
    message: dict[str, Any] | None = None
    place = 0
    for at, each in enumerate(held):
        kind = None if each is None else each.event["type"]
        if each is None:
            continue
        if kind == _BEGIN:
            message, place = _started(each.event), at
        elif message is not None:
            usage = part(each.event, "usage")
            found[place] = documents[place]
            if kind == "message_delta" and type(usage) is dict:
                so_far = {name: value for name, value in usage.items() if value is not None}
                message, place = message | {"usage": message["usage"] | so_far}, at
            found[place] = _put(documents[place], held[place], message)
            if kind == "message_stop":
                message = None
    return found


def assembled_lines(items: list[Any]) -> list[Any]:
    """Return the items of a batch of log records, likewise."""
    lines = [each.document if isinstance(each, Line) else None for each in items]
    found = assembled(lines)
    if found is lines:
        return items
    return [
        item if line is before else item._replace(document=line)
        for item, before, line in zip(items, lines, found, strict=True)
    ]


def _may_begin(document: object, depth: int = 0) -> bool:
    """Return whether a document may be or hold the first event of a stream."""
    if type(document) is dict:
        if document.get("type") == _BEGIN:
            return True
        if depth == _MAX_DEPTH or document.keys().isdisjoint(_SHIPPED):
            return False
        return any(_may_begin(document[name], depth + 1) for name in SHIPPED if name in document)
    return type(document) is str and _BEGIN in document


def _held(document: object, depth: int = 0) -> _Held | None:
    """Return the event that a document is or holds."""
    if type(document) is str:
        document = _parsed(document)
    if type(document) is not dict:
        return None
    if document.get("type") in ANTHROPIC_EVENTS:
        return _Held(document)
    for name in SHIPPED if depth < _MAX_DEPTH else ():
        held = _held(document[name], depth + 1) if name in document else None
        if held is not None:
            return _Held(held.event, name)
    return None


def _parsed(text: str) -> object:
    """Return the document in a line; that of a server-sent event begins behind the field."""
    try:
        return loads(text[text.index("{") :] if text.startswith(("data:", "event:")) else text)
    except ValueError:
        return None


def _put(document: object, held: _Held | None, message: dict[str, Any]) -> object:
    """Return a document with a response in the place of the event in it."""
    if type(document) is str:
        document = _parsed(document)
    if held is None or not held.field or type(document) is not dict:
        return message
    return {**document, held.field: message}


def _started(event: object) -> dict[str, Any] | None:
    message = part(event, "message")
    if type(message) is not dict or type(message.get("usage")) is not dict:
        return None
    return message
