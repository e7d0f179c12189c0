"""Estimate what events cost that state no cost, from a list of prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.classify.key_tables import beside, left_of, right_of
from streams.classify.price.prices import Amounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.classify.classifier import Classifier
    from streams.classify.price.prices import Prices
    from streams.decode.rows import Rows


def estimates_of(rows: Rows, classifier: Classifier, prices: Prices) -> NDArray[np.int64]:
    """Return the estimated nano-dollars of each row, -1 for none.

    Only of rows that state no cost and have tokens. A row's estimate depends on nothing but the
    row and the list, so no order and no restart changes it.
    """
    found = np.full(len(rows), -1, dtype=np.int64)
    at = np.flatnonzero((rows.cost < 0) & (rows.prompt + rows.completion > 0))
    if not len(at):
        return found
    numbers = _prices_of(rows[at], classifier)
    at, numbers = at[numbers >= 0], numbers[numbers >= 0]
    if len(at):
        some = rows[at]
        used = Amounts(some.ts, some.prompt, some.cached, some.completion, some.requests)
        found[at] = prices.costs(numbers, used)
    return found


def _prices_of(rows: Rows, classifier: Classifier) -> NDArray[np.int64]:
    """Return the number of each row's price, -1 for none."""
    which, numbers = np.unique(beside(rows.pair, rows.provider), return_inverse=True)
    pairs, keys = left_of(which), classifier.keys.pairs()
    known = [
        classifier.price_number(model, provider, developer)
        for model, provider, developer in zip(
            keys.model[pairs].tolist(),
            right_of(which).tolist(),
            keys.developer[pairs].tolist(),
            strict=True,
        )
    ]
    return np.array(known, dtype=np.int64)[numbers]
