"""What a gateway would have reported: simulated requests, and the truth about them.

Three gateways. `study_events` is the year of the study, whose published shares it hits by
construction and not by luck: a few requests carry much of the tokens, and a draw would miss a
weekly share by whole points. `Gateway` is a live one with days, nights and weekends.
`plain_events` is a bulk of everything that occurs, declared in every legal way, out of order, for
measuring and for comparing a worker's answer with `Truth`; `live_events` are the same, of now.

Origin and language of each event are stated by study.toml and never derived from the event, so
that they can judge the code that does derive them.

All draws come from a seed: the same seed gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from itertools import accumulate, pairwise, takewhile
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_Key = TypeVar("_Key")

ORIGINS = ("cn-open", "cn-proprietary", "row-open", "row-proprietary", "unknown")
REST = "row-proprietary"
"""The origin whose weekly share is what the others leave."""

WEEK_SECONDS = 7 * 86_400
HOUR_SECONDS = 3_600

NEW_MODEL_WEEKS = 4
"""A model reaches its full weight this many weeks after its release, in equal steps."""

# Tables of drawn values, walked by the bits of one random number an event: powers of two.
LINE_BITS, TENANT_BITS, SIZE_BITS, GAP_BITS = 15, 10, 14, 12

SHUFFLE_EVENTS = 64
"""About how far `plain_events` moves an event from its place."""


class Simulated(NamedTuple):
    """One request: its time in unix seconds, the record's value, and what is true of it."""

    ts: float
    value: bytes
    origin: str
    language: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


class TruthError(ValueError):
    """A manifest does not have the shape that `Truth.to_manifest` gives it."""


@dataclass(slots=True)
class Truth:
    """What has been sent: (origin, language) -> [requests, prompt tokens, completion tokens]."""

    cells: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, event: Simulated) -> None:
        """Count one event."""
        cell = self.cells.get((event.origin, event.language))
        if cell is None:
            self.cells[event.origin, event.language] = [
                *(1, event.prompt_tokens, event.completion_tokens)
            ]
        else:
            cell[0] += 1
            cell[1] += event.prompt_tokens
            cell[2] += event.completion_tokens

    def merge(self, other: Truth) -> None:
        """Count all that the other has counted."""
        for key, counts in other.cells.items():
            cell = self.cells.setdefault(key, [0, 0, 0])
            cell[:] = [mine + theirs for mine, theirs in zip(cell, counts, strict=True)]

    @property
    def requests(self) -> int:
        """All requests."""
        return sum(requests for requests, _, _ in self.cells.values())

    @property
    def tokens(self) -> int:
        """All tokens, prompt and completion."""
        return sum(prompt + completion for _, prompt, completion in self.cells.values())

    def tokens_by(self, dimension: str) -> dict[str, int]:
        """Tokens by `origin` or by `language`."""
        place = ("origin", "language").index(dimension)
        sums: dict[str, int] = {}
        for key, (_, prompt, completion) in self.cells.items():
            sums[key[place]] = sums.get(key[place], 0) + prompt + completion
        return sums

    def to_manifest(self, *, seed: int, start: float, end: float, topic: str) -> dict[str, Any]:
        """The truth as JSON values, for a file beside the topic. `start`, `end`: unix seconds."""
        cells = [
            {
                "origin": origin,
                "language": language,
                "requests": requests,
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "tokens": prompt + completion,
            }
            for (origin, language), (requests, prompt, completion) in sorted(self.cells.items())
        ]
        head = {"seed": seed, "events": self.requests, "start": start, "end": end, "topic": topic}
        return {**head, "cells": cells}

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Truth:
        """The inverse of `to_manifest`. Raises `TruthError` when the shape or the sum is wrong."""
        names = ("requests", "prompt_tokens", "completion_tokens")
        try:
            truth = cls(
                {
                    (cell["origin"], cell["language"]): [int(cell[name]) for name in names]
                    for cell in manifest["cells"]
                }
            )
            events = manifest["events"]
        except (KeyError, TypeError, ValueError) as error:
            raise TruthError(f"not a manifest of simulated events: {error!r}") from error
        if truth.requests != events:
            raise TruthError(f"the cells hold {truth.requests} requests, the manifest {events}")
        return truth


