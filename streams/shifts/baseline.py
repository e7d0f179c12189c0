"""Compute the expected share from the days before, and the usual distance of the share from it.

    (------------ 28 days: usual spread -------------)
                            (-- 7 days: baseline --)[hour]

Both come from whole hours in UTC, so a restart loses nothing that hour panes hold. In the baseline,
a day counts five eighths of the day after it, because shares wander and a launch of last week is
soon usual. How weekends differ comes from four weeks of whole days (weekend.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.drift import Drift, HourCounts, drift_of
from streams.shifts.series import ratio, rolling, rows
from streams.shifts.weekend import weekend_of
from streams.state.pane import HOUR, pane_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Array, Measure, Series
    from streams.shifts.weekend import Weekend

HOURS_A_DAY = 24
BASELINE_DAYS = 7
#: The weight of each day in the baseline, the nearest first. Powers of 5/8 are exact in binary, so
#: what never changes has no spread.
DAY_WEIGHTS = tuple(0.625**day for day in range(BASELINE_DAYS))
#: The hour before the earliest of seven days, to be centred on.
BASELINE_HOURS = BASELINE_DAYS * HOURS_A_DAY + 1
SPREAD_HOURS = 28 * HOURS_A_DAY
#: The usual spread of the day needs 28 days of days, each hour with its baseline.
NEEDED_HOURS = SPREAD_HOURS + HOURS_A_DAY + BASELINE_HOURS


class Quantile(NamedTuple):
    """A quantile of distances, and that of the standard normal distribution."""

    part: float
    of_normal: float


#: Quantiles, not a standard deviation: extreme hours do not blind the alerts for a month. For a
#: normal distribution, each equals the standard deviation.
HOUR_QUANTILES = (Quantile(0.95, 1.96),)
#: Of the day, the smaller of two. After a launch, the days are far from their baseline for about
#: three days, and the next launch must not be hidden by that: a lower quantile. Where nothing of
#: the kind has happened, the largest distances tell more of what is usual: a higher one.
DAY_QUANTILES = (Quantile(0.8, 1.2816), Quantile(0.99, 2.5758))
#: The fraction of a day's counts that must lie in hours with a baseline.
MIN_EXPECTED_PART = 0.5


@dataclass(frozen=True, slots=True)
class Baseline:
    """Baseline and usual spread of some hours, up to `hour`, from the whole hours before each.

    `shares` [hours + 24, keys] are the expected shares, from a day before the first hour on; NaN
    for an hour that was empty on all seven days before. Usual spreads are [hours, keys], NaN
    without any history. `drift` is how far the last week is from the weeks before. All of them end
    with the row of `hour`.
    """

    hour: int
    shares: Array
    hour_spread: Array
    day_spread: Array
    drift: Drift
    #: The part of each key's tokens that usually has a price, as `shares`; empty but for cost.
    priced: Array

    def rows(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of the hour that holds each time, from the end (-1 is the last)."""
        found: NDArray[np.int64] = (times - self.hour) // HOUR.seconds - 1
        return found


def expected_shares(counts: Array, totals: Array, weekend: Weekend | None = None) -> Array:
    """Return the baseline of every hour, [hours, keys].

    `counts` [hours, keys] and `totals` [hours]: a ratio of weighted sums over the three hours
    centred on the same hour of each of the last seven days. NaN where all of these are empty. With
    `weekend`, the shares of weekdays are converted to those of weekends and vice versa; `counts`
    are then those of all keys.
    """
    if weekend is None:
        return ratio(_seasonal(counts), _seasonal(totals[:, None]))
    converted = _seasonal(counts, weekend)
    shares = ratio(converted, converted.sum(axis=-1, keepdims=True))
    return np.where(_seasonal(totals[:, None]) > 0, shares, np.nan)


def _seasonal(counts: Array, weekend: Weekend | None = None) -> Array:
    # Row 0 is the hour before the first; its centred sum includes the first hour.
    near = np.concatenate([np.zeros_like(counts[:1]), counts])
    near[:-1] += counts
    near[2:] += counts[:-1]
    sums = np.zeros_like(counts)
    for day, weight in enumerate(DAY_WEIGHTS, 1):
        first = day * HOURS_A_DAY - 1
        before = near[: max(0, len(counts) - first)]
        if weekend is not None:
            before = before * _conversion(weekend, first)
        sums[first:] += weight * before
    return sums


