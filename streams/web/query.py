"""Validation of the API's query parameters; errors name the accepted values."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from streams.classify.keys import ALL_DIMENSIONS, FILTERS, OTHER, SHIFT_DIMENSIONS, TENANT, UNKNOWN
from streams.shares.filtered import unavailable
from streams.shares.history import STEPS
from streams.shares.tenants import TENANT_STEPS
from streams.shares.windows import WINDOW_NAMES
from streams.shifts.alert_rules import SHIFT_WINDOWS
from streams.shifts.series import SHIFT_MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMATS = ("json", "csv")
#: What shares and histories are by.
SHARE_DIMENSIONS = (*ALL_DIMENSIONS, TENANT)

# The last second of the year 9999; a larger value must be in milliseconds.
LATEST_UNIX_SECONDS = 253_402_300_799


class BadQuestionError(ValueError):
    """Invalid query parameters: what is wrong with them, and which values are accepted."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, error: str, remedy: str) -> None:
        super().__init__(error)
        self.error = error
        self.remedy = remedy


class NotCountedTogetherError(BadQuestionError):
    """A filter of dimensions that are not counted together."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True)
class Question:
    """A query of the history. Times are unix seconds; None leaves that end open.

    `chosen` is the part that it is about, as of `WhichShares`.
    """

    dimension: str
    step: str
    start: float | None
    end: float | None
    format: str = "json"
    chosen: tuple[tuple[str, str], ...] = ()

    @property
    def is_of_tenants(self) -> bool:
        """Return whether it is about tenants, which are counted by the hour."""
        return self.dimension == TENANT or TENANT in dict(self.chosen)


def question(query: Mapping[str, Sequence[str]]) -> Question:
    """Return the validated query of the history (`query`: name -> all values given for it).

    Raises BadQuestionError, which names the parameter and its accepted values.
    """
    _check_names(query, ("dimension", "step", "start", "end", *FILTERS, "format"))
    dimension, chosen = _one_of(query, "dimension", SHARE_DIMENSIONS), _chosen(query)
    if dimension in unavailable(dict(chosen)):
        others = ", ".join(each for each, _ in chosen)
        raise NotCountedTogetherError(
            f"{dimension} is not counted together with {others}.", "Choose another dimension."
        )
    step = _one_of(query, "step", tuple(STEPS))
    if TENANT in {dimension, *dict(chosen)} and step not in TENANT_STEPS:
        raise NotCountedTogetherError(
            "Tenants are counted by the hour, for nine days.",
            f"Choose a step of {', '.join(TENANT_STEPS)}.",
        )
    return Question(
        dimension=dimension,
        step=step,
        start=_seconds(query, "start"),
        end=_seconds(query, "end"),
        format=_format(query),
        chosen=chosen,
    )


def nothing(query: Mapping[str, Sequence[str]]) -> None:
    """Raise BadQuestionError if a path without parameters is given any."""
    _check_names(query, ())


@dataclass(frozen=True)
class WhichShares:
    """The requested dimensions of the shares, the part that they are of, and their format.

    `chosen` has the key of each dimension that is filtered by; empty for everything.
    """

    dimensions: frozenset[str]
    format: str = "json"
    chosen: tuple[tuple[str, str], ...] = ()

    @property
    def is_of_tenants(self) -> bool:
        """Return whether it is about tenants, which are counted by the hour."""
        return TENANT in self.dimensions or TENANT in dict(self.chosen)


def which_shares(query: Mapping[str, Sequence[str]]) -> WhichShares:
    """Return the validated query of the shares; all dimensions but tenants unless some are named.

    Raises BadQuestionError as `question`.
    """
    _check_names(query, ("dimensions", *FILTERS, "format"))
    wanted = query.get("dimensions", ("",))[0]
    named = wanted.split(",") if wanted else ALL_DIMENSIONS
    for name in named:
        _one_of({"dimensions": [name]}, "dimensions", SHARE_DIMENSIONS)
    return WhichShares(frozenset(named), _format(query), _chosen(query))


def _chosen(query: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """Return the keys that are filtered by; an empty one is none."""
    chosen: dict[str, str] = {each: query[each][0] for each in FILTERS if query.get(each, ("",))[0]}
    for dimension, key in chosen.items():
        if key == OTHER or (dimension == TENANT and key == UNKNOWN):
            raise BadQuestionError(
                f"{dimension} cannot be {key!r}: that is the sum of what has no name of its own.",
                f"Give a key of {dimension}, as in /api/v1/shares.",
            )
    try:
        unavailable(chosen)
    except ValueError as bad:
        named = TENANT if TENANT in chosen else "language"
        remedy = f"Leave out {named}, or all but {named} and origin."
        raise NotCountedTogetherError(f"{bad}.", remedy) from bad
    return tuple(chosen.items())


@dataclass(frozen=True)
class WhatMoved:
    """The shift whose movers are requested."""

    dimension: str
    key: str
    measure: str
    window: str
    #: The same movers, whatever their form.
    format: str = field(default=FORMATS[0], compare=False)


def what_moved(query: Mapping[str, Sequence[str]]) -> WhatMoved:
    """Return the validated query of a shift's movers. Raises BadQuestionError as `question`."""
    _check_names(query, ("dimension", "key", "measure", "window", "format"))
    if "key" not in query:
        raise BadQuestionError("key is missing.", "Give the key of a shift of /api/v1/shifts.")
    return WhatMoved(
        dimension=_one_of(query, "dimension", SHIFT_DIMENSIONS),
        key=query["key"][0],
        measure=_one_of(query, "measure", SHIFT_MEASURES),
        window=_one_of(query, "window", SHIFT_WINDOWS),
        format=_format(query),
    )


