"""A price list: the price of a model at a provider, and of many events at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.classify.price.values import DAY_SECONDS, NO_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from streams.classify.price.values import Price

# Cached results: names from outside cannot fill memory.
CACHE_ENTRIES = 65_536
# Dearer estimates are a mistake, as stated prices are: a million dollars.
_MAX_PICO = 1e18
_PICO_IN_NANO = 1_000


class Amounts(NamedTuple):
    """What events used, a row each: `cached` is part of `prompt`, and negative where not known.

    `requests` is how many requests a row stands for; the tokens are those of all of them.
    """

    ts: NDArray[np.float64]
    prompt: NDArray[np.int64]
    cached: NDArray[np.int64]
    completion: NDArray[np.int64]
    requests: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Table:
    """The steps of all prices so far: a row a price, a column a step."""

    since: NDArray[np.float64]
    opens: NDArray[np.float64]
    closes: NDArray[np.float64]
    above: NDArray[np.int64]
    rates: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Prices:
    """The price lists of providers by their keys, and the cached results.

    `developers` are the keys of whose list holds for a developer's models where nothing says who
    served; empty where such events have no price.
    """

    lists: Mapping[str, Callable[[str], Price | None]]
    developers: Mapping[str, str] = field(default_factory=dict)
    _cache: dict[tuple[str, str], int] = field(default_factory=dict)
    _rows: dict[Price, int] = field(default_factory=dict)
    _tables: list[_Table] = field(default_factory=list)

    def number(self, model: str, provider: str, developer: str) -> int:
        """Return the number of a model's price, -1 for none; `provider` is empty if not known."""
        at = model, provider or self.developers.get(developer, "")
        number = self._cache.get(at)
        if number is None:
            find = self.lists.get(at[1])
            price = None if find is None else find(model)
            number = -1 if price is None else self._rows.setdefault(price, len(self._rows))
            if len(self._cache) >= CACHE_ENTRIES:
                self._cache.clear()
            self._cache[at] = number
        return number

    def costs(self, numbers: NDArray[np.int64], used: Amounts) -> NDArray[np.int64]:
        """Return the nano-dollars of events by the numbers of their prices.

        Each is rounded half up on its own. It is -1 where the price has no rate for what was used.
        """
        table = self._table()
        rates = table.rates[numbers, _steps(table, numbers, used)]
        cached = np.clip(used.cached, 0, used.prompt)
        parts = (used.prompt - cached, cached, used.completion)
        known = np.ones(len(numbers), dtype=bool)
        pico = np.zeros(len(numbers))
        for number, tokens in enumerate(parts):
            known &= (tokens <= 0) | (rates[:, number] != NO_RATE)
            pico += tokens.astype(np.float64) * rates[:, number]
        known &= pico <= _MAX_PICO
        exact = sum(np.where(known, tokens, 0) * rates[:, n] for n, tokens in enumerate(parts))
        return np.where(known, (exact + _PICO_IN_NANO // 2) // _PICO_IN_NANO, -1)

    def _table(self) -> _Table:
        if not self._tables or len(self._tables[0].since) < len(self._rows):
            self._tables[:] = [_table_of(list(self._rows))]
        return self._tables[0]


def _steps(table: _Table, numbers: NDArray[np.int64], used: Amounts) -> NDArray[np.int64]:
    """Return the step of each event's price that holds for it."""
    second = used.ts % DAY_SECONDS
    chosen = np.zeros(len(numbers), dtype=np.int64)
    for step in range(table.since.shape[1]):
        opens, closes = table.opens[numbers, step], table.closes[numbers, step]
        begun, not_over = second >= opens, second < closes
        holds = np.where(closes < opens, begun | not_over, begun & not_over)
        holds &= used.ts >= table.since[numbers, step]
        # By the mean prompt of a row of many requests.
        holds &= used.prompt > table.above[numbers, step] * used.requests
        chosen[holds] = step
    return chosen


def _table_of(prices: list[Price]) -> _Table:
    shape = len(prices), max((len(price.steps) for price in prices), default=0)
    # A step that a price does not have never holds.
    table = _Table(
        np.full(shape, np.inf),
        np.zeros(shape),
        np.full(shape, DAY_SECONDS),
        np.zeros(shape, dtype=np.int64),
        np.full((*shape, 3), NO_RATE, dtype=np.int64),
    )
    for row, price in enumerate(prices):
        for at, step in enumerate(price.steps):
            table.since[row, at] = step.when.since
            table.opens[row, at], table.closes[row, at] = step.when.opens, step.when.closes
            table.above[row, at] = step.above
            table.rates[row, at] = step.input, step.cached, step.output
    return table
