"""Statistics of traffic by hour: what makes it like that of real gateways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.shifts.baseline import (
    DAY_QUANTILES,
    day_shifts,
    expected_shares,
    hour_shifts,
    usual_spread,
)

DAY, WEEK = 24, 168
#: Keys with a mean share from this on are large.
LARGE = 0.1


@dataclass(frozen=True)
class Statistics:
    """Statistics of some weeks, which begin on a Monday. Ratios are 0-1; lists are of large keys.

    `idle` are the parts of hours in which each tenant with half a percent sends nothing.
    `weekends` are shares of weekends less those of weekdays, of all keys.
    """

    hours_apart: float
    days_apart: float
    top_tenant: float
    top_tenant_of_an_hour: float
    tenants_of_half: int
    tenants_of_most: int
    idle: list[float]
    hour_to_hour: list[float]
    hour_a_day_before: list[float]
    hour_spread: list[float]
    day_spread: list[float]
    day_to_day: list[float]
    weekends: list[float]

    @property
    def always_on(self) -> float:
        return float(np.mean([part == 0 for part in self.idle]))


def statistics(tokens: np.ndarray) -> Statistics:
    """Return the statistics of tokens, [hours, tenants, keys]."""
    by_tenant, by_key = tokens.sum(axis=2), tokens.sum(axis=1)
    whole = by_key.sum(axis=1)
    days = by_key.reshape(-1, DAY, by_key.shape[1]).sum(axis=1)
    sizes = np.sort(by_tenant.sum(axis=0))[::-1] / by_tenant.sum()
    shares = by_key / whole[:, None]
    large = by_key.sum(axis=0) / by_key.sum() >= LARGE
    expected = expected_shares(by_key, whole)
    daily = days / days.sum(axis=1, keepdims=True)
    free = np.arange(len(daily)) % 7 >= 5
    of_day = whole.reshape(-1, DAY).mean(axis=0)
    of_week = days.sum(axis=1).reshape(-1, 7).mean(axis=0)
    named = by_tenant[:, by_tenant.sum(axis=0) > 0.005 * by_tenant.sum()]
    return Statistics(
        float(of_day.max() / of_day.min()),
        float(of_week.min() / of_week.max()),
        float(sizes[0]),
        float(np.median(by_tenant.max(axis=1) / whole)),
        int((sizes.cumsum() < 0.5).sum()) + 1,
        int((sizes.cumsum() < 0.9).sum()) + 1,
        (named == 0).mean(axis=0).tolist(),
        _correlations(shares[:, large], 1),
        _correlations(shares[:, large], DAY),
        usual_spread(hour_shifts(by_key, expected))[large].tolist(),
        usual_spread(day_shifts(by_key, expected), DAY_QUANTILES)[large].tolist(),
        np.diff(daily, axis=0).std(axis=0)[large].tolist(),
        (daily[free].mean(axis=0) - daily[~free].mean(axis=0)).tolist(),
    )


def _correlations(values: np.ndarray, lag: int) -> list[float]:
    return [float(np.corrcoef(each[lag:], each[:-lag])[0, 1]) for each in values.T]
