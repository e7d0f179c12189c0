"""Compute the shift that remains without the tenant that adds most to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.classify.keys import OTHER
from streams.shifts.baseline import BASELINE_DAYS
from streams.shifts.series import ratio, rows
from streams.state.pane import HOUR

if TYPE_CHECKING:
    from streams.shifts.series import Array, Counted, Measure, Tenants

#: The fraction of a window's counts that must have a tenant.
MIN_NAMED_PART = 0.5


def without_top_tenant(
    now: Array, before: Array, tenants_now: Array, tenants_before: Array
) -> Array:
    """Return each key's shift without the tenant that adds most to it, [keys].

    `now` and `before` [keys] are the counts of the window and of its baseline, with those of each
    tenant in them [tenants, keys], for at least one tenant. NaN where there is no shift; 0 where
    nothing remains without a tenant.
    """
    shift = ratio(now, now.sum()) - ratio(before, before.sum())
    left = np.nan_to_num(_left(now, tenants_now) - _left(before, tenants_before))
    direction = np.where(shift < 0, -1.0, 1.0)
    least = direction * (direction * left).min(axis=0)
    return np.where(np.isnan(shift), np.nan, least)


def _left(counts: Array, tenants: Array) -> Array:
    """Return the shares without each tenant; NaN where a tenant has all the counts."""
    rest = counts - tenants
    # Parts of hours are fractions, so a remainder of nothing need not be exactly zero.
    rest[rest < counts.sum() * 1e-9] = 0.0
    return ratio(rest, rest.sum(axis=-1, keepdims=True))


def in_window(now: Array, hours: Array, tenants: Array) -> Array:
    """Return the tenants' counts in the hour's window, [tenants, keys].

    Tenants are counted by hour, and the window spans two: the whole running hour and the end of the
    hour before. Each tenant's part of that end is its part of each key in the whole hour. `now`
    [keys] are the window's counts, `hours` [2, keys] and `tenants` [2, tenants, keys] those of the
    hour before and the running one.
    """
    held = np.nan_to_num(ratio(now - hours[1], hours[0]))
    found: Array = tenants[1] + tenants[0] * np.clip(held, 0.0, 1.0)
    return found


def named_enough(now: Array, tenants_now: Array) -> bool:
    """Return whether enough of a window's counts [keys] have a tenant [tenants, keys]."""
    return bool(tenants_now.sum() >= MIN_NAMED_PART * now.sum())


def baseline_hours(hour: int) -> list[int]:
    """Return the starts of the hours that form the baseline of the hour at `hour`."""
    return [
        hour - day * 86400 + around * HOUR.seconds
        for day in range(BASELINE_DAYS, 0, -1)
        for around in (-1, 0, 1)
    ]


def guarded(
    now: Array, hours: Counted, tenants: Tenants, measure: Measure, span: tuple[int, int]
) -> Array | None:
    """Return the shifts of the hour's window without the top tenant, [keys].

    None where too few requests name their tenant. `now` [keys] are the window's counts; `span`
    holds the hour with most of the window and the running hour (their starts in unix seconds).
    """
    centre, running = span
    counts, by_tenant = hours.counts(measure), tenants.counts(measure)
    before = running - HOUR.seconds
    tenants_now = in_window(
        now,
        rows(counts, hours.start, HOUR.seconds, before, 2),
        rows(by_tenant, tenants.start, HOUR.seconds, before, 2),
    )
    single = np.array([name != OTHER for name in tenants.names], dtype=bool)
    if not single.any() or not named_enough(now, tenants_now):
        return None
    past_hours = baseline_hours(centre)
    first = past_hours[0]
    chosen = [(hour - first) // HOUR.seconds for hour in past_hours]
    number = chosen[-1] + 1
    return without_top_tenant(
        now,
        rows(counts, hours.start, HOUR.seconds, first, number)[chosen].sum(axis=0),
        tenants_now[single],
        rows(by_tenant, tenants.start, HOUR.seconds, first, number)[chosen].sum(axis=0)[single],
    )
