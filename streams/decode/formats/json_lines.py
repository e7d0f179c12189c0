"""Several JSON documents in one value: one on each line, one after another, or as events.

Sources: ndjson.org; Data Firehose, which puts nothing between two records; WHATWG, HTML, 9.2
(server-sent events), as which providers stream their answers.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING

import orjson

from streams.decode.formats.lenient_json import leniently, loads
from streams.decode.formats.raw_usage import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK = re.compile(r"[ \t\r\n]*")
#: Beginnings of streams of events, and a line of one that holds data.
_EVENTS = re.compile(rb"\s*(?:data|event|id|retry)?:")
_DATA = re.compile(rb"^data:", re.MULTILINE)
#: The last event of OpenAI's streams.
_DONE = "[DONE]"
#: It finds where a document ends, and builds no numbers.
_raw_decode = json.JSONDecoder(parse_int=len, parse_float=len).raw_decode

#: Broken lines allowed among several before the value is not treated as JSON lines.
_MAX_BROKEN_LINES = 1_000


class BrokenLine(str):
    """A line that is not JSON, and why."""

    __slots__ = ()


def documents_of(value: bytes) -> list[object]:
    """Return the documents of a value that holds several, or nothing where it holds none.

    They are JSON lines, of which one may hold several documents, or documents one after another.
    A line that cannot be read is returned as a `BrokenLine`, which is not a document. A single
    broken document that spans many lines has lines that are not documents themselves, and hardly
    one that is.
    """
    if b"\n" in value.strip():
        documents = _lines(value)
        if documents:
            return documents
    return _adjacent(value.decode())


def _lines(value: bytes) -> list[object]:
    documents: list[object] = []
    broken = 0
    are_alike = True
    # Each line exists only briefly: a million of them would take more memory than their bytes.
    for ended in BytesIO(value):
        line = ended.removesuffix(b"\n")
        if not line.strip():
            continue
        if len(documents) > MAX_ITEMS:
            # One more than the limit, so that the reader reports the excess.
            break
        are_alike = are_alike and line.lstrip()[:1] in {b"{", b"[", b'"'}
        try:
            documents.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            document = leniently(line, str(error))
            if document is not None:
                documents.append(document)
                continue
            several = _adjacent(line.decode())
            if several:
                documents += several
                continue
            documents.append(BrokenLine(safe_message(error)))
            broken += 1
            # A log has an occasional bad line.
            if broken > _MAX_BROKEN_LINES:
                return []
    good = sum(map(_may_be_document, documents))
    return documents if good and (are_alike or good * 2 >= len(documents)) else []


def _may_be_document(found: object) -> bool:
    # A text may hold one, as where a serializer for JSON was given a text.
    return isinstance(found, (dict, list)) or (
        type(found) is str and found.lstrip()[:1] in {"{", "["}
    )


def _adjacent(text: str) -> list[object]:
    """Return the documents of a text without anything between them, nothing where it has not two.

    Where the text breaks off in one of them, the rest is a `BrokenLine`.
    """
    documents: list[object] = []
    at = 0
    while (at := _end_of_blank(text, at)) < len(text) and len(documents) <= MAX_ITEMS:
        try:
            _, end = _raw_decode(text, at) if text[at] in "{[" else (None, at)
            document = loads(text[at:end])
        except (ValueError, RecursionError):
            is_document = text[at] in "{["
            if not documents or (len(documents) == 1 and not is_document):
                return []
            documents.append(BrokenLine("what follows a document is not JSON"))
            return documents
        documents.append(document)
        at = end
    return documents if len(documents) > 1 else []


def _end_of_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def is_stream(value: bytes) -> bool:
    """Return whether a value is a stream of server-sent events with data."""
    return _EVENTS.match(value) is not None and _DATA.search(value) is not None


def events_of(value: bytes) -> list[object]:
    """Return the documents of a stream of server-sent events, a broken one as a `BrokenLine`."""
    documents: list[object] = []
    for text in _texts_of(value):
        if len(documents) > MAX_ITEMS:
            break
        try:
            documents.append(loads(text))
        except ValueError:
            # Where the blank lines between events got lost, their data is one text.
            documents += documents_of(text.encode()) or [BrokenLine("an event's data is not JSON")]
    return documents


def _texts_of(value: bytes) -> Iterator[str]:
    """Yield the data of each event; several lines of it are one text."""
    data: list[str] = []
    for ended in BytesIO(value):
        line = ended.rstrip(b"\r\n")
        if line[:5] == b"data:":
            text = line[5:].decode().strip()
            data += [text] if text not in {"", _DONE} else []
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def safe_message(error: orjson.JSONDecodeError) -> str:
    """Return a decoder's message, which names positions and never the values there."""
    return str(error)[:120]
