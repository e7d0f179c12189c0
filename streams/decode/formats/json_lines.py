"""Several JSON documents in one value, one on each line."""

from __future__ import annotations

from io import BytesIO

import orjson

from streams.decode.formats.lenient_json import leniently
from streams.decode.formats.raw_usage import MAX_ITEMS

#: Broken lines allowed among several before the value is not treated as JSON lines.
_MAX_BROKEN_LINES = 1_000


class BrokenLine(str):
    """A line that is not JSON, and why."""

    __slots__ = ()


def documents_of(value: bytes) -> list[object]:
    """Return the documents of several JSON lines, or nothing where a value is not JSON lines.

    A line that cannot be read is returned as a `BrokenLine`, which is not a document. A single
    broken document that spans many lines has lines that are not documents themselves, and hardly
    one that is.
    """
    if b"\n" not in value.strip():
        return []
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
        are_alike = are_alike and line.lstrip()[:1] in {b"{", b"["}
        try:
            documents.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            document = leniently(line, str(error))
            if document is not None:
                documents.append(document)
                continue
            documents.append(BrokenLine(safe_message(error)))
            broken += 1
            # A log has an occasional bad line.
            if broken > _MAX_BROKEN_LINES:
                return []
    good = sum(isinstance(each, (dict, list)) for each in documents)
    return documents if good and (are_alike or good * 2 >= len(documents)) else []


def safe_message(error: orjson.JSONDecodeError) -> str:
    """Return a decoder's message, which names positions and never the values there."""
    return str(error)[:120]
