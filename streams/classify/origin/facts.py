"""The facts of a catalogue: developers, families with their rules, and the words around names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.classify.origin import name as naming

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from streams.classify.origin.values import Openness, Origin


@dataclass(frozen=True, slots=True)
class Classification:
    """The facts about one model. `origin` follows from country and openness."""

    model: str
    developer: str | None
    country: str | None
    openness: Openness | None
    origin: Origin
    base: str | None
    matched_by: str


@dataclass(frozen=True, slots=True)
class Developer:
    """An organisation that releases models; `openness` where all its releases have the same one."""

    name: str
    country: str | None
    chinese: bool
    openness: Openness | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One exception of a family: the openness of versions for which all conditions hold."""

    openness: Openness | None
    words: frozenset[str] = frozenset()
    size: bool = False
    version: tuple[tuple[str, tuple[int, int]], ...] = ()
    match: re.Pattern[str] | None = None
    base: str | None = None

    def holds(self, after: tuple[str, ...], rest: tuple[str, ...]) -> str | None:
        """Return the reason; None when a condition fails. `after` follows the family's name."""
        why = []
        if self.words:
            tier = next((word for word in rest if word in self.words), None)
            if tier is None:
                return None
            why.append(f'tier "{tier}"')
        if self.size:
            size = next((word for word in rest if naming.is_size(word)), None)
            if size is None:
                return None
            why.append(f'parameter count "{size}"')
        if self.version:
            version = naming.version(after)
            if not version or not all(_compares(version, test) for test in self.version):
                return None
            why.append(f"version {'.'.join(map(str, version))}")
        if self.match is not None:
            found = self.match.search(" ".join(rest))
            if found is None:
                return None
            if found[0].strip():
                why.append(f'"{found[0].strip()}"')
        return ", ".join(why) or "every other version"


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a name and a developer."""

    title: str
    developer: Developer
    names: tuple[tuple[str, ...], ...]
    openness: Openness | None
    rules: tuple[Rule, ...]
    needs: re.Pattern[str] | None
    words: frozenset[str]
    # `words`, and those that its rules look for.
    own: frozenset[str]
    on: frozenset[str]
    common: bool
    owner_only: bool
    derived: bool
    unsized: bool
    # The published sizes of an unsized family.
    sized: re.Pattern[str] | None
    sized_only: bool
    retrained: bool
    base: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts of a catalogue file.

    `slugs` are developers by the words that name them in a path, `names` the families by the words
    of their names, `vocabulary` the lists of other words: hosts, repackers and so on.
    """

    developers: Mapping[str, Developer]
    slugs: Mapping[tuple[str, ...], Developer]
    names: Mapping[tuple[str, ...], tuple[Family, ...]]
    vocabulary: Mapping[str, frozenset[tuple[str, ...]]]
    # Slugs under which an organisation has only ever released weights.
    open_slugs: frozenset[tuple[str, ...]] = frozenset()


def _compares(version: tuple[int, ...], test: tuple[str, tuple[int, int]]) -> bool:
    operator, wanted = test
    pair = (*version, 0)[:2]
    return {
        ">=": pair >= wanted,
        "<=": pair <= wanted,
        "==": pair == wanted,
        "<": pair < wanted,
        ">": pair > wanted,
    }[operator]
