"""Define the tables of keys: the key numbers of names, and the keys of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray  # noqa: TC002 - a NamedTuple keeps its annotations

from streams.classify.keys import model_key
from streams.classify.name_numbers import NameNumbers

if TYPE_CHECKING:
    from collections.abc import Callable

_Place = TypeVar("_Place")
_Answer = TypeVar("_Answer")

#: Names come from outside, so full tables are emptied; a name then costs microseconds again.
TABLE_SIZE = 65_536
#: Two numbers are one where the left one is shifted by these bits, above any number of a name.
_BITS = 24


class Kept(dict[_Place, _Answer]):
    """Answers by numbers of names, each found once; full, it is emptied."""

    def __init__(self, find: Callable[[_Place], _Answer]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, place: _Place) -> _Answer:
        if len(self) > TABLE_SIZE:
            self.clear()
        found = self[place] = self._find(place)
        return found


class PairKeys(NamedTuple):
    """The keys of each (model, language) pair: key numbers by pair number."""

    cell: NDArray[np.int64]
    model: NDArray[np.int64]
    origin: NDArray[np.int64]
    language: NDArray[np.int64]
    developer: NDArray[np.int64]


def beside(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return two numbers as one, row by row; the right one may be -1, for none."""
    return (left << _BITS) + (right + 1)


def left_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the left ones of numbers from `beside`."""
    return numbers >> _BITS


def right_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the right ones of numbers from `beside`."""
    return (numbers & ((1 << _BITS) - 1)) - 1


@dataclass(slots=True)
class KeyTables:
    """The names of keys by their numbers, of one generation.

    Names are only added, so that a number keeps its meaning as long as anyone has these tables.
    `rows` are the keys of each (model, language) pair, in the order of `PairKeys`.
    """

    generation: int
    cells: NameNumbers = field(default_factory=NameNumbers)
    models: NameNumbers = field(default_factory=NameNumbers)
    origins: NameNumbers = field(default_factory=NameNumbers)
    languages: NameNumbers = field(default_factory=NameNumbers)
    developers: NameNumbers = field(default_factory=NameNumbers)
    tenants: NameNumbers = field(default_factory=NameNumbers)
    providers: NameNumbers = field(default_factory=NameNumbers)
    rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    _pairs: PairKeys | None = None
    _served: Kept[int, str] = field(init=False)
    _of_tenants: tuple[Kept[int, str], Kept[int, str]] = field(init=False)

    def __post_init__(self) -> None:
        """Begin without any answer."""
        self._served = Kept(self._served_key)
        self._of_tenants = Kept(self._tenant_origin), Kept(self._tenant_language)

    def pairs(self) -> PairKeys:
        """Return the key numbers of all pairs so far."""
        if self._pairs is None or len(self._pairs.cell) != len(self.rows):
            numbers = np.array(self.rows, dtype=np.int64).reshape(-1, 5)
            self._pairs = PairKeys(*numbers.T.copy())
        return self._pairs

    def cell_keys(self, numbers: NDArray[np.int64]) -> list[str]:
        """Return the cells of their numbers."""
        return list(map(self.cells.names.__getitem__, numbers.tolist()))

    def served_keys(self, numbers: NDArray[np.int64]) -> list[str]:
        """Return the keys of models beside their providers (see `beside`)."""
        return list(map(self._served.__getitem__, numbers.tolist()))

    def tenant_origin_keys(self, numbers: NDArray[np.int64]) -> list[str]:
        """Return the keys of tenants beside origins."""
        return list(map(self._of_tenants[0].__getitem__, numbers.tolist()))

    def tenant_language_keys(self, numbers: NDArray[np.int64]) -> list[str]:
        """Return the keys of tenants beside languages."""
        return list(map(self._of_tenants[1].__getitem__, numbers.tolist()))

    def _served_key(self, number: int) -> str:
        model, provider = _parts(number)
        served = "" if provider < 0 else self.providers.names[provider]
        return model_key(self.models.names[model], served)

    def _tenant_origin(self, number: int) -> str:
        tenant, origin = _parts(number)
        return f"{self.tenants.names[tenant]}/o/{self.origins.names[origin]}"

    def _tenant_language(self, number: int) -> str:
        tenant, language = _parts(number)
        return f"{self.tenants.names[tenant]}/l/{self.languages.names[language]}"


def _parts(number: int) -> tuple[int, int]:
    left, right = divmod(number, 1 << _BITS)
    return left, right - 1
