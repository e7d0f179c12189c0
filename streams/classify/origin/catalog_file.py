"""Reads a catalogue from its TOML."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from streams.classify import toml_file
from streams.classify.origin.facts import Developer, Facts, Family, Rule
from streams.classify.origin.values import CHINESE_COUNTRIES, CatalogError, openness_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Required lists of `[words]` in a catalogue.
_LISTS = ("hosts", "repackers", "path", "neutral", "tuned", "aliases")
# Lists that a catalogue may leave out.
_OPTIONAL_LISTS = ("tiers", "coined", "trained", "maker_tuned")
_COMPARISON = re.compile(r"(>=|<=|==|<|>)(\d+)(?:\.(\d+))?")


def facts_of(text: str, file: str) -> Facts:
    """Return the facts of a catalogue's text, called `file` in errors. Raises CatalogError."""
    try:
        return _facts(toml(text, file), file)
    except (KeyError, TypeError, AttributeError) as error:
        raise CatalogError(
            f"{file}: no catalogue ({error!r}). Remedy: give it the keys that the head of the "
            "package's catalog.toml names."
        ) from error


def builtin() -> str:
    """Return the text of the catalogue that is part of the package."""
    return resources.files("streams.classify.origin").joinpath("catalog.toml").read_text("utf-8")


@cache
def builtin_facts() -> Facts:
    """Return the facts of the catalogue that is part of the package; they never change."""
    return facts_of(builtin(), "catalog.toml")


def toml(text: str, file: str) -> dict[str, Any]:
    """Return the parsed TOML of a file, called `file` in errors. Raises CatalogError."""
    return toml_file.parsed(text, file, CatalogError)


def _phrases(values: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(value.split()) for value in values)


def _pattern(value: str | None, where: str) -> re.Pattern[str] | None:
    if value is None:
        return None
    try:
        return re.compile(value)
    except re.error as error:
        raise CatalogError(f"{where}: {value!r} is not a regular expression ({error}).") from error


def _rule(entry: Mapping[str, Any], where: str) -> Rule:
    tests = []
    for test in entry.get("version", ()):
        found = _COMPARISON.fullmatch(test)
        if found is None:
            raise CatalogError(f'{where}: version {test!r}. Remedy: write it like ">=4.5".')
        tests.append((found[1], (int(found[2]), int(found[3] or 0))))
    return Rule(
        openness=openness_of(entry["openness"], where),
        words=frozenset(entry.get("words", ())),
        size=entry.get("size", False),
        version=tuple(tests),
        match=_pattern(entry.get("match"), where),
        base=entry.get("base"),
    )


def _facts(data: Mapping[str, Any], file: str) -> Facts:
    developers: dict[str, Developer] = {}
    slugs: dict[tuple[str, ...], Developer] = {}
    open_slugs: set[tuple[str, ...]] = set()
    for entry in data["developer"]:
        where = f"{file}: developer {entry['name']!r}"
        country = entry.get("country")
        if (country is None) == (entry.get("side") is None):
            raise CatalogError(f"{where}: state country or side, one of them.")
        developer = Developer(
            name=entry["name"],
            country=country,
            chinese=country in CHINESE_COUNTRIES,
            openness=openness_of(entry.get("openness"), where),
        )
        developers[developer.name] = developer
        slugs.update(dict.fromkeys(_phrases(entry["slugs"]), developer))
        open_slugs |= _phrases(entry.get("open_slugs", ()))
    names: dict[tuple[str, ...], tuple[Family, ...]] = {}
    for entry in data["family"]:
        where = f"{file}: family {entry['title']!r}"
        if entry["developer"] not in developers:
            raise CatalogError(f"{where}: developer {entry['developer']!r} has no entry. Add one.")
        rules = tuple(_rule(rule, where) for rule in entry.get("rules", ()))
        words = frozenset(entry.get("words", ()))
        family = Family(
            title=entry["title"],
            developer=developers[entry["developer"]],
            names=tuple(_phrases(entry["names"])),
            openness=openness_of(entry.get("openness"), where),
            rules=rules,
            needs=_pattern(entry.get("needs"), where),
            words=words,
            own=words.union(*(rule.words for rule in rules)),
            on=frozenset(entry.get("on", ())),
            common=entry.get("common", False),
            owner_only=entry.get("owner_only", False),
            derived=entry.get("derived", False),
            unsized=entry.get("unsized", False),
            sized_only=entry.get("sized_only", False),
            sized=_pattern(entry.get("sized"), where),
            retrained=entry.get("retrained", False),
            base=entry.get("base"),
        )
        for phrase in family.names:
            names[phrase] = (*names.get(phrase, ()), family)
    vocabulary = {key: _phrases(data["words"][key]) for key in _LISTS}
    vocabulary |= {key: _phrases(data["words"].get(key, ())) for key in _OPTIONAL_LISTS}
    return Facts(
        developers=developers,
        slugs=slugs,
        names=names,
        vocabulary=vocabulary,
        open_slugs=frozenset(open_slugs),
    )
