"""A deployment's overrides of its own model names: the overrides file.

    [models."prod-chat"]                # exact, case-insensitive
    same_as = "gpt-4o-mini"             # counted as this model
    [models."team-a/*"]                 # `*` matches anything; the first matching pattern wins
    developer = "Acme"
    country = "DE"                      # ISO 3166-1 alpha-2
    openness = "proprietary"            # or "open"
    [models."lab-*"]
    origin = "row-open"                 # instead of country and openness

Exact names take precedence over patterns, overrides over the catalogue. A literal `*` in a name is
escaped by a backslash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import orjson

from streams.classify import toml_file
from streams.classify.origin import name as naming
from streams.classify.origin.toml_places import Place, lines_of
from streams.classify.origin.values import (
    CHINESE_COUNTRIES,
    ORIGINS,
    CatalogError,
    Openness,
    Origin,
    openness_of,
    origin_of,
)
from streams.classify.provider import overrides as provider_overrides
from streams.classify.provider.overrides import ProviderOverrides
from streams.classify.provider.values import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# The wildcard; with a backslash before it, it is a character of a name.
_STAR = re.compile(r"(?<!\\)\*")
_TABLES = ("models", "providers")
_KEYS = frozenset({"developer", "country", "openness", "origin", "same_as"})


@dataclass(frozen=True, slots=True)
class Override:
    """The override of one name or pattern, `entry` as written in the file."""

    entry: str
    developer: str | None = None
    country: str | None = None
    openness: Openness | None = None
    origin: Origin = "unknown"
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """A whole file: exact names (lower case), patterns in the order of the file, and its bytes.

    `providers` are the overrides of who served, which the same file holds.
    """

    exact: Mapping[str, Override] = field(default_factory=dict)
    patterns: tuple[tuple[re.Pattern[str], Override], ...] = ()
    text: bytes = b""
    providers: ProviderOverrides = field(default_factory=ProviderOverrides)

    def find(self, shown: str) -> Override | None:
        """Return the override of an id, as `streams.classify.origin.name.shown` returns it."""
        key = shown.lower()
        found = self.exact.get(key)
        if found is None:
            found = next((each for pattern, each in self.patterns if pattern.fullmatch(key)), None)
        return found

    def entries(self) -> Iterator[Override]:
        """Yield all overrides: exact names first, then patterns in their order."""
        yield from self.exact.values()
        yield from (each for _, each in self.patterns)


def read(path: Path, known: Overrides | None = None) -> Overrides:
    """Return the overrides of a file, reusing `known` where the bytes are unchanged.

    Raises CatalogError, which names every fault in it by its line.
    """
    data = toml_file.read(path, CatalogError)
    return known if known is not None and known.text == data else parse(data, str(path))


def parse(data: bytes, file: str) -> Overrides:
    """Return the overrides in the bytes of a file, called `file` in errors; as `read`."""
    found, faults = _parts(data, file)
    if faults:
        raise CatalogError(*faults)
    return found


def usable(data: bytes, file: str) -> Overrides:
    """Return the overrides that have no fault, in the bytes of a file that others of it have.

    Raises CatalogError where it is no such file.
    """
    return _parts(data, file)[0]


def _parts(data: bytes, file: str) -> tuple[Overrides, list[str]]:
    text, tables = _tables(data, file)
    lines = lines_of(text)
    faults: list[str] = []
    providers = ProviderOverrides()
    try:
        providers = provider_overrides.parsed(tables["providers"], file, lines)
    except CatalogError as error:
        faults += error.faults
    exact: dict[str, Override] = {}
    patterns: list[tuple[re.Pattern[str], Override]] = []
    for name, entry in tables["models"].items():
        where = Place(file, "models", name, lines)
        try:
            override = _override(name, entry, where)
        except CatalogError as error:
            faults += error.faults
            continue
        if _STAR.search(name):
            patterns.append((_glob(naming.shown(name).lower()), override))
            continue
        key = naming.shown(_plain(name)).lower()
        if key in exact:
            faults.append(
                f"{where}: stands here twice, as {exact[key].entry!r} too; upper and lower case "
                "are alike. Remedy: remove one."
            )
        else:
            exact[key] = override
    return Overrides(exact, tuple(patterns), data, providers), faults


def suggestion(model: str) -> str:
    """Return an entry for a model of unknown origin, ready to be appended to the file.

    It changes nothing until its value is filled in. What to write stands above it, where no narrow
    view cuts it off.
    """
    # A JSON string is a TOML string as well, whatever characters the name has.
    name = orjson.dumps(model.replace("*", r"\*")).decode().replace("\x7f", "\\u007f")
    known = ", ".join(ORIGINS[:-1])
    return f'# {known};\n# or same_as = "…" instead:\n[models.{name}]\norigin = "unknown"'


def _tables(data: bytes, file: str) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """Return the text of a file's bytes, and the tables in it."""
    text, whole = toml_file.tables(data, file, CatalogError)
    tables = {name: whole.get(name, {}) for name in _TABLES}
    wrong = sorted(set(whole) - set(tables)) or [
        name for name, table in tables.items() if not isinstance(table, dict)
    ]
    if wrong:
        line = lines_of(text).get((wrong[0],))
        raise CatalogError(
            f"{file}: {'' if line is None else f'line {line}: '}{wrong[0]!r} is not understood "
            'here. Remedy: write tables like [models."prod-chat"] or [providers."vllm-berlin"].'
        )
    return text, tables


