"""Compute how shares of weekends differ from those of weekdays, from whole days in UTC.

    (--------- 28 whole days ---------)[day]
     w w w w w f f w w w w w f f ...           factor = share of free days / share of working days

The factor shrinks towards 1 where few weekends are known, and is bounded, so that a launch on one
Saturday does not become a habit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.series import ratio, rolling, rows
from streams.state.pane import DAY, HOUR, pane_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Array, Measure, Series

#: The days that the factor is computed from: four weekends.
WEEKEND_DAYS = 28
#: With as many free days as this, the factor is half believed (as a power).
_DOUBT_DAYS = 1.0
#: The bound of a factor, and its inverse.
_MAX_FACTOR = 2.0
#: 1970-01-01 was a Thursday; Saturday and Sunday are the last two days of a week.
_THURSDAY, _SATURDAY = 3, 5


class Weekend(NamedTuple):
    """How weekends differ: `factors` [hours, keys], and `is_free` of the hours and one before."""

    factors: Array
    is_free: NDArray[np.bool_]


def is_weekend(starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether times (unix seconds) lie on a Saturday or Sunday."""
    weekday = (starts // DAY.seconds + _THURSDAY) % 7
    found: NDArray[np.bool_] = weekday >= _SATURDAY
    return found


def weekend_of(days: Series, measure: Measure, first: int, number: int) -> Weekend:
    """Return how weekends differ at `number` hours from `first` on (unix seconds).

    `days` are counts by whole day; each hour needs the `WEEKEND_DAYS` before its day. Missing days
    count as empty, and the running day is not used.
    """
    starts = first + HOUR.seconds * np.arange(-1, number)
    begin = pane_start(DAY, first) - WEEKEND_DAYS * DAY.seconds
    places = (starts[1:] - begin) // DAY.seconds
    counts = rows(
        days.counts(measure), days.start, DAY.seconds, begin, int(places.max(initial=0)) + 1
    )
    factors = _factors(counts, is_weekend(begin + DAY.seconds * np.arange(len(counts))))
    return Weekend(factors[places], is_weekend(starts))


def _factors(counts: Array, is_free: NDArray[np.bool_]) -> Array:
    """Return each day's factors from the days before it, [days, keys]; 1 where nothing is known."""
    totals = counts.sum(axis=-1, keepdims=True)
    free = _before(np.where(is_free[:, None], counts, 0.0))
    working = _before(np.where(is_free[:, None], 0.0, counts))
    share = ratio(free, free.sum(axis=-1, keepdims=True))
    factors = ratio(share, ratio(working, working.sum(axis=-1, keepdims=True)))
    factors = np.where((factors > 0) & np.isfinite(factors), factors, 1.0)
    known = _before((is_free[:, None] & (totals > 0)).astype(np.float64))
    bounded = np.clip(factors, 1 / _MAX_FACTOR, _MAX_FACTOR)
    found: Array = bounded ** (known / (known + _DOUBT_DAYS))
    return found


def _before(values: Array) -> Array:
    """Return the sums of the `WEEKEND_DAYS` rows before each row."""
    sums = np.zeros_like(values)
    sums[1:] = rolling(values[:-1], WEEKEND_DAYS)
    return sums
