"""A simulated gateway: days, nights and weekends, tenants large and small, mixed models."""

from __future__ import annotations

import math
from functools import cache
from itertools import takewhile
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from streams.demo.draws import (
    GAP_BITS,
    LINE_BITS,
    SIZE_BITS,
    TENANT_BITS,
    gap_table,
    line_table,
    size_table,
    tenant_table,
)
from streams.demo.figures import HOUR_SECONDS, study
from streams.demo.offers import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streams.demo.draws import Line
    from streams.demo.truth import Simulated


class Gateway:
    """A simulated gateway: days, nights and weekends, tenants large and small, mixed models.

    `rate_per_second` is the mean over a week. Events are in order of time from `start` (unix
    seconds) on, and do not depend on how often `until` is called. `origins` (weights by origin)
    replaces the mix of study.toml.
    """

    def __init__(
        self,
        seed: int,
        start: float,
        rate_per_second: float,
        *,
        origins: Mapping[str, float] | None = None,
    ) -> None:
        if rate_per_second <= 0:
            raise ValueError(f"rate_per_second must be above 0, is {rate_per_second}")
        self._events = _live(seed, start, rate_per_second, self._table)
        self._lines = line_table(seed, origins or study().gateway, odd=False)
        self._next = next(self._events)
        self._seed = seed

    def until(self, now: float) -> list[Simulated]:
        """Return the events before `now` (unix seconds) that have not been returned yet."""
        due = []
        event = self._next
        while event.ts < now:
            due.append(event)
            event = next(self._events)
        self._next = event
        return due

    def turn(self, origins: Mapping[str, float]) -> None:
        """Set the mix by origin (weights) from the event after the next on: a shift."""
        self._lines = line_table(self._seed, origins, odd=False)

    def __iter__(self) -> Iterator[Simulated]:
        while True:
            event, self._next = self._next, next(self._events)
            yield event

    def _table(self) -> list[Line]:
        return self._lines


def gateway_events(
    seed: int,
    start: float,
    end: float,
    *,
    rate_per_second: float | None = None,
    count: int | None = None,
) -> Iterator[Simulated]:
    """Return the events of `Gateway` in [start, end), at a rate or exactly `count`, in order.

    Raises `ValueError` unless exactly one of the two is given.
    """
    if (rate_per_second is None) == (count is None):
        raise ValueError("give either rate_per_second or count")
    if rate_per_second is not None:
        return takewhile(lambda event: event.ts < end, Gateway(seed, start, rate_per_second))
    assert count is not None
    return _counted(seed, start, end, count)


def _counted(seed: int, start: float, end: float, count: int) -> Iterator[Simulated]:
    # Arrivals at the rate at which the event after the last would fall exactly at the end: given
    # their number, the arrivals are distributed randomly.
    gaps, mask, random = gap_table(), (1 << GAP_BITS) - 1, _live_random(seed)
    work = sum(gaps[random.getrandbits(64) & mask] for _ in range(count + 1))
    gateway = iter(Gateway(seed, start, work / busy_seconds(start, end)))
    final = math.ceil(end * 1000 - 1) / 1000
    for _ in range(count):
        event = next(gateway)
        if event.ts >= end:  # by rounding to milliseconds, and the last ones only
            text = event.value.replace(b'"ts":%.3f' % event.ts, b'"ts":%.3f' % final)
            event = event._replace(ts=final, value=text)
        yield event


def busy_seconds(start: float, end: float) -> float:
    """Return the seconds of [start, end), weighted by load per hour; a week keeps its length."""
    total, at = 0.0, start
    while at < end:
        after = min((at // HOUR_SECONDS + 1) * HOUR_SECONDS, end)
        total += (after - at) * _busy(at)
        at = after
    return total


@cache
def _cycle() -> list[float]:
    """Return the load in each hour of the week, from Monday 00:00 UTC on; 1 on average."""
    hours = [
        (0.5 if hour // 24 >= 5 else 1.0) * (1.0 + 0.6 * math.sin(math.tau * (hour % 24 - 8) / 24))
        for hour in range(168)
    ]
    mean = fmean(hours)
    return [hour / mean for hour in hours]


def _busy(at: float) -> float:
    # The unix epoch began on a Thursday: 72 hours after a Monday.
    return _cycle()[(int(at // HOUR_SECONDS) + 72) % 168]


def _live_random(seed: int) -> Random:
    return Random(f"live {seed}")  # noqa: S311 (not for secrets)


def _live(
    seed: int, start: float, rate: float, table: Callable[[], list[Line]]
) -> Iterator[Simulated]:
    random, gaps = _live_random(seed), gap_table()
    tenants, sizes = tenant_table(study().tenants), size_table()
    bits = random.getrandbits
    prefix = f'{{"id":"g{seed}-{int(start)}-'
    at, number, speed = start, 0, rate * _busy(start)
    hour_end = (start // HOUR_SECONDS + 1) * HOUR_SECONDS
    while True:
        draw = bits(64)
        need = gaps[draw & (1 << GAP_BITS) - 1]
        while need > (hour_end - at) * speed:
            need -= (hour_end - at) * speed
            at, speed = hour_end, rate * _busy(hour_end)
            hour_end += HOUR_SECONDS
        at += need / speed
        number += 1
        draw >>= GAP_BITS
        origin, language, line, model = table()[draw & (1 << LINE_BITS) - 1]
        draw >>= LINE_BITS
        tenant = tenants[draw & (1 << TENANT_BITS) - 1]
        prompt, completion = sizes[draw >> TENANT_BITS & (1 << SIZE_BITS) - 1]
        millis = math.ceil(at * 1000)
        ts = f"{millis // 1000}.{millis % 1000:03}"
        head = f'{prefix}{number}","ts":{ts}{line}{tenant}'
        yield request(millis / 1000, head, origin, language, model, prompt, completion)
