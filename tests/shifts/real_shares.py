"""Real shares as histories: OpenRouter's days by model, and hours of one of Alibaba Cloud's pools.

    python tests/shifts/real_shares.py > openrouter.ndjson
    tokenshare backtest openrouter.ndjson --plot openrouter.png

OpenRouter's shares are of days. They are spread over the hours evenly (`even`), or follow a daily
cycle and change between the middles of the days (`course`). A request is taken to have 25,000
tokens. ServeGen's two weeks are laid end to end until they fill 42 days; its clients are the
tenants, and each belongs to one of three keys, drawn by a seed.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import orjson
from traffic_model import DAY_PANES, HOUR_PANES, PANE, START

from streams.classify.origin.catalog import Catalog
from streams.shifts.backtest.history_file import Cells
from streams.shifts.backtest.timeline import ByTenant, Timeline, by_hour
from streams.shifts.series import Series

FOLDER = Path(__file__).parent / "real"
OPENROUTER = FOLDER / "openrouter_rankings_daily_2026-05-23_2026-07-21.csv"
SERVEGEN = FOLDER / "servegen_hourly_one_pool.csv"
TOKENS_A_REQUEST = 25_000
#: Sums of squares over squares of sums, of one request: Kish's n / n_eff of coding traffic.
SPREAD_OF_TOKENS = 1 / 0.4
GROUPS = ("a", "b", "c")


@dataclass(frozen=True)
class Real:
    """A history that really happened. `start` in unix seconds; `tokens` are [panes, tenants, keys].

    With `requests` and `squares` of the same shape; a history without tenants has one, unnamed.
    """

    name: str
    keys: tuple[str, ...]
    start: int
    requests: np.ndarray
    tokens: np.ndarray
    squares: np.ndarray
    tenants: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        return len(self.tokens) // DAY_PANES

    def until(self, pane: int) -> Real:
        return replace(
            self,
            requests=self.requests[:pane],
            tokens=self.tokens[:pane],
            squares=self.squares[:pane],
        )

    def moved(self, key: str, points: np.ndarray) -> Real:
        """Return the history with a part of all tokens moved to one key, by pane.

        The other keys keep their proportions, and the whole stays as it was.
        """
        place = self.keys.index(key)
        tokens = self.tokens.sum(axis=1)
        share = tokens / np.maximum(tokens.sum(axis=1, keepdims=True), 1e-9)
        wanted = np.clip(share[:, place] + points, 0.0, 0.98)
        times = (1 - wanted[:, None]) / np.maximum(1 - share[:, place, None], 1e-9)
        times = np.repeat(times, len(self.keys), axis=1)
        times[:, place] = wanted / np.maximum(share[:, place], 1e-9)
        return replace(
            self,
            requests=self.requests * times[:, None],
            tokens=self.tokens * times[:, None],
            squares=self.squares * times[:, None],
        )

    def timeline(self) -> Timeline:
        columns = (self.requests, self.tokens, self.squares)
        panes = Series(
            self.keys, self.start, PANE, *(np.asarray(each.sum(axis=1)) for each in columns)
        )
        return Timeline("origin", panes, by_hour(panes), self._by_tenant())

    def _by_tenant(self) -> ByTenant | None:
        if not self.tenants:
            return None
        pane, tenant, key = np.nonzero(self.tokens)
        return ByTenant(
            self.tenants,
            pane.astype(np.int32),
            tenant.astype(np.int32),
            key.astype(np.int32),
            self.requests[pane, tenant, key],
            self.tokens[pane, tenant, key],
        )


# --- OpenRouter ----------------------------------------------------------------------------------


@cache
def openrouter_days(path: Path = OPENROUTER) -> tuple[int, dict[str, np.ndarray]]:
    """Return the first day (unix seconds) and the tokens of each model by day."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        rows = [(day, model, float(tokens)) for day, model, tokens in list(csv.reader(stream))[1:]]
    days = sorted({day for day, _, _ in rows})
    number = {day: place for place, day in enumerate(days)}
    models: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(days)))
    for day, model, tokens in rows:
        models[model][number[day]] += tokens
    first = datetime.fromisoformat(days[0]).replace(tzinfo=UTC)
    return int(first.timestamp()), dict(models)


