"""Sums of a window as shares: by dimension, and by origin and language together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from streams.classify.keys import OTHER, name_of, split_cell
from streams.classify.origin.values import ORIGINS
from streams.shares.grouping import SHOWN_MODELS, choose, top
from streams.state.pane import Counts, add_counts, added_up, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.classify.keys import Dimension
    from streams.classify.origin.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Share:
    """One key's part of a window. Ratios are 0-1; None where the window has nothing to divide."""

    key: str
    requests: int
    tokens: int
    requests_ratio: float | None
    tokens_ratio: float | None
    name: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class WindowShares:
    """A window with its shares by dimension, largest first, and by (origin, language)."""

    name: str
    seconds: int
    start: float
    end: float
    requests: int
    prompt_tokens: int
    completion_tokens: int
    dimensions: Mapping[Dimension, tuple[Share, ...]]
    joint: tuple[tuple[str, str, Share], ...]

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


def window_shares(  # noqa: PLR0917 - the parts of a window, named at the one call
    name: str,
    seconds: int,
    as_of: float,
    grouped: Mapping[str, Mapping[str, Counts]],
    shown: Mapping[Dimension, frozenset[str]],
    catalog: Catalog,
) -> WindowShares:
    """Return the shares of a window that ends at `as_of`, of its sums by dimension.

    `shown` are the languages and developers that are shown by name.
    """
    origins, models = grouped["origin"], grouped["model"]
    whole = added_up(origins.values())
    share = partial(_share, whole)
    languages = top(grouped["language"], shown["language"])
    developers = top(grouped["developer"], shown["developer"])
    largest = top(models, choose(frozenset(), models, SHOWN_MODELS))
    joint = _joint(grouped["joint"], shown["language"])
    return WindowShares(
        name=name,
        seconds=seconds,
        start=as_of - seconds,
        end=as_of,
        requests=whole[0],
        prompt_tokens=whole[1],
        completion_tokens=whole[2],
        dimensions={
            "origin": tuple(share(key, origins.get(key, [0, 0, 0, 0])) for key in ORIGINS),
            "language": _in_order(
                share(key, counts, name=name_of("language", key))
                for key, counts in languages.items()
            ),
            "developer": _in_order(share(key, counts) for key, counts in developers.items()),
            "model": _in_order(
                share(key, counts, origin="" if key == OTHER else catalog.classify(key).origin)
                for key, counts in largest.items()
            ),
        },
        joint=tuple(
            (*split_cell(key)[:2], share(key, counts)) for key, counts in sorted(joint.items())
        ),
    )


def _share(whole: Counts, key: str, counts: Counts, name: str = "", origin: str = "") -> Share:
    tokens = tokens_of(counts)
    return Share(
        key=key,
        requests=counts[0],
        tokens=tokens,
        requests_ratio=counts[0] / whole[0] if whole[0] else None,
        tokens_ratio=tokens / tokens_of(whole) if tokens_of(whole) else None,
        name=name,
        origin=origin,
    )


def _joint(counted: Mapping[str, Counts], languages: frozenset[str]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for key, counts in counted.items():
        origin, language = key.split("/", 1)
        add_counts(found, f"{origin}/{language if language in languages else OTHER}", counts)
    return found


def _in_order(shares: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(sorted(shares, key=lambda each: (each.key == OTHER, -each.tokens, each.key)))
