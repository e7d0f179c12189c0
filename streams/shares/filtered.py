"""Shares of a part of a window: of an origin, a developer, a model, a provider, a jurisdiction.

A window sums models with who served them, so these combine in every way. Languages are counted with
origins only: beside a language no other part can be chosen, and by language only the shares of an
origin are known. Tenants are counted with origins and with languages, one at a time (tenants.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from streams.classify.keys import (
    ALL_DIMENSIONS,
    DIMENSIONS,
    JOINT,
    LAW,
    OTHER,
    SERVED,
    TENANT,
    TENANT_DIMENSIONS,
    UNKNOWN,
    pair_key,
    split_model,
)
from streams.shares.grouping import SHOWN_DEVELOPERS, SHOWN_PROVIDERS, choose
from streams.shares.sums import made_by
from streams.shares.window_shares import window_shares
from streams.shares.windows import WINDOWS
from streams.state.counts import add_counts, added_up, minus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.classify.keys import Dimension
    from streams.classify.origin.catalog import Catalog
    from streams.shares.window_shares import WindowShares
    from streams.state.counts import Counts

    #: The keys that a part is of, by dimension.
    Filter = Mapping[str, str]

#: The dimensions that languages are counted with.
WITH_LANGUAGE: Final = ("origin", "language")
_ALL: Final = frozenset({*ALL_DIMENSIONS, TENANT})


class Counted(NamedTuple):
    """A window, and its counts by model and provider."""

    window: WindowShares
    pairs: Mapping[str, Counts]


@dataclass(frozen=True, slots=True)
class Part:
    """The shares within a part of each window, and the counts of everything in it.

    `unavailable` are the dimensions that are not counted together with those of the filter.
    """

    windows: Mapping[str, WindowShares]
    everything: Mapping[str, Counts]
    unavailable: frozenset[str]


def unavailable(chosen: Filter) -> frozenset[str]:
    """Return the dimensions that are not counted together with those of a filter.

    Raises ValueError where the filter itself cannot be counted.
    """
    if TENANT in chosen:
        beside = sorted(chosen.keys() - {TENANT})
        if len(beside) > 1 or not {*beside} <= {*TENANT_DIMENSIONS}:
            raise ValueError(
                "tenant is counted with origin or with language alone, "
                f"and not with {' and '.join(beside)}"
            )
        return _ALL - {TENANT, *(beside or TENANT_DIMENSIONS)}
    if "language" in chosen and not chosen.keys() <= {*WITH_LANGUAGE}:
        others = ", ".join(sorted(chosen.keys() - {*WITH_LANGUAGE}))
        raise ValueError(f"language is counted with origin only, and not with {others}")
    if "language" in chosen:
        missing = frozenset({*DIMENSIONS, SERVED, LAW}) - {*WITH_LANGUAGE}
        return missing if chosen.keys() == {"language"} else missing | {TENANT}
    return frozenset() if chosen.keys() <= {"origin"} else frozenset({"language", JOINT, TENANT})


def part_of(counted: Mapping[str, Counted], chosen: Filter, catalog: Catalog) -> Part:
    """Return the shares within a part of each window.

    Raises ValueError where it cannot be counted.
    """
    missing = unavailable(chosen)
    grouped = {name: _grouped(each, chosen, catalog) for name, each in counted.items()}
    longest = grouped.get(WINDOWS[-1].name, {})
    shown: dict[Dimension, frozenset[str]] = {
        # Languages are by those that the window shows.
        "language": frozenset().union(*(each["language"] for each in grouped.values())),
        "developer": choose(frozenset(), longest.get("developer", {}), SHOWN_DEVELOPERS),
        "provider": choose(frozenset(), longest.get("provider", {}), SHOWN_PROVIDERS),
    }
    windows = {
        name: window_shares(
            name, each.window.seconds, each.window.end, grouped[name], shown, catalog
        )
        for name, each in counted.items()
    }
    return Part(windows, {name: each.window.whole for name, each in counted.items()}, missing)


class Facts(NamedTuple):
    """A model and who served it, in all dimensions but language."""

    origin: str
    developer: str
    model: str
    provider: str
    jurisdiction: str

    def match(self, chosen: Filter) -> bool:
        """Return whether they are those of a filter."""
        return all(getattr(self, dimension) == key for dimension, key in chosen.items())


def facts_of(key: str, catalog: Catalog) -> Facts:
    """Return what is known of a key of model and provider; small models are `other` in all."""
    model, provider = split_model(key)
    provider = provider or UNKNOWN
    return Facts(*made_by(model, catalog), model, provider, catalog.jurisdiction(provider))


def _grouped(of: Counted, chosen: Filter, catalog: Catalog) -> dict[str, dict[str, Counts]]:
    found: dict[str, dict[str, Counts]] = {each: {} for each in (*DIMENSIONS, JOINT, SERVED, LAW)}
    joint = {
        pair_key(origin, language): share.counts for origin, language, share in of.window.joint
    }
    if "language" not in chosen:
        for facts, counts in _served(chosen, joint, of.pairs, catalog):
            for dimension in (*Facts._fields, SERVED, LAW):
                add_counts(found[dimension], _key_of(dimension, facts), counts)
    if chosen.keys() <= {*WITH_LANGUAGE}:
        for key, counts in joint.items():
            names = _names_of(key)
            if names.items() >= chosen.items():
                add_counts(found[JOINT], key, counts)
                add_counts(found["language"], names["language"], counts)
                if "language" in chosen:
                    add_counts(found["origin"], names["origin"], counts)
    return found


def _served(
    chosen: Filter, joint: Mapping[str, Counts], pairs: Mapping[str, Counts], catalog: Catalog
) -> Iterator[tuple[Facts, Counts]]:
    """Yield the models and providers of a part with their counts.

    `joint` are the counts by origin and language: all of an origin is in them, and what of it is
    too small for a name comes last.
    """
    named = []
    for key, counts in pairs.items():
        facts = facts_of(key, catalog)
        if facts.match(chosen):
            named.append(counts)
            yield facts, counts
    if chosen.keys() == {"origin"}:
        origin = chosen["origin"]
        whole = added_up(each for key, each in joint.items() if _names_of(key)["origin"] == origin)
        rest = minus(whole, added_up(named))
        if all(each >= 0 for each in rest) and any(rest):
            yield Facts(origin, OTHER, OTHER, OTHER, OTHER), rest


def _names_of(key: str) -> dict[str, str]:
    """Return origin and language of a joint key, by dimension."""
    return dict(zip(WITH_LANGUAGE, key.split("/", 1), strict=True))


def part_cells(
    dimension: str,
    chosen: Filter,
    joint: Mapping[str, Counts],
    pairs: Mapping[str, Counts],
    catalog: Catalog,
) -> dict[str, Counts]:
    """Return the counts of a part of a pane, by the keys of a dimension.

    `joint` are the pane's counts by origin and language, `pairs` those by model and provider.
    """
    found: dict[str, Counts] = {}
    if "language" in chosen or dimension in {"language", JOINT}:
        for key, counts in joint.items():
            names = _names_of(key)
            if names.items() >= chosen.items():
                add_counts(found, key if dimension == JOINT else names[dimension], counts)
        return found
    for facts, counts in _served(chosen, joint, pairs, catalog):
        add_counts(found, _key_of(dimension, facts), counts)
    return found


def _key_of(dimension: str, facts: Facts) -> str:
    if dimension == SERVED:
        return pair_key(facts.provider, facts.origin)
    if dimension == LAW:
        return pair_key(facts.origin, facts.jurisdiction)
    key: str = getattr(facts, dimension)
    return key
