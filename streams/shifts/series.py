"""Counts of one dimension over time as arrays: the input of the statistics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Measure = Literal["tokens", "requests", "cost"]
SHIFT_MEASURES: tuple[Measure, ...] = ("tokens", "requests", "cost")
Array = NDArray[np.float64]

#: The part of the tokens that must have a price; with less, a share of cost says little.
MIN_PRICED_PART = 0.5


class Prices(NamedTuple):
    """What is known of prices: arrays are [rows, keys].

    `cost` in micro-dollars, `squares` the sums of its squares; `requests` and `tokens` are those
    that have a price.
    """

    cost: Array
    squares: Array
    requests: Array
    tokens: Array


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of one dimension by time: row `i` is `[start + i * seconds, start + (i+1) * seconds)`.

    `start` in unix seconds; arrays are [rows, keys]; a row without data is zeros. `squares` are
    sums of squared tokens. `prices` are None where they are not looked at: shifts of cost are those
    of origins only.
    """

    keys: tuple[str, ...]
    start: int
    seconds: int
    requests: Array
    tokens: Array
    squares: Array
    prices: Prices | None = field(default=None, kw_only=True)

    @property
    def of_prices(self) -> Prices:
        """The prices. Raises ValueError where they are not looked at."""
        if self.prices is None:
            raise ValueError("there are no prices by this dimension")
        return self.prices

    def has(self, measure: Measure) -> bool:
        """Return whether there is anything of a measure: cost where a request has a price."""
        return measure != "cost" or (self.prices is not None and bool(self.prices.requests.any()))

    def counts(self, measure: Measure) -> Array:
        """Return the counts of a measure, [rows, keys]."""
        if measure == "cost":
            return self.of_prices.cost
        return self.tokens if measure == "tokens" else self.requests

    def squared(self, measure: Measure) -> Array:
        """Return the sums of squares of a measure; each request counts as one."""
        if measure == "cost":
            return self.of_prices.squares
        return self.squares if measure == "tokens" else self.requests

    def requests_of(self, measure: Measure) -> Array:
        """Return the requests that a measure is known of, [rows, keys]."""
        return self.of_prices.requests if measure == "cost" else self.requests

    def is_known(self, measure: Measure) -> NDArray[np.bool_]:
        """Return whether a measure is known of enough of each row, [rows, 1]."""
        if measure == "cost":
            return priced_enough(self.of_prices.tokens, self.tokens)
        return np.ones((len(self.tokens), 1), dtype=bool)

    def known(self, measure: Measure) -> Series:
        """Return the series in which rows are empty where too little of a measure is known."""
        if measure != "cost":
            return self
        is_known = self.is_known(measure)
        return replace(
            self,
            requests=self.requests * is_known,
            tokens=self.tokens * is_known,
            squares=self.squares * is_known,
            prices=Prices(*(each * is_known for each in self.of_prices)),
        )


def priced_enough(priced: Array, tokens: Array) -> NDArray[np.bool_]:
    """Return whether enough of the tokens have a price, [..., 1]; both are [..., keys]."""
    held = priced.sum(axis=-1, keepdims=True)
    enough: NDArray[np.bool_] = (held > 0) & (
        held >= MIN_PRICED_PART * tokens.sum(axis=-1, keepdims=True)
    )
    return enough


def coverage_error(now: Array, before: Array, share: Array, baseline: Array) -> Array:
    """Return what prices that began, or ceased, to be reported may do to the shares, [..., 1].

    `now` and `before` [..., keys] are the parts of each key's tokens that have a price, NaN where
    it has none. With q their distance over the larger of them, it is the sum of q times the larger
    of share and baseline.
    """
    changed = np.nan_to_num(ratio(np.abs(now - before), np.fmax(now, before)))
    found: Array = np.nansum(changed * np.fmax(share, baseline), axis=-1, keepdims=True)
    return found


@dataclass(frozen=True, slots=True)
class Tenants:
    """Counts of one dimension by hour and tenant: arrays are [hours, tenants, keys].

    Row `i` is the hour from `start + i * 3600`; keys are those of the `Series` beside it. Tenants
    too small to be named are summed under the name `other`; requests without a tenant are in none.
    """

    names: tuple[str, ...]
    start: int
    requests: Array
    tokens: Array

    def counts(self, measure: Measure) -> Array:
        """Return the counts of a measure, [hours, tenants, keys]; cost is not among them."""
        return self.tokens if measure == "tokens" else self.requests


def rows(values: Array, start: int, seconds: int, first: int, number: int) -> Array:
    """Return a copy of `number` rows from the time `first` on; missing rows are zeros.

    Row `i` of `values` begins at `start + i * seconds`.
    """
    begin = (first - start) // seconds
    found = np.zeros((number, *values.shape[1:]))
    low, high = max(0, begin), min(len(values), begin + number)
    if low < high:
        found[low - begin : high - begin] = values[low:high]
    return found


def rows_at(values: Array, start: int, seconds: int, times: Sequence[int]) -> Array:
    """Return a copy of the rows that begin at some times; missing rows are zeros."""
    places = (np.array(times) - start) // seconds
    found = np.zeros((len(places), *values.shape[1:]))
    is_there = (places >= 0) & (places < len(values))
    found[is_there] = values[places[is_there]]
    return found


def ratio(part: Array, whole: Array) -> Array:
    """Return the ratio; NaN where `whole` is not positive."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    found = np.full(shape, np.nan)
    np.divide(part, whole, out=found, where=np.asarray(whole) > 0)
    return found


def rolling(values: Array, number: int) -> Array:
    """Return, for each row, the sum of the `number` rows that end with it; earlier rows are 0."""
    padded = np.concatenate([np.zeros((number - 1, *values.shape[1:])), values])
    sums: Array = np.lib.stride_tricks.sliding_window_view(padded, number, axis=0).sum(axis=-1)
    return sums
