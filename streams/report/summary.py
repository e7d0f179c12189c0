"""Summarize counts of days or weeks as a report: shares, their course, movers.

A share is of tokens unless stated otherwise. An average is the mean of the shares of days or weeks,
as the study's averages are, so a busy week weighs no more than a quiet one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from streams.classify.keys import DIMENSIONS, OTHER, Dimension
from streams.classify.origin.values import ORIGINS
from streams.shares.grouping import SHOWN_MODELS
from streams.shares.history import STEPS, point, step_start
from streams.shares.sums import classified
from streams.state.counts import Counts, add_all
from streams.state.pieces import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.classify.origin.catalog import Catalog
    from streams.report.count import Uncounted
    from streams.state.pane import Pane

By = Literal["day", "week"]
#: The step of a history for each period.
STEP_OF: dict[str, str] = {"day": "1d", "week": "1w"}
#: Movers that are listed, and the minimum change of a share to be a mover: 0.05 points.
SHOWN_MOVERS, MIN_CHANGE = 10, 0.0005
#: Movers compare the last 1/10 of the period with the first 1/10.
PART = 10


class Sums(NamedTuple):
    """Counts, in the order of a history's lists."""

    tokens: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, more: Sequence[int]) -> Sums:
        """Return the sum of both."""
        return Sums(*(mine + other for mine, other in zip(self, more, strict=True)))


class Course(NamedTuple):
    """The course of a share: ratios 0-1. `average` is the mean over the days or weeks."""

    first: float
    highest: float
    last: float
    average: float


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a dimension over the whole period; `shares` are of tokens, one per step."""

    key: str
    sums: Sums
    tokens_ratio: float
    requests_ratio: float
    shares: tuple[float, ...]
    steps: tuple[Sums, ...]

    @property
    def course(self) -> Course:
        """The course of the key's share."""
        shares = self.shares
        return Course(shares[0], max(shares), shares[-1], sum(shares) / len(shares))


class Mover(NamedTuple):
    """A key whose share of tokens has changed: its share in the first tenth and in the last."""

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

    @property
    def is_all_rejected(self) -> bool:
        """Whether there was input and none of it could be counted."""
        return bool(self.rejected) and not self.counted


@dataclass(frozen=True, slots=True)
class Summary:
    """A report: each step (day or week) with tokens, and each dimension by tokens, largest first.

    `starts` are in unix seconds, UTC; weeks start on Monday. `read` is None for a worker's history.
    """

    by: By
    starts: tuple[int, ...]
    steps: tuple[Sums, ...]
    whole: Sums
    dimensions: Mapping[Dimension, tuple[Row, ...]]
    movers: tuple[Mover, ...]
    sizes: Sizes | None
    read: Read | None = None
    simulated: bool = False


#: Points of a history (body of /api/v1/history), by dimension.
Histories = dict[Dimension, "list[dict[str, Any]]"]


def histories(panes: Mapping[int, Pane], catalog: Catalog, by: By) -> Histories:
    """Return the points of panes of days, in the form of a worker's history."""
    seconds = STEPS[STEP_OF[by]].seconds
    steps: dict[Dimension, dict[int, dict[str, Counts]]] = {each: {} for each in DIMENSIONS}
    for start, pane in sorted(panes.items()):
        grouped = at_once(classified(pane, catalog)).by_dimension(catalog)
        for dimension, found in steps.items():
            add_all(found.setdefault(step_start(start, seconds), {}), grouped[dimension])
    return {
        dimension: [point(start, cells) for start, cells in found.items()]
        for dimension, found in steps.items()
    }


def summary_of_worker(
    read: Callable[[Dimension, str], Mapping[str, Any]], by: By, *, simulated: bool
) -> Summary:
    """Return the report of a worker; `read` gives its history by dimension and step."""
    points: Histories = {each: read(each, STEP_OF[by])["points"] for each in DIMENSIONS}
    return summary(points, by, simulated=simulated)


