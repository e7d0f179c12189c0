"""Sends a gateway's requests to Kafka: one usage event each, without ever blocking a request.

`UsageProducer.send` puts an event into a bounded buffer and returns. A thread does everything that
may wait or fail: it detects the language of the prompt, which goes no further, and writes to Kafka.

kafka-python builds and compresses the batches, and retries within its `delivery_timeout_ms`. This
module adds what a gateway needs besides:

* A call that returns at once. KafkaProducer's constructor waits for a broker and its `send` for the
  topic's metadata, and without the language there is no value to send yet.
* A limit: kafka-python 3 has no `buffer_memory`.
* A known outcome of every event. A chunk is settled before the next one is taken, so `buffer`
  bounds all waiting events, and the counts of `stats` add up to the calls. A chunk is collected
  here for `LINGER_SECONDS` and then flushed; kafka-python's own linger never elapses.
* Patience. What kafka-python has given up is sent again over a new connection, and while no broker
  answers, events wait without expiring.
* The life of a process: forks, and the interpreter's exit (see `delivery`).
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
import weakref
from collections import Counter, deque
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import msgspec

from streams.classify.language.tags import UNDETERMINED
from streams.classify.tenant import marked
from streams.decode.formats.native import encode
from streams.gateway.call import More, event_of, excerpt_of
from streams.gateway.delivery import MAX_PAUSE_SECONDS, Outlet, Record, safe_text
from streams.kafka import login
from streams.settings import load
from streams.settings.brokers import broker_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from streams.decode.event import UsageEvent
    from streams.settings import Settings

log = logging.getLogger(__name__)

#: Reasons why a call added no event.
Drop = Literal[
    "invalid",  # not the types and ranges of an event
    "full",  # as many events wait for Kafka as the buffer holds
    "closed",  # the producer is closed
]

BUFFER_EVENTS = 10_000
CLOSE_SECONDS = 5.0

#: Linger of a chunk's first event: a request to Kafka costs as much for one event as for many.
LINGER_SECONDS = 0.1
CHUNK_EVENTS = 1_000

#: Attempts for a chunk that Kafka refuses, or does not acknowledge within kafka-python's
#: `delivery_timeout_ms`. While no broker answers, nothing counts as an attempt.
TRIES = 5
FIRST_PAUSE_SECONDS = 1.0
#: Wait between attempts while a caller waits for their end.
SHORT_PAUSE_SECONDS = 0.1

#: A warning is logged after this long without an acknowledgement.
SILENCE_SECONDS = 5.0
#: A connection without events is closed: it would keep contacting a broker that has gone, and
#: kafka-python leaves the socket of each failed attempt to the garbage collector.
IDLE_SECONDS = 60.0
#: A warning that still applies is logged again after this interval, not at every attempt.
REPEAT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Outcomes of the calls of `send` in this process: the counts add up to the number of calls.

    `sent`: events that Kafka has acknowledged. `dropped`: calls that added no event, by reason.
    `failed`: events given up, refused `TRIES` times or left at the close. `buffered`: events that
    wait for Kafka.
    """

    sent: int
    dropped: Mapping[Drop, int]
    failed: int
    buffered: int


class _Item(NamedTuple):
    """An event as the request declares it, and the text for detecting its language otherwise."""

    event: UsageEvent
    excerpt: str | list[str] | None


