"""The Faust table of panes, written by the owners of partitions.

A write goes to the changelog and is awaited. The table itself stays empty: the follower reads the
changelog into the view, which has what Kafka has acknowledged and returned.
"""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import faust
from faust.tables import TableManager

from streams.state.codec import parse_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping


class PaneTables(TableManager):
    """Faust's tables without its recovery: the follower reads the changelog."""

    async def on_start(self) -> None:
        """Start without the sleep of one second of the stock manager."""
        await self._update_channels()
        await self.recovery.start()

    async def _update_channels(self) -> None:
        # The stock manager subscribes the group's consumer to the changelog and reads it one record
        # at a time after every rebalance. The follower has it in memory by then.
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()


class PaneTable(faust.Table[str, bytes]):
    """Writes values by `partition/level/start` and `partition/position` into the changelog."""

    #: Called after each rebalance, before Faust seeks: restores the assigned partitions.
    restore: Callable[[], Awaitable[None]]
    #: Called where Kafka acknowledges an offset again: the changelog has lost its end.
    on_cut: Callable[[int, str], None]
    #: The time on records, where the broker does not put its own there.
    now: Callable[[], float] = staticmethod(time.time)

    def partition_for_key(self, key: Any) -> int:
        """Return the partition in a key, so that a write needs no current event."""
        return parse_key(key)[0]

    async def write(self, items: Mapping[str, bytes | None]) -> None:
        """Write keys to the changelog, None to delete one, and wait until Kafka has them all.

        Raises ProducerSendError or KafkaError when it has not. Stock Faust puts changelog records
        into a buffer whose flush does not wait for all of them, and only logs failures.
        """
        producer = self.app.producer
        topic = self.changelog_topic_name
        before = dict(self._acknowledged)
        now = self.now()
        sent = [
            await producer.send(topic, key.encode(), value, self.partition_for_key(key), now, None)
            for key, value in items.items()
        ]
        self._note(before, await asyncio.gather(*sent))

    @cached_property
    def _acknowledged(self) -> dict[int, int]:
        """The highest offset that Kafka has acknowledged, by partition."""
        return {}

    def _note(self, before: Mapping[int, int], written: Iterable[Any]) -> None:
        """Note the offsets of written records, and whether they are below those `before` them."""
        cut = set()
        for each in written:
            highest = self._acknowledged.get(each.partition, -1)
            if 0 <= each.offset <= before.get(each.partition, -1):
                cut.add(each.partition)
                highest = -1
            self._acknowledged[each.partition] = max(highest, each.offset)
        for partition in cut:
            self.on_cut(partition, "it has acknowledged an offset for the second time")

    async def on_recovery_completed(self, active_tps: Any, standby_tps: Any) -> None:
        """Restore the partitions; Faust calls this after a rebalance and before it seeks."""
        await super().on_recovery_completed(active_tps, standby_tps)
        await self.restore()
