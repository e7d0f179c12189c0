"""The API's numbers as CSV (RFC 4180), one row per key and step or window."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from streams.classify.keys import FILTERS, PAIRS, name_of, split_pair
from streams.shares.csv import to_csv
from streams.shares.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.shares.measures import Measure

#: Columns are added at the end only: people read them by their place.
_FIRST, _LATER = MEASURES[:2], MEASURES[2:]
_COUNTS = (
    *(*_FIRST, *(f"{measure}_ratio" for measure in _FIRST)),
    *(*_LATER, *(f"{measure}_ratio" for measure in _LATER)),
)
_SUMS: Mapping[Measure, str] = {each: each for each in MEASURES} | {
    "output_tokens": "completion_tokens"
}


def history(body: Mapping[str, Any]) -> bytes:
    """Return the body of /api/v1/history as CSV."""
    dimension = body["dimension"]
    rows = (
        [
            _time(point["start"]),
            *_names(dimension, key),
            *(share[column] for column in _COUNTS),
        ]
        for point in body["points"]
        for key, share in _cells(point)
    )
    keys = PAIRS.get(dimension, (dimension, "name"))
    return to_csv(["start", *keys, *_COUNTS], rows)


def shares(body: Mapping[str, Any]) -> bytes:
    """Return the body of /api/v1/shares as CSV."""
    rows = (
        [
            *(name, dimension, share["key"], share.get("name") or name_of(dimension, share["key"])),
            *(share[each] for each in _COUNTS),
        ]
        for name, window in body["windows"].items()
        for dimension in FILTERS
        for share in window.get(dimension, ())
    )
    return to_csv(["window", "dimension", "key", "name", *_COUNTS], rows)


def movers(body: Mapping[str, Any]) -> bytes:
    """Return the body of /api/v1/shifts/movers as CSV: one row a mover; 0.01 is one point."""
    across = {"origin": "language", "language": "origin"}.get(body["dimension"], "")
    rows = (
        [
            *(split, each["key"]),
            name_of(split, each["key"]) if split == across else each["name"],
            *(each[column] for column in ("before", "share", "contribution", "kind")),
        ]
        for split, of in (("model", "models"), (across, "joint"), ("tenant", "tenants"))
        if body[of] is not None
        for each in (*body[of]["movers"], *_rest(body[of]))
    )
    return to_csv(["by", "key", "name", "before", "now", "contribution", "kind"], rows)


def _rest(of: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if of["rest_members"]:
        blank = {"before": None, "share": None, "kind": None}
        yield blank | {"key": "", "name": "all others", "contribution": of["rest"]}


def _cells(point: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float | None]]]:
    """Yield each key of a point with its amounts and shares by measure."""
    for key, (tokens, requests, _, output, uncached, cost) in point["cells"].items():
        amounts = dict(zip(MEASURES, (tokens, requests, output, uncached, cost), strict=True))
        ratios = {
            f"{measure}_ratio": _ratio(amount, point[_SUMS[measure]])
            for measure, amount in amounts.items()
        }
        yield key, amounts | ratios


def _names(dimension: str, key: str) -> Sequence[str]:
    if dimension in PAIRS:
        return split_pair(key)
    return key, name_of(dimension, key)


def _time(unix: int) -> str:
    return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if whole and part is not None else None
