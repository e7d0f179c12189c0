"""The numbers of the API as CSV (RFC 4180), one row a key and step or window."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING, Any

from streams.language.tags import display_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COUNTS = ("tokens", "requests", "tokens_ratio", "requests_ratio")
# A spreadsheet takes a text that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def history(body: Mapping[str, Any]) -> bytes:
    """Return the body of /api/v1/history as CSV."""
    dimension = body["dimension"]
    rows = (
        [
            _time(point["start"]),
            *_names(dimension, key),
            tokens,
            requests,
            _ratio(tokens, point["tokens"]),
            _ratio(requests, point["requests"]),
        ]
        for point in body["points"]
        for key, (tokens, requests, *_) in point["cells"].items()
    )
    keys = ("origin", "language") if dimension == "joint" else (dimension, "name")
    return _csv(["start", *keys, *_COUNTS], rows)


def shares(body: Mapping[str, Any]) -> bytes:
    """Return the body of /api/v1/shares as CSV."""
    rows = (
        [name, dimension, share["key"], share.get("name", ""), *(share[each] for each in _COUNTS)]
        for name, window in body["windows"].items()
        for dimension in ("origin", "language", "developer", "model")
        for share in window[dimension]
    )
    return _csv(["window", "dimension", "key", "name", *_COUNTS], rows)


def _names(dimension: str, key: str) -> list[str]:
    if dimension == "joint":
        return key.split("/", 1)
    return [key, display_name(key) if dimension == "language" else ""]


def _time(unix: int) -> str:
    return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _csv(head: list[str], rows: Iterable[list[Any]]) -> bytes:
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(head)
    for row in rows:
        write([_text(each) if isinstance(each, str) else each for each in row])
    return text.getvalue().encode()


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
