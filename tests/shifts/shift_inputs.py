"""Counts by hour from which the tests make shifts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from streams.shifts.baseline import (
    baseline_of,
)
from streams.shifts.estimate import Stretches
from streams.shifts.series import Measure, Series
from streams.shifts.shift import Traffic, shifts

HOUR, PANE, DAY = 3600, 300, 86400
#: Those of traffic without prices.
PLAIN_MEASURES: tuple[Measure, ...] = ("tokens", "requests")
#: A Monday, 00:00 UTC.
MONDAY = 1_767_571_200
NOW = MONDAY + 40 * DAY + 12 * HOUR + 1000


#: What numpy warns of. Others are no errors: Python may collect a socket or a coroutine that a test
#: before left open while one of these runs, and its warning would fail the wrong test now and then.
OF_NUMPY = (RuntimeWarning, np.exceptions.VisibleDeprecationWarning, np.exceptions.ComplexWarning)


@pytest.fixture(autouse=True)
def _no_warning_of_numpy():
    with warnings.catch_warnings(), np.errstate(all="raise"):
        for category in OF_NUMPY:
            warnings.simplefilter("error", category)
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        yield


def grid(values, *, seconds=HOUR, start=MONDAY, keys=None) -> Series:
    """Counts of one token a request, so that both measures are the same."""
    values = np.array(values, dtype=float)
    names = keys or tuple("abcdefgh"[: values.shape[1]])
    return Series(names, start, seconds, values, values, values)


def steady(shares=(3.0, 1.0), *, days=41, per_pane=1.0, now=NOW) -> tuple[Series, Series]:
    """Return 5-minute panes of 25 h and hours of traffic that never changes, until `now`."""
    last, here = now // PANE * PANE, now // HOUR * HOUR
    panes = np.tile(np.array(shares) * per_pane, (300, 1))
    hours = np.tile(np.array(shares) * per_pane * 12, (days * 24, 1))
    hours[-1] *= ((last - here) // PANE + 1) / 12
    return (
        grid(panes, seconds=PANE, start=last - 299 * PANE),
        grid(hours, start=here - (days * 24 - 1) * HOUR),
    )


def told(panes, hours, *, tenants=None, now=NOW, dimension="origin"):
    """Return {(measure, window): Shifts}."""
    hour = now // HOUR * HOUR
    baselines = {each: baseline_of(hours, each, hour) for each in PLAIN_MEASURES}
    said = shifts(Traffic(dimension, panes, hours, tenants), baselines, now)
    return {(each.measure, each.window): each for each in said}


def one_window(counts, squares, expected) -> Stretches:
    counts = np.array(counts, dtype=float)
    expected = np.tile(np.array(expected, dtype=float), (len(counts), 1)) * counts.sum(
        axis=1, keepdims=True
    )
    return Stretches(counts, expected, np.array(squares, dtype=float), np.array([True]))
