"""Summarize counts of days or weeks as a report: shares, their course, movers.

A share is of the measure that is asked for, tokens unless stated otherwise, and None where that is
not known. An average is the mean of the shares of days or weeks, as the study's averages are, so a
busy week weighs no more than a quiet one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from streams.classify.keys import DIMENSIONS, LAW, OTHER, SERVED_DIMENSIONS, Dimension
from streams.classify.origin.values import ORIGINS
from streams.report.sums import Covered, Sums, total
from streams.shares.grouping import SHOWN_MODELS
from streams.shares.history import STEPS, point, step_start
from streams.shares.sums import Places, classified
from streams.state.adding import Summed
from streams.state.counts import REQUESTS, Counts, add_all
from streams.state.pieces import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.report.against import Against
    from streams.report.count import Uncounted
    from streams.report.tenants import Tenants
    from streams.shares.measures import Measure
    from streams.state.pane import Pane

By = Literal["day", "week"]
#: The step of a history for each period.
STEP_OF: dict[str, str] = {"day": "1d", "week": "1w"}
#: Movers that are listed, and the minimum change of a share to be a mover: 0.05 points.
SHOWN_MOVERS, MIN_CHANGE = 10, 0.0005
#: Movers compare the last 1/10 of the period with the first 1/10.
PART = 10
_DAY_SECONDS = STEPS["1d"].seconds


class Period(NamedTuple):
    """The period that is reported: days that begin in `[since, until)`; None leaves an end open.

    A day counts in full, and `since` is the start of a day in UTC.
    """

    since: int | None = None
    until: float | None = None

    @classmethod
    def of(cls, since: float | None, until: float | None) -> Period:
        """Return the period from the day of `since` on, to before `until`."""
        return cls(None if since is None else step_start(int(since), _DAY_SECONDS), until)

    def __contains__(self, start: object) -> bool:
        """Return whether a day is in it, by its start in unix seconds."""
        assert isinstance(start, int)
        return (self.since is None or start >= self.since) and (
            self.until is None or start < self.until
        )


class Course(NamedTuple):
    """The course of a share: ratios 0-1. `average` is the mean over the days or weeks.

    None where it is not known; the highest and the average are of the steps where it is.
    """

    first: float | None
    highest: float | None
    last: float | None
    average: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a dimension over the whole period; `shares` are of the measure, one per step."""

    key: str
    sums: Sums
    whole: Sums
    shares: tuple[float | None, ...]
    steps: tuple[Sums, ...]

    def ratio(self, measure: Measure) -> float | None:
        """Return the key's share of the whole period."""
        return self.sums.share(measure, self.whole)

    @property
    def course(self) -> Course:
        """The course of the key's share."""
        shares = self.shares
        known = [each for each in shares if each is not None]
        return Course(
            shares[0],
            max(known, default=None),
            shares[-1],
            sum(known) / len(known) if known else None,
        )


class Mover(NamedTuple):
    """A key whose share has changed: its share in the first tenth and in the last."""

    dimension: Dimension
    key: str
    first: float
    last: float

    @property
    def change(self) -> float:
        """The change of the share, as a ratio: 0.01 is one point."""
        return self.last - self.first


