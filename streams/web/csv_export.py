"""The API's numbers as CSV (RFC 4180), one row per key and step or window."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from streams.classify.keys import DIMENSIONS, name_of
from streams.shares.csv import to_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNTS = ("tokens", "requests", "tokens_ratio", "requests_ratio")


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
    return to_csv(["start", *keys, *_COUNTS], rows)


def shares(body: Mapping[str, Any]) -> bytes:
    """Return the body of /api/v1/shares as CSV."""
    rows = (
        [
            *(name, dimension, share["key"], name_of(dimension, share["key"])),
            *(share[each] for each in _COUNTS),
        ]
        for name, window in body["windows"].items()
        for dimension in DIMENSIONS
        for share in window.get(dimension, ())
    )
    return to_csv(["window", "dimension", "key", "name", *_COUNTS], rows)


def _names(dimension: str, key: str) -> list[str]:
    if dimension == "joint":
        return key.split("/", 1)
    return [key, name_of(dimension, key)]


def _time(unix: int) -> str:
    return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
