"""A large set of events with every case that occurs, in all valid notations, out of order.

It is used for measuring, and for comparing a worker's counts with `Truth`.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

from streams.demo.draws import (
    LINE_BITS,
    SIZE_BITS,
    TENANT_BITS,
    line_table,
    size_table,
    tenant_table,
)
from streams.demo.figures import study
from streams.demo.offers import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.demo.truth import Simulated

SHUFFLE_EVENTS = 64
"""About how far `plain_events` moves an event from its place."""


def plain_events(count: int, seed: int, start: float, end: float) -> Iterator[Simulated]:
    """Yield `count` events spread over [start, end), some tens of places out of order.

    All origins and languages occur once there are some thousands of events; models and languages
    are written in all the ways of study.toml.
    """
    random = Random(f"plain {seed}")  # noqa: S311 (not for secrets)
    first, last = math.ceil(start * 1000), math.ceil(end * 1000)
    if count and last <= first:
        raise ValueError(f"no millisecond lies in [{start}, {end})")
    span = last - first
    times = (first + span * number // count for number in range(count))
    waiting: list[Simulated] = []
    for event, draw in _plain(seed, f"p{seed}", random, times):
        if len(waiting) < SHUFFLE_EVENTS:
            waiting.append(event)
        else:
            place = draw % SHUFFLE_EVENTS
            yield waiting[place]
            waiting[place] = event
    random.shuffle(waiting)
    yield from waiting


def live_events(count: int, seed: int, clock: Callable[[], float]) -> Iterator[Simulated]:
    """Yield `count` events like `plain_events`, in order, each with the time of its request.

    `clock` returns unix seconds. Its first value is part of the ids: a restarted gateway creates
    new requests.
    """
    random = Random(f"plain {seed}")  # noqa: S311 (not for secrets)
    times = (math.floor(clock() * 1000) for _ in range(count))
    run = f"r{seed}-{math.floor(clock() * 1000)}"
    for event, _ in _plain(seed, run, random, times):
        yield event


def _plain(
    seed: int, run: str, random: Random, times: Iterable[int]
) -> Iterator[tuple[Simulated, int]]:
    """Yield an event for each time (unix milliseconds), and the remaining bits of its draw."""
    bits = random.getrandbits
    lines = line_table(seed, study().gateway, odd=True)
    tenants, sizes = tenant_table(study().tenants), size_table()
    prefix = f'{{"id":"{run}-'
    for number, millis in enumerate(times):
        draw = bits(64)
        origin, language, line, model = lines[draw & (1 << LINE_BITS) - 1]
        draw >>= LINE_BITS
        tenant = tenants[draw & (1 << TENANT_BITS) - 1]
        draw >>= TENANT_BITS
        prompt, completion = sizes[draw & (1 << SIZE_BITS) - 1]
        draw >>= SIZE_BITS
        ts = f"{millis // 1000}.{millis % 1000:03}"
        head = f'{prefix}{number}","ts":{ts}{line}{tenant}'
        yield request(millis / 1000, head, origin, language, model, prompt, completion), draw
