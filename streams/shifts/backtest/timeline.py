"""A history by time: counts of each dimension by 5-minute pane, and by tenant where needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.classify.keys import OTHER
from streams.shares.grouping import SHOWN_LANGUAGES as SHOWN_KEYS
from streams.shifts.alert_rules import measures_of
from streams.shifts.baseline import HOURS_A_DAY
from streams.shifts.evaluation import PANES_AN_HOUR
from streams.shifts.series import Measure, Prices, Series, rows
from streams.state.pane import DAY, HOUR, MAX_TENANTS, MIDDLE, pane_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from streams.shifts.backtest.history_file import Cells
    from streams.shifts.series import Array

#: The limit of tenants a worker keeps for an hour; further ones are summed.
SHOWN_TENANTS = 2 * MAX_TENANTS

#: Labels of an alert: what its key belongs to.
Belongs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ByTenant:
    """The counts of named tenants by time, one row per cell.

    `pane` is relative to the timeline's start. `tenants` names the tenants; the last one sums all
    that are too small to be named, and is not a tenant.
    """

    tenants: tuple[str, ...]
    pane: NDArray[np.int32]
    tenant: NDArray[np.int32]
    key: NDArray[np.int32]
    requests: Array
    tokens: Array

    @property
    def is_tenant(self) -> NDArray[np.bool_]:
        """Return whether each name is that of a tenant."""
        return np.arange(len(self.tenants)) < len(self.tenants) - 1

    def sums(self, measure: Measure, spans: list[tuple[int, int]], keys: int) -> Array:
        """Return the sum of the counts in spans `[first, end)` of panes, [tenants, keys]."""
        values = self.tokens if measure == "tokens" else self.requests
        size = len(self.tenants) * keys
        found = np.zeros(size)
        # In the type of `pane`: with another, each call would copy the whole array.
        bounds = np.searchsorted(self.pane, np.array(spans, self.pane.dtype))
        for low, high in bounds.reshape(-1, 2).tolist():
            place = self.tenant[low:high].astype(np.int64) * keys + self.key[low:high]
            found += np.bincount(place, values[low:high], size)
        return found.reshape(len(self.tenants), keys)


@dataclass(frozen=True, slots=True)
class Timeline:
    """One dimension of a history. Panes are of 5 minutes and begin at a whole hour.

    `hours` are the same counts by hour; the last may be incomplete. `by_tenant` is None where no
    request names its tenant. `belongs` are the labels of what each key belongs to.
    """

    dimension: str
    panes: Series
    hours: Series
    by_tenant: ByTenant | None
    belongs: Mapping[str, Belongs] = field(default_factory=dict)

    @property
    def days(self) -> Series:
        """Return the counts by day; the first and the last day may be incomplete."""
        hours = self.hours
        first = pane_start(DAY, hours.start)
        number = -(-(hours.start + len(hours.requests) * HOUR.seconds - first) // DAY.seconds)
        shape = (number, HOURS_A_DAY, len(hours.keys))

        def by_day(each: Array) -> Array:
            of_hours = rows(each, hours.start, HOUR.seconds, first, number * HOURS_A_DAY)
            found: Array = of_hours.reshape(shape).sum(axis=1)
            return found

        return _summed(hours, by_day, first, DAY.seconds)


def timelines(cells: Cells) -> tuple[Timeline, ...]:
    """Return the history by origin and by language; small languages count as `other`."""
    start, number = whole_hours(cells)
    named = _named(cells)
    tenants = None if named is None else _of_tenants(cells, named, start)
    found = []
    for dimension, column, known in (
        ("origin", cells.origin, cells.origins),
        ("language", cells.language, cells.languages),
    ):
        key, names = _largest(column, known, cells.tokens)
        with_prices = "cost" in measures_of(dimension)
        panes = counted(cells, names, start, key, number, with_prices=with_prices)
        by_tenant = (
            None if tenants is None or named is None else ByTenant(key=key[named], **tenants)
        )
        belongs = {name: (("origin", name),) for name in names} if dimension == "origin" else {}
        found.append(Timeline(dimension, panes, by_hour(panes), by_tenant, belongs))
    return tuple(found)


def whole_hours(cells: Cells) -> tuple[int, int]:
    """Return the first pane and the number of panes of a history, in whole hours."""
    start = int(cells.pane.min()) // PANES_AN_HOUR * PANES_AN_HOUR
    number = -(-(int(cells.pane.max()) + 1 - start) // PANES_AN_HOUR) * PANES_AN_HOUR
    return start, number


def by_hour(panes: Series) -> Series:
    """Return the same counts by hour; the panes begin at a whole hour and fill the last."""
    shape = (-1, PANES_AN_HOUR, len(panes.keys))

    def of_hours(each: Array) -> Array:
        found: Array = each.reshape(shape).sum(axis=1)
        return found

    return _summed(panes, of_hours, panes.start, HOUR.seconds)


def _summed(series: Series, total: Callable[[Array], Array], start: int, seconds: int) -> Series:
    """Return a series by longer rows, from `start` on; `total` sums the rows of an array."""
    return Series(
        *(series.keys, start, seconds),
        *(total(series.requests), total(series.tokens), total(series.squares)),
        prices=None if series.prices is None else Prices(*map(total, series.prices)),
    )


def counted(
    cells: Cells,
    names: tuple[str, ...],
    start: int,
    key: NDArray[np.int32],
    number: int,
    *,
    with_prices: bool = False,
) -> Series:
    """Return the counts of cells by pane and key, from the pane `start` on."""
    place = (cells.pane.astype(np.int64) - start) * len(names) + key

    def sums(values: Array) -> Array:
        found = np.bincount(place, values, number * len(names)).astype(np.float64)
        return found.reshape(number, -1)

    prices = None
    if with_prices:
        cost = np.full(len(place), np.nan) if cells.cost is None else cells.cost
        priced = ~np.isnan(cost)
        prices = Prices(
            cost=sums(np.nan_to_num(cost)),
            squares=sums(cells.cost_squares),
            requests=sums(cells.requests * priced),
            tokens=sums(cells.tokens * priced),
        )
    return Series(
        *(names, start * MIDDLE.seconds, MIDDLE.seconds),
        *(sums(cells.requests), sums(cells.tokens), sums(cells.squares)),
        prices=prices,
    )


def _largest(
    column: NDArray[np.int32], known: tuple[str, ...], tokens: Array
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the number of each cell's key among those shown, and their names."""
    weights = np.bincount(column, tokens, len(known))
    order = [place for place in np.argsort(-weights, kind="stable") if known[place] != OTHER]
    shown = order[:SHOWN_KEYS]
    names = [known[place] for place in shown]
    numbers = np.full(len(known), len(names), dtype=np.int32)
    numbers[shown] = np.arange(len(shown))
    if len(shown) < len(known):
        names.append(OTHER)
    return numbers[column], tuple(names)


