"""Counts of one dimension over time as arrays: the input of the statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Measure = Literal["tokens", "requests"]
SHIFT_MEASURES: tuple[Measure, ...] = ("tokens", "requests")
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of one dimension by time: row `i` is `[start + i * seconds, start + (i+1) * seconds)`.

    `start` in unix seconds; arrays are [rows, keys]; a row without data is zeros. `squares` are
    sums of squared tokens.
    """

    keys: tuple[str, ...]
    start: int
    seconds: int
    requests: Array
    tokens: Array
    squares: Array

    def counts(self, measure: Measure) -> Array:
        """Return the counts of a measure, [rows, keys]."""
        return self.tokens if measure == "tokens" else self.requests

    def squared(self, measure: Measure) -> Array:
        """Return the sums of squares of a measure; each request counts as one."""
        return self.squares if measure == "tokens" else self.requests


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
        """Return the counts of a measure, [hours, tenants, keys]."""
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