def grouped(days: dict[str, np.ndarray], group: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Return the days' tokens by the group of each model; one without a group is left out."""
    found: dict[str, np.ndarray] = {}
    for model, tokens in days.items():
        name = group(model)
        if name:
            found[name] = found.get(name, 0.0) + tokens
    return found


def grouped_keys(real: Real, group: Callable[[str], str]) -> Real:
    """Return the same shares by a group of the keys."""
    names = tuple(sorted({group(key) for key in real.keys}))
    to_group = np.array([[group(key) == name for name in names] for key in real.keys], dtype=float)
    requests, tokens, squares = (
        each @ to_group for each in (real.requests, real.tokens, real.squares)
    )
    return replace(real, keys=names, requests=requests, tokens=tokens, squares=squares)


@cache
def catalog() -> Catalog:
    return Catalog.load()


def origin_of(model: str) -> str:
    return catalog().classify(model).origin


def developer_of(model: str) -> str:
    return model.partition("/")[0]


def openrouter(group: Callable[[str], str] = origin_of, *, course: bool = False) -> Real:
    """Return OpenRouter's shares by a group of models."""
    start, days = openrouter_days()
    by_group = grouped(days, group)
    keys = tuple(sorted(by_group, key=lambda key: (-by_group[key].sum(), key)))
    daily = np.stack([by_group[key] for key in keys], axis=1)
    tokens = _with_course(daily) if course else np.repeat(daily / DAY_PANES, DAY_PANES, axis=0)
    requests = tokens / TOKENS_A_REQUEST
    return Real(
        f"openrouter {'course' if course else 'even'}",
        keys,
        start,
        requests[:, None],
        tokens[:, None],
        (requests * TOKENS_A_REQUEST**2 * SPREAD_OF_TOKENS)[:, None],
    )


def _with_course(daily: np.ndarray) -> np.ndarray:
    """Return panes whose shares go from the middle of one day to that of the next."""
    shares = daily / daily.sum(axis=1, keepdims=True)
    middles = (np.arange(len(daily)) + 0.5) * DAY_PANES
    panes = np.arange(len(daily) * DAY_PANES) + 0.5
    between = np.stack([np.interp(panes, middles, share) for share in shares.T], axis=1)
    cycle = 1 - 0.35 * np.cos(2 * np.pi * (panes / DAY_PANES - 4 / 24))
    whole = np.repeat(daily.sum(axis=1) / DAY_PANES, DAY_PANES) * cycle
    return between / between.sum(axis=1, keepdims=True) * whole[:, None]


def openrouter_cells(*, course: bool = False) -> Cells:
    """Return OpenRouter's shares as cells by origin and model; the row `other` names no model."""
    real = openrouter(str, course=course)
    origins = sorted({origin_of(model) for model in real.keys})
    panes, _, models = np.nonzero(real.tokens)
    requests, tokens, squares = (
        each[panes, 0, models] for each in (real.requests, real.tokens, real.squares)
    )
    origin = np.array([origins.index(origin_of(model)) for model in real.keys], np.int32)
    model = np.arange(len(real.keys), dtype=np.int32)
    model[real.keys.index("other")] = -1
    nameless = np.full(len(panes), -1, np.int32)
    return Cells(
        (real.start // PANE + panes).astype(np.int32),
        origin[models],
        np.zeros(len(panes), np.int32),
        nameless,
        model[models],
        requests,
        tokens,
        squares,
        tuple(origins),
        ("und",),
        (),
        real.keys,
    )


# --- ServeGen ------------------------------------------------------------------------------------


def servegen(seed: int = 0, path: Path = SERVEGEN, laid: int = 3) -> Real:
    """Return a pool's hours, laid end to end; each client uses one key more than the others."""
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    names = tuple(sorted({row["tenant"] for row in rows}))
    hours = max(int(row["hour"]) for row in rows) + 1
    counts = np.zeros((3, hours, len(names)))
    for row in rows:
        at = int(row["hour"]), names.index(row["tenant"])
        for place, column in enumerate(("requests", "tokens", "tokens_squared")):
            counts[place][at] += float(row[column])
    mixes = np.random.default_rng([seed, 11]).dirichlet((0.8, 0.8, 0.8), len(names))
    mixes[mixes < 0.02] = 0.0
    mixes /= mixes.sum(axis=1, keepdims=True)
    panes = np.repeat(np.tile(counts, (1, laid, 1)) / HOUR_PANES, HOUR_PANES, axis=1)
    requests, tokens, squares = panes[..., None] * mixes
    order = [*(name for name in names if name != "rest"), "rest"]
    places = [names.index(name) for name in order]
    return Real(
        f"servegen {seed}",
        GROUPS,
        START,
        requests[:, places],
        tokens[:, places],
        squares[:, places],
        tuple(order),
    )


def openrouter_lines() -> Iterator[bytes]:
    """Yield OpenRouter's days by model as lines that `tokenshare backtest` reads."""
    start, days = openrouter_days()
    for day in range(len(next(iter(days.values())))):
        for model, tokens in sorted(days.items()):
            if tokens[day]:
                requests = tokens[day] / TOKENS_A_REQUEST
                cell = {
                    "start": start + day * 86400,
                    "seconds": 86400,
                    "origin": origin_of(model),
                    "language": "und",
                    "model": None if model == "other" else model,
                    "requests": round(requests),
                    "tokens": int(tokens[day]),
                    "tokens_squared": int(requests * TOKENS_A_REQUEST**2 * SPREAD_OF_TOKENS),
                }
                yield orjson.dumps(cell) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.writelines(openrouter_lines())