def _named(cells: Cells) -> NDArray[np.intp] | slice | None:
    """Return the cells with a tenant in the order of time; None where there are none."""
    is_named = cells.tenant >= 0
    if not is_named.any():
        return None
    if is_named.all() and (np.diff(cells.pane) >= 0).all():
        return slice(None)
    named = np.flatnonzero(is_named)
    # Files need not be in the order of time.
    return named[np.argsort(cells.pane[named], kind="stable")]


def _of_tenants(cells: Cells, named: NDArray[np.intp] | slice, start: int) -> dict[str, Any]:
    """Return the columns of `ByTenant` that are the same for all dimensions."""
    pane, tenant = cells.pane[named] - np.int32(start), cells.tenant[named]
    tokens = cells.tokens[named]
    names = cells.tenants
    if len(names) > SHOWN_TENANTS:
        # Those that were largest in any hour, because any hour may have to be judged.
        hours, inverse = np.unique(
            pane.astype(np.int64) // PANES_AN_HOUR * len(names) + tenant, return_inverse=True
        )
        largest = np.zeros(len(names))
        np.maximum.at(largest, hours % len(names), np.bincount(inverse, tokens))
        shown = np.argsort(-largest, kind="stable")[:SHOWN_TENANTS]
        numbers = np.full(len(names), SHOWN_TENANTS, dtype=np.int32)
        numbers[shown] = np.arange(SHOWN_TENANTS)
        tenant = numbers[tenant]
        names = tuple(names[each] for each in shown)
    return {
        "tenants": (*names, OTHER),
        "pane": pane,
        "tenant": tenant,
        "requests": cells.requests[named],
        "tokens": tokens,
    }