@dataclass(frozen=True, slots=True)
class Language:
    """A language: canonical tag, percent of tokens, ways to declare it (None: not at all)."""

    tag: str
    share: float
    declared: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model: origin, id as gateways write it and other ways, weight in its origin, first day."""

    name: str
    origin: str
    weight: float
    since: float
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """The figures of study.toml. Times in unix seconds, shares in percent of tokens."""

    start: float
    weeks: int
    requests: tuple[float, float]
    prompt_mean: tuple[float, float]
    completion_mean: tuple[float, float]
    sigma: tuple[float, float]
    origins: Mapping[str, Mapping[str, Any]]
    gateway: Mapping[str, float]
    tenants: int
    languages: tuple[Language, ...]
    models: tuple[Model, ...]
    affinity: Mapping[str, Mapping[str, float]]

    @property
    def end(self) -> float:
        """The moment after the last week."""
        return self.start + self.weeks * WEEK_SECONDS


@cache
def study() -> Study:
    """The figures, read once from study.toml, where each has its source."""
    text = resources.files("streams.demo").joinpath("study.toml").read_text(encoding="utf-8")
    figures = tomllib.loads(text)
    ends = ("first_week", "last_week")
    request, gateway = figures["request"], dict(figures["gateway"])
    return Study(
        start=figures["period"]["start"].timestamp(),
        weeks=figures["period"]["weeks"],
        requests=_pair(figures["volume"][f"requests_{end}"] for end in ends),
        prompt_mean=_pair(request[f"prompt_{end}"] for end in ends),
        completion_mean=_pair(request[f"completion_{end}"] for end in ends),
        sigma=(request["prompt_sigma"], request["completion_sigma"]),
        origins=figures["origin"],
        tenants=gateway.pop("tenants"),
        gateway=gateway,
        languages=tuple(
            Language(
                row["tag"],
                row["share"],
                tuple(None if tag == "-" else tag for tag in row["declared"]),
            )
            for row in figures["language"]
        ),
        models=tuple(
            Model(
                *(row["id"], row["origin"], row["weight"]),
                since=_midnight(row["since"]) if "since" in row else -math.inf,
                also=tuple(row.get("also", ())),
            )
            for row in figures["model"]
        ),
        affinity=figures["affinity"],
    )


# --- The year of the study -----------------------------------------------------------------------


def weekly_shares(seed: int) -> list[dict[str, float]]:
    """Percent of tokens by origin, week by week; what the study publishes of them holds exactly.

    The weeks wobble by some percent of themselves, as the seed has it, around the curves of
    study.toml.
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
    """The values in the same order of size, with the given first, highest and average.

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
    """The 56 weeks of the study in order of time, about 360,000 requests.

    Every week and origin has its tokens given, which the drawn sizes are scaled to. Languages have
    theirs over the whole period: what a language is due and is too little for a request stays due
    until there is enough, and English takes up the difference within its week.
    """
    figures = study()
    random = Random(f"study {seed}")  # noqa: S311 (not for secrets)
    shares = weekly_shares(seed)
    volumes = [_week_volume(figures, week) for week in range(figures.weeks)]
    budgets = [
        _rounded({origin: share / 100 for origin, share in week.items()}, round(requests * size))
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
        for millis, (origin, language, line, prompt, completion) in zip(times, drawn, strict=True):
            number += 1
            at = round(start * 1000) + millis
            value = (
                f'{{"id":"study-{number:06}","ts":{at // 1000}.{at % 1000:03}{line}'
                f'"prompt_tokens":{prompt},"completion_tokens":{completion}}}'
            )
            yield Simulated(at / 1000, value.encode(), origin, language, prompt, completion)


def joint_shares(origins: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """The share of each (origin, language), both margins held; they sum to 1.

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


