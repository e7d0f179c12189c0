"""Map an event's names to the keys it is counted under, and keys to numbers.

Names repeat and events do not, so each name is classified once, and counting uses numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from streams.classify.enrichment import attempt
from streams.classify.keys import UNKNOWN, cell_key, model_key
from streams.classify.language.tags import UNDETERMINED, canonical
from streams.classify.name_numbers import NameNumbers
from streams.classify.provider.values import SELF_HOSTED
from streams.classify.tenant import hashed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streams.classify.origin.catalog import Catalog
    from streams.classify.price.prices import Prices

_Name = TypeVar("_Name")
_Place = TypeVar("_Place")
_Answer = TypeVar("_Answer")

#: Names come from outside, so full tables are emptied; a name then costs microseconds again.
TABLE_SIZE = 65_536

#: Shared by all classifiers of the process, so that their numbers cannot be confused.
_GENERATIONS = count(1)


class StaleNumbersError(Exception):
    """Numbers of names are used with other tables than those that assigned them."""


class _Kept(dict[_Place, _Answer]):
    """Answers by numbers of names, each found once; full, it is emptied."""

    def __init__(self, find: Callable[[_Place], _Answer]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, place: _Place) -> _Answer:
        if len(self) > TABLE_SIZE:
            self.clear()
        found = self[place] = self._find(place)
        return found


@dataclass(frozen=True, slots=True)
class Tables:
    """The keys of each (model, language) pair: key numbers by pair number."""

    cell: NDArray[np.int64]
    model: NDArray[np.int64]
    origin: NDArray[np.int64]
    language: NDArray[np.int64]
    developer: NDArray[np.int64]


class Classifier:
    """Numbers for names, and the names for the numbers.

    A number is valid until the next call of `make_room`: `generation` is that of the valid numbers,
    and changes when all earlier ones become void. `tenant_salt` keys the hash of tenants; workers
    of one group need the same one. `prices` is the list by which costs are estimated, None for
    none.
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
        self.generation = next(_GENERATIONS)
        self.cell_names = NameNumbers()
        self.model_names = NameNumbers()
        self.origin_names = NameNumbers()
        self.language_names = NameNumbers()
        self.developer_names = NameNumbers()
        self.tenant_names = NameNumbers()
        self.provider_names = NameNumbers()
        self._pairs: dict[tuple[str, str | None], int] = {}
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._tables: Tables | None = None
        self._tenants: dict[str | None, int] = {None: -1, "": -1}
        self._providers: dict[str | None, int] = {None: -1}
        self._served_keys = _Kept(self._served_key)
        self._tenant_keys = _Kept(self._tenant_key)
        self._price_numbers = _Kept(self._price)

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
        self._rows.append(self._classify(*pair))
        self._tables = None
        return len(self._rows) - 1

    def _classify(self, model: str, language: str | None) -> tuple[int, int, int, int, int]:
        known = self.catalog.classify(model)
        tag = attempt("language", canonical, language, otherwise=UNDETERMINED)
        named = known.model if known.origin == UNKNOWN else ""
        return (
            self.cell_names[cell_key(known.origin, tag, named)],
            self.model_names[known.model],
            self.origin_names[known.origin],
            self.language_names[tag],
            self.developer_names[known.developer or UNKNOWN],
        )

    def tables(self) -> Tables:
        """Return the key numbers of all pairs so far."""
        if self._tables is None:
            self._tables = Tables(*np.array(self._rows, dtype=np.int64).reshape(-1, 5).T.copy())
        return self._tables

    def tenants(self, names: list[str | None]) -> NDArray[np.int64]:
        """Return the number of each tenant; -1 for none, and for one that cannot be hashed."""
        return _numbers(self._tenants, names, self._learn_tenant)

    def _learn_tenant(self, name: str | None) -> int:
        tenant_hash = attempt("tenant", self.tenant, name or "", otherwise=None)
        return -1 if tenant_hash is None else self.tenant_names[tenant_hash]

    def providers(self, names: list[str | None]) -> NDArray[np.int64]:
        """Return the number of each provider, from the text that says who served; -1 for none."""
        return _numbers(self._providers, names, self._learn_provider)

    def _learn_provider(self, served: str | None) -> int:
        key = attempt("provider", self.catalog.provider_key, served or "", otherwise=UNKNOWN)
        return -1 if key == UNKNOWN else self.provider_names[key]

    def price_number(self, model: int, provider: int, developer: int) -> int:
        """Return the number of a model's price at a provider, -1 for none, from their numbers."""
        return self._price_numbers[model, provider, developer]

    def _price(self, at: tuple[int, int, int]) -> int:
        model, provider, developer = at
        served = "" if provider < 0 else self.provider_names.names[provider]
        # An override may say of a provider that has a list that it is one's own.
        if self.prices is None or (served and self.catalog.jurisdiction(served) == SELF_HOSTED):
            return -1
        names = self.model_names.names[model], self.developer_names.names[developer]
        return self.prices.number(names[0], served, names[1])

    def served_key(self, number: int) -> str:
        """Return the key of a model with its provider.

        `number` is `model * (providers + 1) + provider + 1`, as
        `streams.counting.aggregate.Columns` has it.
        """
        return self._served_keys[len(self.provider_names.names) + 1, number]

    def _served_key(self, at: tuple[int, int]) -> str:
        width, number = at
        model, provider = divmod(number, width)
        served = self.provider_names.names[provider - 1] if provider else ""
        return model_key(self.model_names.names[model], served)

    def tenant_key(self, axis: Literal["o", "l"], number: int) -> str:
        """Return a tenant's key with an origin ("o") or a language ("l").

        `number` is `tenant * count of the others + other`, as `streams.counting.aggregate.Columns`
        has it.
        """
        others = self.origin_names if axis == "o" else self.language_names
        return self._tenant_keys[axis, len(others.names), number]

    def _tenant_key(self, at: tuple[Literal["o", "l"], int, int]) -> str:
        axis, width, number = at
        others = self.origin_names if axis == "o" else self.language_names
        tenant, other = divmod(number, width)
        return f"{self.tenant_names.names[tenant]}/{axis}/{others.names[other]}"

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
