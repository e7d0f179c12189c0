"""Simulated traffic of a gateway, by 5-minute pane: what alerts are judged on.

It is made like real traffic, whose statistics test_traffic_model.py holds it to:

* tokens of a request are log-normal with the spread and mean of real ones, so that a hundred
  requests say as much of a share as twenty equal ones would;
* a few tenants have most of the traffic. They work in three regions by day, and many less at
  weekends. Each has a mix of origins and of languages of its own, which wanders over days;
* a tenant's activity wanders over hours, now and then it runs a batch, and some tenants are idle
  for hours.

So shares of the whole wander by some points a day although nothing has happened. Origins and
languages are drawn apart from each other: statistics of the two never meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from streams.shifts.backtest.timeline import ByTenant, Timeline, by_hour
from streams.shifts.series import Series

PANE, HOUR_PANES, DAY_PANES, WEEK_PANES = 300, 12, 288, 2016
#: A Monday, 00:00 UTC.
START = 1_767_571_200
#: Tokens of a request: a coefficient of variation of 1.95 and a mean of 14 k.
SIGMA, CAP, MEDIAN = 1.25, 4_000_000, 6_500.0
#: Up to so many requests in a cell are drawn one by one, more by the moments of their sum.
ONE_BY_ONE = 24
TENANTS = 40
REGIONS = (-7.0, 1.0, 8.0)  # hours that local time is ahead of UTC
ORIGINS = {
    "cn-open": 0.28,
    "cn-proprietary": 0.06,
    "row-open": 0.13,
    "row-proprietary": 0.51,
    "unknown": 0.02,
}
LANGUAGES = (
    *("en", "zh-Hans", "ru", "es", "de", "fr", "ja", "pt", "ko", "it", "zh-Hant", "tr", "pl"),
    *("vi", "id", "ar", "nl", "th", "uk", "hi", "cs", "sv", "ro", "hu", "el", "he", "fi", "da"),
    *("bn", "und"),
)
#: How much more a tenant of a region uses a key than the whole does.
HOME = {"cn-open": (0.7, 0.9, 1.6), "zh-Hans": (0.3, 0.3, 3.0), "ja": (0.3, 0.3, 2.5)}


def language_shares() -> dict[str, float]:
    weights = np.array([0.52, *(0.55 / (place + 2) ** 1.3 for place in range(1, 30))])
    return dict(zip(LANGUAGES, weights / weights.sum(), strict=True))


@dataclass(frozen=True)
class Change:
    """From the pane `since` on, `points` of all traffic (a ratio) go to one key instead of others.

    They grow to that in `ramp` panes, and all are gone from the pane `until` on. Or, with `tenant`,
    one tenant sends `times` as much until then.
    """

    since: int
    until: int = 2**31
    dimension: str = ""
    key: str = ""
    points: float = 0.0
    ramp: int = 0
    tenant: int = -1
    times: float = 1.0


@dataclass(frozen=True)
class Gateway:
    """A gateway's tenants and what they are about to do, for so many days at a rate a second."""

    seed: int
    rate: float
    days: int
    night: float = 0.25  # traffic of the quietest hour beside that of the busiest
    regions: tuple[float, ...] = REGIONS
    # Sizes of tenants are 1 / (place + 1) ** size.
    size: float = 1.25
    # A tenant's activity wanders over hours, its mix over days: deviations of the logarithms. That
    # of the activity differs by tenant: its median, and the deviation of its logarithm.
    activity: tuple[float, float] = (0.35, 0.7)
    memory: float = 4.5  # hours
    wander: float = 0.25
    # Which part of tenants comes and goes, and for how many hours it is idle and at work.
    visitors: float = 0.4
    idle: tuple[float, float] = (8.0, 40.0)
    # What a tenant sends at weekends beside weekdays, from the least to the most.
    weekend: tuple[float, float] = (0.1, 0.9)
    # Each tenant runs a batch every so many days, for so many hours, at so many times its rate.
    batch_days: float = 3.0
    batch_hours: float = 1.0
    batch: tuple[float, float] = (2.0, 5.0)
    # How alike tenants' mixes of origins and of languages are: concentrations of Dirichlet.
    spread: tuple[float, float] = (3.5, 20.0)
    rng: np.random.Generator = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "rng", np.random.default_rng([self.seed, 7]))

    def plan(self) -> Plan:
        rng, panes = self.rng, self.days * DAY_PANES
        sizes = 1 / np.arange(2, TENANTS + 2) ** self.size
        region = rng.choice(len(self.regions), TENANTS)
        median, apart = self.activity
        deviations = np.minimum(median * np.exp(rng.normal(0, apart, TENANTS)), 1.2)
        hours = panes // HOUR_PANES
        activity = np.exp(_wandering(rng, hours, TENANTS, 1.0, self.memory) * deviations)
        activity *= _present(rng, hours, rng.random(TENANTS) < self.visitors, self.idle)
        activity = np.repeat(activity, HOUR_PANES, axis=0)
        for tenant in range(TENANTS):
            for _ in range(rng.poisson(self.days / self.batch_days)):
                begin = rng.integers(panes)
                length = int(rng.exponential(self.batch_hours * HOUR_PANES)) + 3
                activity[begin : begin + length, tenant] *= rng.uniform(*self.batch)
        weekend = rng.uniform(*self.weekend, TENANTS)
        ahead = np.array(self.regions)[region]
        rates = sizes * activity * _cycle(panes, ahead, self.night, weekend)
        rates *= self.rate * PANE / rates.sum(axis=1).mean()
        mixes = {
            "origin": _mixes(rng, ORIGINS, region, self.spread[0], panes, self.wander),
            "language": _mixes(rng, language_shares(), region, self.spread[1], panes, self.wander),
        }
        return Plan(rates, mixes)