class Size(NamedTuple):
    """Tokens of an average request."""

    prompt: float
    completion: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens per request: in the whole period, in its first tenth and in its last."""

    whole: Size
    first: Size
    last: Size


@dataclass(frozen=True, slots=True)
class Read:
    """The input from files or a topic: records, their events, and the items that do not count."""

    records: int
    counted: int
    rejected: Mapping[str, Uncounted]
    skipped: Mapping[str, Uncounted]
    #: Messages about inputs that ended early.
    broken: tuple[str, ...] = ()
    #: Counted requests that are not in the period.
    outside: int = 0

    @property
    def is_all_rejected(self) -> bool:
        """Whether there was input and none of it could be counted."""
        return bool(self.rejected) and not self.counted


@dataclass(frozen=True, slots=True)
class Summary:
    """A report: each step (day or week) with tokens, and each dimension, largest first.

    `starts` are in unix seconds, UTC; weeks start on Monday. `law` is by origin and jurisdiction
    together. `read` is None for a worker's history.
    """

    by: By
    measure: Measure
    starts: tuple[int, ...]
    steps: tuple[Sums, ...]
    whole: Sums
    covered: Covered
    dimensions: Mapping[Dimension, tuple[Row, ...]]
    law: tuple[Row, ...]
    movers: tuple[Mover, ...]
    sizes: Sizes | None
    read: Read | None = None
    simulated: bool = False
    #: Another period that it is compared with.
    against: Against | None = None
    #: Where tenants are asked for.
    tenants: Tenants | None = None


#: Points of a history (body of /api/v1/history), by dimension; those of LAW among them.
Histories = dict[str, "list[dict[str, Any]]"]
_ALL = (*DIMENSIONS, LAW)
#: The dimensions that a worker of before providers does not know: these may be empty.
LATER_DIMENSIONS = frozenset({*SERVED_DIMENSIONS, LAW})


def histories(
    panes: Mapping[int, Pane], catalog: Catalog, by: By, period: Period | None = None
) -> Histories:
    """Return the points of panes of days, in the form of a worker's history."""
    seconds = STEPS[STEP_OF[by]].seconds
    steps: dict[str, dict[int, dict[str, Counts]]] = {each: {} for each in _ALL}
    places = Places(catalog)
    for start, pane in sorted(panes.items()):
        if period is not None and start not in period:
            continue
        grouped = at_once(classified(Summed.of(pane), places)).by_dimension(catalog)
        for dimension, found in steps.items():
            add_all(found.setdefault(step_start(start, seconds), {}), grouped[dimension])
    return {
        dimension: [point(start, cells) for start, cells in found.items()]
        for dimension, found in steps.items()
    }


def requests_outside(panes: Mapping[int, Pane], periods: Collection[Period]) -> int:
    """Return the requests of the panes of days that are in none of some periods."""
    return sum(
        counts[REQUESTS]
        for start, pane in panes.items()
        if not any(start in period for period in periods)
        for counts in pane.cells.values()
    )


def summary_of_worker(
    read: Callable[[str, str], Mapping[str, Any]],
    by: By,
    *,
    measure: Measure = "tokens",
    simulated: bool,
) -> Summary:
    """Return the report of a worker; `read` gives its history by dimension and step."""
    points = {each: read(each, STEP_OF[by])["points"] for each in _ALL}
    return summary(points, by, measure=measure, simulated=simulated)


def summary(
    of: Mapping[str, list[dict[str, Any]]],
    by: By,
    *,
    measure: Measure = "tokens",
    read: Read | None = None,
    simulated: bool = False,
) -> Summary:
    """Return the report of histories of the same steps. Steps without tokens are left out."""
    counted = {int(each["start"]): each for each in of["origin"] if each["tokens"]}
    steps = {
        start: Sums.of([each.get(name) for name in Sums._fields]) for start, each in counted.items()
    }
    whole = total(steps.values())
    rows = {
        each: rows_of(each, of.get(each, []), steps, whole, measure) if steps else ()
        for each in _ALL
    }
    dimensions = {dimension: rows[dimension] for dimension in DIMENSIONS}
    sums = tuple(steps.values())
    tenth = _tenth(len(sums))
    return Summary(
        by=by,
        measure=measure,
        starts=tuple(steps),
        steps=sums,
        whole=whole,
        covered=_covered(counted.values(), whole),
        dimensions=dimensions,
        law=rows[LAW],
        movers=_movers(dimensions, sums, measure),
        sizes=Sizes(_size([whole]), _size(sums[:tenth]), _size(sums[-tenth:]))
        if whole.requests
        else None,
        read=read,
        simulated=simulated,
    )


def _covered(points: Collection[Mapping[str, Any]], whole: Sums) -> Covered:
    def part(name: str) -> float | None:
        tokens = [each.get(name) for each in points]
        if not whole.tokens or None in tokens:
            return None
        return float(sum(filter(None, tokens)) / whole.tokens)

    return Covered(part("priced_tokens"), part("estimated_tokens"), part("measured_tokens"))


