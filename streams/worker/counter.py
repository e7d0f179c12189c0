"""Count batches of the source topic by partition; turn rejections into dead letters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.decode.dead_letter import Letters, Source
from streams.kafka.record_batch import base_offset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.classify.classifier import Classifier
    from streams.counting.partition import Partition
    from streams.decode.reader import Reader
    from streams.decode.rows import Reading
    from streams.kafka.batch_fetch import Batch
    from streams.worker.assignment import Assignment
    from streams.worker.clock import Clock
    from streams.worker.flusher import Flusher
    from streams.worker.owned import Owned

#: Dead letters wait for a flush, up to this many bytes.
DEAD_LETTER_BYTES = 8 * 1024 * 1024


class Counter:
    """Counts batches, one at a time. `reader` assigns the numbers of `classifier`."""

    def __init__(
        self,
        reader: Reader,
        classifier: Classifier,
        *,
        owned: Owned,
        assignment: Assignment,
        flusher: Flusher,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._classifier = classifier
        self._owned = owned
        self._assignment = assignment
        self._flusher = flusher
        self._clock = clock
        #: Where checksums were wrong when a partition was last read, by partition.
        self._damaged_at: dict[int, frozenset[int]] = {}

    async def count(self, batch: Batch) -> None:
        """Count the records of a batch from its partition's position on.

        A batch of a partition that is no longer owned, or that does not follow the last read
        offset, is dropped: the owner of the partition reads it again.
        """
        async with self._assignment.source_log.lock:
            await self._count(batch)

    async def _count(self, batch: Batch) -> None:
        partition = self._owned.get(batch.partition)
        if partition is None:
            return
        if batch.start != partition.read_to:
            await self._assignment.on_gap(partition, batch)
            return
        if not await self._assignment.source_log.admits(partition, batch):
            return
        if batch.damaged and self._damaged_at.get(batch.partition) != batch.damaged:
            # Kafka has verified the checksum, so the network may have damaged it. Twice is not a
            # coincidence.
            self._damaged_at[batch.partition] = batch.damaged
            await self._assignment.seek(partition)
            return
        self._clock.note_source(
            raw for raw in batch.record_batches if base_offset(raw) not in batch.damaged
        )
        if partition.read_to < partition.position:
            await self._remember(partition, batch)
        if partition.read_to < batch.end:
            await self._apply(partition, batch)

    async def _remember(self, partition: Partition, batch: Batch) -> None:
        """Remember the ids of counted records; nothing else of them is needed again."""
        async for reading in self._readings(batch.start, batch):
            if not self._owned.holds(partition) or reading.start >= partition.position:
                return
            partition.remember(reading)

    async def _apply(self, partition: Partition, batch: Batch) -> None:
        letters, held = Letters(Source(batch.topic, batch.partition)), 0
        async for reading in self._readings(partition.position, batch):
            if not self._owned.holds(partition):
                return
            rejections = partition.apply(reading, self._classifier, self._clock.now())
            if rejections or reading.corrupt:
                records = reading.records_at(letters.wanted(rejections))
                counted = reading.counted_items(rejections)
                made = list(letters.of(rejections, records, reading.corrupt, counted))
                self._flusher.add_letters(partition, made)
                held += sum(letter.size for letter in made)
            if held > DEAD_LETTER_BYTES or partition.has_many_verdicts:
                await self._flusher.write_letters(partition)
                held = 0

    async def _readings(self, start: int, batch: Batch) -> AsyncIterator[Reading]:
        """Yield the contents of a batch from an offset on; other tasks run in between."""
        readings = self._reader.readings(start, batch.end, batch.record_batches, batch.damaged)
        for reading in readings:
            while reading is None:
                # The next one takes long.
                reading = await asyncio.to_thread(next, readings)  # noqa: PLW2901
            yield reading
            await asyncio.sleep(0)
