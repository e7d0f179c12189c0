"""Tell a share of cost that has moved from prices that began, or ceased, to be reported.

A share of cost is one of the requests that have a price. Where a gateway begins to report prices,
the traffic may be the same and its priced part is another. So there is no statement on a window of
which less than half has a price; hours like that count as empty in baselines and usual spreads; and
what a changed coverage can do to the shares is a part of their standard error:

    q = |priced part now - priced part before| / the larger of the two       of one key
    error >= sum of q * (the larger of share and baseline)                   over all keys
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.series import priced_enough, ratio, rows
from streams.state.pane import MIDDLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.baseline import Baseline
    from streams.shifts.series import Array, Series


class Coverage(NamedTuple):
    """How much of a window has a price: whether enough [moments, 1], and the parts of each key.

    `now` and `before` [moments, keys] are NaN where a key has no tokens.
    """

    is_enough: NDArray[np.bool_]
    now: Array
    before: Array


def coverage(panes: Series, baseline: Baseline, moments: range, number: int) -> Coverage:
    """Return the coverage of the windows of `number` panes that end at moments.

    `moments` are the starts of their last panes. Each pane is compared with its own hour.
    """
    first = moments.start - (number - 1) * MIDDLE.seconds
    tokens, priced = (
        rows(each, panes.start, MIDDLE.seconds, first, number - 1 + len(moments))
        for each in (panes.tokens, panes.of_prices.tokens)
    )
    starts = first + MIDDLE.seconds * np.arange(len(tokens))
    usual = baseline.priced[baseline.rows(starts)]
    compared = tokens * ~np.isnan(usual)
    held, whole, of_usual, of_compared = (
        _sums(each, number) for each in (priced, tokens, compared * np.nan_to_num(usual), compared)
    )
    return Coverage(priced_enough(held, whole), ratio(held, whole), ratio(of_usual, of_compared))


def _sums(values: Array, number: int) -> Array:
    """Return the sum of each `number` rows that follow each other."""
    sums = np.concatenate([np.zeros_like(values[:1]), values.cumsum(axis=0)])
    found: Array = sums[number:] - sums[:-number]
    return found