def _week_volume(figures: Study, week: int) -> tuple[float, float]:
    """Requests of the week and mean tokens a request."""
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
    """The week's tokens by origin and language, which make up each origin's budget.

    A language is paid what it is due once that is `least`. English has what is left.
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
) -> list[tuple[str, str, str, int, int]]:
    """The week's requests as (origin, language, model and language as JSON, prompt, completion)."""
    part = week / (figures.weeks - 1)
    prompt_mean, completion_mean = (
        first + (last - first) * part
        for first, last in (figures.prompt_mean, figures.completion_mean)
    )
    plain = {language.tag: language.declared[0] for language in figures.languages}
    day = figures.start + week * WEEK_SECONDS
    models = {origin: _models(figures, origin, day) for origin in ORIGINS}
    spread = _spread()
    drawn = []
    for (origin, tag), tokens in payments.items():
        count = max(1, round(tokens / (prompt_mean + completion_mean)))
        draws = (spread[random.getrandbits(SIZE_BITS)] for _ in range(count))
        sizes = scaled([(prompt_mean * p, completion_mean * c) for p, c in draws], tokens)
        names, weights = models[origin]
        chosen = random.choices(names, cum_weights=weights, k=count)
        drawn += [
            (origin, tag, _line(name, plain[tag]), *size)
            for name, size in zip(chosen, sizes, strict=True)
        ]
    return drawn


def scaled(raw: Sequence[tuple[float, float]], tokens: int) -> list[tuple[int, int]]:
    """(prompt, completion) of each request in its raw proportions, in sum `tokens`.

    Each is at least 1, and `tokens` at least twice the number of requests. The last one takes up
    the rounding.
    """
    spare = tokens - 2 * len(raw)
    part = spare / sum(prompt + completion for prompt, completion in raw)
    sums = [math.floor((prompt + completion) * part) for prompt, completion in raw]
    sums[-1] += spare - sum(sums)
    ratios = (completion / (prompt + completion) for prompt, completion in raw)
    answers = [math.floor(size * ratio) for size, ratio in zip(sums, ratios, strict=True)]
    return [(1 + size - own, 1 + own) for size, own in zip(sums, answers, strict=True)]


def _models(figures: Study, origin: str, day: float) -> tuple[list[str], list[float]]:
    """Models of the origin that are out on the day, and their weights summed up in that order."""
    names, weights = [], []
    for model in figures.models:
        weeks_out = 1 + (day - model.since) / WEEK_SECONDS
        if model.origin == origin and weeks_out >= 1:
            names.append(model.name)
            weights.append(model.weight * min(1.0, weeks_out / NEW_MODEL_WEEKS))
    return names, list(accumulate(weights))


# --- A gateway of today --------------------------------------------------------------------------


