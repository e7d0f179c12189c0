"""Estimate a window's share of each key, and its standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.shifts.baseline import MIN_EXPECTED_PART
from streams.shifts.series import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Array


class Stretches(NamedTuple):
    """A window cut into equal stretches of time; leading axes are windows side by side.

    `counts` and `expected` are [..., stretches, keys]. `squares` is [..., keys]. `is_expected`
    [..., 1] is whether enough of the window has a baseline. Where there is no baseline, `expected`
    holds the counts themselves.
    """

    counts: Array
    expected: Array
    squares: Array
    is_expected: NDArray[np.bool_]


class Estimate(NamedTuple):
    """A window's share, standard error, baseline and shift, [..., keys]; NaN where there is none.

    `effective` [..., 1] is the effective sample size (Kish), in requests.
    """

    share: Array
    error: Array
    baseline: Array
    shift: Array
    effective: Array


def expect(counts: Array, shares: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the expected counts of panes with `counts`, and where there is a baseline: [..., 1].

    Both arguments are [..., keys]. Without a baseline, the expected counts are the counts
    themselves.
    """
    known = ~np.isnan(shares[..., :1])
    return np.where(known, shares * counts.sum(axis=-1, keepdims=True), counts), known


def is_expected(totals: Array, known: Array) -> NDArray[np.bool_]:
    """Return whether enough of a window has a baseline, [..., 1].

    `totals` and `known` [..., stretches, 1]: the counts, and the part of them that has a baseline.
    """
    enough: NDArray[np.bool_] = known.sum(axis=-2) >= MIN_EXPECTED_PART * totals.sum(axis=-2)
    return enough


def estimate(window: Stretches) -> Estimate:
    """Return the estimate of each key in a window.

    The standard error is the largest of three, because each is far too small in some case: the
    delta method for a ratio (few requests), the null form with Kish's effective requests (rare
    keys) and the means of the stretches (requests that come in sessions).
    """
    counted = window.counts.sum(axis=-2)
    total = counted.sum(axis=-1, keepdims=True)
    squares = window.squares.sum(axis=-1, keepdims=True)
    share = ratio(counted, total)
    effective = ratio(total * total, squares)
    baseline = np.where(window.is_expected, ratio(window.expected.sum(axis=-2), total), np.nan)
    shift = share - baseline

    rest = squares - window.squares
    delta = ratio(np.sqrt((1 - share) ** 2 * window.squares + share**2 * rest), total)
    null = np.sqrt(ratio(np.maximum(baseline * (1 - baseline), 0), effective))
    stretches = window.counts.shape[-2]
    over = window.counts - np.where(window.is_expected[..., None], window.expected, 0)
    mean = ratio(over.sum(axis=-2), total)
    apart = over - mean[..., None, :] * window.counts.sum(axis=-1, keepdims=True)
    means = ratio(np.sqrt(stretches / (stretches - 1) * (apart**2).sum(axis=-2)), total)
    return Estimate(share, np.fmax(np.fmax(delta, means), null), baseline, shift, effective)


def zscores(estimated: Estimate, spread: Array) -> Array:
    """Return z of each key, [..., keys]. Where the scale is zero, one request is the scale."""
    scale = np.maximum(spread, estimated.error)
    certain = estimated.shift * estimated.effective
    return np.where(scale > 0, ratio(estimated.shift, scale), np.where(scale == 0, certain, np.nan))


def evidence(requests: Array, baseline: Array) -> Array:
    """Return the larger of each key's observed and expected requests."""
    should = baseline * requests.sum(axis=-1, keepdims=True)
    found: Array = np.fmax(requests, should)
    return found