@dataclass(frozen=True)
class Mix:
    """What tenants use: cell `i` is a tenant and a key; `weights` are [hours, cells]."""

    keys: tuple[str, ...]
    tenant: np.ndarray
    key: np.ndarray
    weights: np.ndarray


def _cycle(panes: int, ahead: np.ndarray, night: float, weekend: np.ndarray) -> np.ndarray:
    """Return the activity by local time, [panes, tenants]; the busiest hour is 14."""
    hours = (np.arange(panes) / HOUR_PANES)[:, None] + ahead
    day = np.exp(np.log(night) / 2 * (1 - np.cos(2 * np.pi * (hours % 24 - 14) / 24)))
    return day * np.where(hours // 24 % 7 >= 5, weekend, 1.0)


def _present(rng, hours: int, visits: np.ndarray, idle: tuple[float, float]) -> np.ndarray:
    """Return 1 where a tenant is at work and 0 where it is idle, [hours, tenants]."""
    found = np.ones((hours, len(visits)))
    away, here = idle
    for tenant in np.flatnonzero(visits):
        at = rng.exponential(here)
        while at < hours:
            length = rng.exponential(away)
            found[int(at) : int(at + length) + 1, tenant] = 0.0
            at += length + rng.exponential(here)
    return found


def _wandering(rng, hours: int, series: int, deviation: float, memory: float) -> np.ndarray:
    """Return first-order wandering around zero, with a memory in hours: [hours, series]."""
    kept = np.exp(-1 / memory)
    noise = rng.normal(0, deviation * np.sqrt(1 - kept**2), (hours, series))
    noise[0] = rng.normal(0, deviation, series)
    for hour in range(1, hours):
        noise[hour] += kept * noise[hour - 1]
    return noise


def _mixes(rng, whole: dict[str, float], region, concentration, panes, wander) -> Mix:
    keys = tuple(whole)
    shares = np.array([*whole.values()])
    mixes = []
    for tenant in range(TENANTS):
        home = np.array([HOME.get(key, (1.0, 1.0, 1.0))[region[tenant]] for key in keys])
        mixes.append(rng.dirichlet(concentration * shares * home / (shares * home).sum()))
    mix = np.array(mixes)
    mix[mix < 0.003] = 0.0
    tenants, cells = np.nonzero(mix)
    weights = np.log(mix[tenants, cells]) + _wandering(
        rng, panes // HOUR_PANES, len(cells), wander, 72.0
    )
    return Mix(keys, tenants, cells, _normal(np.exp(weights), tenants))


def _normal(weights: np.ndarray, tenant: np.ndarray) -> np.ndarray:
    sums = np.zeros((len(weights), TENANTS))
    np.add.at(sums.T, tenant, weights.T)
    return weights / sums[:, tenant]


class _Tokens:
    """Tokens of requests: a pool to draw from, and the moments of sums of many."""

    def __init__(self):
        rng = np.random.default_rng(1)
        draws = np.minimum(rng.lognormal(np.log(MEDIAN), SIGMA, 2**20), CAP)
        self.pool = np.maximum(draws, 1).astype(np.int64)
        values = self.pool.astype(float)
        self.mean, self.square = values.mean(), (values**2).mean()
        self.variance = values.var()
        self.slope = np.cov(values, values**2)[0, 1] / self.variance
        self.left = np.sqrt((values**2).var() - self.slope**2 * self.variance)

    def draw(self, rng, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sums of tokens and of their squares for numbers of requests (flat)."""
        tokens, squares = np.zeros(len(numbers)), np.zeros(len(numbers))
        few = np.flatnonzero((numbers > 0) & (numbers <= ONE_BY_ONE))
        if len(few):
            ends = numbers[few].cumsum()
            drawn = self.pool[rng.integers(0, len(self.pool), ends[-1], dtype=np.int32)]
            begins = ends - numbers[few]
            tokens[few] = np.add.reduceat(drawn, begins)
            squares[few] = np.add.reduceat(drawn * drawn, begins)
        many = np.flatnonzero(numbers > ONE_BY_ONE)
        if len(many):
            count = numbers[many].astype(float)
            shape = count * self.mean**2 / self.variance
            sums = np.rint(rng.standard_gamma(shape) * self.variance / self.mean)
            noise = rng.normal(0, self.left, len(many)) * np.sqrt(count)
            guess = count * self.square + self.slope * (sums - count * self.mean) + noise
            tokens[many] = np.clip(sums, count, count * CAP)
            squares[many] = np.clip(guess, tokens[many] ** 2 / count, tokens[many] * CAP)
        return tokens, squares


TOKENS = _Tokens()


@dataclass(frozen=True)
class Drawn:
    """Panes `[first, first + n)` of one dimension: cells [panes, cells] of tenants and keys."""

    mix: Mix
    first: int
    requests: np.ndarray
    tokens: np.ndarray
    squares: np.ndarray

    def part(self, first: int, end: int) -> Drawn:
        span = slice(first - self.first, end - self.first)
        columns = (self.requests[span], self.tokens[span], self.squares[span])
        return Drawn(self.mix, first, *columns)

    def then(self, other: Drawn) -> Drawn:
        """Return these panes followed by others, which may use more cells."""
        columns = []
        for name in ("requests", "tokens", "squares"):
            mine, theirs = getattr(self, name), getattr(other, name)
            wide = np.zeros((len(mine), theirs.shape[1]), mine.dtype)
            wide[:, : mine.shape[1]] = mine
            columns.append(np.concatenate([wide, theirs]))
        return Drawn(other.mix, self.first, *columns)


@dataclass(frozen=True)
class Plan:
    """What tenants send: requests a pane [panes, tenants], and the mixes by dimension."""

    rates: np.ndarray
    mixes: dict[str, Mix]

    def draw(self, dimension, rng, first: int, end: int, change: Change | None = None) -> Drawn:
        mix, rates = self.mixes[dimension], self.rates[first:end].copy()
        if change is not None and change.tenant >= 0:
            rates[change.since - first : change.until - first, change.tenant] *= change.times
        if change is not None and change.points and change.dimension == dimension:
            mix = _changed(mix, self.share(dimension, change.key), change, end)
        numbers, tokens, squares = [], [], []
        for low in range(first, end, DAY_PANES):
            panes = np.arange(low, min(low + DAY_PANES, end))
            means = rates[panes - first][:, mix.tenant] * mix.weights[panes // HOUR_PANES]
            number = rng.poisson(means)
            token, square = TOKENS.draw(rng, number.ravel())
            numbers.append(number.astype(np.int32))
            tokens.append(token.reshape(number.shape))
            squares.append(square.reshape(number.shape))
        return Drawn(mix, first, *map(np.concatenate, (numbers, tokens, squares)))

    def share(self, dimension: str, key: str) -> float:
        """Return a key's part of all that is going to be sent."""
        mix = self.mixes[dimension]
        hours = self.rates.reshape(-1, HOUR_PANES, TENANTS).sum(axis=1)
        sent = (hours[:, mix.tenant] * mix.weights).sum(axis=0)
        return float(sent[mix.key == mix.keys.index(key)].sum() / sent.sum())


def _changed(mix: Mix, share: float, change: Change, end: int) -> Mix:
    """Every tenant sends the same part of what went elsewhere to the key."""
    place = mix.keys.index(change.key)
    weights = np.hstack([mix.weights, np.zeros((len(mix.weights), TENANTS))])
    hours = np.arange(change.since // HOUR_PANES, -(-min(change.until, end) // HOUR_PANES))
    grown = (hours * HOUR_PANES - change.since + HOUR_PANES) / max(change.ramp, 1)
    part = change.points / (1 - share) * np.clip(grown, 0, 1)[:, None]
    weights[hours, : len(mix.key)] *= 1 - part
    weights[hours, len(mix.key) :] = part
    return Mix(
        mix.keys,
        np.concatenate([mix.tenant, np.arange(TENANTS)]),
        np.concatenate([mix.key, np.full(TENANTS, place)]),
        weights,
    )


def timeline(dimension: str, drawn: Drawn, tenant_days: int = 10_000) -> Timeline:
    """Return drawn panes, which begin at a whole hour, as a history; tenants of its last days."""
    mix, keys = drawn.mix, len(drawn.mix.keys)
    to_key = np.zeros((len(mix.key), keys))
    to_key[np.arange(len(mix.key)), mix.key] = 1
    number = -(-len(drawn.requests) // HOUR_PANES) * HOUR_PANES
    columns = []
    for values in (drawn.requests, drawn.tokens, drawn.squares):
        column = np.zeros((number, keys))
        column[: len(values)] = values @ to_key
        columns.append(column)
    panes = Series(mix.keys, START + drawn.first * PANE, PANE, *columns)
    later = max(0, len(drawn.requests) - tenant_days * DAY_PANES)
    pane, cell = np.nonzero(drawn.requests[later:])
    names = tuple(f"tenant-{place}" for place in range(TENANTS))
    by_tenant = ByTenant(
        (*names, "other"),
        (pane + later).astype(np.int32),
        mix.tenant[cell],
        mix.key[cell],
        drawn.requests[pane + later, cell].astype(float),
        drawn.tokens[pane + later, cell],
    )
    return Timeline(dimension, panes, by_hour(panes), by_tenant)
