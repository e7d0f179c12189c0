"""JSON that a strict parser refuses and whose usage is read all the same.

A prompt that was cut off in an emoji ends in half of a surrogate pair, some writers emit numbers
beyond a double, and Python's own `json` writes a float that is none as NaN or Infinity; the counts
beside them are right.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable


#: Of an integer of 64 bits, with its sign.
_MOST_DIGITS = 20
_TOO_LARGE = 2**64
#: What orjson says where a document has NaN, Infinity or -Infinity, among others.
_AT_A_CONSTANT = ("unexpected character", "no digit after sign")


def loads(text: str) -> object:
    """Return the document in a text. Raises ValueError where it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        document = leniently(text, str(error))
        if document is None:
            raise
        return document


def parsed(value: object) -> object:
    """Return the document in a text; any other value, and a text that holds none, unchanged."""
    if type(value) is not str:
        return value
    try:
        return loads(value)
    except ValueError:
        return value


def leniently(value: bytes | str, why: str) -> object:
    """Return a document that orjson refuses (`why`) for one of these; None where it is not JSON.

    That is a number beyond a double, half of a surrogate pair, as in a text that was cut off in an
    emoji, or a bare NaN or Infinity. All may be in fields that are not read.
    """
    is_constant = any(each in why for each in _AT_A_CONSTANT) and _has_constant(value)
    if not is_constant and "infinity" not in why and "surrogate" not in why:
        return None
    try:
        document = json.loads(value, parse_int=_number, parse_constant=_constant)
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _without_surrogates(document)
    except (ValueError, RecursionError):
        return None
    return document


def _without_surrogates(document: object) -> object:
    """Replace each surrogate by a question mark, at any depth of the document."""
    box = [document]
    inside: list[dict[str, Any] | list[Any]] = [box]
    while inside:
        each = inside.pop()
        if isinstance(each, dict):
            members = [(_encodable(name), value) for name, value in each.items()]
            each.clear()
            each.update(members)
        places: Iterable[Any] = [*each] if isinstance(each, dict) else range(len(each))
        for place in places:
            value = each[place]
            if isinstance(value, str):
                each[place] = _encodable(value)
            elif isinstance(value, (dict, list)):
                inside.append(value)
    return box[0]


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _number(text: str) -> int | float:
    # As orjson reads it: an integer of 64 bits exactly, any other as a double.
    number = int(text) if len(text) <= _MOST_DIGITS else _TOO_LARGE
    return number if -(2**63) <= number < 2**64 else float(text)


def _has_constant(value: bytes | str) -> bool:
    if isinstance(value, str):
        return "NaN" in value or "Infinity" in value
    return b"NaN" in value or b"Infinity" in value


def _constant(text: str) -> float | None:
    # NaN is how pandas and Python say that there is no number.
    return None if text == "NaN" else float(text)