class Gateway:
    """A gateway in operation: days, nights and weekends, tenants large and small, mixed models.

    `rate_per_second` is the mean over a week. Events come in order of time from `start` (unix
    seconds) on, and do not depend on how often `until` is asked. `origins` (weights by origin)
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
        self._lines = _lines(seed, origins or study().gateway, odd=False)
        self._next = next(self._events)
        self._seed = seed

    def until(self, now: float) -> list[Simulated]:
        """The events before `now` (unix seconds) that have not been handed out yet."""
        due = []
        event = self._next
        while event.ts < now:
            due.append(event)
            event = next(self._events)
        self._next = event
        return due

    def turn(self, origins: Mapping[str, float]) -> None:
        """From the event after the next on, the mix by origin is this one (weights): a shift."""
        self._lines = _lines(self._seed, origins, odd=False)

    def __iter__(self) -> Iterator[Simulated]:
        while True:
            event, self._next = self._next, next(self._events)
            yield event

    def _table(self) -> list[tuple[str, str, str]]:
        return self._lines


def gateway_events(
    seed: int,
    start: float,
    end: float,
    *,
    rate_per_second: float | None = None,
    count: int | None = None,
) -> Iterator[Simulated]:
    """What `Gateway` reports in [start, end), at a rate or just `count` events, in order of time.

    Raises `ValueError` unless just one of the two is given.
    """
    if (rate_per_second is None) == (count is None):
        raise ValueError("give either rate_per_second or count")
    if rate_per_second is not None:
        return takewhile(lambda event: event.ts < end, Gateway(seed, start, rate_per_second))
    assert count is not None
    return _counted(seed, start, end, count)


def _counted(seed: int, start: float, end: float, count: int) -> Iterator[Simulated]:
    # Arrivals at the rate at which the event after the last would come right at the end: given
    # their number, arrivals are spread as chance has it.
    gaps, mask, random = _gaps(), (1 << GAP_BITS) - 1, _live_random(seed)
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
    """The seconds of [start, end), each weighed by how busy its hour is; a whole week is a week."""
    total, at = 0.0, start
    while at < end:
        after = min((at // HOUR_SECONDS + 1) * HOUR_SECONDS, end)
        total += (after - at) * _busy(at)
        at = after
    return total


@cache
def _cycle() -> list[float]:
    """How busy each hour of the week is, from Monday 00:00 UTC on; 1 on average."""
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
    seed: int, start: float, rate: float, table: Callable[[], list[tuple[str, str, str]]]
) -> Iterator[Simulated]:
    random, gaps = _live_random(seed), _gaps()
    tenants, sizes = _tenants(study().tenants), _sizes()
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
        origin, language, line = table()[draw & (1 << LINE_BITS) - 1]
        draw >>= LINE_BITS
        tenant = tenants[draw & (1 << TENANT_BITS) - 1]
        prompt, completion, size = sizes[draw >> TENANT_BITS & (1 << SIZE_BITS) - 1]
        millis = math.ceil(at * 1000)
        value = f'{prefix}{number}","ts":{millis // 1000}.{millis % 1000:03}{line}{tenant}{size}'
        yield Simulated(millis / 1000, value.encode(), origin, language, prompt, completion)


def plain_events(count: int, seed: int, start: float, end: float) -> Iterator[Simulated]:
    """`count` events spread over [start, end), some tens of places out of order.

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
    """`count` events like `plain_events`, in order, each of the time at which it is asked for.

    `clock` gives unix seconds. Where it begins is part of the ids: a gateway that is started again
    makes new requests.
    """
    random = Random(f"plain {seed}")  # noqa: S311 (not for secrets)
    times = (math.floor(clock() * 1000) for _ in range(count))
    run = f"r{seed}-{math.floor(clock() * 1000)}"
    for event, _ in _plain(seed, run, random, times):
        yield event


def _plain(
    seed: int, run: str, random: Random, times: Iterable[int]
) -> Iterator[tuple[Simulated, int]]:
    """An event for each time (unix milliseconds), and the bits that are left of its draw."""
    bits = random.getrandbits
    lines = _lines(seed, study().gateway, odd=True)
    tenants, sizes = _tenants(study().tenants), _sizes()
    prefix = f'{{"id":"{run}-'
    for number, millis in enumerate(times):
        draw = bits(64)
        origin, language, line = lines[draw & (1 << LINE_BITS) - 1]
        draw >>= LINE_BITS
        tenant = tenants[draw & (1 << TENANT_BITS) - 1]
        draw >>= TENANT_BITS
        prompt, completion, size = sizes[draw & (1 << SIZE_BITS) - 1]
        draw >>= SIZE_BITS
        value = f'{prefix}{number}","ts":{millis // 1000}.{millis % 1000:03}{line}{tenant}{size}'
        yield Simulated(millis / 1000, value.encode(), origin, language, prompt, completion), draw


# --- Tables of drawn values ----------------------------------------------------------------------


def _lines(seed: int, origins: Mapping[str, float], *, odd: bool) -> list[tuple[str, str, str]]:
    """(origin, language, model and language as JSON): each as often as it is likely, mixed.

    Pairs too rare for a place are left out; every language of the study has some. `odd`: models and
    languages in all their ways, else in the plain one.
    """
    return _mixed_lines(seed, tuple(origins.items()), odd)


