"""Contradictions in a catalogue or an overrides file, and the effect of a change of one."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.classify.origin import name as naming
from streams.classify.origin.entries import faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.classify.origin.facts import Classification, Rule

# Lists whose words make an id unknown: as a family's name they could never count.
_NEVER_A_NAME = ("tuned", "aliases")
# Versions and sizes that a family's rules are tested with.
_TRIED = ("", "1", "2", "3", "4", "5", "7b", "235b-a22b", "latest", "instruct")


class Change(NamedTuple):
    """An id that two catalogues classify differently."""

    model: str
    before: Classification
    after: Classification


def contradictions(data: Mapping[str, Any], catalog: Catalog) -> list[str]:
    """Return the contradictions in a catalogue, one line each; `data` is the parsed TOML."""
    return [
        *faults(data),
        *_developers(data),
        *_sources(data),
        *_vocabulary(data),
        *_names(catalog),
        *_rules(catalog),
        *_answers(catalog),
    ]


def unusual_overrides(catalog: Catalog) -> list[str]:
    """Return the overrides without effect, or with one that is surely unintended, a line each."""
    overrides = catalog.overrides
    plain = catalog.overridden_by(type(overrides)())
    found = []
    for entry in overrides.entries():
        where = f'models."{entry.entry}"'
        if entry.same_as is not None:
            if plain.classify(entry.same_as).origin == "unknown":
                found.append(
                    f"{where}: same_as {entry.same_as!r} is itself unknown to the catalogue. "
                    "Remedy: name a model that `tokenshare classify` knows."
                )
        elif entry.origin == "unknown":
            found.append(f"{where}: still says unknown. Remedy: write its origin.")
        if "*" not in entry.entry:
            known, mine = plain.classify(entry.entry), catalog.classify(entry.entry)
            if (
                (known.developer, known.origin)
                == (mine.developer, mine.origin)
                != (None, "unknown")
            ):
                found.append(
                    f"{where}: the catalogue says the same by itself. Remedy: remove the entry."
                )
    for (pattern, first), (_, second) in itertools.combinations(overrides.patterns, 2):
        # The first pattern reads a `*` of the second as a character, which only its own `*` can
        # match.
        if pattern.fullmatch(naming.shown(second.entry).lower()):
            found.append(
                f'models."{second.entry}": never reached, "{first.entry}" stands before it and '
                "fits all that it fits. Remedy: put it first."
            )
    return found


def changes(before: Catalog, after: Catalog, ids: Iterable[str]) -> Iterator[Change]:
    """Yield the ids whose developer, country, openness, origin or base differs."""
    for model in ids:
        old, new = before.classify(model), after.classify(model)
        if _answer(old) != _answer(new):
            yield Change(model, old, new)


def _answer(known: Classification) -> tuple[str | None, ...]:
    return known.developer, known.country, known.openness, known.origin, known.base


def names_of(*catalogs: Catalog) -> list[str]:
    """Return ids that the families and rules of catalogues mention, with and without owner."""
    ids: dict[str, None] = {}
    for catalog in catalogs:
        owners: dict[str, str] = {}
        for slug, developer in catalog.facts.slugs.items():
            owners.setdefault(developer.name, "-".join(slug))
        for phrase, families in catalog.facts.names.items():
            name = "-".join(phrase)
            for family in families:
                words = {word for rule in family.rules for word in rule.words}
                for tail in (*_TRIED, *sorted(words)):
                    model = f"{name}-{tail}" if tail else name
                    ids[model] = None
                    ids[f"{owners.get(family.developer.name, 'unknown')}/{model}"] = None
    return list(ids)


def _twice(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _developers(data: Mapping[str, Any]) -> Iterator[str]:
    entries = data["developer"]
    for name in _twice(entry["name"] for entry in entries):
        yield f"developer {name!r}: stands here twice"
    owners: dict[str, str] = {}
    for entry in entries:
        for slug in entry["slugs"]:
            other = owners.setdefault(slug, entry["name"])
            if other != entry["name"]:
                yield f"developer {entry['name']!r}: slug {slug!r} belongs to {other!r} as well"
        for slug in _twice(entry["slugs"]):
            yield f"developer {entry['name']!r}: slug {slug!r} stands here twice"


def _sources(data: Mapping[str, Any]) -> Iterator[str]:
    for entry in data["family"]:
        if not entry.get("source"):
            yield f"family {entry['title']!r}: has no source"


def _vocabulary(data: Mapping[str, Any]) -> Iterator[str]:
    for entry in data["family"]:
        for phrase in _twice(entry["names"]):
            yield f"family {entry['title']!r}: name {phrase!r} stands here twice"
    for kind, words in data["words"].items():
        for word in _twice(words):
            yield f"words.{kind}: {word!r} stands here twice"
    for kind in _NEVER_A_NAME:
        for entry in data["family"]:
            for phrase in set(entry["names"]) & set(data["words"][kind]):
                yield f"family {entry['title']!r}: its name {phrase!r} is in words.{kind}"


def _names(catalog: Catalog) -> Iterator[str]:
    for phrase, families in catalog.facts.names.items():
        name = " ".join(phrase)
        for first, second in itertools.pairwise(families):
            if first is second or first.needs or first.owner_only or first.common:
                continue
            if first.developer is not second.developer:
                yield (
                    f"family {second.title!r}: its name {name!r} is never reached, "
                    f"{first.title!r} stands before it and asks for nothing more"
                )


def _rules(catalog: Catalog) -> Iterator[str]:
    seen = set()
    for families in catalog.facts.names.values():
        for family in families:
            # Families share a title where their names need different conditions.
            if family in seen:
                continue
            seen.add(family)
            for (at, first), (later, second) in itertools.combinations(
                enumerate(family.rules, 1), 2
            ):
                if _covers(first, second):
                    same = first.openness == second.openness and first.base == second.base
                    why = "says the same" if same else "decides before it"
                    yield f"family {family.title!r}: rule {later} is never reached, rule {at} {why}"


def _covers(first: Rule, second: Rule) -> bool:
    """Return whether the first rule holds wherever the second does, by their conditions."""
    return (
        (not first.words or (bool(second.words) and second.words <= first.words))
        and (not first.size or second.size)
        and (not first.version or set(first.version) <= set(second.version))
        and (first.match is None or first.match == second.match)
    )


def _answers(catalog: Catalog) -> Iterator[str]:
    """Return names that are classified differently when their developer precedes them."""
    owners: dict[str, str] = {}
    hosts = catalog.facts.vocabulary["hosts"]
    for slug, developer in catalog.facts.slugs.items():
        if slug not in hosts:
            owners.setdefault(developer.name, "-".join(slug))
    for phrase, families in catalog.facts.names.items():
        claimed = {family.developer.name for family in families}
        for family in families:
            owner = owners.get(family.developer.name)
            model = "-".join(phrase) if owner is None else f"{owner}/{'-'.join(phrase)}"
            known = catalog.classify(model)
            if known.developer is not None and known.developer not in claimed:
                yield (
                    f"family {family.title!r}: {model!r} is answered with {known.developer!r} "
                    f"({known.matched_by})"
                )
