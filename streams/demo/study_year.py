"""The year of the study: its published shares hold by construction, not by chance.

A few requests account for much of the tokens, and random draws would miss a weekly share by whole
points.
"""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from streams.demo.draws import (
    SIZE_BITS,
    event_middle,
    joint_shares,
    models_out,
    rounded,
    scaled,
    spread_table,
)
from streams.demo.figures import ORIGINS, REST, WEEK_SECONDS, study
from streams.demo.offers import request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.demo.figures import Study
    from streams.demo.truth import Simulated


def weekly_shares(seed: int) -> list[dict[str, float]]:
    """Return percent of tokens by origin and week; the study's published figures hold exactly.

    The weeks vary randomly by some percent of themselves, depending on the seed, around the curves
    of study.toml.
    """
    figures = study()
    random = Random(f"weeks {seed}")  # noqa: S311 (not for secrets)
    series: dict[str, list[float]] = {}
    for origin, facts in figures.origins.items():
        raw = [
            value * random.uniform(0.96, 1.04)
            for value in _drawn_through(facts["weekly"], figures.weeks)
        ]
        if "highest" in facts:
            series[origin] = bent(raw, facts["first"], facts["highest"], facts["average"])
        else:
            scale = facts["average"] / fmean(raw)
            series[origin] = [value * scale for value in raw]
    weeks = [dict(zip(series, week, strict=True)) for week in zip(*series.values(), strict=True)]
    return [{**week, REST: 100.0 - sum(week.values())} for week in weeks]


def bent(values: Sequence[float], first: float, highest: float, average: float) -> list[float]:
    """Return the values in the same order of size, with the given first, highest and average.

    `first` is also the lowest, and lies below `average`, which lies below `highest`. The values
    between are raised to the power that gives the average, found by halving.
    """
    low, high = values[0], max(values)
    places = [min(max((value - low) / (high - low), 0.0), 1.0) for value in values]
    weakest, strongest = 1 / 64, 64.0
    for _ in range(80):
        power = math.sqrt(weakest * strongest)
        result = [first + (highest - first) * place**power for place in places]
        if fmean(result) > average:
            weakest = power
        else:
            strongest = power
    return result


def study_events(seed: int) -> Iterator[Simulated]:
    """Yield the 56 weeks of the study in order of time, about 360,000 requests.

    Every week and origin has a fixed number of tokens, to which the drawn sizes are scaled.
    Languages have theirs over the whole period: tokens too few for a request are carried over until
    there are enough, and English absorbs the difference within its week.
    """
    figures = study()
    random = Random(f"study {seed}")  # noqa: S311 (not for secrets)
    shares = weekly_shares(seed)
    volumes = [_week_volume(figures, week) for week in range(figures.weeks)]
    budgets = [
        rounded({origin: share / 100 for origin, share in week.items()}, round(requests * size))
        for week, (requests, size) in zip(shares, volumes, strict=True)
    ]
    overall = {origin: sum(week[origin] for week in budgets) for origin in ORIGINS}
    mix = joint_shares(overall)
    due = dict.fromkeys(mix, 0.0)
    number = 0
    for week, budget in enumerate(budgets):
        last = week == figures.weeks - 1
        payments = _payments(budget, mix, due, 0 if last else volumes[week][1] / 2)
        start = figures.start + week * WEEK_SECONDS
        drawn = _week_requests(random, figures, week, payments)
        random.shuffle(drawn)
        times = sorted(int(random.random() * WEEK_SECONDS * 1000) for _ in drawn)
        for millis, (origin, language, line, model, prompt, completion) in zip(
            times, drawn, strict=True
        ):
            number += 1
            at = round(start * 1000) + millis
            ts = f"{at // 1000}.{at % 1000:03}"
            head = f'{{"id":"study-{number:06}","ts":{ts}{line}'
            yield request(at / 1000, head, origin, language, model, prompt, completion)


def _week_volume(figures: Study, week: int) -> tuple[float, float]:
    """Return requests of the week and mean tokens per request."""
    part = week / (figures.weeks - 1)
    first, last = figures.requests
    means = (figures.prompt_mean, figures.completion_mean)
    return first * (last / first) ** part, sum(a + (b - a) * part for a, b in means)


def _payments(
    budget: Mapping[str, int],
    mix: Mapping[tuple[str, str], float],
    due: dict[tuple[str, str], float],
    least: float,
) -> dict[tuple[str, str], int]:
    """Return the week's tokens by origin and language, which add up to each origin's budget.

    A language gets its carried tokens once they reach `least`. English gets the rest.
    """
    overall = dict.fromkeys(budget, 0.0)
    for (origin, _), share in mix.items():
        overall[origin] += share
    paid: dict[tuple[str, str], int] = {}
    for key in mix:
        due[key] += budget[key[0]] * mix[key] / overall[key[0]]
    for origin in budget:
        left = budget[origin]
        tags = (tag for of, tag in mix if of == origin and tag != "en")
        for key in sorted(((origin, tag) for tag in tags), key=lambda key: -due[key]):
            tokens = round(due[key])
            if max(least, 2) <= tokens <= left - 2:
                paid[key] = tokens
                left -= tokens
        paid[origin, "en"] = left
    for key, tokens in paid.items():
        due[key] -= tokens
    return paid


def _week_requests(
    random: Random, figures: Study, week: int, payments: Mapping[tuple[str, str], int]
) -> list[tuple[str, str, str, str, int, int]]:
    """Return the requests of a week: origin, language, JSON of both, model, sizes."""
    part = week / (figures.weeks - 1)
    prompt_mean, completion_mean = (
        first + (last - first) * part
        for first, last in (figures.prompt_mean, figures.completion_mean)
    )
    plain = {language.tag: language.declared[0] for language in figures.languages}
    day = figures.start + week * WEEK_SECONDS
    models = {origin: models_out(figures, origin, day) for origin in ORIGINS}
    spread = spread_table()
    drawn = []
    for (origin, tag), tokens in payments.items():
        count = max(1, round(tokens / (prompt_mean + completion_mean)))
        draws = (spread[random.getrandbits(SIZE_BITS)] for _ in range(count))
        sizes = scaled([(prompt_mean * p, completion_mean * c) for p, c in draws], tokens)
        names, weights = models[origin]
        chosen = random.choices(names, cum_weights=weights, k=count)
        drawn += [
            (origin, tag, event_middle(name, plain[tag]), name, *size)
            for name, size in zip(chosen, sizes, strict=True)
        ]
    return drawn


def _drawn_through(points: Sequence[tuple[int, float]], weeks: int) -> list[float]:
    """Return a value per week on the straight lines between (week, value) points."""
    values = [points[0][1]]
    for (week, value), (later, after) in pairwise(points):
        steps = later - week
        values += [value + (after - value) * step / steps for step in range(1, steps + 1)]
    if len(values) != weeks:
        raise ValueError(f"the curve {points} has {len(values)} weeks of {weeks}")
    return values
