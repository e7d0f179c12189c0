"""Reads the catalogue of providers from its TOML."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from streams.classify.origin.catalog_file import toml
from streams.classify.origin.values import CatalogError
from streams.classify.provider.facts import Entry, Hosts, ProviderFacts
from streams.classify.provider.spelling import folded, key_of
from streams.classify.provider.values import COUNTRIES, SELF_HOSTED, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

_JURISDICTIONS = COUNTRIES | {SELF_HOSTED, UNKNOWN}
_TEXTS = ("key", "name", "jurisdiction", "operator", "source")
_LISTS = ("names", "hosts")
_FLAGS = ("router", "protocol", "local_proxy")


def is_jurisdiction(value: object) -> bool:
    """Return whether a value is a jurisdiction: `de`, `self-hosted`, `unknown`."""
    return isinstance(value, str) and value in _JURISDICTIONS


def builtin() -> str:
    """Return the text of the catalogue that is part of the package."""
    return (
        resources.files("streams.classify.provider").joinpath("providers.toml").read_text("utf-8")
    )


@cache
def builtin_facts() -> ProviderFacts:
    """Return the facts of the catalogue that is part of the package; they never change."""
    return facts_of(builtin(), "providers.toml")


def facts_of(text: str, file: str) -> ProviderFacts:
    """Return the facts of a catalogue's text, called `file` in errors. Raises CatalogError."""
    found = toml(text, file).get("provider")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise CatalogError(
            f"{file}: no catalogue of providers. Remedy: write tables [[provider]], with the keys "
            "that the head of the package's providers.toml names."
        )
    faults: list[str] = []
    entries: dict[str, Entry] = {}
    names: dict[str, Entry] = {}
    domains: dict[str, Entry] = {}
    for number, data in enumerate(found, 1):
        where = f"{file}: provider {data.get('key', number)!r}"
        wrong = _faults(data)
        if wrong:
            faults += [f"{where}: {each}" for each in wrong]
            continue
        entry = _entry(data)
        if entry.key in entries:
            faults.append(f"{where}: stands here twice. Remedy: merge the two.")
        entries[entry.key] = entry
        # A provider's own key and display name are spellings of it as well.
        for name in dict.fromkeys(map(folded, (entry.key, entry.name, *entry.names))):
            if name in names:
                faults.append(
                    f"{where}: name {name!r} belongs to {names[name].key!r} as well. Remedy: "
                    "leave it to one of them."
                )
            names[name] = entry
        for domain in entry.hosts:
            if domain in domains:
                faults.append(
                    f"{where}: host {domain!r} belongs to {domains[domain].key!r} as well. "
                    "Remedy: leave it to one of them."
                )
            domains[domain] = entry
    faults += [
        f"{file}: provider {entry.key!r}: regions name {key!r}, which has no entry. Remedy: add it."
        for entry in entries.values()
        for key in entry.regions.values()
        if key not in entries
    ]
    if faults:
        raise CatalogError(*faults)
    return ProviderFacts(entries, names, Hosts.of(domains.items()))


def _entry(data: Mapping[str, Any]) -> Entry:
    texts: dict[str, Any] = {key: data[key] for key in _TEXTS}
    flags: dict[str, Any] = {key: data.get(key, False) for key in _FLAGS}
    lists: dict[str, Any] = {key: tuple(data.get(key, ())) for key in _LISTS}
    return Entry(**texts, **lists, **flags, regions=data.get("regions", {}))


def _faults(data: Mapping[str, Any]) -> list[str]:
    known = (*_TEXTS, *_LISTS, *_FLAGS, "regions")
    faults = [f"nothing reads the key {key!r}" for key in data if key not in known]
    faults += [
        f"{key} must be text. Remedy: put it in quotes."
        for key in _TEXTS
        if not isinstance(data.get(key), str) or not data[key].strip()
    ]
    faults += [
        f"{key} must be a list of texts."
        for key in _LISTS
        if not isinstance(data.get(key, []), list)
        or not all(isinstance(each, str) and each.strip() for each in data.get(key, ()))
    ]
    faults += [
        f"{key} must be true or false."
        for key in _FLAGS
        if not isinstance(data.get(key, False), bool)
    ]
    regions = data.get("regions", {})
    if not isinstance(regions, dict) or not all(isinstance(each, str) for each in regions.values()):
        faults.append("regions must be a table of beginnings and keys.")
    if faults:
        return faults
    if not is_jurisdiction(data["jurisdiction"]):
        faults.append(
            f"jurisdiction {data['jurisdiction']!r}. Remedy: a code of ISO 3166-1 in small "
            f'letters like "de", "{SELF_HOSTED}" or "{UNKNOWN}".'
        )
    if key_of(data["key"]) != data["key"]:
        faults.append("the key must be a short name in small letters.")
    faults += [
        f"host {host!r} must be a domain in small letters, without a path or port."
        for host in data.get("hosts", ())
        if host != host.lower() or not re.fullmatch(r"(?:\*|[\w-]+)(?:\.(?:\*|[\w-]+))+", host)
    ]
    return faults
