"""Who served a request -> the provider's key and the jurisdiction of its operator.

What is read is one text: `NAME`, `NAME@PLACE` or `@PLACE`, with a provider's name as gateways write
it, and the host (or URL) of the endpoint or a cloud's region. Only the key is stored, so that a key
is classified as what it is the key of. The facts are in providers.toml.

A place decides over a name: gateways write `openai` for any server that speaks its API. One's own
addresses are `self-hosted`. Where nobody can say who operates the endpoint it is `unknown`: a wrong
jurisdiction would hide what a policy forbids, while an unknown one is visible and can be mapped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streams.classify.enrichment import attempt
from streams.classify.provider import provider_file
from streams.classify.provider.overrides import ProviderOverrides
from streams.classify.provider.place import NOWHERE, Place, domain_of, is_hostlike, place_of
from streams.classify.provider.spelling import folded, key_of, routed, spellings
from streams.classify.provider.values import SELF_HOSTED, UNKNOWN, Provider

if TYPE_CHECKING:
    from streams.classify.provider.facts import Entry, ProviderFacts

# Cached results: texts from outside cannot fill memory.
CACHE_ENTRIES = 8_192
# Names, hosts and URLs are read up to here.
MAX_TEXT = 1_024
MAX_NAME = 256
# Keys of odd texts lead to another key at most a few times.
_MAX_STEPS = 3
_NOBODY = Provider(UNKNOWN, UNKNOWN, UNKNOWN, "unknown: nothing says who served")


@dataclass(frozen=True, eq=False)
class Providers:
    """All facts of providers, a deployment's overrides, and the cached results."""

    facts: ProviderFacts
    overrides: ProviderOverrides = field(default_factory=ProviderOverrides)
    _cache: dict[str, Provider] = field(default_factory=dict)

    @classmethod
    def load(cls, overrides: ProviderOverrides | None = None) -> Providers:
        """Return the package's catalogue, with the deployment's overrides if there are any."""
        return cls(provider_file.builtin_facts(), overrides or ProviderOverrides())

    @classmethod
    def of(cls, text: str, file: str) -> Providers:
        """Return a catalogue from its text, called `file` in errors. Raises CatalogError."""
        return cls(provider_file.facts_of(text, file))

    def overridden_by(self, overrides: ProviderOverrides) -> Providers:
        """Return the same facts under other overrides, with an empty cache."""
        return replace(self, overrides=overrides, _cache={})

    def classify(self, text: str) -> Provider:
        """Return who served, by a text or a stored key. Never raises; the cache is bounded."""
        text = text[:MAX_TEXT]
        found = self._cache.get(text)
        if found is None:
            found = attempt("provider", self._decide, text, otherwise=_NOBODY)
            if len(self._cache) >= CACHE_ENTRIES:
                self._cache.clear()
            self._cache[text] = found
        return found

    def _decide(self, text: str) -> Provider:
        found = self._found(text)
        # What is stored of it is its key, which may be the name of an entry or of an override.
        for _ in range(_MAX_STEPS):
            again = self._found(found.key)
            if (again.key, again.jurisdiction) == (found.key, found.jurisdiction):
                return found
            found = again
        return _NOBODY

    def _found(self, text: str) -> Provider:
        name, place = _read(text)
        override = self.overrides.find(name, place.name)
        if override is not None:
            return override
        named, followed = self._named(name)
        if named is None and place is NOWHERE and is_hostlike(name):
            return self._found("@" + name)
        if place.kind == "own":
            return self._at_own(named)
        if place.kind == "host":
            return self._at_host(place.name, named)
        if named is not None:
            region = (place.name or followed).lower()
            served = self.facts.at(named, region)
            return self._provider(served, "name" if served is named else f"region {region!r}")
        key = key_of(name or place.name)
        return _NOBODY if key == UNKNOWN else _unknown(key, "no entry has this name")

    def _named(self, name: str) -> tuple[Entry | None, str]:
        """Return the entry that a name belongs to, and what follows the name."""
        for spelling, followed in spellings(name):
            found = self.facts.names.get(spelling)
            if found is None:
                continue
            if found.router and followed:
                # The router says whom it forwarded to.
                behind, _ = self._named(followed)
                if behind is not None:
                    return behind, ""
            return found, followed
        first, rest = routed(name)
        router = self.facts.names.get(first)
        if router is None or not router.router or not rest:
            return None, ""
        return self._named(rest)[0] or router, ""

    def _at_own(self, named: Entry | None) -> Provider:
        if named is not None and named.router:
            return self._provider(named, "router")
        if named is not None and named.local_proxy:
            return self._provider(named, "local proxy")
        return self._provider(self.facts.entries[SELF_HOSTED], "own address")

    def _at_host(self, host: str, named: Entry | None) -> Provider:
        found = self.facts.hosts.find(host)
        if found is None:
            if named is not None and named.router:
                return self._provider(named, "router")
            return self._unknown_host(domain_of(host).replace(":", "-"))
        entry = self.facts.at(*found)
        is_said = named is not None and not (
            named.router or named.protocol or named.key == SELF_HOSTED
        )
        if entry.router and named is not None and is_said:
            return self._provider(named, "name")
        return self._provider(entry, "host")

    def _unknown_host(self, domain: str) -> Provider:
        key = key_of(domain)
        # A domain like deepseek.chat reads as the name of a provider's API; as a key it must not.
        if self._named(key)[0] is not None:
            key = key.replace(".", "-")
        return _unknown(key, "no entry has this host")

    def _provider(self, entry: Entry, rule: str) -> Provider:
        # An override of a key holds however the key was found, as only the key is stored.
        override = self.overrides.names.get(folded(entry.key))
        if override is not None:
            return override
        because = "router" if entry.router else rule
        return Provider(entry.key, entry.name, entry.jurisdiction, because)


def _read(text: str) -> tuple[str, Place]:
    """Return the name and the place of a text."""
    before, at, after = text.partition("@")
    if "://" in before:
        return "", place_of(text)
    return before.strip()[:MAX_NAME], place_of(after) if at else NOWHERE


def _unknown(key: str, why: str) -> Provider:
    return Provider(key, key, UNKNOWN, f"unknown: {why}")
