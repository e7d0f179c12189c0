"""What the live table shows, and which key changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from streams.classify.keys import ALL_DIMENSIONS, TENANT
from streams.shares.measures import MEASURES
from streams.shares.windows import WINDOW_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What the rows are.
SHOWN_DIMENSIONS = (*ALL_DIMENSIONS, TENANT)
#: By what the rows are sorted.
SORTS = ("share", "change", "name")
DEFAULT_WINDOW = "24h"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown: a dimension, a window, a measure, an order, and from which row on."""

    dimension: str = SHOWN_DIMENSIONS[0]
    window: str = DEFAULT_WINDOW
    measure: str = MEASURES[0]
    sort: str = SORTS[0]
    is_reversed: bool = False
    first_row: int = 0
    is_help: bool = False


#: Letter -> the field that it changes, and the values of that field. A capital letter goes back.
FIELDS: dict[str, tuple[str, Sequence[str]]] = {
    "d": ("dimension", SHOWN_DIMENSIONS),
    "w": ("window", WINDOW_NAMES),
    "m": ("measure", MEASURES),
    "s": ("sort", SORTS),
}
_SAME_AS = {"right": "w", "left": "W", "tab": "d", "backtab": "D", "j": "down", "k": "up"}
_QUIT = frozenset({"q", "Q"})
_HELP = frozenset({"h", "H", "?"})


def pressed(choice: Choice, key: str, page: int) -> Choice | None:
    """Return what is shown after a key; None ends it. `page` is the number of rows in view."""
    key = _SAME_AS.get(key, key)
    if key == "ctrl-c":
        return None
    if choice.is_help or key in _HELP:
        return replace(choice, is_help=not choice.is_help)
    if key in _QUIT:
        return None
    if key == "r":
        return replace(choice, is_reversed=not choice.is_reversed, first_row=0)
    if key.lower() in FIELDS and len(key) == 1:
        field, values = FIELDS[key.lower()]
        step = 1 if key.islower() else -1
        following = values[(values.index(getattr(choice, field)) + step) % len(values)]
        changed: dict[str, Any] = {field: following}
        return replace(choice, first_row=0, **changed)
    return replace(choice, first_row=max(0, _scrolled(choice.first_row, key, page)))


def _scrolled(row: int, key: str, page: int) -> int:
    match key:
        case "up":
            return row - 1
        case "down":
            return row + 1
        case "page-up":
            return row - page
        case "page-down":
            return row + page
        case "home":
            return 0
        case "end":
            # The table ends where its rows do.
            return 10**6
    return row
