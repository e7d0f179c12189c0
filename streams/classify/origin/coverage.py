"""How much of a list of ids a catalogue answers, and what the unknown ones lack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from streams.classify.lacking import grouped
from streams.classify.origin import name as naming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.classify.origin.catalog import Catalog
    from streams.classify.origin.facts import Classification

Lack = Literal["version", "word", "family", "developer", "two families", "name", "alias"]
LACKS: Final[tuple[Lack, ...]] = get_args(Lack)

#: What to do about the ids of each group.
REMEDIES: Final[dict[Lack, str]] = {
    "version": "the family is known, the openness of this version is not: add a rule",
    "word": "the family is known, a word beside it is not: add the word, or a family of its own",
    "family": "the organisation is known, the name is not: add a family",
    "developer": "the organisation is not known: add a developer and a family",
    "two families": "two known families are named: state `on` or `derived`",
    "name": "no organisation and no known name: add a family, or leave it to an override",
    "alias": "a router, preset or alias: leave it unknown",
}
_ALIAS = ("is a name for whatever is behind it", "a preset")
_WORD = ("may be a release of others", "has no published size", "says nothing of a model")


@dataclass(frozen=True, slots=True)
class Unknown:
    """An id that the catalogue does not answer: what it lacks, where, and the rule that says so.

    `key` is what the ids of a group share: a family, an organisation or the name's first word.
    """

    model: str
    lack: Lack
    key: str
    because: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """The counts of a list of ids, each id once."""

    ids: int
    origins: Counter[str]
    unknown: tuple[Unknown, ...]

    @property
    def answered(self) -> float:
        """Return the answered part of the ids; 1 where there are none."""
        return 1 - len(self.unknown) / self.ids if self.ids else 1.0

    def groups(self) -> list[tuple[Lack, str, list[str]]]:
        """Return what is lacking, its key and the ids, by kind and the largest group first."""
        return grouped(((each.lack, each.key, each.model) for each in self.unknown), LACKS)


def coverage(ids: Iterable[str], catalog: Catalog) -> Coverage:
    """Return how much of the ids the catalogue answers; an id that occurs twice counts once."""
    origins: Counter[str] = Counter()
    unknown = []
    count = 0
    for count, model in enumerate(dict.fromkeys(ids), 1):  # noqa: B007
        known = catalog.classify(model)
        origins[known.origin] += 1
        if known.origin == "unknown":
            unknown.append(_lacking(model, known, catalog))
    return Coverage(count, origins, tuple(unknown))


def _lacking(model: str, known: Classification, catalog: Catalog) -> Unknown:
    because = known.matched_by.removeprefix("unknown: ")
    shown = naming.shown(model)
    family = because.split('"')[1] if because.startswith('family "') else ""
    if because.endswith(_ALIAS):
        return Unknown(shown, "alias", family or "preset", because)
    if because.startswith("two families"):
        return Unknown(shown, "two families", because.partition(", ")[2].replace('"', ""), because)
    if any(sign in because for sign in _WORD):
        return Unknown(shown, "word", family, because)
    if family:
        return Unknown(shown, "version", family, because)
    if known.developer is not None:
        return Unknown(shown, "version", known.developer, because)
    return _unnamed(shown, because, catalog)


def _unnamed(shown: str, because: str, catalog: Catalog) -> Unknown:
    """Return what an id lacks in which no family is named."""
    facts = catalog.facts
    cut = [words for segment in naming.segments(shown) if (words := naming.words(segment))]
    aliases = facts.vocabulary["aliases"]
    if cut and any((word,) in aliases for word in cut[-1]):
        return Unknown(shown, "alias", cut[-1][0], because)
    for words in reversed(cut[:-1]):
        developer = facts.slugs.get(words)
        if developer is not None and words not in facts.vocabulary["hosts"]:
            return Unknown(shown, "family", developer.name, because)
        kinds = ("hosts", "path", "repackers")
        if not any(words in facts.vocabulary[kind] for kind in kinds):
            return Unknown(shown, "developer", " ".join(words), because)
    return Unknown(shown, "name", cut[-1][0] if cut else "(empty)", because)
