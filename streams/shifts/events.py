"""Compute what was there before: models and developers by whole days, to find what comes and goes.

    (---------------- 28 whole days: peak ----------------)
                                 (-- 7 days: baseline B --)  ..(-- 24 h: share R --)

A day is used once it has ended before the window began, so a launch is not its own baseline. Days
are in UTC; in the baseline, a day counts five eighths of the day after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.alert_rules import Gauges
from streams.shifts.baseline import DAY_WEIGHTS
from streams.shifts.estimate import evidence
from streams.shifts.evaluation import PANES_A_DAY
from streams.shifts.series import ratio, rows
from streams.state.pane import DAY, MIDDLE, pane_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.shifts.series import Array, Series

#: The days in which something that is new must not have been there.
PEAK_DAYS = 28


class Before(NamedTuple):
    """The expected share of each key, and its largest share of a day: [moments, keys].

    NaN where no day of the period has data.
    """

    baseline: Array
    peak: Array


def day_before(last: int) -> int:
    """Return the start of the last whole day before the day's window that ends with a pane."""
    first = last - (PANES_A_DAY - 1) * MIDDLE.seconds
    return pane_start(DAY, first) - DAY.seconds


def before(days: Series, lasts: Sequence[int]) -> Before:
    """Return what was there in the days up to each of `lasts`, starts of days in unix seconds.

    `days` are counts of tokens by whole day; missing days count as empty.
    """
    shown = sorted(set(lasts))
    if not shown:
        nothing = np.zeros((0, len(days.keys)))
        return Before(nothing, nothing)
    first = shown[0] - (PEAK_DAYS - 1) * DAY.seconds
    number = (shown[-1] - first) // DAY.seconds + 1
    counts = rows(days.tokens, days.start, DAY.seconds, first, number)
    shares = ratio(counts, counts.sum(axis=-1, keepdims=True))
    baselines, peaks = {}, {}
    for last in shown:
        end = (last - first) // DAY.seconds + 1
        weighed = np.array(DAY_WEIGHTS) @ counts[end - len(DAY_WEIGHTS) : end][::-1]
        baselines[last] = ratio(weighed, weighed.sum(keepdims=True))
        # The largest of the days with data: maximum, but of nothing NaN.
        peaks[last] = np.fmax.reduce(shares[end - PEAK_DAYS : end], axis=0)
    return Before(
        np.stack([baselines[last] for last in lasts]), np.stack([peaks[last] for last in lasts])
    )


def event_gauges(
    tokens: Array, requests: Array, held: Before, effective: Array, days: Array
) -> Gauges:
    """Return the gauges of keys in the day's window, and what they held before: [moments, keys].

    `tokens` and `requests` are those of the window, of all keys; `effective` and `days` are
    [moments, 1]. There is no z: models are too many and too young to know what is usual of each.
    """
    share = ratio(tokens, tokens.sum(axis=-1, keepdims=True))
    larger = np.fmax(share, held.baseline)
    absent = np.full(share.shape, np.nan)
    return Gauges(
        zscore=absent,
        shift=share - held.baseline,
        share=share,
        baseline=held.baseline,
        without_top_tenant=absent,
        evidence=evidence(requests, held.baseline),
        effective=effective,
        days=days,
        error=np.sqrt(ratio(np.maximum(larger * (1 - larger), 0), effective)),
        peak=held.peak,
    )
