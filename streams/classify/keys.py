"""The keys that events are counted under: how they are made, taken apart and shown to people."""

from __future__ import annotations

from typing import Final, Literal, get_args

from streams.classify.language.tags import display_name
from streams.classify.origin.values import ORIGIN_NAMES

#: What events are counted by, in the order in which it is shown.
Dimension = Literal["origin", "language", "developer", "model"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
#: What histories and shares can be asked for: also origin and language together.
ALL_DIMENSIONS: Final = (*DIMENSIONS, "joint")
#: Those whose shares are watched for shifts.
SHIFT_DIMENSIONS: Final = ("origin", "language")

#: The key of all that is too small to have one of its own.
OTHER: Final = "other"
#: The origin of a model that the catalogue does not know, and the developer that it does not name.
UNKNOWN: Final = "unknown"


def cell_key(origin: str, language: str, model: str = "") -> str:
    """Return the key of a cell; only a cell of unknown origin names its model."""
    return f"{origin}/{language}/{model}" if model else f"{origin}/{language}"


def split_cell(key: str) -> tuple[str, str, str]:
    """Return origin, language and (of an unknown origin) model of a cell's key."""
    origin, _, rest = key.partition("/")
    language, _, model = rest.partition("/")
    return origin, language, model


def name_of(dimension: str, key: str, *, other: str = OTHER) -> str:
    """Return what people call a key; `other` is what they call the rest."""
    if key == OTHER:
        return other
    if dimension == "origin":
        return ORIGIN_NAMES.get(key, key)
    return display_name(key) if dimension == "language" else key
