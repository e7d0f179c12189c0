"""The five origins, and how they follow from the developer's country and the model's openness."""

from __future__ import annotations

from typing import Final, Literal, get_args

from streams.classify.toml_file import FaultsError

Origin = Literal["cn-open", "cn-proprietary", "row-open", "row-proprietary", "unknown"]
ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)
Openness = Literal["open", "proprietary"]

#: Their display names.
ORIGIN_NAMES = {
    "cn-open": "Chinese open",
    "cn-proprietary": "Chinese proprietary",
    "row-open": "Open, rest of world",
    "row-proprietary": "Proprietary, rest of world",
    "unknown": "Unknown",
}

# Mainland China, Hong Kong, Macao and Taiwan count as one side, as in the study of 100T tokens.
CHINESE_COUNTRIES = frozenset({"CN", "HK", "MO", "TW"})


class CatalogError(FaultsError):
    """A catalogue or overrides file cannot be used."""


def origin_of(*, chinese: bool, openness: Openness | None) -> Origin:
    """Return the origin of a model whose developer's side is known."""
    if openness is None:
        return "unknown"
    if chinese:
        return "cn-open" if openness == "open" else "cn-proprietary"
    return "row-open" if openness == "open" else "row-proprietary"


def openness_of(value: object, where: str) -> Openness | None:
    """Return an openness from a file; None for absent and "unknown". Raises CatalogError."""
    if value in {None, "unknown"}:
        return None
    if value == "open":
        return "open"
    if value == "proprietary":
        return "proprietary"
    raise CatalogError(
        f'{where}: openness {value!r} is not known. Remedy: write "open" or "proprietary".'
    )