def _format(query: Mapping[str, Sequence[str]]) -> str:
    return _one_of(query, "format", FORMATS) if "format" in query else FORMATS[0]


def window(query: Mapping[str, Sequence[str]]) -> str:
    """Return the requested window, by default the longest.

    Raises BadQuestionError as `question`.
    """
    _check_names(query, ("window",))
    return _one_of(query, "window", WINDOW_NAMES) if query else WINDOW_NAMES[-1]


def _check_names(query: Mapping[str, Sequence[str]], parameters: Sequence[str]) -> None:
    for name, values in query.items():
        if name not in parameters:
            raise BadQuestionError(
                f"Unknown parameter {name!r:.80}.",
                f"Parameters: {', '.join(parameters) or 'none'}.",
            )
        if len(values) > 1:
            raise BadQuestionError(
                f"{name} is given {len(values)} times.", f"Give {name} once, with one value."
            )


def _one_of(query: Mapping[str, Sequence[str]], name: str, allowed: Sequence[str]) -> str:
    values = query.get(name, ())
    remedy = f"Allowed values of {name}: {', '.join(allowed)}."
    if not values:
        raise BadQuestionError(f"{name} is missing.", remedy)
    if values[0] not in allowed:
        raise BadQuestionError(f"{name} has an unknown value: {values[0]!r:.80}.", remedy)
    return values[0]


def _seconds(query: Mapping[str, Sequence[str]], name: str) -> float | None:
    """Return a time as unix seconds, which it is given in or in ISO 8601; UTC without a zone."""
    values = query.get(name, ())
    if not values or not values[0]:
        return None
    remedy = (
        f"Give {name} as 2026-11-01, 2026-11-01T12:00:00Z or unix seconds, "
        f"from 0 to {LATEST_UNIX_SECONDS}, or leave it out."
    )
    try:
        seconds = _unix(values[0])
    except (ValueError, OverflowError):
        raise BadQuestionError(f"{name} is not a time: {values[0]!r:.80}.", remedy) from None
    if not math.isfinite(seconds) or not 0 <= seconds <= LATEST_UNIX_SECONDS:
        raise BadQuestionError(f"{name} is out of range: {values[0]!r:.80}.", remedy)
    return seconds


def _unix(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        # A plus that a client did not escape comes as a space.
        moment = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
