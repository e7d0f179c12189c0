"""The dead-letter topic and its source, read: letters, marks of what was sent again, originals."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple, Self

from aiokafka import TopicPartition
from kafka.errors import KafkaError

from streams.decode.stored_letter import mark_of, stored_letter
from streams.kafka import admin, compression, record_batch, topic_reader
from streams.kafka.oversized_batch import TRUNCATED
from streams.kafka.record_batch import CorruptBatchError
from streams.kafka.topic_reader import TopicUnreadableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from aiokafka import AIOKafkaConsumer

    from streams.decode.stored_letter import Place, StoredLetter
    from streams.kafka.record_batch import Record
    from streams.settings import Settings


class Originals(NamedTuple):
    """The original records of a letter, or why they cannot be had."""

    records: Sequence[Record]
    missing: str = ""


#: A clock of a producer may be ahead of the clock of a worker by this.
_SKEW_MS = 300_000


class Store:
    """Reads dead letters. `sent` are the places of the records that were sent again already."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self.sent: set[Place] = set()
        self._settings = settings
        self._partitions = [
            TopicPartition(settings.dead_letters, number)
            for number in range(topics.letter_partitions)
        ]
        self._source_partitions = topics.source_partitions
        self._marks_read_to: dict[TopicPartition, int] = {}
        # As in the worker's reader: what could be decompressed at once is kept whole.
        self._limit = max(settings.max_record_bytes, compression.MAX_BUFFER_BYTES)
        self._stack = contextlib.AsyncExitStack()
        self._letters: AIOKafkaConsumer = None
        self._source: AIOKafkaConsumer = None

    async def __aenter__(self) -> Self:
        self._letters = await self._consumer(self._settings.dead_letters)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _consumer(self, topic: str) -> AIOKafkaConsumer:
        return await self._stack.enter_async_context(
            topic_reader.consumer_of(self._settings, topic)
        )

    async def read_marks(self) -> None:
        """Add to `sent` what is marked in the topic up to its present end.

        A second call reads only what is new. Nothing else may read letters meanwhile.
        """
        async with topic_reader.consumer_of(self._settings, self._settings.dead_letters) as reader:
            ends = await reader.end_offsets(self._partitions)
            begins = await reader.beginning_offsets(self._partitions)
            spans = {
                tp: (max(begins[tp], self._marks_read_to.get(tp, 0)), ends[tp])
                for tp in self._partitions
            }
            async for batch in topic_reader.batches(reader, spans):
                self._marks_read_to[TopicPartition(batch.topic, batch.partition)] = batch.end
                marks = map(mark_of, topic_reader.records_in(batch, self._limit))
                self.sent.update(mark for mark in marks if mark is not None)

    async def letters(self) -> AsyncGenerator[StoredLetter, None]:
        """Yield the letters that the topic holds now; other records are left out."""
        ends = await self._letters.end_offsets(self._partitions)
        begins = await self._letters.beginning_offsets(self._partitions)
        spans = {tp: (begins[tp], ends[tp]) for tp in self._partitions}
        async for batch in topic_reader.batches(self._letters, spans):
            for record in topic_reader.records_in(batch, self._limit):
                letter = stored_letter(record, batch.partition)
                if letter is not None:
                    yield letter

    async def originals(self, letter: StoredLetter) -> Originals:
        """Return the records of a letter: from the letter, or from the source topic."""
        if letter.is_batch:
            return self._of_batch(letter)
        if letter.has_contents:
            return Originals([letter.record])
        if letter.has_gaps:
            return Originals((), "it does not say which records between its offsets are meant")
        return await self._of_source(letter)

    def _of_batch(self, letter: StoredLetter) -> Originals:
        raw = letter.record.value or b""
        try:
            if record_batch.is_scannable(raw) and not record_batch.is_intact(memoryview(raw)):
                return Originals((), "the checksum of its batch is wrong")
            found = [*topic_reader.records_of(raw, self._limit)]
        except CorruptBatchError as error:
            return Originals((), f"its batch still cannot be read: {error}")
        except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise
            kind = type(error).__name__
            return Originals((), f"its batch still cannot be read: {kind}")
        if any(_is_cut(each) for each in found):
            return Originals((), "a record of its batch is larger than is read")
        meant = [each for each in found if letter.first <= each.offset <= letter.last]
        return Originals(meant, "" if meant else "its batch still cannot be read")

    async def _of_source(self, letter: StoredLetter) -> Originals:
        if letter.topic != self._settings.topic:
            return Originals((), f"its contents are only in {letter.topic}")
        self._source = self._source or await self._consumer(letter.topic)
        tp = TopicPartition(letter.topic, letter.source_partition)
        if letter.source_partition >= self._source_partitions:
            return Originals((), f"{letter.topic} has no such partition")
        begin = (await self._source.beginning_offsets([tp]))[tp]
        end = (await self._source.end_offsets([tp]))[tp]
        if letter.first < begin or letter.last >= end:
            return Originals((), f"{tp.topic} no longer holds it")
        found: list[Record] = []
        spans = {tp: (letter.first, letter.last + 1)}
        async for batch in topic_reader.batches(self._source, spans):
            found += (
                each
                for each in topic_reader.records_in(batch, self._limit)
                if letter.first <= each.offset <= letter.last
            )
        if len(found) < letter.records:
            return Originals((), f"it cannot be read in {tp.topic}")
        if any(_is_newer(each, letter) for each in found):
            return Originals((), f"{tp.topic} holds another record there")
        if any(map(_is_cut, found)):
            return Originals((), "it is larger than is read")
        return Originals(found)


def _is_cut(record: Record) -> bool:
    return any(name == TRUNCATED for name, _ in record.headers)


def _is_newer(record: Record, letter: StoredLetter) -> bool:
    """Return whether a record was written after its letter: the topic was recreated."""
    if letter.timestamp is None:
        return record.timestamp > letter.time + _SKEW_MS
    return record.timestamp != letter.timestamp


class Topics(NamedTuple):
    """How many partitions the dead-letter topic and the source topic have; 0 without a source."""

    letter_partitions: int
    source_partitions: int


def topics_of(settings: Settings) -> Topics:
    """Return the topics as they are. Raises TopicUnreadableError and admin.BrokerError."""
    topic = settings.dead_letters
    client = admin.connect(settings)
    try:
        known = admin.find(client, topic, settings.topic)
    except KafkaError as error:
        raise TopicUnreadableError(f"{topic} cannot be read: {error}") from None
    finally:
        client.close()
    if topic not in known:
        raise TopicUnreadableError(
            f"Topic {topic} does not exist: set TOKENSHARE_DEAD_LETTER_TOPIC or TOKENSHARE_TOPIC."
        )
    source = known.get(settings.topic)
    return Topics(known[topic].partitions, 0 if source is None else source.partitions)
