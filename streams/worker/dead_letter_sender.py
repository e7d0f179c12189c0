"""Write dead letters to their topic, many in a record batch, whatever they contain."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiokafka import errors
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.decode.dead_letter import OFFSET, PARTITION, TOPIC, shorter
from streams.kafka.errors import InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.decode.dead_letter import DeadLetter

log = logging.getLogger("tokenshare.dead_letters")

#: Bytes of a record batch before compression, about. Topics accept at least a megabyte.
BATCH_BYTES = 256 * 1024
_NO_LIMIT = 1 << 30
#: By their numbers in a record batch.
_CODECS = {None: 0, "gzip": 1, "lz4": 3}

#: Kafka refuses a record for its contents or its size. Every other error is a failure of Kafka and
#: is raised.
_REFUSALS = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTimestampError,
    InvalidRecordError,
)


class LetterSender:
    """Writes dead letters with an aiokafka producer.

    `lost` counts letters that the topic refused in every form. Their records are counted as
    rejected all the same, and the log names their offsets.
    """

    def __init__(self, topic: str, codec: str | None = "lz4") -> None:
        self._topic = topic
        self._codec = _CODECS[codec]
        self.lost = 0

    async def send(self, producer: Any, partition: int, letters: list[DeadLetter]) -> None:
        """Write letters, and remove from the list those that Kafka has: the rest is still to send.

        Letters of a source partition go to one partition, in their order. Raises KafkaError.
        """
        partitions = sorted(await producer.partitions_for(self._topic))
        into = partitions[partition % len(partitions)]
        while letters:
            await self._write(producer, into, letters, _fitting(letters))

    async def _write(self, producer: Any, into: int, letters: list[DeadLetter], count: int) -> None:
        """Write the first `count` letters, each removed from the list once Kafka has it."""
        try:
            batch = self._batch_of(letters[:count])
            await (await producer.send_batch(batch, self._topic, partition=into))
        except _REFUSALS as error:
            if count > 1:
                # Halving finds the one that is refused.
                half = count // 2
                await self._write(producer, into, letters, half)
                await self._write(producer, into, letters, count - half)
                return
            await self._write_shorter(producer, into, letters[0], error)
        del letters[:count]

    def _batch_of(self, letters: Sequence[DeadLetter]) -> BatchBuilder:
        # The producer's `send` needs a key or a value in each record, and stops at its batch size.
        builder = BatchBuilder(_NO_LIMIT, self._codec)
        for each in letters:
            builder.append(timestamp=None, key=each.key, value=each.value, headers=each.headers)
        return builder

    async def _write_shorter(
        self, producer: Any, into: int, letter: DeadLetter, error: Exception
    ) -> None:
        for each in shorter(letter):
            try:
                batch = self._batch_of([each])
                await (await producer.send_batch(batch, self._topic, partition=into))
            except _REFUSALS as again:
                error = again
            else:
                return
        self.lost += 1
        where = dict(letter.added)
        log.error(
            "%s takes no dead letter of %s[%s]@%s, not even a short one: %s",
            self._topic,
            *((where[name] or b"").decode() for name in (TOPIC, PARTITION, OFFSET)),
            error,
        )


def _fitting(letters: Sequence[DeadLetter]) -> int:
    """Return how many letters fit into a batch, at least one."""
    size = 0
    for count, letter in enumerate(letters):
        size += letter.size
        if count and size > BATCH_BYTES:
            return count
    return len(letters)
