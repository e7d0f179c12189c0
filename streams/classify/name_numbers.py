"""Map names to small numbers, which arrays can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class NameNumbers(dict[str | None, int]):
    """The number of each name, in the order of first requests.

    Requesting a new name assigns a number. `nameless` are values that have none: -1.
    """

    def __init__(self, *nameless: str | None) -> None:
        super().__init__(dict.fromkeys(nameless, -1))
        #: The names, indexed by their numbers.
        self.names: list[str] = []

    def __missing__(self, name: str | None) -> int:
        number = self[name] = len(self.names)
        self.names.append(str(name))
        return number

    def of(self, names: Iterable[str | None]) -> NDArray[np.int32]:
        """Return the number of each name."""
        return np.array([*map(self.__getitem__, names)], dtype=np.int32)
