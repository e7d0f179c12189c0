"""Choose the keys of a dimension that are shown by name: the largest ones, with hysteresis."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.classify.keys import OTHER
from streams.state.counts import Counts, added_up, minus, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.classify.origin.catalog import Catalog

# Names come from outside, so the number of them that is shown is bounded; the rest is "other".
SHOWN_LANGUAGES = 30
SHOWN_DEVELOPERS = 40
SHOWN_MODELS = 50
SHOWN_PROVIDERS = 40
SHOWN_UNKNOWN = 32

#: A key that is shown stays until it falls this far below the bound: no flicker at the edge.
HYSTERESIS = 1.5


class UnknownModel(NamedTuple):
    """A model of unknown origin, and its counts in a window."""

    model: str
    tokens: int
    requests: int
    why: str


def unknown_models(unknown: Mapping[str, Counts], catalog: Catalog) -> tuple[UnknownModel, ...]:
    """Return the models of unknown origin, by tokens; at most `SHOWN_UNKNOWN`."""
    return tuple(
        UnknownModel(
            *(model, tokens_of(unknown[model]), unknown[model][0]),
            catalog.classify(model).matched_by,
        )
        for model in ranked(unknown, SHOWN_UNKNOWN)
    )


def choose(shown: frozenset[str], counts: Mapping[str, Counts], limit: int) -> frozenset[str]:
    """Return the keys to show by name: the largest `limit`, with hysteresis.

    A key comes in when it ranks among the first `limit`, and goes when it ranks below
    `HYSTERESIS` times that; never more than that many are shown.
    """
    # One more: `other` may be among them.
    largest = [key for key in ranked(counts, int(limit * HYSTERESIS) + 1) if key != OTHER]
    return frozenset({*largest[:limit], *shown.intersection(largest[: int(limit * HYSTERESIS)])})


def ranked(counts: Mapping[str, Counts], limit: int) -> list[str]:
    """Return the largest keys by tokens, then by name."""
    if len(counts) > limit:
        # Few of thousands of names are sorted in full.
        weights = list(map(tokens_of, counts.values()))
        least = sorted(weights)[-limit]
        keys = [key for key, weight in zip(counts, weights, strict=True) if weight >= least]
    else:
        keys = list(counts)
    return sorted(keys, key=lambda key: (-tokens_of(counts[key]), key))[:limit]


def top(counts: Mapping[str, Counts], keep: frozenset[str]) -> dict[str, Counts]:
    """Return counts with all keys but those to keep summed as `other`."""
    kept = {key: counts[key] for key in keep if key in counts and key != OTHER}
    if len(kept) < len(counts):
        whole, named = added_up(counts.values()), added_up(kept.values())
        kept[OTHER] = minus(whole, named)
    return kept
