"""The partitions that this worker counts: shared by all parts, replaced by the assignment alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.counting.partition import Partition


@dataclass(slots=True)
class Owned:
    """The counting state of each partition that the group has assigned to this worker."""

    partitions: dict[int, Partition] = field(default_factory=dict)

    def get(self, number: int) -> Partition | None:
        """Return the state of a partition, None if another worker owns it."""
        return self.partitions.get(number)

    def holds(self, partition: Partition) -> bool:
        """Return whether this same state object is still in use: check it after every await.

        A rebalance can revoke a partition, or reassign it as a new state, between any two.
        """
        return self.partitions.get(partition.number) is partition
