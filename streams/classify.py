"""An event's model and language become the keys it is counted under."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple

from streams.language.tags import canonical
from streams.pane import UNKNOWN, cell_key

if TYPE_CHECKING:
    from streams.origin.catalog import Catalog

#: Names come from outside: a cache that is full starts anew, which costs microseconds a name.
CACHE_SIZE = 65_536


class Keys(NamedTuple):
    """What one (model, language) pair is counted under."""

    cell: str
    model: str
    origin: str
    language: str
    developer: str


class Classifier:
    """Answers by name, with the answers kept: names repeat, events do not.

    `tenant_salt` keys the hash of tenants; workers of one group need the same one.
    """

    def __init__(self, catalog: Catalog, tenant_salt: str = "") -> None:
        self.catalog = catalog
        self._salt = tenant_salt.encode()
        self._keys: dict[tuple[str, str | None], Keys] = {}
        self._tenants: dict[str, str] = {}

    def keys(self, model: str, language: str | None) -> Keys:
        """Return the keys of a model's name and a declared language tag."""
        found = self._keys.get((model, language))
        if found is None:
            if len(self._keys) >= CACHE_SIZE:
                self._keys.clear()
            found = self._keys[model, language] = self._classify(model, language)
        return found

    def _classify(self, model: str, language: str | None) -> Keys:
        known = self.catalog.classify(model)
        tag = canonical(language)
        unknown = known.origin == UNKNOWN
        return Keys(
            cell=cell_key(known.origin, tag, known.model if unknown else ""),
            model=known.model,
            origin=known.origin,
            language=tag,
            developer=known.developer or UNKNOWN,
        )

    def tenant(self, tenant: str) -> str:
        """Return the keyed hash that stands for a tenant: 16 hex digits."""
        found = self._tenants.get(tenant)
        if found is None:
            if len(self._tenants) >= CACHE_SIZE:
                self._tenants.clear()
            digest = hmac.digest(self._salt, tenant.encode(errors="replace"), hashlib.sha256)
            found = self._tenants[tenant] = digest[:8].hex()
        return found
