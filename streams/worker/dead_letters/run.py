"""List dead letters, or send their records again: what the command line asks for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from aiokafka.errors import KafkaError

from streams.worker.dead_letters.resend import Rejection, Resender
from streams.worker.dead_letters.store import Originals, Store, topics_of
from streams.worker.dead_letters.verdict import obstacle, verdict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from streams.decode.decoder import Decoder
    from streams.decode.stored_letter import Place, StoredLetter
    from streams.kafka.record_batch import Record
    from streams.settings import Settings
    from streams.worker.dead_letters.store import Topics
    from streams.worker.dead_letters.verdict import Verdict

T = TypeVar("T")

#: Why a record is left out although nothing is wrong with it.
SENT, TWICE = "it was sent again already", "another letter is of the same record"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant; empty sets and None choose all. Times in unix seconds."""

    reasons: frozenset[str] = frozenset()
    partitions: frozenset[int] = frozenset()
    offset: int | None = None
    since: float | None = None
    until: float | None = None

    def takes(self, letter: StoredLetter) -> bool:
        """Return whether a letter is meant; its time is when the worker rejected the record."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.partitions or letter.source_partition in self.partitions)
            and (self.offset is None or letter.first <= self.offset <= letter.last)
            and (self.since is None or letter.time >= self.since * 1000)
            and (self.until is None or letter.time < self.until * 1000)
        )


class Examined(NamedTuple):
    """A letter, its original records with what the decoder says of each, and whether it was sent.

    `missing` is why there are no originals.
    """

    letter: StoredLetter
    found: Sequence[tuple[Record, Verdict]]
    missing: str
    is_sent: bool


class KafkaFailedError(Exception):
    """Kafka failed in the middle; what was sent until then is marked."""


def perform(settings: Settings, work: Callable[[Topics], Coroutine[None, None, T]]) -> T:
    """Run what is to be done with the topics, and return its result.

    Raises BrokerError, TopicUnreadableError, KafkaFailedError and ResendError.
    """
    # Its lines say less than the errors that follow them.
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    topics = topics_of(settings)
    try:
        return asyncio.run(work(topics))
    except (KafkaError, OSError) as error:
        raise KafkaFailedError(f"Kafka failed: {error or type(error).__name__}") from None


async def list_letters(
    settings: Settings,
    topics: Topics,
    decoder: Decoder,
    choice: Choice,
    show: Callable[[Examined], None],
    *,
    limit: int | None = None,
    with_originals: bool = False,
) -> int:
    """Pass each letter that is meant to `show`, `limit` at most; return their number.

    What is not in a letter is read from the source only `with_originals`.
    """
    shown = 0
    async with Store(settings, topics) as store:
        await store.read_marks()
        async with aclosing(_chosen(store, choice)) as letters:
            async for letter in letters:
                if shown == limit:
                    break
                originals = Originals(())
                if with_originals or (letter.has_contents and not letter.is_batch):
                    originals = await store.originals(letter)
                records = originals.records
                found = [(each, verdict(decoder, each, time.time())) for each in records]
                places = {letter.place_of(each) for each in records} or _places(letter, store)
                is_sent = bool(places) and places <= store.sent
                show(Examined(letter, found, originals.missing, is_sent))
                shown += 1
    return shown


def _places(letter: StoredLetter, store: Store) -> set[Place]:
    """Return the places of a letter's records that are marked, none where one is not."""
    if letter.has_gaps:
        return set()
    offsets = range(letter.first, letter.last + 1)
    marked = {
        each
        for each in store.sent
        if (each.topic, each.partition) == (letter.topic, letter.source_partition)
        and each.offset in offsets
        and letter.timestamp in {None, each.timestamp}
    }
    return marked if len(marked) == len(offsets) else set()


async def _chosen(store: Store, choice: Choice) -> AsyncGenerator[StoredLetter, None]:
    async with aclosing(store.letters()) as letters:
        async for letter in letters:
            if choice.takes(letter):
                yield letter


@dataclass(slots=True)
class Outcome:
    """What a run has done so far, or would do.

    `due` are records to be sent, by the reason of their letter; `left` the others, by why they are
    not sent. Of those that are due, `written` were sent, and Kafka refused `refused`.
    """

    letters: int = 0
    due: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    written: int = 0
    refused: dict[Place, str] = field(default_factory=dict)


class Resending:
    """Sends the records again that are meant and now decode, `limit` at most.

    `even_rejected` sends those that are rejected still as well. `outcome` is up to date whenever
    `run` ends.
    """

    def __init__(
        self,
        settings: Settings,
        decoder: Decoder,
        choice: Choice,
        *,
        even_rejected: bool = False,
        limit: int | None = None,
    ) -> None:
        self.outcome = Outcome()
        self._settings = settings
        self._source_partitions = 0
        self._decoder = decoder
        self._choice = choice
        self._even_rejected = even_rejected
        self._limit = limit
        #: Where a worker has crashed, two letters may be of one record.
        self._planned: set[Place] = set()

    async def run(self, topics: Topics, *, is_dry: bool) -> None:
        """Send; with `is_dry` only look. Raises ResendError, TopicUnreadableError, KafkaError."""
        self._source_partitions = topics.source_partitions
        async with Store(self._settings, topics) as store:
            sender = Resender(self._settings, store.sent, store.read_marks)
            try:
                await (store.read_marks() if is_dry else sender.start())
                async with aclosing(_chosen(store, self._choice)) as letters:
                    async for letter in letters:
                        for each in await self._due(store, letter):
                            if not is_dry:
                                await sender.add(each)
                        if self._is_full:
                            break
                await sender.flush()
            finally:
                self.outcome.written = sender.count
                self.outcome.refused = sender.refused
                await sender.stop()

    @property
    def _is_full(self) -> bool:
        return self._limit is not None and self.outcome.due.total() >= self._limit

    async def _due(self, store: Store, letter: StoredLetter) -> list[Rejection]:
        """Return the records of a letter that are to be sent; note why the others are not."""
        self.outcome.letters += 1
        originals = Originals((), self._obstacle(letter))
        if not originals.missing:
            originals = await store.originals(letter)
        if originals.missing:
            self.outcome.left[originals.missing] += letter.records
        due = []
        for record in originals.records:
            if self._is_full:
                break
            place = letter.place_of(record)
            found = verdict(self._decoder, record, time.time())
            why = SENT if place in store.sent else ""
            why = why or (TWICE if place in self._planned else "")
            why = why or obstacle(letter, record, found, even_rejected=self._even_rejected)
            if why:
                self.outcome.left[why] += 1
                continue
            self._planned.add(place)
            self.outcome.due[letter.reason] += 1
            due.append(Rejection(place, letter.partition, record, found.needs_time))
        return due

    def _obstacle(self, letter: StoredLetter) -> str:
        if letter.topic != self._settings.topic:
            return f"it is of another topic than {self._settings.topic}"
        if letter.source_partition >= self._source_partitions:
            return f"{letter.topic} has no such partition"
        return ""
