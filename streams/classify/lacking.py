"""Group what a catalogue does not answer by what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Lack = TypeVar("_Lack", bound=str)


def grouped(
    lacking: Iterable[tuple[_Lack, str, str]], order: Sequence[_Lack]
) -> list[tuple[_Lack, str, list[str]]]:
    """Return (what is lacking, key, texts), by kind in this order and the largest group first.

    `lacking` are (what is lacking, the key that texts of a group share, text).
    """
    found: dict[tuple[_Lack, str], list[str]] = {}
    for lack, key, text in lacking:
        found.setdefault((lack, key), []).append(text)
    return sorted(
        ((lack, key, texts) for (lack, key), texts in found.items()),
        key=lambda group: (order.index(group[0]), -len(group[2]), group[1]),
    )