def _glob(key: str) -> re.Pattern[str]:
    first, *between, last = (re.escape(_plain(each)) for each in _STAR.split(key))
    # Atomic groups: the first place where a piece matches is as good as any later one. Backtracking
    # over all places would practically never end for a name of a few dozen letters.
    found = "".join(f"(?>.*?{each})" for each in between)
    return re.compile(f"{first}{found}.*{last}", re.DOTALL)


def _plain(text: str) -> str:
    return text.replace(r"\*", "*")


def _override(name: str, entry: object, where: Place) -> Override:
    if not isinstance(entry, dict) or not entry:
        raise CatalogError(f"{where}: says nothing. Remedy: {_remedy()}")
    faults = [fault for key, value in entry.items() for fault in _faults(key, value, where)]
    if "same_as" in entry and len(entry) > 1:
        faults.append(f"{where}: same_as stands alone. Remedy: remove the other keys.")
    if faults:
        raise CatalogError(*faults)
    if "same_as" in entry:
        return Override(name, same_as=entry["same_as"])
    country, openness = entry.get("country"), _openness(entry.get("openness"), where)
    origin = _origin(entry.get("origin"), country, openness, where)
    if openness is None and origin != "unknown":
        openness = "open" if origin.endswith("-open") else "proprietary"
    return Override(name, entry.get("developer"), country, openness, origin)


def _faults(key: str, value: object, where: Place) -> Iterator[str]:
    """Yield what is wrong with a key of an entry, whatever the others are."""
    place = where.key(key)
    if key not in _KEYS:
        yield f"{place}: {key!r} is not understood. Remedy: {_remedy()}"
    elif not isinstance(value, str) or not value.strip():
        yield f"{place}: {key} must be text. Remedy: put it in quotes."
    elif key == "country" and not (value.isupper() and value.lower() in COUNTRIES):
        yield (f'{place}: country {value!r}. Remedy: two capital letters of ISO 3166-1, like "DE".')
    elif key == "openness":
        try:
            _openness(value, where)
        except CatalogError as error:
            yield from error.faults
    elif key == "origin" and value not in ORIGINS:
        yield f"{place}: origin {value!r}. Remedy: one of {', '.join(ORIGINS)}."


def _openness(value: object, where: Place) -> Openness | None:
    return openness_of(value, str(where.key("openness")))


def _remedy() -> str:
    return f"use {', '.join(sorted(_KEYS))}; nothing else."


def _origin(
    stated: str | None, country: str | None, openness: Openness | None, where: Place
) -> Origin:
    followed = None
    if country is not None and openness is not None:
        followed = origin_of(chinese=country in CHINESE_COUNTRIES, openness=openness)
    if stated is None:
        if followed is None:
            raise CatalogError(
                f"{where}: says no origin. Remedy: add origin, or country and openness."
            )
        return followed
    known = ORIGINS[ORIGINS.index(cast("Origin", stated))]
    if followed not in {None, known}:
        raise CatalogError(
            f"{where.key('origin')}: origin {stated!r}, but country and openness say "
            f"{followed!r}. Remedy: remove one of them."
        )
    return known
