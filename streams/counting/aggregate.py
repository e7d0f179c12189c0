"""Judges a batch's events by their times, and turns those that count into columns of counts.

With decoding, it is the hot path.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray  # noqa: TC002 - a NamedTuple keeps its annotations

from streams.counting.estimates import estimates_of
from streams.counting.grouped import Values  # noqa: TC001 - a NamedTuple keeps its annotations
from streams.decode.event import (
    ALLOWED_CLOCK_SKEW_SECONDS,
    EARLIEST_TIME,
    Rejected,
)
from streams.decode.rows import Rows  # noqa: TC001 - a NamedTuple keeps its annotations
from streams.state.counts import (
    CACHE_STATED,
    CACHED,
    COMPLETION,
    COST,
    COST_SQUARES,
    ESTIMATED,
    ESTIMATED_TOKENS,
    NANO_IN_MICRO,
    PRICED,
    PRICED_TOKENS,
    PROMPT,
    REASONING,
    REQUESTS,
    SQUARES,
)
from streams.state.pane import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.classify.classifier import Classifier

#: The square of a larger number has more than 63 bits.
_MAX_ROOT = 3_000_000_000


class Counting(NamedTuple):
    """The events of a batch that count, and what each adds to the columns of counts."""

    rows: Rows
    values: Values


def _more_of(
    rows: Rows,
    classifier: Classifier,
    tokens: NDArray[np.int64],
    requests: NDArray[np.int64] | None,
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield what each row adds to an optional column of counts, of columns that any adds to.

    Where the classifier has prices, costs that rows do not state are estimated. `requests` is how
    many requests each row stands for, None where each is one.
    """
    if (stated := rows.cached >= 0).any():
        yield CACHED, np.maximum(rows.cached, 0)
        yield CACHE_STATED, np.where(stated, tokens, 0)
    if (rows.reasoning > 0).any():
        yield REASONING, np.maximum(rows.reasoning, 0)
    cost = rows.cost
    if classifier.prices is not None:
        estimates = estimates_of(rows, classifier, classifier.prices)
        if (estimated := estimates >= 0).any():
            cost = np.where(estimated, estimates, cost)
            yield ESTIMATED, np.maximum(estimates, 0)
            yield ESTIMATED_TOKENS, np.where(estimated, tokens, 0)
    if (priced := cost >= 0).any():
        yield COST, np.maximum(cost, 0)
        yield PRICED, priced.astype(np.int64) if requests is None else requests * priced
        yield PRICED_TOKENS, np.where(priced, tokens, 0)
        yield COST_SQUARES, _squares(np.maximum(-(-cost // NANO_IN_MICRO), 0), requests)


def counting(
    rows: Rows,
    newest: float,
    now: float,
    classifier: Classifier,
    keep_seconds: float = DAY.keep_seconds,
    *,
    ahead: NDArray[np.bool_] | None = None,
) -> tuple[Counting | None, list[tuple[int, Rejected]]]:
    """Return the rows that count, and the rejections of the others' times by offset.

    `newest` is the newest event time seen before, `now` the wall clock, both in unix seconds;
    `keep_seconds` is how much older than the newest an event may be. `ahead` are the rows that are
    rejected as `future`, by default those too far ahead of `now`. None where no event counts.
    Raises StaleNumbersError where the classifier's numbers in the rows are no longer valid.
    """
    classifier.check(rows.generation)
    ceiling = now + ALLOWED_CLOCK_SKEW_SECONDS
    if ahead is None:
        ahead = rows.ts > ceiling
    rejected: list[tuple[int, Rejected]] = []
    timely = _timely(rows.ts, newest, keep_seconds, ahead)
    if not timely.all():
        bad = rows[~timely]
        rejected = [
            (offset, _ahead(ts - now) if is_ahead else untimely(ts, math.inf))
            for offset, ts, is_ahead in zip(
                bad.offsets.tolist(), bad.ts.tolist(), ahead[~timely].tolist(), strict=True
            )
        ]
        rows = rows[timely]
    return Counting(rows, _values(rows, classifier)) if len(rows) else None, rejected


def _timely(
    ts: NDArray[np.float64], newest: float, keep_seconds: float, ahead: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    if _is_within(ts, newest, keep_seconds) and ts.min() >= EARLIEST_TIME:
        return ~ahead
    timely = (ts >= EARLIEST_TIME) & ~ahead
    # Too old is measured against the newest before it, wherever the log is cut into readings.
    seen = np.maximum.accumulate(np.where(timely, ts, newest))
    timely &= ts >= np.maximum(seen, newest) - keep_seconds
    return timely


def _is_within(ts: NDArray[np.float64], newest: float, seconds: float) -> bool:
    """Return whether no time is this much older than any other; False where one is NaN.

    It is nearly always so, and takes a part of the time of finding out for each.
    """
    return bool(len(ts)) and bool(ts.min() >= max(float(ts.max()), newest) - seconds)


def _values(rows: Rows, classifier: Classifier) -> Values:
    tokens = rows.prompt + rows.completion
    requests = rows.requests if (rows.requests > 1).any() else None
    return {
        REQUESTS: rows.requests,
        PROMPT: rows.prompt,
        COMPLETION: rows.completion,
        SQUARES: _squares(tokens, requests),
        **dict(_more_of(rows, classifier, tokens, requests)),
    }


def _squares(values: NDArray[np.int64], requests: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the squares of each row.

    The requests of one row count as equal, which gives them the least sum of squares that they can
    have (rounded up, so that it is never zero).
    """
    if values.max(initial=0) > _MAX_ROOT:
        values = values.astype(object)
    squares = values * values
    return squares if requests is None else -(-squares // requests)


def _ahead(seconds: float) -> Rejected:
    return Rejected("future", f"{seconds:.0f} s ahead")


def untimely(ts: float, ceiling: float) -> Rejected:
    """Return why a time does not count: NaN, above `ceiling`, or too long ago."""
    if math.isnan(ts):
        return Rejected("bad_time", "ts cannot be read as a time")
    if ts > ceiling:
        return _ahead(ts - ceiling + ALLOWED_CLOCK_SKEW_SECONDS)
    return Rejected("too_old", f"older than {DAY.keep_seconds // 86400} days")


def late_events(ts: NDArray[np.float64], newest: float, allowed: float) -> int:
    """Return how many events are over `allowed` seconds older than the newest before them."""
    if _is_within(ts, newest, allowed):
        return 0
    seen = np.maximum(np.maximum.accumulate(ts), newest)
    return int(np.count_nonzero(ts < seen - allowed))
