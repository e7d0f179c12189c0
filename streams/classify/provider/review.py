"""Contradictions in a catalogue of providers, and overrides without effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.classify.provider.overrides import ProviderOverrides
from streams.classify.provider.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.classify.provider.providers import Providers


def contradictions(providers: Providers) -> list[str]:
    """Return the names and hosts that are not answered with their own entry, one line each."""
    return list(_answers(providers.overridden_by(ProviderOverrides())))


def unusual_overrides(providers: Providers) -> list[str]:
    """Return the overrides without effect, one line each."""
    plain = providers.overridden_by(ProviderOverrides())
    found = []
    for each in providers.overrides.entries:
        where = f'providers."{each.entry}"'
        texts = (each.entry, *(f"@{host}" for host in each.hosts))
        known = {(said.key, said.jurisdiction) for said in map(plain.classify, texts)}
        if each.provider.jurisdiction == UNKNOWN:
            found.append(f"{where}: still says unknown. Remedy: write its jurisdiction.")
        elif known == {(each.provider.key, each.provider.jurisdiction)}:
            found.append(
                f"{where}: the catalogue says the same by itself. Remedy: remove the entry."
            )
    return found


def _answers(providers: Providers) -> Iterator[str]:
    for entry in providers.facts.entries.values():
        texts = (entry.key, entry.name, *entry.names)
        hosts = (f"@{host.replace('*', 'a1-b2')}" for host in entry.hosts)
        for text in (*texts, *hosts):
            found = providers.classify(text)
            if found.key != entry.key:
                yield f"provider {entry.key!r}: {text!r} is answered with {found.key!r}"
