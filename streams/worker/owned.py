"""The partitions that this worker counts: shared by all parts, replaced by the assignment alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.counting.partition import Partition
    from streams.state.codec import PaneKey


@dataclass(slots=True)
class Owned:
    """The counting state of each partition that the group has assigned to this worker."""

    partitions: dict[int, Partition] = field(default_factory=dict)

    def get(self, number: int) -> Partition | None:
        """Return the state of a partition, None if another worker owns it."""
        return self.partitions.get(number)

    def shared(self, number: int, key: PaneKey, value: bytes) -> bytes:
        """Return a pane's value as read from Kafka: as the object that was written, if it equals.

        A pane at rest is then in memory once, and not once as written and once as read.
        """
        partition = self.partitions.get(number)
        if partition is not None:
            pending = None if partition.pending is None else partition.pending.keys.get(key)
            for written in (partition.held.stored.get(key), pending):
                if written == value:
                    return written
        return value

    def holds(self, partition: Partition) -> bool:
        """Return whether this same state object is still in use: check it after every await.

        A rebalance can revoke a partition, or reassign it as a new state, between any two.
        """
        return self.partitions.get(partition.number) is partition
