"""A report as data: JSON with ratios from 0 to 1, and CSV with one row per step and key."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from streams.classify.keys import DIMENSIONS, name_of
from streams.report.content import day
from streams.shares.csv import to_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.report.count import Uncounted
    from streams.report.summary import Row, Size, Summary

_HEAD = (
    *("start", "dimension", "key", "name", "tokens", "requests"),
    *("prompt_tokens", "completion_tokens", "tokens_ratio", "requests_ratio"),
)


def as_json(report: Summary) -> dict[str, Any]:
    """Return a report as JSON values.

    `weeks` or `days` counts those with tokens. `language` gives the shares of the whole period, the
    other dimensions the course of each share. `steps` has the counts of each day or week.
    """
    return {
        "simulated": report.simulated,
        "by": report.by,
        f"{report.by}s": len(report.starts),
        "first": day(report.starts[0]) if report.starts else None,
        "last": day(report.starts[-1]) if report.starts else None,
        **report.whole._asdict(),
        "origin": {
            row.key: row.course._asdict() for row in report.dimensions["origin"] if report.starts
        },
        "language": {row.key: row.tokens_ratio for row in report.dimensions["language"]},
        "developer": _by_key(report.dimensions["developer"]),
        "model": _by_key(report.dimensions["model"]),
        "movers": [each._asdict() | {"change": each.change} for each in report.movers],
        "tokens_per_request": None
        if report.sizes is None
        else {
            "all": _size(report.sizes.whole),
            "first": _size(report.sizes.first),
            "last": _size(report.sizes.last),
        },
        "steps": [
            {"start": start, **sums._asdict()}
            | {
                dimension: {
                    row.key: row.steps[at]._asdict()
                    for row in report.dimensions[dimension]
                    if any(row.steps[at])
                }
                for dimension in DIMENSIONS
            }
            for at, (start, sums) in enumerate(zip(report.starts, report.steps, strict=True))
        ],
        "read": None
        if report.read is None
        else {
            "records": report.read.records,
            "counted": report.read.counted,
            "rejected": _uncounted(report.read.rejected),
            "skipped": _uncounted(report.read.skipped),
            "broken": list(report.read.broken),
        },
    }


def _by_key(rows: tuple[Row, ...]) -> dict[str, Any]:
    return {
        row.key: row.sums._asdict()
        | {"tokens_ratio": row.tokens_ratio, "requests_ratio": row.requests_ratio}
        | row.course._asdict()
        for row in rows
    }


def _size(size: Size) -> dict[str, float]:
    return size._asdict()


def _uncounted(uncounted: Mapping[str, Uncounted]) -> dict[str, Any]:
    return {
        reason: {
            "count": each.count,
            "first": [{"file": file, "line": line} for file, line in each.places],
            "detail": each.detail or None,
        }
        for reason, each in uncounted.items()
    }


def as_csv(report: Summary) -> bytes:
    """Return a report as CSV: a row for each key that a day or week has; ratios are 0-1."""
    rows = (
        [
            dt.datetime.fromtimestamp(start, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            dimension,
            row.key,
            name_of(dimension, row.key),
            *row.steps[at],
            row.steps[at].tokens / whole.tokens,
            row.steps[at].requests / whole.requests if whole.requests else None,
        ]
        for at, (start, whole) in enumerate(zip(report.starts, report.steps, strict=True))
        for dimension in DIMENSIONS
        for row in report.dimensions[dimension]
        if any(row.steps[at])
    )
    return to_csv(_HEAD, rows)
