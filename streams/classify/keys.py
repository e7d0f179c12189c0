"""The keys that events are counted under: how to build, split and display them."""

from __future__ import annotations

from typing import Final, Literal, get_args

from streams.classify.language.tags import country_name, display_name
from streams.classify.origin.values import ORIGIN_NAMES

#: The dimensions of counting, in display order.
Dimension = Literal["origin", "language", "developer", "model", "provider", "jurisdiction"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
#: The dimensions of who served a request.
SERVED_DIMENSIONS: Final[tuple[Dimension, ...]] = ("provider", "jurisdiction")
#: Two dimensions together: origin and language, provider and origin, origin and jurisdiction. The
#: names are those of the API.
JOINT: Final = "joint"
SERVED: Final = "served"
LAW: Final = "law"
#: The dimensions of histories and shares.
ALL_DIMENSIONS: Final = (*DIMENSIONS, JOINT, SERVED, LAW)
#: The two dimensions of each that is two together.
PAIRS: Final = {
    JOINT: ("origin", "language"),
    SERVED: ("provider", "origin"),
    LAW: ("origin", "jurisdiction"),
}
#: The dimensions whose shares are monitored for shifts.
SHIFT_DIMENSIONS: Final = ("origin", "language", "developer", "model")
#: Tenants are counted beside the dimensions, by the hour; a filter may name one.
TENANT: Final = "tenant"
FILTERS: Final = (*DIMENSIONS, TENANT)
#: The dimensions that tenants are counted by as well.
TENANT_DIMENSIONS: Final = ("origin", "language")

#: The key of the rest: everything too small for a key of its own.
OTHER: Final = "other"
OTHER_NAME: Final = "Other"
#: The origin of a model that the catalogue does not know, and the unnamed developer.
UNKNOWN: Final = "unknown"
#: The name of the tenant that is unknown: no request of it says whose it is.
NO_TENANT: Final = "No tenant named"


def cell_key(origin: str, language: str, model: str = "") -> str:
    """Return the key of a cell; only a cell of unknown origin names its model."""
    return f"{origin}/{language}/{model}" if model else f"{origin}/{language}"


def split_cell(key: str) -> tuple[str, str, str]:
    """Return origin, language and (for an unknown origin) model of a cell's key."""
    origin, _, rest = key.partition("/")
    language, _, model = rest.partition("/")
    return origin, language, model


def pair_key(one: str, other: str) -> str:
    """Return the key of two dimensions together."""
    return f"{one}/{other}"


def split_pair(key: str) -> tuple[str, str]:
    """Return the keys of two dimensions; the second one has no slash."""
    one, _, other = key.rpartition("/")
    return one, other


def model_key(model: str, provider: str = "") -> str:
    """Return the key of a model with who served it; of the model alone where that is not known."""
    return f"{model}\t{provider}" if provider else model


def split_model(key: str) -> tuple[str, str]:
    """Return model and provider of a model's key; the provider is empty where it is not known."""
    # No name has a control character, so the first tab is the one between the parts.
    model, _, provider = key.partition("\t")
    return model, provider


def name_of(dimension: str, key: str) -> str:
    """Return the display name of a key, the same on the page, in the terminal and in reports."""
    if key == OTHER:
        return OTHER_NAME
    if dimension == TENANT:
        return NO_TENANT if key == UNKNOWN else key
    if key == UNKNOWN:
        return ORIGIN_NAMES[UNKNOWN]
    if dimension == "origin":
        return ORIGIN_NAMES.get(key, key)
    if dimension == "jurisdiction":
        return country_name(key) if len(key) == 2 else key.capitalize()
    return display_name(key) if dimension == "language" else key
