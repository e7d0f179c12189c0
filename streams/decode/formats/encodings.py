"""What lies around the JSON of a value, byte by byte: gzip, UTF-16, a registry's prefix.

Sources: RFC 1952 (gzip); Confluent's wire format (a zero and a schema id of four bytes) and
Apicurio's, whose id has eight.
"""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.decode.event import Rejected
from streams.decode.formats.native import MANY_BYTES
from streams.decode.formats.raw_usage import MAX_VALUES

if TYPE_CHECKING:
    from streams.kafka.record_batch import Headers

_GZIP = b"\x1f\x8b\x08"
_WBITS_OF_GZIP = 31
#: Firehose puts one gzip after the other; each takes a step of its own.
_MAX_MEMBERS = 10_000
_STEP_BYTES = 16 * 1024
#: Encodings in encodings; no writer nests deeper.
_MAX_LAYERS = 8
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: How long a prefix of a schema registry may be, and the JSON behind it.
_PREFIXES = (5, 9)
_JSON_BEGINS = re.compile(rb"\s*[{\[\"]")

_TRUNCATED = Rejected("bad_envelope", "gzip that is damaged or cut off")
_NESTED = Rejected("bad_envelope", "encodings in encodings")
_TOO_LARGE = Rejected("too_large", "decompresses to more than a record may have")
_NOT_UTF16 = Rejected("not_utf8", "invalid UTF-16")


@dataclass(slots=True)
class Budget:
    """The bytes that the values of one record may still decompress to, together."""

    left: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """Bytes with nothing around them; `schema` is the id of a registry's prefix, None without."""

    value: bytes
    schema: int | None = None


def is_protobuf(headers: Headers) -> bool:
    """Return whether the headers of a record say that its value is protobuf."""
    return any(
        value is not None and name.lower() == "content-type" and b"protobuf" in value.lower()
        for name, value in headers
    )


def has_too_many_values(value: bytes) -> bool:
    """Return whether a value may hold more values of JSON than a record may have."""
    return len(value) > MANY_BYTES and sum(map(value.count, (b"{", b"[", b",", b"\n"))) > MAX_VALUES


def is_plain(value: bytes) -> bool:
    """Return whether a value begins as JSON does, so that nothing is around it."""
    return value[:1] in {b"{", b"["} and value[1:2] != b"\0"


def is_gzip(value: bytes) -> bool:
    """Return whether a value begins as gzip does."""
    return value[:3] == _GZIP


def opened(value: bytes, budget: Budget) -> Opened | Rejected:
    """Return the bytes inside, or why they cannot be read. A value without anything is itself."""
    schema: int | None = None
    for _ in range(_MAX_LAYERS):
        if is_gzip(value):
            inside = gunzip(value, budget)
            if isinstance(inside, Rejected):
                return inside
            value = inside
        elif value[:3] == codecs.BOM_UTF8:
            value = value[3:]
        elif (encoding := _utf16(value)) is not None:
            try:
                value = value.decode(encoding).removeprefix("\ufeff").encode()
            except UnicodeError:
                return _NOT_UTF16
        elif value[:1] == b"\0" and len(value) > min(_PREFIXES):
            schema = int.from_bytes(value[1:5])
            size = next((each for each in _PREFIXES if _JSON_BEGINS.match(value, each)), None)
            if size is None:
                return not_json_behind(schema)
            value = value[size:]
        else:
            return Opened(value, schema)
    return _NESTED


def not_json_behind(schema: int) -> Rejected:
    """Return the rejection of a value whose schema is not JSON's."""
    return Rejected(
        "bad_envelope",
        f"the prefix of a schema registry (schema {schema}) and no JSON behind it: Avro and "
        "Protobuf cannot be read without the registry, JSON Schema can",
    )


def gunzip(value: bytes, budget: Budget) -> bytes | Rejected:
    """Return what all gzip members of a value hold, within the budget."""
    parts: list[bytes] = []
    at = 0
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(_WBITS_OF_GZIP)
        while not member.eof:
            step = value[at : at + _STEP_BYTES]
            if not step:
                return _TRUNCATED
            at += len(step)
            while step:
                if budget.left < 0:
                    return _TOO_LARGE
                try:
                    part = member.decompress(step, budget.left + 1)
                except zlib.error:
                    return _TRUNCATED
                budget.left -= len(part)
                parts.append(part)
                step = member.unconsumed_tail
        at -= len(member.unused_data)
        if budget.left < 0:
            return _TOO_LARGE
        if value[at : at + 3] != _GZIP:
            # Some writers fill up a block with zeros.
            return _TRUNCATED if value[at:].strip(b"\0") else b"".join(parts)
    return Rejected("too_large", f"more than {_MAX_MEMBERS} parts of gzip")


def _utf16(value: bytes) -> str | None:
    """Return the encoding of a value in UTF-16, by its mark or its first character."""
    marked = _UTF16.get(value[:2])
    if marked is not None:
        return marked
    if value[:1] in {b"{", b"[", b'"'} and value[1:2] == b"\0":
        return "utf-16-le"
    if value[:1] == b"\0" and value[1:2] in {b"{", b"[", b'"'} and value[2:3] == b"\0":
        return "utf-16-be"
    return None
