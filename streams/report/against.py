"""A report beside another period: as long before it, or the same days of the year before."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from streams.classify.keys import DIMENSIONS, OTHER
from streams.report.summary import MIN_CHANGE, SHOWN_MOVERS, Mover, Period
from streams.shares.history import STEPS, step_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.classify.keys import Dimension
    from streams.report.summary import Summary
    from streams.report.sums import Sums

Kind = Literal["before", "year"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_DAY = STEPS["1d"].seconds


@dataclass(frozen=True, slots=True)
class Against:
    """The other period of a report: days that begin in `[since, until)`, `days` with traffic.

    `rows` has the share of each key then, of the measure of the report. `movers` are what has
    changed most since, largest first.
    """

    kind: Kind
    since: int
    until: int
    days: int
    whole: Sums
    rows: Mapping[Dimension, Mapping[str, float | None]]
    movers: tuple[Mover, ...]

    @property
    def length(self) -> int:
        """The number of its days."""
        return (self.until - self.since) // _DAY

    def movers_of(self, dimension: Dimension, limit: int = SHOWN_MOVERS) -> list[Mover]:
        """Return the top movers of a dimension."""
        return [each for each in self.movers if each.dimension == dimension][:limit]


def other_period(period: Period, kind: Kind, now: float) -> tuple[int, int]:
    """Return the first day of the other period, and the day after its last, in unix seconds.

    `period` has a beginning; one without an end goes to `now`, with the running day. Raises
    ValueError where it begins before there was a calendar.
    """
    assert period.since is not None
    until = now if period.until is None else period.until
    # A day that begins before the end counts in full.
    end = step_start(math.ceil(until) - 1, _DAY) + _DAY
    if end <= period.since:
        raise ValueError("the period has no day")
    if kind == "before":
        since, until_then = 2 * period.since - end, period.since
    else:
        since, until_then = (_year_before(each) for each in (period.since, end))
    if since < 0:
        raise ValueError("the other period begins before 1970")
    return since, until_then


def _year_before(start: int) -> int:
    day = dt.datetime.fromtimestamp(start, dt.UTC)
    try:
        return int(day.replace(year=day.year - 1).timestamp())
    except ValueError:
        # 29 February.
        return int(day.replace(year=day.year - 1, day=28).timestamp())


def against(now: Summary, then: Summary, kind: Kind, period: tuple[int, int]) -> Against:
    """Return what a report is beside that of another period, which is by day."""
    rows = {
        dimension: {row.key: row.ratio(now.measure) for row in then.dimensions[dimension]}
        for dimension in DIMENSIONS
    }
    found = [mover for dimension in DIMENSIONS for mover in _movers(dimension, now, rows)]
    found.sort(key=lambda each: (-abs(each.change), each.dimension, each.key))
    since, until = period
    return Against(kind, since, until, len(then.starts), then.whole, rows, tuple(found))


def share_then(of: Against, dimension: Dimension, key: str) -> float | None:
    """Return a key's share in the other period; None where it is not known.

    A key without a name of its own is in `other`, where there is one.
    """
    return _share(of.rows[dimension], key)


def _share(shares: Mapping[str, float | None], key: str) -> float | None:
    if key in shares:
        return shares[key]
    return None if OTHER in shares or not shares else 0.0


def _movers(
    dimension: Dimension, now: Summary, rows: Mapping[Dimension, Mapping[str, float | None]]
) -> list[Mover]:
    shares = {row.key: row.ratio(now.measure) for row in now.dimensions[dimension]}
    found = []
    for key in {**rows[dimension], **shares}:
        before, after = _share(rows[dimension], key), _share(shares, key)
        if key != OTHER and before is not None and after is not None:
            found.append(Mover(dimension, key, before, after))
    return [each for each in found if abs(each.change) >= MIN_CHANGE]
