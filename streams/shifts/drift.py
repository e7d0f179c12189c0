"""Compute how far shares have drifted: the last seven days against the 28 days before.

    (-------------- 28 days: B ---------------)(- 7 days: R -)[hour]

    D = R - B,   z = lean / max(S, se)

A day that is far from the day before is a jump, and the day's alert reports it. So z is of the path
of the share without jumps, and with each other daily change bounded by the scale. Days end with the
last whole hour. A jump in the middle of a day looks like two changes, neither of them a jump: so
the lean is the mean of four, of days that end now and six, twelve and eighteen hours ago. `S` is
the usual spread of the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.series import coverage_error, ratio
from streams.state.pane import HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Array

HOURS_A_DAY = 24
#: Days that are compared, and the days before them.
RECENT_DAYS, BEFORE_DAYS = 7, 28
#: A change from one day to the next of more than this many scales is a jump.
JUMP = 2.0
#: Days with data that each of the two needs.
MIN_RECENT_DAYS, MIN_BEFORE_DAYS = 4, 10
DRIFT_HOURS = (RECENT_DAYS + BEFORE_DAYS) * HOURS_A_DAY
#: The lean is the mean of those of days that ended so many hours ago.
ENDED_HOURS = (0, 6, 12, 18)
#: The hours that are needed before each.
NEEDED_HOURS = DRIFT_HOURS + ENDED_HOURS[-1]


class HourCounts(NamedTuple):
    """The counts of a measure by hour, their sums of squares, and requests: [hours, keys] each.

    Of cost, also the tokens that have a price, and all tokens.
    """

    counts: Array
    squares: Array
    requests: Array
    priced: Array | None = None
    tokens: Array | None = None


class Drift(NamedTuple):
    """The drift at some hours, [hours, keys]; NaN where there is none.

    `effective` [hours, 1] is the effective sample size of the seven days. `since` is when the share
    left the level that it had, in unix seconds.
    """

    share: Array
    error: Array
    baseline: Array
    shift: Array
    zscore: Array
    evidence: Array
    effective: Array
    since: Array


def drift_of(hours: HourCounts, spread: Array, last: int) -> Drift:
    """Return the drift at each hour of `spread` [hours, keys], of the whole hours before it.

    `spread` is the usual spread of the day. Its rows are the last of `hours`, which have
    `NEEDED_HOURS` before them; the last one begins at `last` (unix seconds).
    """
    number = len(spread)
    ends = np.arange(len(hours.counts) - number, len(hours.counts))
    days = _days(hours.counts, ends)
    recent, before = days[:, -RECENT_DAYS:].sum(axis=1), days[:, :-RECENT_DAYS].sum(axis=1)
    total = recent.sum(axis=-1, keepdims=True)
    share, baseline = ratio(recent, total), ratio(before, before.sum(axis=-1, keepdims=True))
    squares = _days(hours.squares, ends)[:, -RECENT_DAYS:].sum(axis=(1, 2))[:, None]
    effective = ratio(total * total, squares)
    # Both periods are measured, the earlier one four times as well.
    variance = np.maximum(baseline * (1 - baseline), 0) * (1 + RECENT_DAYS / BEFORE_DAYS)
    error = np.sqrt(ratio(variance, effective))
    if hours.priced is not None and hours.tokens is not None:
        now, then = _parts(_days(hours.priced, ends), _days(hours.tokens, ends))
        error = np.fmax(error, coverage_error(now, then, share, baseline))
    scale = np.fmax(spread, error)
    lean, since = _lean(days, scale)
    earlier = [_lean(_days(hours.counts, ends - ago), scale)[0] for ago in ENDED_HOURS[1:]]
    leans = np.stack([lean, *earlier])
    known = ~np.isnan(leans)
    lean = np.where(known[0], ratio(np.nan_to_num(leans).sum(axis=0), known.sum(axis=0)), np.nan)
    requests = _days(hours.requests, ends)[:, -RECENT_DAYS:].sum(axis=1)
    begins = (last + HOUR.seconds * np.arange(1 - number, 1))[:, None]
    return Drift(
        share,
        error,
        baseline,
        share - baseline,
        # A share that never moved has a scale of zero, and has not drifted.
        np.where(scale == 0, lean, ratio(lean, scale)),
        np.fmax(requests, baseline * requests.sum(axis=-1, keepdims=True)),
        effective,
        begins - since * HOURS_A_DAY * HOUR.seconds,
    )


def _days(values: Array, ends: NDArray[np.int64]) -> Array:
    """Return the sums of the 35 days before each of the `ends`, [ends, days, keys]."""
    sums = np.concatenate([np.zeros_like(values[:1]), values.cumsum(axis=0)])
    edges = ends[:, None] - HOURS_A_DAY * np.arange(RECENT_DAYS + BEFORE_DAYS, -1, -1)
    found: Array = np.diff(sums[edges], axis=1)
    return found


def _parts(priced: Array, tokens: Array) -> tuple[Array, Array]:
    """Return the part that has a price in the recent days, and in those before: [ends, keys]."""
    now, then = (
        ratio(priced[:, of].sum(axis=1), tokens[:, of].sum(axis=1))
        for of in (slice(-RECENT_DAYS, None), slice(None, -RECENT_DAYS))
    )
    return now, then


def _lean(days: Array, scale: Array) -> tuple[Array, Array]:
    """Return how far the bounded path has moved, and how many days ago it began: [ends, keys]."""
    totals = days.sum(axis=-1, keepdims=True)
    known = totals > 0
    changes = np.nan_to_num(np.diff(ratio(days, totals), axis=1))
    bound = np.nan_to_num(scale)[:, None]
    bounded = np.clip(changes, -bound, bound)
    bounded[np.abs(changes) > JUMP * bound] = 0.0
    path = np.concatenate([np.zeros_like(days[:, :1]), bounded.cumsum(axis=1)], axis=1)
    recent, before = known[:, -RECENT_DAYS:].sum(axis=1), known[:, :-RECENT_DAYS].sum(axis=1)
    inside = path * known
    lean = ratio(inside[:, -RECENT_DAYS:].sum(axis=1), recent) - ratio(
        inside[:, :-RECENT_DAYS].sum(axis=1), before
    )
    enough = (recent >= MIN_RECENT_DAYS) & (before >= MIN_BEFORE_DAYS)
    # The last day at the level that the path has left, counted from the newest.
    newest_first = np.where(lean < 0, -1.0, 1.0)[:, None] * path[:, ::-1]
    since: Array = newest_first.argmin(axis=1).astype(np.float64)
    return np.where(enough, lean, np.nan), np.where(enough, since, np.nan)