def _conversion(weekend: Weekend, first: int) -> Array:
    """Return the factors for the hours from `first` on, each with the row of the hour it uses."""
    factors, is_free = weekend.factors[first:], weekend.is_free[first + 1 :]
    was_free = weekend.is_free[: len(factors)]
    to_free, from_free = is_free & ~was_free, ~is_free & was_free
    found: Array = np.where(
        to_free[:, None], factors, np.where(from_free[:, None], 1 / factors, 1.0)
    )
    return found


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


def usual_spread(shifts: Array, quantiles: tuple[Quantile, ...] = HOUR_QUANTILES) -> Array:
    """Return the usual distance of a share from its baseline, [keys], from shifts [hours, keys].

    It is a quantile of the distances, divided by that of the standard normal distribution; of
    several, the smallest. Hours without a shift are skipped; NaN where all hours lack one.
    """
    known = np.abs(shifts[~np.isnan(shifts).any(axis=-1)])
    if not known.size:
        return np.full(shifts.shape[-1], np.nan)
    found = np.quantile(known, [each.part for each in quantiles], axis=0)
    least: Array = (found / np.array([[each.of_normal] for each in quantiles])).min(axis=0)
    return least


def baseline_of(
    hours: Series, measure: Measure, hour: int, number: int = 1, days: Series | None = None
) -> Baseline:
    """Return baseline and usual spread of `number` hours up to the one at `hour` (unix seconds).

    It changes when an hour has ended, when late data changes an hour, and when the keys change:
    cache it until then. Each hour has `NEEDED_HOURS` rows of `hours` before it; missing rows count
    as empty. Without `days`, the counts by whole day, weekends are taken to be like other days.
    """
    first = hour - (NEEDED_HOURS + number - 1) * HOUR.seconds
    known = hours.known(measure)
    columns = [known.counts(measure), known.squared(measure), known.requests_of(measure)]
    if measure == "cost":
        columns += [known.of_prices.tokens, known.tokens]
    counts, squares, requests, *covered = (
        rows(values, hours.start, HOUR.seconds, first, NEEDED_HOURS + number) for values in columns
    )
    # The last hour has a baseline too, but its own counts so far are in no baseline.
    for each in (counts, *covered):
        each[-1] = 0.0
    weekend = None if days is None else weekend_of(days.known(measure), measure, first, len(counts))
    expected = expected_shares(counts, counts.sum(axis=-1), weekend)
    day_spread = _usual_spreads(day_shifts(counts, expected), DAY_QUANTILES)
    return Baseline(
        hour,
        expected[NEEDED_HOURS - HOURS_A_DAY :],
        _usual_spreads(hour_shifts(counts, expected), HOUR_QUANTILES),
        day_spread,
        drift_of(HourCounts(counts, squares, requests, *covered), day_spread, hour),
        expected_parts(*covered)[NEEDED_HOURS - HOURS_A_DAY :] if covered else counts[:0],
    )


def expected_parts(part: Array, whole: Array) -> Array:
    """Return the part that is usual at every hour, [hours, keys], of each key for itself.

    NaN where a key has nothing in the hours that form its baseline.
    """
    return ratio(_seasonal(part), _seasonal(whole))


def _usual_spreads(shifts: Array, quantiles: tuple[Quantile, ...]) -> Array:
    """Return the usual spread of each hour that has all needed hours before it."""
    return np.array(
        [
            usual_spread(shifts[hour - SPREAD_HOURS : hour], quantiles)
            for hour in range(NEEDED_HOURS, len(shifts))
        ]
    )


def baseline_days(hours: Series, as_of: float, measure: Measure = "tokens") -> float:
    """Return the days of history at `as_of`: those since the first hour with data, less empty ones.

    Nights without traffic count as history; only the whole days of a longer gap are left out. An
    hour is empty of cost where too little of it has a price.
    """
    here = pane_start(HOUR, as_of)
    first = here - (NEEDED_HOURS - 1) * HOUR.seconds
    requests = hours.known(measure).requests_of(measure)
    counts = rows(requests, hours.start, HOUR.seconds, first, NEEDED_HOURS)
    busy = np.flatnonzero(counts.sum(axis=-1) > 0)
    if not len(busy):
        return 0.0
    age = as_of - (first + int(busy[0]) * HOUR.seconds)
    gaps = np.diff(np.append(busy, NEEDED_HOURS)) - 1
    return float(max(0.0, age / 86400 - (gaps // HOURS_A_DAY).sum()))
