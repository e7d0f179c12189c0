"""Writes counted state: verdicts, panes and dead letters, then the position, then deletions.

Each is written when Kafka has acknowledged everything before it: any part of a flush that Kafka
holds after a crash is consistent. A flush that fails is written again as it is, and its dead
letters with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from faust.types import TP

from streams.state.pieces import Effort, in_turns
from streams.worker.faust_app import SEND_ERRORS

if TYPE_CHECKING:
    from streams.counting.partition import Flush, Partition
    from streams.decode.dead_letter import DeadLetter
    from streams.settings import Settings
    from streams.state.table import PaneTable
    from streams.worker.dead_letter_sender import LetterSender
    from streams.worker.faust_app import TokenshareApp
    from streams.worker.owned import Owned

log = logging.getLogger("tokenshare.app")

#: In a backlog of weeks a flush has thousands of panes: flushes take at most this part of a core,
#: as long as the next one does not wait for longer than this.
EFFORT, LONGEST_REST_SECONDS = 0.2, 5.0
#: Pause before the next try while dead letters wait and Kafka refuses writes.
RETRY_SECONDS = 1.0


class Flusher:
    """Writes partitions and their dead letters; what fails is kept and written next time.

    `seconds` is how long the last flush took, `failures` how many have failed, and `is_failing`
    whether Kafka refuses writes now. `effort` is the work of flushes.
    """

    def __init__(
        self,
        settings: Settings,
        app: TokenshareApp,
        table: PaneTable,
        letter_sender: LetterSender,
        owned: Owned,
    ) -> None:
        self.effort = Effort(EFFORT, LONGEST_REST_SECONDS)
        self.seconds = 0.0
        self.failures = 0
        self.is_failing = False
        self._settings = settings
        self._app = app
        self._table = table
        self._letter_sender = letter_sender
        self._owned = owned
        self._letters: dict[int, list[DeadLetter]] = {}
        #: Those of flushes that have failed. Later ones wait: their verdicts are not written yet.
        self._unsent: dict[int, list[DeadLetter]] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    def add_letters(self, partition: Partition, letters: list[DeadLetter]) -> None:
        """Queue dead letters for the next flush of their partition."""
        self._letters.setdefault(partition.number, []).extend(letters)

    def forget_letters(self) -> None:
        """Drop all queued dead letters: their records are above the position, and read again."""
        self._letters = {}
        self._unsent = {}

    async def write_letters(self, partition: Partition) -> None:
        """Write a partition's dead letters, before there are too many of them in memory."""
        number = partition.number
        while self._owned.holds(partition) and (
            self._letters.get(number) or self._unsent.get(number)
        ):
            await self.flush()
            if self.is_failing:
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> None:
        """Write all that Kafka does not hold yet; what fails is kept and written next time."""
        started = time.monotonic()
        due = [each for each in self._owned.partitions.values() if each.needs_flush]
        if not due:
            return
        written = await asyncio.gather(*(self._flush_partition(each) for each in due))
        self.seconds = time.monotonic() - started
        if all(written):
            if self.is_failing:
                log.info("the changelog takes writes again")
            self.is_failing = False
        else:
            self.failures += 1

    async def write(self, partition: Partition) -> bool:
        """Write a partition until Kafka holds all of it; False where a write fails."""
        while partition.needs_flush:
            if not await self._flush_partition(partition):
                return False
        if not any(each.needs_flush for each in self._owned.partitions.values()):
            # Otherwise the next flush finds out.
            self.is_failing = False
        return True

    async def _flush_partition(self, partition: Partition) -> bool:
        number = partition.number
        # One flush of a partition at a time: its stages must not mix with those of another.
        async with self._locks.setdefault(number, asyncio.Lock()):
            is_again = partition.pending is not None
            flush = await in_turns(partition.flushing(), self.effort)
            letters = (self._unsent if is_again else self._letters).pop(number, [])
            written = False
            try:
                await self._write(number, flush, letters)
                written = True
            except SEND_ERRORS as error:
                self._note_failure(error)
            finally:
                partition.end_flush(flush, written=written)
                if letters and self._owned.holds(partition):
                    self._unsent[number] = letters
            if written:
                await self._after_flush(partition, flush)
            return written

    async def _write(self, number: int, flush: Flush, letters: list[DeadLetter]) -> None:
        """Write verdicts, then panes and letters, then the position. Raises their first error.

        Panes and letters are waited for even where one fails: `letters` then holds those still to
        be sent.
        """
        if flush.verdicts is not None:
            await self._table.write(dict([flush.verdicts]))
        both = (self._table.write(flush.panes), self._send_letters(number, letters))
        for failed in await asyncio.gather(*both, return_exceptions=True):
            if failed is not None:
                raise failed
        await self._table.write(dict([flush.position]))

    def _note_failure(self, error: BaseException) -> None:
        if not self.is_failing:
            where = f"{self._settings.changelog_topic} or {self._settings.dead_letters}"
            log.error("%s cannot be written, counts are kept: %s", where, error)
        self.is_failing = True

    async def _after_flush(self, partition: Partition, flush: Flush) -> None:
        if self._owned.holds(partition):
            at = TP(self._settings.topic, partition.number)
            self._app.group_consumer.written[at] = flush.end
        if flush.expired:
            try:
                await self._table.write(dict.fromkeys(flush.expired))
            except SEND_ERRORS as error:
                log.warning("expired panes not deleted: %s", error)

    async def _send_letters(self, partition: int, letters: list[DeadLetter]) -> None:
        if letters:
            producer = cast("Any", await self._app.maybe_start_producer())
            await self._letter_sender.send(producer._ensure_producer(), partition, letters)  # noqa: SLF001
