"""Map an event's names to the keys it is counted under, and keys to numbers.

Names repeat and events do not, so each name is classified once, and counting uses numbers.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from streams.classify.enrichment import attempt
from streams.classify.key_tables import TABLE_SIZE, Kept, KeyTables
from streams.classify.keys import UNKNOWN, cell_key
from streams.classify.language.tags import UNDETERMINED, canonical
from streams.classify.provider.values import SELF_HOSTED
from streams.classify.tenant import hashed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streams.classify.origin.catalog import Catalog
    from streams.classify.price.prices import Prices

_Name = TypeVar("_Name")

#: Shared by all classifiers of the process, so that their numbers cannot be confused.
_GENERATIONS = count(1)


class StaleNumbersError(Exception):
    """Numbers of names are used with other tables than those that assigned them."""


class Classifier:
    """Numbers for names, and the names for the numbers.

    A number is one of the tables `keys` until the next call of `make_room`, which may begin new
    ones of another generation. `tenant_salt` keys the hash of tenants; workers of one group need
    the same one. `prices` is the list by which costs are estimated, None for none.
    """

    def __init__(
        self, catalog: Catalog, tenant_salt: str = "", prices: Prices | None = None
    ) -> None:
        self.catalog = catalog
        self.prices = prices
        self._next_catalog = catalog
        self._salt = tenant_salt.encode()
        self._clear()

    def _clear(self) -> None:
        self.keys = KeyTables(next(_GENERATIONS))
        self._pairs: dict[tuple[str, str | None], int] = {}
        self._tenants: dict[str | None, int] = {None: -1, "": -1}
        self._providers: dict[str | None, int] = {None: -1}
        self._price_numbers = Kept(self._price)

    @property
    def generation(self) -> int:
        """The generation of the numbers that are valid."""
        return self.keys.generation

    def use(self, catalog: Catalog) -> None:
        """Use another catalogue from the next call of `make_room` on."""
        self._next_catalog = catalog

    def make_room(self) -> bool:
        """Empty the tables where they are full, or where the catalogue has been replaced.

        Returns True where all assigned numbers are void.
        """
        is_full = max(len(self._pairs), len(self._tenants), len(self._providers)) > TABLE_SIZE
        is_over = is_full or self.catalog is not self._next_catalog
        if is_over:
            self.catalog = self._next_catalog
            self._clear()
        return is_over

    def check(self, generation: int) -> None:
        """Raise StaleNumbersError where the numbers of a generation are not valid."""
        if generation != self.generation:
            raise StaleNumbersError(
                f"numbers of names are of generation {generation}, the tables of generation "
                f"{self.generation}"
            )

    def pairs(self, names: list[tuple[str, str | None]]) -> NDArray[np.int64]:
        """Return the number of each (model, declared language) pair."""
        return _numbers(self._pairs, names, self._learn)

    def _learn(self, pair: tuple[str, str | None]) -> int:
        self.keys.rows.append(self._classify(*pair))
        return len(self.keys.rows) - 1

    def _classify(self, model: str, language: str | None) -> tuple[int, int, int, int, int]:
        known = self.catalog.classify(model)
        tag = attempt("language", canonical, language, otherwise=UNDETERMINED)
        named = known.model if known.origin == UNKNOWN else ""
        return (
            self.keys.cells[cell_key(known.origin, tag, named)],
            self.keys.models[known.model],
            self.keys.origins[known.origin],
            self.keys.languages[tag],
            self.keys.developers[known.developer or UNKNOWN],
        )

    def tenants(self, names: list[str | None]) -> NDArray[np.int64]:
        """Return the number of each tenant; -1 for none, and for one that cannot be hashed."""
        return _numbers(self._tenants, names, self._learn_tenant)

    def _learn_tenant(self, name: str | None) -> int:
        tenant_hash = attempt("tenant", self.tenant, name or "", otherwise=None)
        return -1 if tenant_hash is None else self.keys.tenants[tenant_hash]

    def providers(self, names: list[str | None]) -> NDArray[np.int64]:
        """Return the number of each provider, from the text that says who served; -1 for none."""
        return _numbers(self._providers, names, self._learn_provider)

    def _learn_provider(self, served: str | None) -> int:
        key = attempt("provider", self.catalog.provider_key, served or "", otherwise=UNKNOWN)
        return -1 if key == UNKNOWN else self.keys.providers[key]

    def price_number(self, model: int, provider: int, developer: int) -> int:
        """Return the number of a model's price at a provider, -1 for none, from their numbers."""
        return self._price_numbers[model, provider, developer]

    def _price(self, at: tuple[int, int, int]) -> int:
        model, provider, developer = at
        served = "" if provider < 0 else self.keys.providers.names[provider]
        # An override may say of a provider that has a list that it is one's own.
        if self.prices is None or (served and self.catalog.jurisdiction(served) == SELF_HOSTED):
            return -1
        names = self.keys.models.names[model], self.keys.developers.names[developer]
        return self.prices.number(names[0], served, names[1])

    def tenant(self, tenant: str) -> str:
        """Return the keyed hash that a tenant is counted as: 16 hex digits."""
        return hashed(tenant, self._salt)


def _numbers(
    known: dict[_Name, int], names: list[_Name], learn: Callable[[_Name], int]
) -> NDArray[np.int64]:
    try:
        return np.array(list(map(known.__getitem__, names)), dtype=np.int64)
    except KeyError:
        # Rare: each name is new only once.
        for name in names:
            if name not in known:
                known[name] = learn(name)
    return np.array(list(map(known.__getitem__, names)), dtype=np.int64)
