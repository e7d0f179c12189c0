"""Keep the sums of a history's long steps, such as weeks, until one of their panes changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.state.counts import Counts, add_all
from streams.state.packing import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable


class StepSums:
    """The packed sums of steps by dimension and start; for any thread.

    A sum is valid for the very objects that it was made from: a pane that changed has another one,
    as it has after the catalogue changed.
    """

    def __init__(self) -> None:
        self._cached: dict[tuple[str, int], tuple[tuple[bytes, ...], bytes]] = {}

    def of(self, dimension: str, begin: int, parts: tuple[bytes, ...]) -> dict[str, Counts]:
        """Return the sums of packed counts, those of one step."""
        held = self._cached.get((dimension, begin))
        if held is None or len(held[0]) != len(parts) or any(map(_differ, held[0], parts)):
            held = parts, pack(summed(parts))
            self._cached[dimension, begin] = held
        return unpack(held[1])[0]

    def clear(self) -> None:
        """Forget all sums."""
        self._cached.clear()


def _differ(one: bytes, other: bytes) -> bool:
    return one is not other


def summed(parts: Iterable[bytes]) -> dict[str, Counts]:
    """Return the sums of packed counts by key."""
    found: dict[str, Counts] = {}
    for each in parts:
        add_all(found, unpack(each)[0])
    return found
