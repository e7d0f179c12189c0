"""A deployment's overrides of who served: tables of the overrides file.

    [providers."vllm-berlin"]           # a name as a gateway writes it, case-insensitive
    jurisdiction = "self-hosted"        # or a code like "de", or "unknown"
    name = "vLLM in Berlin"             # optional: how it is shown
    hosts = ["llm.example.com"]         # optional: the endpoint's host, with all below it
    key = "vllm-berlin"                 # optional: what is stored; several entries may share one
    [providers."bedrock-proxy"]
    key = "aws-bedrock"                 # a provider of the catalogue: counted as that one

A host takes precedence over a name, an override over the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.classify import toml_file
from streams.classify.keys import OTHER
from streams.classify.origin.toml_places import Place
from streams.classify.origin.values import CatalogError
from streams.classify.provider import provider_file
from streams.classify.provider.facts import Hosts
from streams.classify.provider.place import is_of_many, place_of
from streams.classify.provider.spelling import folded, key_of, spellings
from streams.classify.provider.values import SELF_HOSTED, UNKNOWN, Provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Rows of tables that are no provider: nothing is known, and the rest behind the largest.
_RESERVED = (UNKNOWN, OTHER)
_KEYS = ("jurisdiction", "name", "hosts", "key")
# One host is meant, and of a network that would be its first.
_NETWORK = re.compile(r"/\d+\s*$")
_LISTED = re.compile(r"[\w-]+(?:\.[\w-]+)*|[0-9a-f:]+")


@dataclass(frozen=True, slots=True)
class ProviderOverride:
    """One entry of the file: its name as written, its hosts, and who it says served."""

    entry: str
    hosts: tuple[str, ...]
    provider: Provider


@dataclass(frozen=True, slots=True)
class ProviderOverrides:
    """The overrides in their order, and by folded name, by stored key and by host."""

    entries: tuple[ProviderOverride, ...] = ()
    names: Mapping[str, Provider] = field(default_factory=dict)
    hosts: Hosts[Provider] = field(default_factory=lambda: Hosts({}, {}))

    def find(self, name: str, host: str) -> Provider | None:
        """Return the override of a host or, where none has it, of a name.

        A host without a dot, as in one's own network, has the entry of its name.
        """
        found = self.hosts.find(host) if host else None
        if found is not None:
            return found[0]
        if not self.names:
            return None
        if host and "." not in host and folded(host) in self.names:
            return self.names[folded(host)]
        known = (self.names.get(spelling) for spelling, _ in spellings(name))
        return next((each for each in known if each is not None), None)


def parsed(
    table: Mapping[str, Any], file: str, lines: Mapping[tuple[str, ...], int]
) -> ProviderOverrides:
    """Return the overrides of a parsed table [providers].

    Raises CatalogError, which names every fault in it by its line.
    """
    entries: list[ProviderOverride] = []
    faults: list[str] = []
    names: dict[str, Provider] = {}
    hosts: dict[str, Provider] = {}
    for name, data in table.items():
        where = Place(file, "providers", name, lines)
        try:
            found = _override(name, data, where)
        except CatalogError as error:
            faults += error.faults
            continue
        entries.append(found)
        faults += _clashes(found, names, hosts, where)
        names[folded(name)] = found.provider
        hosts.update(dict.fromkeys(found.hosts, found.provider))
    # A stored key is classified as what it is the key of.
    for each in entries:
        stored = names.setdefault(folded(each.provider.key), each.provider)
        if stored.key != each.provider.key:
            where = Place(file, "providers", each.entry, lines).key("key")
            faults.append(
                f"{where}: key {each.provider.key!r} is the name of {stored.matched_by}, whose "
                f"key is {stored.key!r}. Remedy: write that, or choose another key."
            )
    if faults:
        raise CatalogError(*faults)
    return ProviderOverrides(tuple(entries), names, Hosts.of(hosts.items()))


def suggestion(key: str) -> str:
    """Return an entry for an unknown provider, ready to be appended to the file."""
    about = '# a code like "de", or self-hosted:'
    return f'{about}\n[providers."{key}"]\njurisdiction = "{UNKNOWN}"'


def _override(name: str, data: object, where: Place) -> ProviderOverride:
    if not isinstance(data, dict) or not data:
        raise CatalogError(f"{where}: says nothing. Remedy: add jurisdiction, or key.")
    faults = [fault for key, value in data.items() for fault in _faults(key, value, where)]
    if faults:
        raise CatalogError(*faults)
    if not data.get("name", name).isprintable():
        raise CatalogError(f"{where}: has characters that cannot be shown. Remedy: add name.")
    if not folded(name):
        raise CatalogError(f"{where}: has no letter or digit. Remedy: name a provider.")
    key = data.get("key", key_of(name))
    if key_of(key) != key or key in _RESERVED:
        raise CatalogError(
            f"{where.key('key')}: key {key!r} cannot be stored. Remedy: write key = "
            '"a-short-name" in small letters, digits, hyphens and dots.'
        )
    hosts, provider = toml_file.all_of(
        CatalogError,
        lambda: tuple(_hosts(data.get("hosts", []), where.key("hosts"))),
        lambda: _provider(name, key, data, where),
    )
    return ProviderOverride(name, hosts, provider)


def _faults(key: str, value: object, where: Place) -> Iterator[str]:
    """Yield what is wrong with a key of an entry, whatever the others are."""
    if key not in _KEYS:
        yield (
            f"{where.key(key)}: {key!r} is not understood. Remedy: use {', '.join(_KEYS)}; "
            "nothing else."
        )
    elif key != "hosts" and (not isinstance(value, str) or not value.strip()):
        yield f"{where.key(key)}: {key} must be text. Remedy: put it in quotes."


def _provider(name: str, key: str, data: Mapping[str, Any], where: Place) -> Provider:
    because = f'override "{name}"'
    known = provider_file.builtin_facts().names.get(folded(key))
    stated = data.get("jurisdiction")
    if stated is not None and not provider_file.is_jurisdiction(stated):
        raise CatalogError(
            f"{where.key('jurisdiction')}: jurisdiction {stated!r}. Remedy: two small letters of "
            f'ISO 3166-1, like "de", or "{SELF_HOSTED}", or "{UNKNOWN}".'
        )
    if known is None or "key" not in data:
        if stated is None:
            raise CatalogError(
                f"{where}: says no jurisdiction. Remedy: add it, like jurisdiction = "
                f'"{SELF_HOSTED}", or name a provider of the catalogue by key.'
            )
        return Provider(key, data.get("name", name), stated, because)
    if key != known.key:
        raise CatalogError(
            f"{where.key('key')}: key {key!r} is a spelling of {known.key!r}. Remedy: write that."
        )
    if stated not in {None, known.jurisdiction}:
        raise CatalogError(
            f"{where.key('jurisdiction')}: jurisdiction {stated!r}, but the catalogue's "
            f"{key!r} has {known.jurisdiction!r}. Remedy: choose another key, or remove "
            "jurisdiction."
        )
    return Provider(known.key, known.name, known.jurisdiction, because)


def _hosts(listed: object, where: Place) -> Iterator[str]:
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise CatalogError(f'{where}: hosts must be a list. Remedy: hosts = ["llm.example.com"].')
    for each in listed:
        place = place_of(each)
        is_network = _NETWORK.search(each) is not None
        if place.kind not in {"host", "own"} or is_network or not _LISTED.fullmatch(place.name):
            raise CatalogError(
                f"{where}: host {each!r} cannot be read. Remedy: write a host without port and "
                'path, like "llm.example.com".'
            )
        if is_of_many(place.name):
            raise CatalogError(
                f"{where}: host {each!r} stands for all hosts that end with it, whoever runs them. "
                'Remedy: write the whole host, like "llm.example.com"; for a host of your own '
                'network without a dot write an entry of that name, like [providers."vllm"].'
            )
        yield place.name


def _clashes(
    found: ProviderOverride,
    names: Mapping[str, Provider],
    hosts: Mapping[str, Provider],
    where: Place,
) -> Iterator[str]:
    if folded(found.entry) in names:
        yield (
            f"{where}: stands here twice; case, spaces, hyphens and underscores do not "
            "matter. Remedy: remove one."
        )
    for host in found.hosts:
        if host in hosts:
            yield f"{where}: host {host!r} belongs to another entry too. Remedy: remove one."
    for other in names.values():
        if other.key == found.provider.key and (other.name, other.jurisdiction) != (
            found.provider.name,
            found.provider.jurisdiction,
        ):
            yield (
                f"{where}: key {other.key!r} has another name or jurisdiction in "
                f"{other.matched_by}. Remedy: state the same in both, or choose another key."
            )