class UsageProducer:
    """Writes usage events to a topic from its own thread; may be shared between threads.

    `buffer` bounds the events that wait for Kafka. `tenant_salt` is the key of the hash that
    replaces tenants: the worker's TOKENSHARE_TENANT_SALT. `detect_language` detects the language of
    prompts where none is declared. `kafka`: further arguments of kafka-python's producer.

    Nothing is connected before the first event. In a child of a fork it is reset: events that the
    parent had buffered stay with the parent. At the interpreter's exit it closes, which may take
    `CLOSE_SECONDS`. Raises TypeError or ValueError for wrong arguments.
    """

    def __init__(
        self,
        bootstrap_servers: str | Sequence[str] = "127.0.0.1:9092",
        topic: str = "llm-usage",
        *,
        buffer: int = BUFFER_EVENTS,
        tenant_salt: str = "",
        detect_language: bool = True,
        **kafka: Any,
    ) -> None:
        if buffer < 1:
            raise ValueError("the buffer must hold at least one event")
        self._limit = buffer
        self._salt = tenant_salt.encode()
        self._detects = detect_language
        self._outlet = Outlet(list(broker_list(bootstrap_servers)), topic, kafka)
        self._closing = False
        self._reset()
        _PRODUCERS.add(self)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, **given: Any) -> Self:
        """Return a producer for the TOKENSHARE_ environment: brokers, login, topic, salt.

        Arguments in `given` override those of the environment. Raises SettingsError.
        """
        chosen = settings or load()

        def current() -> dict[str, Any]:
            found = login.arguments(chosen)
            return {name: value for name, value in found.items() if name not in given}

        made = cls(
            **{
                "bootstrap_servers": chosen.bootstrap_servers,
                "topic": chosen.topic,
                "tenant_salt": chosen.tenant_salt.get_secret_value(),
                "detect_language": chosen.detect_language,
                "compression_type": chosen.codec,
                **current(),
                **given,
            }
        )
        made._outlet.login = current
        return made

    def send(
        self,
        model: str,
        prompt_tokens: int,
        completion_tokens: int,
        *,
        ts: float | str | None = None,
        language: str | None = None,
        prompt: object = None,
        tenant: str | int | None = None,
        id: str | int | None = None,  # noqa: A002 - the field's name
        cached_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cost: float | str | Decimal | None = None,
        provider: str | None = None,
    ) -> bool:
        """Add one request's tokens; return whether they were accepted. Never blocks, never raises.

        `ts` is the start of the request (unix seconds or milliseconds, ISO 8601), by default now.
        `prompt` is text, messages or a request's body, for its language where `language` is not
        given: a short excerpt is kept until that is detected, and none of it is written. `cost` is
        in US dollars; `provider` is who served, with the host or region after an `@`.
        """
        more = More(cached_tokens, reasoning_tokens, cost, provider)
        try:
            event = event_of(
                model, prompt_tokens, completion_tokens, ts, language, tenant, id, more
            )
        except Exception:  # noqa: BLE001 - an invalid value must not fail the request
            event = None
        if event is None:
            return self._drop("invalid")
        excerpt = None
        if prompt is not None and event.language is None and self._detects:
            # An unreadable prompt is no reason to lose its tokens.
            with contextlib.suppress(Exception):
                excerpt = excerpt_of(prompt)
        return self._put(_Item(event, excerpt))

    def flush(self, timeout: float) -> bool:
        """Wait until no event is buffered, at most `timeout` seconds; return whether none is."""
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._pending, max(0.0, timeout))
            finally:
                self._hurry -= 1

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Send the buffered events, for at most `timeout` seconds, and accept no more.

        Events left by then count as failed. A second call does nothing.
        """
        timeout = max(0.0, timeout)
        with self._changed:
            if self._closing:
                return
            self._closing = True
            failed_before = self._failed
            self._hurry += 1
            self._deadline = time.monotonic() + timeout
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        with self._changed:
            self._settle(failed=self._pending)
            self._abandoned = True
            # The thread may have settled them a moment before.
            lost = self._failed - failed_before
        if lost:
            log.warning("%d usage events had not reached Kafka when their producer closed", lost)
        if self._at_exit is not None:
            self._at_exit.cancel()

    @property
    def stats(self) -> Stats:
        """Return the outcomes of the calls of `send` so far."""
        with self._lock:
            return Stats(self._sent, dict(self._dropped), self._failed, self._pending)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reset(self) -> None:
        """Initialise the state of one process: locks, buffer, counts, thread, connection."""
        # Held for a few steps only; a signal handler or a finaliser may run between them.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[_Item] = deque()
        self._pending = 0
        self._sent = 0
        self._failed = 0
        self._dropped: Counter[Drop] = Counter()
        self._has_drops = False
        self._hurry = 0
        self._deadline = math.inf
        self._abandoned = False
        self._thread: threading.Thread | None = None
        self._at_exit: Finalize | None = None
        self._warned_at: dict[str, float] = {}
        self._outlet.forget()

    def _drop(self, reason: Drop) -> bool:
        with self._changed:
            self._dropped[reason] += 1
            if self._dropped[reason] == 1 and not self._closing:
                # The thread logs it: logging may block.
                self._has_drops = True
                self._wake()
        return False

    def _put(self, item: _Item) -> bool:
        with self._lock:
            if self._closing or self._pending >= self._limit:
                return self._drop("closed" if self._closing else "full")
            self._pending += 1
            self._queue.append(item)
            if len(self._queue) in {1, CHUNK_EVENTS} or self._thread is None:
                self._wake()
            return True

    def _wake(self) -> None:
        if self._thread is not None:
            self._changed.notify_all()
            return
        thread = threading.Thread(target=self._run, name=self._outlet.client_id, daemon=True)
        # If no thread can be started, the event waits for the next call.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread
            # Like atexit, but also runs where a forked multiprocessing worker ends, without atexit.
            self._at_exit = Finalize(None, self.close, exitpriority=0)

    # The methods below run in the thread.

    def _run(self) -> None:
        while True:
            try:
                if not self._step():
                    break
            except Exception as error:  # noqa: BLE001 - a fault costs a chunk, not the thread
                with contextlib.suppress(Exception):
                    self._warn("fault", "usage events are lost: %s", type(error).__name__)
                self._outlet.disconnect()
        self._outlet.disconnect()

    def _step(self) -> bool:
        """Do the pending work; return whether there can be more."""
        chunk = self._take()
        self._log_drops()
        if chunk:
            self._deliver(chunk)
        elif chunk is None:
            self._outlet.disconnect()
        return bool(chunk) or not self._closing

    def _take(self) -> list[_Item] | None:
        """Wait for a chunk of events; return none where other work is due, None when idle."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._queue or self._closing or self._has_drops,
                IDLE_SECONDS if self._outlet.connected else None,
            ):
                return None
            if self._queue:
                self._changed.wait_for(
                    lambda: self._hurry or len(self._queue) >= CHUNK_EVENTS, LINGER_SECONDS
                )
            return [self._queue.popleft() for _ in range(min(len(self._queue), CHUNK_EVENTS))]

    def _deliver(self, chunk: list[_Item]) -> None:
        """Settle all events of a chunk."""
        left = len(chunk)
        try:
            records = []
            for item in chunk:
                try:
                    records.append(self._record(item))
                except Exception:  # noqa: BLE001 - half a pair of surrogates, which no JSON can hold
                    self._settle(invalid=1)
                    left -= 1
            for pause in (FIRST_PAUSE_SECONDS * 2**n for n in range(TRIES)):
                if not self._connect():
                    return
                refused, problem = self._write(records)
                self._settle(sent=len(records) - len(refused))
                left, records = len(refused), refused
                if not records:
                    return
                self._outlet.disconnect()
                if not self._rest(pause):
                    return
                self._warn("refused", "Kafka refuses usage events: %s", problem)
            self._warn("failed", "%d usage events were lost: Kafka refused them repeatedly", left)
        finally:
            self._settle(failed=left)

    def _record(self, item: _Item) -> Record:
        event, excerpt = item
        value = encode(
            msgspec.structs.replace(
                event,
                language=event.language or (self._language(excerpt) if excerpt else None),
                tenant=marked(event.tenant, self._salt) if event.tenant else None,
            )
        )
        # The records of one request go to one partition, where duplicates are found.
        return Record(str(event.id).encode() if event.id is not None else None, value)

    def _language(self, excerpt: str | list[str]) -> str | None:
        try:
            # Its models take time to load, and are needed here only.
            from streams.classify.language.detect import detect_messages  # noqa: PLC0415

            language = detect_messages(excerpt).language
        except Exception as error:  # noqa: BLE001 - tokens count without a language, too
            self._warn("language", "no language can be detected: %s", type(error).__name__)
            return None
        return language if language != UNDETERMINED else None

    def _connect(self) -> bool:
        """Wait for Kafka as long as necessary; return whether it answered before the close."""
        pause = FIRST_PAUSE_SECONDS
        while problem := self._outlet.connect():
            self._warn("absent", "usage events wait until Kafka accepts them: %s", problem)
            self._log_drops()
            if not self._rest(pause):
                return False
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        if self._warned_at.pop("absent", None) is not None:
            log.warning("Kafka accepts usage events again")
        return True

    def _write(self, records: list[Record]) -> tuple[list[Record], str]:
        """Write records, wait for each outcome, and return those not acknowledged, and why."""
        began = time.monotonic()
        answers, problem = self._outlet.send(records)
        while not self._outlet.settled(answers, seconds=1.0):
            now = time.monotonic()
            if now > self._deadline:
                break
            if now > began + SILENCE_SECONDS:
                self._warn("silent", "usage events wait for Kafka, which does not acknowledge them")
                self._log_drops()
        refused = [
            record
            for index, record in enumerate(records)
            if index >= len(answers) or not answers[index].succeeded()
        ]
        errors = (each.exception for each in answers if each.failed())
        return refused, problem or next(map(safe_text, errors), "")

    def _settle(self, *, sent: int = 0, failed: int = 0, invalid: int = 0) -> None:
        with self._changed:
            if self._abandoned:  # close() has counted them
                return
            self._pending -= sent + failed + invalid
            self._sent += sent
            self._failed += failed
            if invalid:
                self._dropped["invalid"] += invalid
            if not self._pending:
                self._changed.notify_all()

    def _rest(self, seconds: float) -> bool:
        """Wait before the next attempt, briefly if a caller waits; return whether there is one."""
        with self._changed:
            if not self._hurry:
                self._changed.wait_for(lambda: self._hurry, seconds)
            else:
                self._changed.wait(min(seconds, SHORT_PAUSE_SECONDS))
        return time.monotonic() < self._deadline

    def _log_drops(self) -> None:
        self._has_drops = False
        dropped = self.stats.dropped
        if dropped.get("invalid"):
            self._warn(
                "invalid", "%d usage events were dropped: values of wrong types", dropped["invalid"]
            )
        if dropped.get("full"):
            self._warn("full", "%d usage events were dropped: the buffer is full", dropped["full"])

    def _warn(self, kind: str, message: str, *values: object) -> None:
        now = time.monotonic()
        if now >= self._warned_at.get(kind, -math.inf) + REPEAT_SECONDS:
            self._warned_at[kind] = now
            log.warning(message, *values)


_PRODUCERS: weakref.WeakSet[UsageProducer] = weakref.WeakSet()


def _after_fork() -> None:
    for producer in list(_PRODUCERS):
        producer._reset()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
