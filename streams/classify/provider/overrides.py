"""A deployment's overrides of who served: the tables [providers."…"] of the overrides file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.classify.provider.facts import Hosts
from streams.classify.provider.spelling import folded

if TYPE_CHECKING:
    from streams.classify.provider.values import Provider


@dataclass(frozen=True, slots=True)
class ProviderOverrides:
    """The overrides by folded name and by host."""

    names: Mapping[str, Provider] = field(default_factory=dict)
    hosts: Hosts[Provider] = field(default_factory=lambda: Hosts({}, {}))

    def find(self, name: str, host: str) -> Provider | None:
        """Return the override of a host or, where none has it, of a name."""
        found = self.hosts.find(host) if host else None
        return found[0] if found is not None else self.names.get(folded(name))
