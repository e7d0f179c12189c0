"""Compute the shift that remains without the tenant that adds most to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.baseline import BASELINE_DAYS, DAY_WEIGHTS
from streams.shifts.evaluation import centre
from streams.shifts.series import ratio
from streams.state.pane import HOUR, pane_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Array

#: The hours of each day that the baseline is centred on.
HOURS_AROUND = 3
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
        for around in range(-(HOURS_AROUND // 2), HOURS_AROUND // 2 + 1)
    ]


def guard_hours(last: int) -> list[int]:
    """Return the starts of the hours that `guarded` needs of a window whose last pane is `last`.

    They are those of the baseline, the hour before the running one, and the running one.
    """
    running = pane_start(HOUR, last)
    return [*baseline_hours(centre(last)), running - HOUR.seconds, running]


class Guarded(NamedTuple):
    """The counts that the guard needs; `now` [keys] are those of the window.

    `hours` [hours, keys] and `tenants` [hours, tenants, keys] are those of its `guard_hours`, the
    running one up to the window's end. `is_tenant` [tenants] is false for a sum of small tenants.
    """

    now: Array
    hours: Array
    tenants: Array
    is_tenant: NDArray[np.bool_]


def guarded(counts: Guarded, baseline: Array) -> Array | None:
    """Return the shifts of the hour's window without the top tenant, [keys].

    None where too few requests name their tenant. `baseline` [keys] are the expected shares, NaN
    where there are none: what they change by weekends is applied to the tenants too.
    """
    now, hours, tenants, is_tenant = counts
    tenants_now = in_window(now, hours[-2:], tenants[-2:])
    if not is_tenant.any() or not named_enough(now, tenants_now):
        return None
    weights = np.repeat(DAY_WEIGHTS[::-1], HOURS_AROUND)
    before = np.tensordot(weights, hours[:-2], 1)
    tenants_before = np.tensordot(weights, tenants[:-2], 1)
    change = ratio(baseline, ratio(before, before.sum()))
    change = np.where(np.isfinite(change), change, 1.0)
    return without_top_tenant(
        now,
        before * change,
        tenants_now[is_tenant],
        (tenants_before * change)[is_tenant],
    )
