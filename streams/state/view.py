"""The state that all workers share: the newest record of every key, from the changelog.

Each worker follows the whole changelog, so each shows the same shares, and a worker that takes over
a partition already has its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.state.codec import PaneKey, PositionRecord, decode_position, order, parse_key
from streams.state.pane import is_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.state.pane import Level


class Stale(NamedTuple):
    """A record older than the current one: its key's partition and pane."""

    partition: int
    key: PaneKey | None


class View:
    """The newest pane records and positions of all partitions."""

    def __init__(self) -> None:
        self.records: dict[int, dict[PaneKey | None, bytes]] = {}
        self.positions: dict[int, PositionRecord] = {}
        self.starts: dict[Level, dict[int, set[int]]] = {}
        #: Each is called with the level and start of each pane that changes.
        self.listeners: list[Callable[[Level, int], None]] = []
        #: Bytes of the values by partition, positions included.
        self.bytes: dict[int, int] = {}
        #: Returns the value itself, or an equal one that the partition's owner has in this process:
        #: panes take most of a worker's memory, and each is in it once.
        self.shared: Callable[[int, PaneKey, bytes], bytes] = _as_read
        self._values: dict[PaneKey, tuple[bytes, ...]] = {}
        #: Keys by partition whose last record in Kafka is stale: their owner writes them again.
        self.stale: dict[int, set[PaneKey | None]] = {}

    def apply(self, name: str, value: bytes | None) -> Stale | None:
        """Apply one changelog record; return it as `Stale` where the current one is newer.

        A position marks its owner. After it, a pane of an earlier owner is stale, and so is the
        deletion of a pane that is retained at that position: both come from an owner that does not
        know yet that it has lost the partition. So panes stay equal to the position's seal.

        The first position with a topic's id decides which source a partition's state is of. One of
        another topic is stale: it comes from another deployment, which ends when it reads this.

        Raises StateError for a key or value of another version.
        """
        partition, key = parse_key(name)
        if self._is_stale(partition, key, value):
            self.stale.setdefault(partition, set()).add(key)
            return Stale(partition, key)
        self.stale.get(partition, set()).discard(key)
        self._put(partition, key, value)
        return None

    def _is_stale(self, partition: int, key: PaneKey | None, value: bytes | None) -> bool:
        held = self.records.get(partition, {}).get(key)
        position = self.positions.get(partition)
        if value is None:
            return held is not None and key is not None and _is_sealed(position, key)
        rank = order(value)
        if held is not None and rank < order(held):
            return True
        if key is None and position is not None and position.topic:
            topic = decode_position(value).topic
            return bool(topic) and topic != position.topic
        return key is not None and position is not None and rank[0] < position.g

    def _put(self, partition: int, key: PaneKey | None, value: bytes | None) -> None:
        records = self.records.setdefault(partition, {})
        held = records.get(key)
        if value is None:
            if held is not None:
                del records[key]
                self.bytes[partition] -= len(held)
                if key is None:
                    self.positions.pop(partition, None)
                else:
                    self._change(partition, key, is_there=False)
            return
        records[key] = value if key is None else self.shared(partition, key, value)
        replaced = 0 if held is None else len(held)
        self.bytes[partition] = self.bytes.get(partition, 0) + len(value) - replaced
        if key is None:
            self.positions[partition] = decode_position(value)
        else:
            self._change(partition, key, is_there=True)

    def forget(self, partition: int) -> None:
        """Drop all records of a partition, to be read again."""
        for key in list(self.records.get(partition, {})):
            self._put(partition, key, None)

    def _change(self, partition: int, key: PaneKey, *, is_there: bool) -> None:
        starts = self.starts.setdefault(key.level, {})
        if not is_there:
            partitions = starts.get(key.start, set())
            partitions.discard(partition)
            if not partitions:
                starts.pop(key.start, None)
        else:
            starts.setdefault(key.start, set()).add(partition)
        self._values.pop(key, None)
        for listener in self.listeners:
            listener(key.level, key.start)

    def values_at(self, level: Level, start: int) -> tuple[bytes, ...]:
        """Return the records of the panes at a level and start, one per partition that has any.

        It is the same object until one of them changes.
        """
        key = PaneKey(level, start)
        values = self._values.get(key)
        if values is None:
            partitions = sorted(self.starts.get(level, {}).get(start, ()))
            values = tuple(self.records[partition][key] for partition in partitions)
            if values:
                self._values[key] = values
        return values

    def of_partition(self, partition: int) -> Mapping[PaneKey | None, bytes]:
        """Return the values of a partition's keys; the position has the key None."""
        return self.records.get(partition, {}).copy()

    def as_of(self, now: float, skew: float) -> float:
        """Return the watermark at which windows end, in unix seconds; 0 before the first event.

        It is the newest event time seen, advanced by the time since it was read, and at most `skew`
        seconds ahead of the wall clock `now`: right for live traffic, quiet gateways and replays
        alike.
        """
        moments = [
            position.newest + max(0.0, now - position.read_at)
            for position in self.positions.values()
            if position.newest > 0
        ]
        return min(max(moments), now + skew) if moments else 0.0


def _as_read(_partition: int, _key: PaneKey, value: bytes) -> bytes:
    return value


def _is_sealed(position: PositionRecord | None, key: PaneKey) -> bool:
    return position is not None and position.seal is not None and is_kept(*key, position.newest)
