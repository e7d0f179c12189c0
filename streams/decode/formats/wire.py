"""Counts the messages in a protobuf value before any of them is built.

Two bytes on the wire become up to 180 in memory, so a limit in bytes hardly limits memory. This
reads only tags and lengths, as the decoder does, and allocates nothing for what it counts.

Source: protobuf.dev, Encoding; limits of depth and of varints are those of the decoder (upb).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor

#: Tag of a length-delimited field -> the shape of the message in it; `_TEXT` or `_NUMBERS` where it
#: is a repeated field of those.
Shape = dict[int, "Shape"]

#: Wire types. Those in between, groups, do not occur in these messages.
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
#: Maximum bytes of a tag, a length or any other varint.
_TAG_BYTES, _VARINT_BYTES = 5, 10
_MAX_DEPTH = 100
_TEXT: Final[Shape] = {}
_NUMBERS: Final[Shape] = {}
#: Numbers that take as much memory as a message: each takes 8 bytes, and one byte on the wire.
_NUMBERS_A_MESSAGE = 4
#: The least space that a message takes in its parent: a tag and a length.
_LEAST_BYTES = 2


class MalformedError(ValueError):
    """Bytes that are not a protobuf message of the shape."""


class TooManyError(ValueError):
    """There are more messages than allowed; the error message has the number."""


@cache
def _shapes(root: Descriptor) -> Mapping[str, Shape]:
    """Return the shapes of a message type and of all nested types, by name."""
    known: dict[str, Shape] = {}
    _learn(root, known)
    return known


def _learn(message: Descriptor, known: dict[str, Shape]) -> Shape:
    if message.full_name in known:
        # A type may be recursive.
        return known[message.full_name]
    shape = known[message.full_name] = {}
    for each in message.fields:
        tag = each.number << 3 | _LENGTH
        if each.message_type is not None:
            shape[tag] = _learn(each.message_type, known)
        elif each.is_repeated:
            is_text = each.type in {each.TYPE_STRING, each.TYPE_BYTES}
            shape[tag] = _TEXT if is_text else _NUMBERS
    return shape


def check(
    value: bytes,
    root: Any,
    max_messages: int,
    item: Any = None,
    max_items: int = 0,
) -> None:
    """Raise TooManyError for more messages, or more messages of the type `item`, than allowed.

    Raises MalformedError for what cannot be walked to its end. The encoding of texts is not
    checked. A value that is too short to hold so many is not walked.
    """
    if len(value) <= _LEAST_BYTES * (min(max_messages, max_items) if item else max_messages):
        return
    shapes = _shapes(root)
    # The new, empty dictionary is not identical to any shape.
    items = shapes[item.full_name] if item else {}
    try:
        _walk(value, shapes[root.full_name], max_messages, items, max_items)
    except IndexError:
        raise MalformedError("cut off") from None


def _walk(  # noqa: C901, PLR0912 - a call for each field would take three times as long
    value: bytes, shape: Shape, max_messages: int, items: Shape, max_items: int
) -> None:
    at, end = 0, len(value)
    around: list[tuple[int, Shape]] = []
    found = found_items = 0
    while True:
        if at >= end:
            if at > end:
                raise MalformedError("longer than what is around it")
            if not around:
                return
            end, shape = around.pop()
            continue
        tag = value[at]
        at += 1
        if tag > 0x7F:
            tag, at = _varint(value, at - 1, _TAG_BYTES)
        if not 0 < tag >> 3 < 1 << 29:
            raise MalformedError("no field")
        kind = tag & 7
        if kind == _LENGTH:
            size = value[at]
            at += 1
            if size > 0x7F:
                size, at = _varint(value, at - 1, _TAG_BYTES)
            if tag not in shape:
                at += size
                continue
            inner = shape[tag]
            found += 1 if inner is not _NUMBERS else size // _NUMBERS_A_MESSAGE
            found_items += inner is items
            if found > max_messages or found_items > max_items:
                raise TooManyError(
                    f"more than {max_messages} values"
                    if found > max_messages
                    else f"more than {max_items} items"
                )
            if not inner or not size:
                at += size
                continue
            if at + size > end or len(around) == _MAX_DEPTH:
                raise MalformedError("longer than what is around it, or too deep")
            around.append((end, shape))
            end, shape = at + size, inner
        elif kind == _VARINT:
            if value[at] <= 0x7F:
                at += 1
            else:
                _, at = _varint(value, at, _VARINT_BYTES)
        else:
            at += _fixed(kind)


def _varint(value: bytes, at: int, limit: int) -> tuple[int, int]:
    """Return a number and where it ends; a longer encoding than necessary is valid."""
    number = shift = 0
    for place in range(at, at + limit):
        byte = value[place]
        number |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return number, place + 1
        shift += 7
    raise MalformedError("no number")


def _fixed(kind: int) -> int:
    if kind == _FIXED64:
        return 8
    if kind == _FIXED32:
        return 4
    raise MalformedError("no type of a field")
