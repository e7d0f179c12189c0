"""A report as data: JSON with ratios from 0 to 1, and CSV with one row per step and key."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from streams.classify.keys import DIMENSIONS, LAW, TENANT, name_of, split_pair
from streams.report.content import day, is_any_known
from streams.shares.csv import to_csv
from streams.shares.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.report.against import Against
    from streams.report.count import Uncounted
    from streams.report.summary import Read, Row, Size, Summary
    from streams.report.sums import Sums
    from streams.report.tenants import Tenants

#: Measures whose columns came later: columns are added at the end, as people read by place.
_LATER = MEASURES[2:]
_HEAD = (
    *("start", "dimension", "key", "name", "tokens", "requests"),
    *("prompt_tokens", "completion_tokens", "tokens_ratio", "requests_ratio"),
    *("uncached_tokens", "cost", *(f"{measure}_ratio" for measure in _LATER)),
)


def as_json(report: Summary) -> dict[str, Any]:
    """Return a report as JSON values.

    `weeks` or `days` counts those with tokens. `language` gives the shares of the whole period, the
    other dimensions the course of each share, both of `measure`. `law` is by origin and
    jurisdiction together. `steps` has the counts of each day or week. `against` has the counts and
    shares of another period, `tenant` the tenants where they are asked for. Cost is in US dollars;
    what is not known is None.
    """
    return {
        "simulated": report.simulated,
        "by": report.by,
        f"{report.by}s": len(report.starts),
        "first": day(report.starts[0]) if report.starts else None,
        "last": day(report.starts[-1]) if report.starts else None,
        **report.whole.body(),
        "origin": {
            row.key: row.course._asdict() for row in report.dimensions["origin"] if report.starts
        },
        "language": {row.key: row.ratio(report.measure) for row in report.dimensions["language"]},
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
            {"start": start, **sums.body()}
            | {
                dimension: {
                    row.key: row.steps[at].body()
                    for row in report.dimensions[dimension]
                    if any(row.steps[at])
                }
                for dimension in DIMENSIONS
            }
            for at, (start, sums) in enumerate(zip(report.starts, report.steps, strict=True))
        ],
        "read": _read(report.read),
        "measure": report.measure,
        "provider": _by_key(report.dimensions["provider"]),
        "jurisdiction": _by_key(report.dimensions["jurisdiction"]),
        "law": [
            dict(zip(("origin", "jurisdiction"), split_pair(key), strict=True)) | body
            for key, body in _by_key(report.law).items()
        ],
        **{f"{part}_ratio": ratio for part, ratio in report.covered._asdict().items()},
        "against": _against(report.against),
        "tenant": _tenants(report.tenants),
    }


def _read(read: Read | None) -> dict[str, Any] | None:
    if read is None:
        return None
    return {
        "records": read.records,
        "counted": read.counted,
        "rejected": _uncounted(read.rejected),
        "skipped": _uncounted(read.skipped),
        "broken": list(read.broken),
        "outside": read.outside,
    }


def _against(then: Against | None) -> dict[str, Any] | None:
    if then is None:
        return None
    return {
        "kind": then.kind,
        "first": day(then.since),
        "last": day(then.until - 1),
        "days": then.days,
        **then.whole.body(),
        "movers": [each._asdict() | {"change": each.change} for each in then.movers],
        **{dimension: dict(shares) for dimension, shares in then.rows.items()},
    }


def _tenants(tenants: Tenants | None) -> dict[str, Any] | None:
    if tenants is None:
        return None
    return {
        "first": day(tenants.starts[0]) if tenants.starts else None,
        "last": day(tenants.starts[-1]) if tenants.starts else None,
        "tenants": {
            key: {"name": tenants.name(key)} | body for key, body in _by_key(tenants.rows).items()
        },
    }


def _by_key(rows: tuple[Row, ...]) -> dict[str, Any]:
    return {
        row.key: row.sums.body()
        | {f"{measure}_ratio": row.ratio(measure) for measure in MEASURES}
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
    """Return a report as CSV: a row for each key that a day or week has; ratios are 0-1.

    Tenants come last, as their days may be fewer.
    """
    of = {dimension: report.dimensions[dimension] for dimension in DIMENSIONS}
    law = report.law if is_any_known(report.dimensions["jurisdiction"]) else ()
    rows = [
        _line(start, whole, dimension, _name(dimension, row.key), row, at)
        for at, (start, whole) in enumerate(zip(report.starts, report.steps, strict=True))
        for dimension, found in (*of.items(), (LAW, law))
        for row in found
        if any(row.steps[at])
    ]
    tenants = report.tenants
    if tenants is not None:
        rows += [
            _line(start, whole, TENANT, tenants.name(row.key), row, at)
            for at, (start, whole) in enumerate(zip(tenants.starts, tenants.steps, strict=True))
            for row in tenants.rows
            if any(row.steps[at])
        ]
    return to_csv(_HEAD, rows)


def _line(  # noqa: PLR0917 - the parts of a line, named at its two calls
    start: int, whole: Sums, dimension: str, name: str, row: Row, at: int
) -> list[object]:
    sums = row.steps[at]
    return [
        dt.datetime.fromtimestamp(start, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        dimension,
        row.key,
        name,
        *sums[:4],
        *(sums.share(measure, whole) for measure in ("tokens", "requests")),
        sums.uncached_tokens,
        sums.dollars,
        *(sums.share(measure, whole) for measure in _LATER),
    ]


def _name(dimension: str, key: str) -> str:
    if dimension != LAW:
        return name_of(dimension, key)
    origin, jurisdiction = split_pair(key)
    return f"{name_of('origin', origin)} / {name_of('jurisdiction', jurisdiction)}"
