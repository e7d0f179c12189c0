"""The facts of the catalogue of providers, and how names and hosts are looked up in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Entry:
    """A provider as the catalogue has it.

    `router`: it forwards, and does not say to whom. `protocol`: gateways write its name for any
    server that speaks its API. `regions`: beginnings of a region, and the key of who operates it.
    """

    key: str
    name: str
    jurisdiction: str
    operator: str = ""
    source: str = ""
    names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)
    router: bool = False
    protocol: bool = False
    local_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Hosts(Generic[_Found]):
    """Domains and what each stands for; the longest that fits a host decides.

    A `*` is one label of any text: `bedrock-runtime.*.amazonaws.com`.
    """

    plain: Mapping[str, _Found]
    wild: Mapping[int, tuple[tuple[tuple[str, ...], _Found], ...]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, _Found]]) -> Hosts[_Found]:
        """Return the table of domains and what they stand for."""
        plain: dict[str, _Found] = {}
        wild: dict[int, tuple[tuple[tuple[str, ...], _Found], ...]] = {}
        for domain, found in pairs:
            labels = tuple(domain.split("."))
            if "*" in domain:
                wild[len(labels)] = (*wild.get(len(labels), ()), (labels, found))
            else:
                plain[domain] = found
        return cls(plain, wild)

    def find(self, host: str) -> tuple[_Found, str] | None:
        """Return what the host's longest listed domain stands for, and what its `*` matched."""
        labels = host.split(".")
        for start in range(len(labels)):
            found = self.plain.get(".".join(labels[start:]))
            if found is not None:
                return found, ""
            for pattern, each in self.wild.get(len(labels) - start, ()):
                starred = _starred(pattern, labels[start:])
                if starred is not None:
                    return each, starred
        return None


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """All entries by their key, by each folded name, and by their hosts."""

    entries: Mapping[str, Entry]
    names: Mapping[str, Entry]
    hosts: Hosts[Entry]

    def at(self, entry: Entry, region: str) -> Entry:
        """Return who operates a provider's service in a region."""
        fitting = (start for start in entry.regions if region.startswith(start))
        found = max(fitting, key=len, default=None)
        return entry if not region or found is None else self.entries[entry.regions[found]]


def _starred(pattern: tuple[str, ...], labels: list[str]) -> str | None:
    starred = ""
    for wanted, label in zip(pattern, labels, strict=True):
        if wanted == "*":
            starred = starred or label
        elif wanted != label:
            return None
    return starred