@lru_cache(maxsize=4)
def _mixed_lines(
    seed: int, origins: tuple[tuple[str, float], ...], odd: bool
) -> list[tuple[str, str, str]]:
    figures = study()
    random = Random(f"lines {seed}")  # noqa: S311 (not for secrets)
    declared = {language.tag: language.declared for language in figures.languages}
    models = {origin: _models(figures, origin, figures.end) for origin in ORIGINS}
    also = {model.name: (model.name, *model.also) for model in figures.models}
    lines = []
    for (origin, tag), number in _rounded(joint_shares(dict(origins)), 1 << LINE_BITS).items():
        names, weights = models[origin]
        for name in random.choices(names, cum_weights=weights, k=number):
            written = random.choice(also[name]) if odd else name
            said = random.choice(declared[tag]) if odd else declared[tag][0]
            lines.append((origin, tag, _line(written, said)))
    random.shuffle(lines)
    return lines


def _line(model: str, language: str | None) -> str:
    """The middle of an event: no id and name in study.toml needs escaping, a test says so."""
    said = "" if language is None else f'"language":"{language}",'
    return f',"model":"{model}",{said}'


@cache
def _tenants(number: int) -> list[str]:
    """Tenants as JSON, the n-th with a weight of 1/n."""
    weights = {f"team-{n:02}": 1 / n for n in range(1, number + 1)}
    total = sum(weights.values())
    places = _rounded({name: w / total for name, w in weights.items()}, 1 << TENANT_BITS)
    return [f'"tenant":"{name}",' for name, times in places.items() for _ in range(times)]


@cache
def _spread() -> list[tuple[float, float]]:
    """Draws of a request's prompt and completion, log-normal and 1 on average."""
    random = Random("spread")  # noqa: S311 (not for secrets)
    prompt, completion = study().sigma
    return [(_heavy(random, prompt), _heavy(random, completion)) for _ in range(1 << SIZE_BITS)]


@cache
def _sizes() -> list[tuple[int, int, str]]:
    """Prompt and completion tokens of the study's last week, and the same as an event's end."""
    prompt_mean, completion_mean = study().prompt_mean[1], study().completion_mean[1]
    raw = [(prompt_mean * p, completion_mean * c) for p, c in _spread()]
    total = round((prompt_mean + completion_mean) * len(raw))
    return [
        (prompt, completion, f'"prompt_tokens":{prompt},"completion_tokens":{completion}}}')
        for prompt, completion in scaled(raw, total)
    ]


@cache
def _gaps() -> list[float]:
    """Waiting times of a Poisson process with mean 1, at equal steps of probability."""
    size = 1 << GAP_BITS
    waits = [-math.log1p(-(place + 0.5) / size) for place in range(size)]
    mean = fmean(waits)
    return [wait / mean for wait in waits]


def _heavy(random: Random, sigma: float) -> float:
    """A draw from the log-normal with mean 1."""
    return math.exp(random.gauss(-sigma * sigma / 2, sigma))


def _rounded(shares: Mapping[_Key, float], total: int) -> dict[_Key, int]:
    """Whole numbers in these proportions (which sum to 1), in sum `total`: largest remainders."""
    whole = {key: math.floor(share * total) for key, share in shares.items()}
    rest = total - sum(whole.values())
    by_remainder = sorted(shares, key=lambda key: whole[key] - shares[key] * total)
    for key in by_remainder[:rest]:
        whole[key] += 1
    return whole


def _drawn_through(points: Sequence[tuple[int, float]], weeks: int) -> list[float]:
    """A value a week on the straight lines between (week, value) points."""
    values = [points[0][1]]
    for (week, value), (later, after) in pairwise(points):
        steps = later - week
        values += [value + (after - value) * step / steps for step in range(1, steps + 1)]
    if len(values) != weeks:
        raise ValueError(f"the curve {points} has {len(values)} weeks of {weeks}")
    return values


def _midnight(day: dt.date) -> float:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()


def _pair(values: Iterable[float]) -> tuple[float, float]:
    first, last = values
    return float(first), float(last)
