"""Send rejected records to their source topic again, each once, whatever ends a run.

A record and the mark that it was sent are written in one transaction, the mark into the partition
of its letter, so that it stays for as long as the letter. All runs on a dead-letter topic have one
transactional id: a run first ends any other, then reads the marks of all that was ever sent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from aiokafka import AIOKafkaProducer, errors

from streams.decode.stored_letter import RESENT, RESENT_FROM
from streams.kafka import aio_login, batch_fetch
from streams.kafka.errors import InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka.structs import RecordMetadata

    from streams.decode.stored_letter import Place
    from streams.kafka.record_batch import Record
    from streams.settings import Settings

#: Limits of a transaction: consumers wait for its end before they read on.
GROUP_RECORDS, GROUP_BYTES = 200, 1024 * 1024
#: Kafka ends the transaction of a process that was killed after this long.
TRANSACTION_MS = 10_000
#: How long Kafka may take to start a producer with transactions, which waits for an earlier one.
START_SECONDS = 30.0

#: Refused for its contents or its size; others may pass.
_REFUSALS = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTimestampError,
    InvalidRecordError,
)
_FENCED = (errors.ProducerFenced, errors.InvalidProducerEpoch)
_LOG_APPEND_TIME = 1


class ResendError(Exception):
    """Sending again is not possible; the message says why."""


class _NoTimeError(Exception):
    """The topic sets the time of each record, and an event has no other."""

    def __str__(self) -> str:
        return "the topic sets record times anew, and an event of it has no time of its own"


class Rejection(NamedTuple):
    """A record to be sent again: its place, the partition of its letter, and its original.

    `needs_time`: an event of it has no time but the record's.
    """

    place: Place
    letter_partition: int
    record: Record
    needs_time: bool

    @property
    def size(self) -> int:
        """Return the approximate size in bytes."""
        headers = sum(len(name) + len(value or b"") for name, value in self.record.headers)
        return len(self.record.key or b"") + len(self.record.value or b"") + headers


class Resender:
    """Sends records again, and marks them.

    `read_marks` brings `sent` up to date; it is called whenever another run may have sent
    something. `count` is how many records were sent, `refused` has those that Kafka refused.
    """

    def __init__(
        self, settings: Settings, sent: set[Place], read_marks: Callable[[], Awaitable[None]]
    ) -> None:
        self.count = 0
        self.refused: dict[Place, str] = {}
        self._settings = settings
        self._sent = sent
        self._read_marks = read_marks
        self._producer: AIOKafkaProducer = None
        self._group: list[Rejection] = []

    async def start(self) -> None:
        """End any other run, and read what was sent. Raises ResendError and KafkaError."""
        # It registers the errors that a refusal may have.
        batch_fetch.install()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=list(self._settings.bootstrap_servers),
            transactional_id=self._transactional_id,
            transaction_timeout_ms=TRANSACTION_MS,
            compression_type=self._settings.codec,
            max_request_size=self._settings.max_record_bytes + 1024 * 1024,
            **aio_login.arguments(self._settings),
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._producer.start()
                await self._producer.begin_transaction()
                await self._producer.abort_transaction()
        except errors.KafkaConnectionError:
            raise
        except (TimeoutError, errors.KafkaError) as error:
            raise ResendError(
                f"Kafka starts no transaction ({type(error).__name__}), and without one a second "
                f"run could send a record twice. Allow Write on the transactional id "
                f"{self._transactional_id} to this login, if Kafka has transactions."
            ) from None
        await self._read_marks()

    @property
    def _transactional_id(self) -> str:
        return f"tokenshare-resend-{self._settings.dead_letters}"

    async def stop(self) -> None:
        """Close the connections. What is in no finished transaction was not sent."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await producer.stop()

    async def add(self, rejection: Rejection) -> None:
        """Send a record, sooner or later. Raises ResendError and KafkaError."""
        size = sum(each.size for each in self._group) + rejection.size
        if self._group and (len(self._group) >= GROUP_RECORDS or size > GROUP_BYTES):
            await self.flush()
        self._group.append(rejection)

    async def flush(self) -> None:
        """Send what was added. Raises ResendError and KafkaError."""
        group, self._group = self._group, []
        await self._send(group)

    async def _send(self, group: Sequence[Rejection]) -> None:
        group = [each for each in group if each.place not in self._sent]
        if not group:
            return
        try:
            await self._transaction(group)
        except (*_REFUSALS, _NoTimeError) as error:
            # After a refusal a producer's numbering has a hole, which only a new one is free of.
            # Between the two another run may have sent something.
            await self.stop()
            await self.start()
            if len(group) == 1:
                self.refused[group[0].place] = str(error)
                return
            half = len(group) // 2
            await self._send(group[:half])
            await self._send(group[half:])
        except _FENCED:
            raise ResendError(
                "Another run has begun, and ended this one. What this one has sent is marked."
            ) from None
        else:
            self.count += len(group)
            self._sent.update(each.place for each in group)

    async def _transaction(self, group: Sequence[Rejection]) -> None:
        await self._producer.begin_transaction()
        try:
            _check_times(group, await self._written(group))
        except BaseException:
            await self._abort()
            raise
        await self._producer.commit_transaction()

    async def _abort(self) -> None:
        try:
            await self._producer.abort_transaction()
        except (errors.KafkaError, AssertionError):
            # aiokafka asserts that nothing fatal has happened to its transaction. A new producer,
            # or Kafka after `TRANSACTION_MS`, ends it.
            return

    async def _written(self, group: Sequence[Rejection]) -> list[RecordMetadata]:
        """Write originals and marks; return what Kafka says of them, in this order."""
        writes = []
        try:
            for each in group:
                writes.append(await self._send_original(each))  # noqa: PERF401 - kept on errors
            for each in group:
                writes.append(await self._send_mark(each))  # noqa: PERF401 - likewise
        finally:
            # All are waited for: asyncio logs an error that nobody looks at.
            await asyncio.gather(*writes, return_exceptions=True)
        return [each.result() for each in writes]

    async def _send_original(self, rejection: Rejection) -> asyncio.Future[RecordMetadata]:
        record, place = rejection.record, rejection.place
        future: asyncio.Future[RecordMetadata] = await self._producer.send(
            place.topic,
            record.value,
            key=record.key,
            partition=place.partition,
            timestamp_ms=record.timestamp if record.timestamp >= 0 else None,
            headers=[*record.headers, (RESENT_FROM, str(place).encode())],
        )
        return future

    async def _send_mark(self, rejection: Rejection) -> asyncio.Future[RecordMetadata]:
        place = str(rejection.place)
        future: asyncio.Future[RecordMetadata] = await self._producer.send(
            self._settings.dead_letters,
            b"",
            # A key, for topics that are compacted.
            key=f"{RESENT}/{place}".encode(),
            partition=rejection.letter_partition,
            headers=[(RESENT, place.encode())],
        )
        return future


def _check_times(group: Sequence[Rejection], written: Sequence[RecordMetadata]) -> None:
    """Raise _NoTimeError where an event would count at the time of today."""
    for each, done in zip(group, written, strict=False):
        if each.needs_time and done.timestamp_type == _LOG_APPEND_TIME:
            raise _NoTimeError
