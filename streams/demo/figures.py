"""The figures of the study, from study.toml, which gives the source of each."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORIGINS = ("cn-open", "cn-proprietary", "row-open", "row-proprietary", "unknown")
REST = "row-proprietary"
"""The origin whose weekly share is what the others leave."""

WEEK_SECONDS = 7 * 86_400
HOUR_SECONDS = 3_600


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
        """Return the end of the last week."""
        return self.start + self.weeks * WEEK_SECONDS


@cache
def study() -> Study:
    """Return the figures, read once from study.toml, where each has its source."""
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


def _midnight(day: dt.date) -> float:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()


def _pair(values: Iterable[float]) -> tuple[float, float]:
    first, last = values
    return float(first), float(last)
