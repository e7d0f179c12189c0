"""Compute the expected share from the days before, and the usual distance of the share from it.

    (------------ 28 days: usual spread -------------)
                            (-- 7 days: baseline --)[hour]

Both come from whole hours in UTC, so a restart loses nothing that hour panes hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.shifts.series import ratio, rolling, rows
from streams.state.pane import HOUR, pane_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Array, Measure, Series

HOURS_A_DAY = 24
BASELINE_DAYS = 7
#: The hour before the earliest of seven days, to be centred on.
BASELINE_HOURS = BASELINE_DAYS * HOURS_A_DAY + 1
SPREAD_HOURS = 28 * HOURS_A_DAY
#: The usual spread of the day needs 28 days of days, each hour with its baseline.
NEEDED_HOURS = SPREAD_HOURS + HOURS_A_DAY + BASELINE_HOURS
#: A quantile, not a standard deviation: a single extreme hour does not blind the alerts for a
#: month. For a normal distribution, it equals the standard deviation.
SPREAD_QUANTILE, QUANTILE_OF_NORMAL = 0.95, 1.96
#: The fraction of a day's counts that must lie in hours with a baseline.
MIN_EXPECTED_PART = 0.5


@dataclass(frozen=True, slots=True)
class Baseline:
    """Baseline and usual spread of some hours, up to `hour`, from the whole hours before each.

    `shares` [hours + 24, keys] are the expected shares, from a day before the first hour on; NaN
    for an hour that was empty on all seven days before. Usual spreads are [hours, keys], NaN
    without any history. All of them end with the row of `hour`.
    """

    hour: int
    shares: Array
    hour_spread: Array
    day_spread: Array

    def rows(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of the hour that holds each time, from the end (-1 is the last)."""
        found: NDArray[np.int64] = (times - self.hour) // HOUR.seconds - 1
        return found


def expected_shares(counts: Array, totals: Array) -> Array:
    """Return the baseline of every hour, [hours, keys].

    `counts` [hours, keys] and `totals` [hours]: a ratio of sums over the three hours centred on the
    same hour of each of the last seven days. NaN where all of these are empty.
    """
    return ratio(_seasonal(counts), _seasonal(totals[:, None]))


def _seasonal(counts: Array) -> Array:
    # Row 0 is the hour before the first; its centred sum includes the first hour.
    near = np.concatenate([np.zeros_like(counts[:1]), counts])
    near[:-1] += counts
    near[2:] += counts[:-1]
    sums = np.zeros_like(counts)
    for day in range(1, BASELINE_DAYS + 1):
        first = day * HOURS_A_DAY - 1
        sums[first:] += near[: max(0, len(counts) - first)]
    return sums


def hour_shifts(counts: Array, expected: Array) -> Array:
    """Return each hour's share minus its baseline; NaN where the hour is empty or has none."""
    return ratio(counts, counts.sum(axis=-1, keepdims=True)) - expected


def day_shifts(counts: Array, expected: Array) -> Array:
    """Return, for the day that ends with each hour, counts over expected counts, as a ratio.

    NaN for an empty day, and where most of it lies in hours without a baseline.
    """
    totals = counts.sum(axis=-1, keepdims=True)
    known = ~np.isnan(expected[:, :1])
    over = np.where(known, counts - expected * totals, 0.0)
    whole = rolling(totals, HOURS_A_DAY)
    shifts = ratio(rolling(over, HOURS_A_DAY), whole)
    shifts[(rolling(totals * known, HOURS_A_DAY) < MIN_EXPECTED_PART * whole)[:, 0]] = np.nan
    return shifts


def usual_spread(shifts: Array) -> Array:
    """Return the usual distance of a share from its baseline, [keys], from shifts [hours, keys].

    Hours without a shift are skipped; NaN where all hours lack one.
    """
    known = np.abs(shifts[~np.isnan(shifts).any(axis=-1)])
    if not known.size:
        return np.full(shifts.shape[-1], np.nan)
    return np.quantile(known, SPREAD_QUANTILE, axis=0) / QUANTILE_OF_NORMAL


def baseline_of(hours: Series, measure: Measure, hour: int, number: int = 1) -> Baseline:
    """Return baseline and usual spread of `number` hours up to the one at `hour` (unix seconds).

    It changes when an hour has ended, when late data changes an hour, and when the keys change:
    cache it until then. Each hour has `NEEDED_HOURS` rows of `hours` before it; missing rows count
    as empty.
    """
    first = hour - (NEEDED_HOURS + number - 1) * HOUR.seconds
    counts = rows(hours.counts(measure), hours.start, HOUR.seconds, first, NEEDED_HOURS + number)
    # The last hour has a baseline too, but its own counts so far are in no baseline.
    counts[-1] = 0.0
    expected = expected_shares(counts, counts.sum(axis=-1))
    return Baseline(
        hour,
        expected[NEEDED_HOURS - HOURS_A_DAY :],
        _usual_spreads(hour_shifts(counts, expected)),
        _usual_spreads(day_shifts(counts, expected)),
    )


def _usual_spreads(shifts: Array) -> Array:
    """Return the usual spread of each hour that has all needed hours before it."""
    return np.array(
        [
            usual_spread(shifts[hour - SPREAD_HOURS : hour])
            for hour in range(NEEDED_HOURS, len(shifts))
        ]
    )


def baseline_days(hours: Series, as_of: float) -> float:
    """Return the days of history at `as_of`: those since the first hour with data, less empty ones.

    Nights without traffic count as history; only the whole days of a longer gap are left out.
    """
    here = pane_start(HOUR, as_of)
    first = here - (NEEDED_HOURS - 1) * HOUR.seconds
    counts = rows(hours.requests, hours.start, HOUR.seconds, first, NEEDED_HOURS)
    busy = np.flatnonzero(counts.sum(axis=-1) > 0)
    if not len(busy):
        return 0.0
    age = as_of - (first + int(busy[0]) * HOUR.seconds)
    gaps = np.diff(np.append(busy, NEEDED_HOURS)) - 1
    return float(max(0.0, age / 86400 - (gaps // HOURS_A_DAY).sum()))