def summary(of: Histories, by: By, *, read: Read | None = None, simulated: bool = False) -> Summary:
    """Return the report of four histories of the same steps. Steps without tokens are left out."""
    steps = {
        int(each["start"]): Sums(
            each["tokens"], each["requests"], each["prompt_tokens"], each["completion_tokens"]
        )
        for each in of["origin"]
        if each["tokens"]
    }
    whole = Sums()
    for each in steps.values():
        whole = whole.plus(each)
    dimensions = {
        dimension: _rows(dimension, of[dimension], steps, whole) if steps else ()
        for dimension in DIMENSIONS
    }
    sums = tuple(steps.values())
    tenth = _tenth(len(sums))
    return Summary(
        by=by,
        starts=tuple(steps),
        steps=sums,
        whole=whole,
        dimensions=dimensions,
        movers=_movers(dimensions, sums),
        sizes=Sizes(_size([whole]), _size(sums[:tenth]), _size(sums[-tenth:]))
        if whole.requests
        else None,
        read=read,
        simulated=simulated,
    )


def _rows(
    dimension: Dimension, points: list[dict[str, Any]], steps: Mapping[int, Sums], whole: Sums
) -> tuple[Row, ...]:
    found: dict[str, dict[int, Sums]] = {
        key: {} for key in (ORIGINS if dimension == "origin" else ())
    }
    for each in points:
        start = int(each["start"])
        if start in steps:
            for key, counts in each["cells"].items():
                found.setdefault(key, {})[start] = Sums(*counts[: len(Sums._fields)])
    if dimension == "model":
        found = _largest(found)
    rows = [_row(key, cells, steps, whole) for key, cells in found.items()]
    if dimension == "origin":
        # In the fixed order of origins, including those that do not occur.
        return tuple(rows)
    return tuple(sorted(rows, key=lambda row: (row.key == OTHER, -row.sums.tokens, row.key)))


def _largest(found: dict[str, dict[int, Sums]]) -> dict[str, dict[int, Sums]]:
    """Return the models that are shown by name, and the rest as `other`."""
    weights = {key: sum(each.tokens for each in cells.values()) for key, cells in found.items()}
    ranked = sorted(weights.keys() - {OTHER}, key=lambda key: (-weights[key], key))
    kept = {key: found[key] for key in ranked[:SHOWN_MODELS]}
    rest: dict[int, Sums] = {}
    for key in (*ranked[SHOWN_MODELS:], *({OTHER} & found.keys())):
        for start, sums in found[key].items():
            rest[start] = rest.get(start, Sums()).plus(sums)
    return kept | ({OTHER: rest} if rest else {})


def _row(key: str, cells: Mapping[int, Sums], steps: Mapping[int, Sums], whole: Sums) -> Row:
    mine = tuple(cells.get(start, Sums()) for start in steps)
    sums = Sums()
    for each in mine:
        sums = sums.plus(each)
    return Row(
        key=key,
        sums=sums,
        tokens_ratio=sums.tokens / whole.tokens,
        requests_ratio=sums.requests / whole.requests if whole.requests else 0.0,
        shares=tuple(
            each.tokens / all_.tokens for each, all_ in zip(mine, steps.values(), strict=True)
        ),
        steps=mine,
    )


def _tenth(steps: int) -> int:
    return max(1, steps // PART)


def _movers(
    dimensions: Mapping[Dimension, tuple[Row, ...]], steps: Sequence[Sums]
) -> tuple[Mover, ...]:
    """Return the largest changes between the first tenth and the last, largest first."""
    if len(steps) < 2:
        return ()
    tenth = _tenth(len(steps))

    def share(of: Sequence[Sums], within: Sequence[Sums]) -> float:
        return sum(each.tokens for each in of) / sum(each.tokens for each in within)

    found = [
        Mover(
            dimension,
            row.key,
            share(row.steps[:tenth], steps[:tenth]),
            share(row.steps[-tenth:], steps[-tenth:]),
        )
        for dimension, rows in dimensions.items()
        for row in rows
        if row.key != OTHER
    ]
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
