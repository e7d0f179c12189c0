"""Record batches in order, the next of which can be inspected before it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.decode.rows import CorruptRange
from streams.kafka import record_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class PeekableBatches:
    """Record batches in order, the next of which can be inspected before it is taken.

    A batch that is read in parts is replaced by its parts.
    """

    def __init__(self, record_batches: Iterable[bytes | memoryview]) -> None:
        self._batches = iter(record_batches)
        self._whole: bytes | memoryview = b""
        self._parts: Iterator[bytes] | None = None
        self._seen: bytes | memoryview | None = None
        self._damage: record_batch.CorruptBatchError | None = None
        #: The offset of the last record that was read; below the batch's first one at its start.
        self.after = -1
        #: Whether the batch has a record for each offset.
        self.is_dense = False

    @property
    def is_in_parts(self) -> bool:
        """Return whether the next ones are parts of a large batch, each of which takes a while."""
        return self._parts is not None

    def peek(self) -> bytes | memoryview | None:
        """Return the next one without taking it. Raises CorruptBatchError where a part is damaged.

        Raises again at each call, until `drop` skips the batch.
        """
        if self._damage is not None:
            raise self._damage
        if self._seen is None and self._parts is not None:
            try:
                self._seen = next(self._parts, None)
            except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise
                self._damage = record_batch.CorruptBatchError(reason_of(error))
                raise self._damage from None
            if self._seen is None:
                self._parts = None
        if self._seen is None:
            self._seen = next(self._batches, None)
            if self._seen is not None:
                self._whole = self._seen
                self.after = record_batch.base_offset(self._seen) - 1
                self.is_dense = record_batch.is_dense(self._seen)
        return self._seen

    def begins(self) -> int | None:
        """Return the offset at which the next one begins, None at the end."""
        try:
            following = self.peek()
        except record_batch.CorruptBatchError:
            # `peek` raises it again in the next reading.
            return self.after + 1
        if following is None:
            return None
        return self.after + 1 if self.is_in_parts else record_batch.base_offset(following)

    def take(self, last: int) -> None:
        """Continue after the inspected one, whose last record has the offset `last`."""
        self._seen, self.after = None, last

    def replace(self, parts: Iterator[bytes]) -> None:
        """Replace the inspected one by its parts."""
        self._seen, self._parts = None, parts

    def drop(self, start: int, why: str) -> CorruptRange | None:
        """Skip the rest of a batch, and return it; None where all of it is before `start`."""
        self._seen = self._parts = self._damage = None
        first, last = max(start, self.after + 1), record_batch.last_offset(self._whole)
        return CorruptRange(first, last, why, self._whole) if first <= last else None


def reason_of(error: Exception) -> str:
    """Return the fault of bytes that raised an error, never their contents."""
    return str(error) if isinstance(error, record_batch.CorruptBatchError) else type(error).__name__
