"""The state of a busy gateway after two years, written straight into the changelog.

To count two years of traffic takes two years of events; what a worker then holds and reads at its
start is only the panes. Each has the keys that a gateway meets in its time: 300 models, 30
languages in each of five origins, and in the panes of hours 64 tenants with each origin and
language that they use; how many of them occur follows from the rate.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from streams.classify.keys import model_key
from streams.counting.accumulator import OF_CELLS, OF_MODELS
from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    Totals,
    encode_pane,
    encode_position,
    pane_key,
    position_key,
)
from streams.state.counts import (
    CACHE_STATED,
    CACHED,
    COMPLETION,
    COST,
    COST_SQUARES,
    PRICED,
    PRICED_TOKENS,
    PROMPT,
    REQUESTS,
    SQUARES,
    Counts,
)
from streams.state.pane import ALL_LEVELS, Level, Pane, pane_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streams.settings import Settings

PARTITIONS = 12
REQUESTS_PER_SECOND = 100.0
MODELS, LANGUAGES, TENANTS, PROVIDERS = 300, 30, 64, 40
#: Every so many models are served by a second provider too.
SHARED = 4
ORIGINS = ("cn-open", "cn-proprietary", "row-open", "row-proprietary", "unknown")
TAGS = (
    *(
        "en",
        "zh",
        "ru",
        "es",
        "de",
        "fr",
        "ja",
        "pt",
        "ko",
        "it",
        "zh-Hant",
        "tr",
        "pl",
        "vi",
        "id",
    ),
    *("ar", "nl", "th", "uk", "hi", "cs", "sv", "ro", "hu", "el", "he", "fi", "da", "bn", "und"),
)


def _zipf(number: int) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, number + 1)
    return weights / weights.sum()


#: Name and part of all requests, for each map of a pane.
_CELLS = (
    [f"{origin}/{tag}" for origin in ORIGINS for tag in TAGS],
    np.outer(_zipf(len(ORIGINS)), _zipf(LANGUAGES)).ravel(),
)
_SERVED = [
    (n, provider % PROVIDERS)
    for n in range(MODELS)
    for provider in ((n * 7, n * 7 + 11) if n % SHARED == 0 else (n * 7,))
]
_MODELS = (
    [
        model_key(f"vendor-{n % 40}-model-{n}-instruct", f"provider-{provider}")
        for n, provider in _SERVED
    ],
    np.array([_zipf(MODELS)[n] / (2 if n % SHARED == 0 else 1) for n, _ in _SERVED]),
)
_HASHES = [f"{n * 0x9E3779B97F4A7C15 % 2**64:016x}" for n in range(TENANTS)]
_BY_ORIGIN = (
    [f"{tenant}/o/{origin}" for tenant in _HASHES for origin in ORIGINS],
    np.outer(_zipf(TENANTS), _zipf(len(ORIGINS))).ravel(),
)
_BY_LANGUAGE = (
    [f"{tenant}/l/{tag}" for tenant in _HASHES for tag in TAGS],
    np.outer(_zipf(TENANTS), _zipf(LANGUAGES)).ravel(),
)


def _drawn(
    random: np.random.Generator,
    requests: float,
    names: list[str],
    parts: NDArray[np.float64],
    optional: frozenset[int] = frozenset(),
) -> dict[str, Counts]:
    """Return counts by name: with prices, cache reads and so on where a map holds these columns."""
    numbers = random.poisson(parts * requests)
    present = np.flatnonzero(numbers)
    numbers = numbers[present]
    prompt = (numbers * random.lognormal(7.5, 0.5, len(present))).astype(np.int64) + 1
    completion = (numbers * random.lognormal(5.8, 0.5, len(present))).astype(np.int64) + 1
    squares = ((prompt + completion) * random.lognormal(9.0, 0.5, len(present))).astype(np.int64)
    columns = {REQUESTS: numbers, PROMPT: prompt, COMPLETION: completion, SQUARES: squares}
    tokens = prompt + completion
    cost = (tokens * random.lognormal(6.5, 1.0, len(present))).astype(np.int64)
    more = {
        CACHED: (prompt * random.random(len(present))).astype(np.int64),
        CACHE_STATED: tokens,
        COST: cost,
        PRICED: numbers,
        PRICED_TOKENS: tokens,
        COST_SQUARES: ((cost // 1000) ** 2 // numbers * 3),
    }
    columns |= {number: values for number, values in more.items() if number in optional}
    table = np.zeros((len(present), max(columns) + 1), dtype=np.int64)
    for number, values in columns.items():
        table[:, number] = values
    rows = table.tolist()
    return {names[place]: row for place, row in zip(present.tolist(), rows, strict=True)}


def pane(random: np.random.Generator, level: Level) -> Pane:
    """Return one partition's pane of a level, full."""
    requests = REQUESTS_PER_SECOND * level.seconds / PARTITIONS
    if level.of_tenants:
        by_origin = _drawn(random, requests, *_BY_ORIGIN)
        return Pane(tenants=by_origin | _drawn(random, requests, *_BY_LANGUAGE))
    return Pane(
        _drawn(random, requests, *_CELLS, OF_CELLS), _drawn(random, requests, *_MODELS, OF_MODELS)
    )


def records(now: float, topic_id: str) -> Iterator[tuple[int, str, bytes]]:
    """Yield (partition, key, value) of every pane that is kept at `now`, then the positions."""
    random = np.random.default_rng(1)
    for level in ALL_LEVELS:
        last = pane_start(level, now)
        for start in range(last - level.keep_seconds, last + 1, level.seconds):
            for partition in range(PARTITIONS):
                value = encode_pane(pane(random, level), 1)
                yield partition, pane_key(partition, PaneKey(level, start)), value
    for partition in range(PARTITIONS):
        position = PositionRecord(STATE_VERSION, 1, 0, now, now, Totals(), topic_id)
        yield partition, position_key(partition), encode_position(position)


async def fill(settings: Settings, topic_id: str, now: float) -> dict[str, float]:
    """Write the state into the changelog; returns panes and their bytes by what they are."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(
        bootstrap_servers=list(settings.bootstrap_servers),
        acks="all",
        compression_type="lz4",
        linger_ms=50,
        max_batch_size=900_000,
        max_request_size=8 * 1024 * 1024,
    )
    panes = size = 0
    await producer.start()
    try:
        futures = []
        for partition, key, value in records(now, topic_id):
            panes += 1
            size += len(value)
            futures.append(
                await producer.send(
                    settings.changelog_topic, value, key=key.encode(), partition=partition
                )
            )
            if len(futures) == 2000:
                await asyncio.gather(*futures)
                futures.clear()
        await asyncio.gather(*futures)
    finally:
        await producer.stop()
    return {"panes": panes - PARTITIONS, "value_mb": size / 1e6}