def rows_of(
    dimension: str,
    points: list[dict[str, Any]],
    steps: Mapping[int, Sums],
    whole: Sums,
    measure: Measure,
) -> tuple[Row, ...]:
    """Return the keys of a history's points, largest first; `steps` are the sums of each step."""
    found: dict[str, dict[int, Sums]] = {
        key: {} for key in (ORIGINS if dimension == "origin" else ())
    }
    for each in points:
        start = int(each["start"])
        if start in steps:
            for key, counts in each["cells"].items():
                found.setdefault(key, {})[start] = Sums.of(counts)
    if dimension == "model":
        found = _largest(found, measure)
    rows = [_row(key, cells, steps, whole, measure) for key, cells in found.items()]
    if dimension == "origin":
        # In the fixed order of origins, including those that do not occur.
        return tuple(rows)
    return tuple(
        sorted(rows, key=lambda row: (row.key == OTHER, *_weight(row.sums, measure), row.key))
    )


def _weight(sums: Sums, measure: Measure) -> tuple[int, int]:
    """Return what sorts the largest first; of equal ones, that with more tokens."""
    return -(sums.value(measure) or 0), -sums.tokens


def _largest(found: dict[str, dict[int, Sums]], measure: Measure) -> dict[str, dict[int, Sums]]:
    """Return the models that are shown by name, and the rest as `other`."""
    weights = {key: _weight(total(cells.values()), measure) for key, cells in found.items()}
    ranked = sorted(weights.keys() - {OTHER}, key=lambda key: (*weights[key], key))
    kept = {key: found[key] for key in ranked[:SHOWN_MODELS]}
    rest: dict[int, Sums] = {}
    for key in (*ranked[SHOWN_MODELS:], *({OTHER} & found.keys())):
        for start, sums in found[key].items():
            rest[start] = rest.get(start, Sums()).plus(sums)
    return kept | ({OTHER: rest} if rest else {})


def _row(
    key: str, cells: Mapping[int, Sums], steps: Mapping[int, Sums], whole: Sums, measure: Measure
) -> Row:
    mine = tuple(cells.get(start, Sums()) for start in steps)
    return Row(
        key=key,
        sums=total(mine),
        whole=whole,
        shares=tuple(
            each.share(measure, all_) for each, all_ in zip(mine, steps.values(), strict=True)
        ),
        steps=mine,
    )


def _tenth(steps: int) -> int:
    return max(1, steps // PART)


def _movers(
    dimensions: Mapping[Dimension, tuple[Row, ...]], steps: Sequence[Sums], measure: Measure
) -> tuple[Mover, ...]:
    """Return the largest changes between the first tenth and the last, largest first.

    A share that is not known at one of the two ends has not moved.
    """
    if len(steps) < 2:
        return ()
    tenth = _tenth(len(steps))
    first, last = total(steps[:tenth]), total(steps[-tenth:])
    found = []
    for dimension, rows in dimensions.items():
        for row in rows:
            before = total(row.steps[:tenth]).share(measure, first)
            after = total(row.steps[-tenth:]).share(measure, last)
            if row.key != OTHER and before is not None and after is not None:
                found.append(Mover(dimension, row.key, before, after))
    moved = [each for each in found if abs(each.change) >= MIN_CHANGE]
    moved.sort(key=lambda each: (-abs(each.change), each.dimension, each.key))
    return tuple(moved)


def movers_of(report: Summary, dimension: Dimension, limit: int = SHOWN_MOVERS) -> list[Mover]:
    """Return the top movers of a dimension."""
    return [each for each in report.movers if each.dimension == dimension][:limit]


def _size(steps: Sequence[Sums]) -> Size:
    requests = sum(each.requests for each in steps)
    if not requests:
        return Size(0.0, 0.0)
    return Size(
        sum(each.prompt_tokens for each in steps) / requests,
        sum(each.completion_tokens for each in steps) / requests,
    )
