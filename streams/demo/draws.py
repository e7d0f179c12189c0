"""The distributions of simulated requests: tables of models, tenants, sizes and waiting times.

All draws come from a seed: the same seed gives the same bytes.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import accumulate
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, TypeVar

from streams.demo.figures import ORIGINS, WEEK_SECONDS, study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.demo.figures import Study

_Key = TypeVar("_Key")

NEW_MODEL_WEEKS = 4
"""A model reaches its full weight this many weeks after its release, in equal steps."""

# Tables of drawn values, indexed by the bits of one random number per event: powers of two.
LINE_BITS, TENANT_BITS, SIZE_BITS, GAP_BITS = 15, 10, 14, 12


def joint_shares(origins: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Return the share of each (origin, language) with both margins preserved; they sum to 1.

    Starts at chance times affinity, then fits the two margins in turn until both hold (iterative
    proportional fitting). `origins`: weights of any scale; languages are the study's.
    """
    figures = study()
    total = sum(origins.values())
    columns = {language.tag: language.share / 100 for language in figures.languages}
    rows = {origin: weight / total for origin, weight in origins.items() if weight > 0}
    lean = figures.affinity
    cells = {
        (origin, tag): rows[origin] * columns[tag] * lean.get(tag, {}).get(origin, 1.0)
        for origin in rows
        for tag in columns
    }
    for _ in range(60):
        for place, margin in ((1, columns), (0, rows)):
            sums = dict.fromkeys(margin, 0.0)
            for key, share in cells.items():
                sums[key[place]] += share
            for key in cells:
                cells[key] *= margin[key[place]] / sums[key[place]]
    return cells


def scaled(raw: Sequence[tuple[float, float]], tokens: int) -> list[tuple[int, int]]:
    """Return (prompt, completion) of each request in its raw proportions, summing to `tokens`.

    Each is at least 1, and `tokens` at least twice the number of requests. The last one absorbs
    the rounding.
    """
    spare = tokens - 2 * len(raw)
    part = spare / sum(prompt + completion for prompt, completion in raw)
    sums = [math.floor((prompt + completion) * part) for prompt, completion in raw]
    sums[-1] += spare - sum(sums)
    ratios = (completion / (prompt + completion) for prompt, completion in raw)
    answers = [math.floor(size * ratio) for size, ratio in zip(sums, ratios, strict=True)]
    return [(1 + size - own, 1 + own) for size, own in zip(sums, answers, strict=True)]


def models_out(figures: Study, origin: str, day: float) -> tuple[list[str], list[float]]:
    """Return an origin's models released by a day, and their cumulative weights."""
    names, weights = [], []
    for model in figures.models:
        weeks_out = 1 + (day - model.since) / WEEK_SECONDS
        if model.origin == origin and weeks_out >= 1:
            names.append(model.name)
            weights.append(model.weight * min(1.0, weeks_out / NEW_MODEL_WEEKS))
    return names, list(accumulate(weights))


#: Origin, language, model and language as JSON, and the model's id.
Line = tuple[str, str, str, str]


def line_table(seed: int, origins: Mapping[str, float], *, odd: bool) -> list[Line]:
    """Return lines in proportion to their shares, shuffled.

    Pairs too rare for a place are omitted; every language of the study has some. `odd`: models and
    languages in all their notations, otherwise in the plain one.
    """
    return _mixed_lines(seed, tuple(origins.items()), odd)


@lru_cache(maxsize=4)
def _mixed_lines(seed: int, origins: tuple[tuple[str, float], ...], odd: bool) -> list[Line]:
    figures = study()
    random = Random(f"lines {seed}")  # noqa: S311 (not for secrets)
    declared = {language.tag: language.declared for language in figures.languages}
    models = {origin: models_out(figures, origin, figures.end) for origin in ORIGINS}
    also = {model.name: (model.name, *model.also) for model in figures.models}
    lines = []
    for (origin, tag), number in rounded(joint_shares(dict(origins)), 1 << LINE_BITS).items():
        names, weights = models[origin]
        for name in random.choices(names, cum_weights=weights, k=number):
            written = random.choice(also[name]) if odd else name
            language = random.choice(declared[tag]) if odd else declared[tag][0]
            lines.append((origin, tag, event_middle(written, language), name))
    random.shuffle(lines)
    return lines


def event_middle(model: str, language: str | None) -> str:
    """Return the middle of an event: a test checks that study.toml needs no escaping."""
    language_part = "" if language is None else f'"language":"{language}",'
    return f',"model":"{model}",{language_part}'


@cache
def tenant_table(number: int) -> list[str]:
    """Return tenants as JSON, the n-th with a weight of 1/n."""
    weights = {f"team-{n:02}": 1 / n for n in range(1, number + 1)}
    total = sum(weights.values())
    places = rounded({name: w / total for name, w in weights.items()}, 1 << TENANT_BITS)
    return [f'"tenant":"{name}",' for name, times in places.items() for _ in range(times)]


@cache
def spread_table() -> list[tuple[float, float]]:
    """Return draws of a request's prompt and completion, log-normal with mean 1."""
    random = Random("spread")  # noqa: S311 (not for secrets)
    prompt, completion = study().sigma
    return [(_heavy(random, prompt), _heavy(random, completion)) for _ in range(1 << SIZE_BITS)]


@cache
def size_table() -> list[tuple[int, int]]:
    """Return prompt and completion tokens of the study's last week."""
    prompt_mean, completion_mean = study().prompt_mean[1], study().completion_mean[1]
    raw = [(prompt_mean * p, completion_mean * c) for p, c in spread_table()]
    total = round((prompt_mean + completion_mean) * len(raw))
    return scaled(raw, total)


@cache
def gap_table() -> list[float]:
    """Return waiting times of a Poisson process with mean 1, at equal steps of probability."""
    size = 1 << GAP_BITS
    waits = [-math.log1p(-(place + 0.5) / size) for place in range(size)]
    mean = fmean(waits)
    return [wait / mean for wait in waits]


def _heavy(random: Random, sigma: float) -> float:
    """Return a draw from the log-normal distribution with mean 1."""
    return math.exp(random.gauss(-sigma * sigma / 2, sigma))


def rounded(shares: Mapping[_Key, float], total: int) -> dict[_Key, int]:
    """Return integers in these proportions (sum 1), summing to `total`: largest remainders."""
    whole = {key: math.floor(share * total) for key, share in shares.items()}
    rest = total - sum(whole.values())
    by_remainder = sorted(shares, key=lambda key: whole[key] - shares[key] * total)
    for key in by_remainder[:rest]:
        whole[key] += 1
    return whole
