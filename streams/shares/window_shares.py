"""Sums of a window as shares: by dimension, and by two dimensions together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from streams.classify.keys import (
    JOINT,
    LAW,
    OTHER,
    SERVED,
    name_of,
    pair_key,
    split_pair,
)
from streams.classify.origin.values import ORIGINS
from streams.shares.grouping import SHOWN_MODELS, choose, top
from streams.shares.measures import ratio_of, value_of
from streams.shares.sums import folded
from streams.state.counts import COMPLETION, PROMPT, REQUESTS, added_up, none, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.classify.keys import Dimension
    from streams.classify.origin.catalog import Catalog
    from streams.shares.measures import Measure
    from streams.state.counts import Counts


@dataclass(frozen=True, slots=True)
class Share:
    """One key's part of a window."""

    key: str
    counts: Counts
    whole: Counts
    name: str = ""
    origin: str = ""

    def value(self, measure: Measure) -> int | None:
        """Return the key's amount by a measure; None where it is not known."""
        return value_of(measure, self.counts)

    def ratio(self, measure: Measure) -> float | None:
        """Return the key's share by a measure, 0 to 1; None where it is not known."""
        return ratio_of(measure, self.counts, self.whole)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return tokens_of(self.counts)

    @property
    def requests(self) -> int:
        """The requests."""
        return self.counts[REQUESTS]

    @property
    def tokens_ratio(self) -> float | None:
        """The share of tokens."""
        return self.ratio("tokens")

    @property
    def requests_ratio(self) -> float | None:
        """The share of requests."""
        return self.ratio("requests")


@dataclass(frozen=True, slots=True)
class WindowShares:
    """A window with its shares by dimension, largest first, and by two dimensions together.

    `joint` is by (origin, language), `served` by (provider, origin), `law` by (origin,
    jurisdiction). `whole` are the counts of everything in it.
    """

    name: str
    seconds: int
    start: float
    end: float
    whole: Counts
    dimensions: Mapping[Dimension, tuple[Share, ...]]
    joint: tuple[tuple[str, str, Share], ...]
    served: tuple[tuple[str, str, Share], ...]
    law: tuple[tuple[str, str, Share], ...]

    @property
    def requests(self) -> int:
        """The requests."""
        return self.whole[REQUESTS]

    @property
    def prompt_tokens(self) -> int:
        """The prompt tokens."""
        return self.whole[PROMPT]

    @property
    def completion_tokens(self) -> int:
        """The completion tokens."""
        return self.whole[COMPLETION]

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return tokens_of(self.whole)


def window_shares(  # noqa: PLR0917 - the parts of a window, named at the one call
    name: str,
    seconds: int,
    as_of: float,
    grouped: Mapping[str, Mapping[str, Counts]],
    shown: Mapping[Dimension, frozenset[str]],
    catalog: Catalog,
) -> WindowShares:
    """Return the shares of a window that ends at `as_of`, of its sums by dimension.

    `shown` are the languages, developers and providers that are shown by name.
    """
    origins, models = grouped["origin"], grouped["model"]
    whole = added_up(origins.values())
    share = partial(_share, whole)
    languages = top(grouped["language"], shown["language"])
    developers = top(grouped["developer"], shown["developer"])
    providers = top(grouped["provider"], shown["provider"])
    largest = top(models, choose(frozenset(), models, SHOWN_MODELS))

    def pairs(counted: Mapping[str, Counts]) -> tuple[tuple[str, str, Share], ...]:
        return tuple((*split_pair(key), share(key, each)) for key, each in sorted(counted.items()))

    return WindowShares(
        name=name,
        seconds=seconds,
        start=as_of - seconds,
        end=as_of,
        whole=whole,
        dimensions={
            "origin": tuple(
                share(key, origins.get(key) or none())
                # A part of a window may have models that are too small for a name.
                for key in (*ORIGINS, *(OTHER for _ in range(OTHER in origins)))
            ),
            "language": _in_order(
                share(key, counts, name=name_of("language", key))
                for key, counts in languages.items()
            ),
            "developer": _in_order(share(key, counts) for key, counts in developers.items()),
            "model": _in_order(
                share(key, counts, origin="" if key == OTHER else catalog.classify(key).origin)
                for key, counts in largest.items()
            ),
            "provider": _in_order(
                share(key, counts, name=catalog.provider_name(key))
                for key, counts in providers.items()
            ),
            "jurisdiction": _in_order(
                share(key, counts, name=name_of("jurisdiction", key))
                for key, counts in grouped["jurisdiction"].items()
            ),
        },
        joint=pairs(_named(grouped[JOINT], 1, shown["language"])),
        served=pairs(_named(grouped[SERVED], 0, shown["provider"])),
        law=pairs(grouped[LAW]),
    )


def _share(whole: Counts, key: str, counts: Counts, name: str = "", origin: str = "") -> Share:
    return Share(key, counts, whole, name, origin)


def _named(counted: Mapping[str, Counts], part: int, shown: frozenset[str]) -> dict[str, Counts]:
    """Return counts by two dimensions, of which one is shown by these names only."""

    def place(key: str) -> str:
        pair = list(split_pair(key))
        pair[part] = pair[part] if pair[part] in shown else OTHER
        return pair_key(*pair)

    return folded(counted, place)


def _in_order(shares: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(sorted(shares, key=lambda each: (each.key == OTHER, -each.tokens, each.key)))
