"""Sends simulated requests to Kafka, as fast as one core builds record batches.

The ordinary producer call creates a future and chooses a partition for each record; here whole
batches are built and sent, which is several times faster and matches a busy gateway's producer.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.demo.truth import Truth

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from aiokafka.producer.message_accumulator import BatchBuilder

    from streams.demo.truth import Simulated

CHUNK_EVENTS = 2_000
"""One batch of one partition: some 400 kB, below the 1 MB that brokers take by default."""

BATCH_BYTES = 900_000

PACED_CHUNKS_PER_SECOND = 10
"""With a given rate, events leave in steps that are too short to see on a live page."""

TIMEOUT_SECONDS = 10.0
"""A broker that has not acknowledged by then is reported as gone."""

RETRY_SECONDS = 0.2
"""Between tries to hand a batch to a producer that has lost its broker."""


class SendError(RuntimeError):
    """The broker did not take the events. The message names it and the topic."""


async def send(
    bootstrap: str,
    topic: str,
    events: Iterable[Simulated],
    *,
    progress: Callable[[int], None] | None = None,
    rate: float | None = None,
    idempotent: bool = False,
    compression: str | None = "lz4",
    security: Mapping[str, Any] | None = None,
) -> Truth:
    """Send all events to the topic and return their truth, once each is acknowledged.

    `progress` is called with the number of events acknowledged so far. `rate`: events per second,
    as fast as possible when None. `idempotent`, `compression`, `security`: see `Sender`. Raises
    `SendError`; some events may have been stored by then.
    """
    async with Sender(
        bootstrap, topic, idempotent=idempotent, compression=compression, security=security
    ) as sender:
        return await sender.send(events, progress=progress, rate=rate)


class Sender:
    """A connection that sends simulated events, for streams that arrive in portions.

    Batches are sent round-robin to the topic's partitions, with the event's time as the record's
    timestamp, compressed, acknowledged by all replicas. An `async with` block; raises `SendError`
    when the broker cannot be reached or the topic does not exist.

    When a connection breaks before an acknowledgement, the batch is sent again, for up to
    `patience_seconds`. `idempotent` keeps the broker from storing it twice; the embedded broker
    does not support that and refuses. `security`: `aio_login.arguments(settings)`, or None for
    plaintext.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        compression: str | None = "lz4",
        idempotent: bool = False,
        patience_seconds: float = TIMEOUT_SECONDS,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._compression = compression
        self._idempotent = idempotent
        self._patience_seconds = patience_seconds
        self._security = dict(security or {})
        self._producer: AIOKafkaProducer | None = None
        self._partitions: Iterator[int] = iter(())

    async def __aenter__(self) -> Self:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="tokenshare-demo",
            acks="all",
            enable_idempotence=self._idempotent,
            compression_type=self._compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=4 * BATCH_BYTES,
            # Also how long a batch waits for an unreachable broker.
            request_timeout_ms=round(self._patience_seconds * 1000),
            **self._security,
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await producer.start()
                partitions = await producer.partitions_for(self._topic)
        except (KafkaError, OSError, TimeoutError) as error:
            with contextlib.suppress(KafkaError, OSError):
                await producer.stop()
            raise self._failure(error) from error
        self._producer = producer
        self._partitions = cycle(sorted(partitions))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(
        self,
        events: Iterable[Simulated],
        *,
        progress: Callable[[int], None] | None = None,
        rate: float | None = None,
    ) -> Truth:
        """Send like the function `send`, over this connection. An empty iterable sends nothing."""
        truth = Truth()
        acknowledged = 0
        sent: list[Future[object]] = []

        def note(count: int) -> Callable[[Future[object]], None]:
            def done(future: Future[object]) -> None:
                nonlocal acknowledged
                if not future.cancelled() and future.exception() is None:
                    acknowledged += count
                    if progress is not None:
                        progress(acknowledged)

            return done

        try:
            async for chunk in _paced(events, rate):
                rest = chunk
                while rest:
                    batch, taken = self._batch(rest)
                    for event in rest[:taken]:
                        truth.add(event)
                    rest = rest[taken:]
                    future = await self._submit(batch)
                    future.add_done_callback(note(taken))
                    sent = [old for old in sent if not _acknowledged(old)]
                    sent.append(future)
            for future in sent:
                await future
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._failure(error) from error
        finally:
            # After a failure the others fail too: retrieve their errors, or asyncio logs each.
            await asyncio.gather(*sent, return_exceptions=True)
        return truth

    def _batch(self, events: list[Simulated]) -> tuple[BatchBuilder, int]:
        """Return a batch with as many of the events as fit, from the first on."""
        assert self._producer is not None, "use the sender in an `async with` block"
        batch = self._producer.create_batch()
        for taken, event in enumerate(events):
            stamp = round(event.ts * 1000)
            if batch.append(timestamp=stamp, key=None, value=event.value) is None:
                return batch, taken
        batch.close()
        return batch, len(events)

    async def _submit(self, batch: BatchBuilder) -> Future[object]:
        assert self._producer is not None
        partition = next(self._partitions)
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience_seconds
        while True:
            try:
                future: Future[object] = await self._producer.send_batch(
                    batch, self._topic, partition=partition
                )
            except KafkaError as error:
                # Raised before the batch is accepted, so nothing is sent twice.
                if not error.retriable or clock() > deadline:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return future

    def _failure(self, error: BaseException) -> SendError:
        reason = (str(error) or type(error).__name__).rstrip(".")
        return SendError(
            f"the broker at {self._bootstrap} does not take events for the topic"
            f" {self._topic!r}: {reason}. Is it running, and does the topic exist?"
        )


def _acknowledged(future: Future[object]) -> bool:
    """Return whether it is done; raise its error, so that a failure ends the sending early."""
    if not future.done():
        return False
    future.result()
    return True


async def _paced(events: Iterable[Simulated], rate: float | None) -> AsyncIterator[list[Simulated]]:
    """Yield the events in chunks, none before its time; take no event before it is due."""
    if rate is not None and rate <= 0:
        raise ValueError(f"rate must be above 0 events a second, is {rate}")
    size = CHUNK_EVENTS
    if rate is not None:
        size = min(size, max(1, round(rate / PACED_CHUNKS_PER_SECOND)))
    clock = asyncio.get_running_loop().time
    begin, number, source = clock(), 0, iter(events)
    while True:
        # Without a rate it still yields to the event loop, which the demo's worker shares.
        wait = 0.0 if rate is None else begin + number / rate - clock()
        await asyncio.sleep(max(0.0, wait))
        chunk = list(islice(source, size))
        if not chunk:
            return
        number += len(chunk)
        yield chunk
