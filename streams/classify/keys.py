"""The keys that events are counted under: how to build, split and display them."""

from __future__ import annotations

from typing import Final, Literal, get_args

from streams.classify.language.tags import display_name
from streams.classify.origin.values import ORIGIN_NAMES

#: The dimensions of counting, in display order.
Dimension = Literal["origin", "language", "developer", "model"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
#: The dimensions of histories and shares: also origin and language together.
ALL_DIMENSIONS: Final = (*DIMENSIONS, "joint")
#: The dimensions whose shares are monitored for shifts.
SHIFT_DIMENSIONS: Final = ("origin", "language", "developer", "model")
#: The dimensions that tenants are counted by as well.
TENANT_DIMENSIONS: Final = ("origin", "language")

#: What shares are made of, in display order.
Measure = Literal["tokens", "requests"]
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)

#: The key of the rest: everything too small for a key of its own.
OTHER: Final = "other"
OTHER_NAME: Final = "Other"
#: The origin of a model that the catalogue does not know, and the unnamed developer.
UNKNOWN: Final = "unknown"


def cell_key(origin: str, language: str, model: str = "") -> str:
    """Return the key of a cell; only a cell of unknown origin names its model."""
    return f"{origin}/{language}/{model}" if model else f"{origin}/{language}"


def split_cell(key: str) -> tuple[str, str, str]:
    """Return origin, language and (for an unknown origin) model of a cell's key."""
    origin, _, rest = key.partition("/")
    language, _, model = rest.partition("/")
    return origin, language, model


def name_of(dimension: str, key: str) -> str:
    """Return the display name of a key, the same on the page, in the terminal and in reports."""
    if key == OTHER:
        return OTHER_NAME
    if dimension == "origin":
        return ORIGIN_NAMES.get(key, key)
    return display_name(key) if dimension == "language" else key
