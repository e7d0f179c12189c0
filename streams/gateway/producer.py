"""A gateway's requests on their way to Kafka: one usage event each, never in the request's way.

`UsageProducer.send` puts an event into a bounded buffer and returns. A thread does all that may
wait or fail: it tells the language of the prompt, which goes no further, and writes to Kafka.

Events leave in chunks, and a chunk is settled before the next one is taken: so the buffer bounds
all that waits, whatever Kafka does, and what has become of every event is known.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import threading
import time
import weakref
from collections import Counter, deque
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from streams.classify.language.prompt import texts
from streams.classify.language.tags import UNDETERMINED
from streams.classify.tenant import marked
from streams.decode.event import MAX_TOKENS, UsageEvent, event_time
from streams.decode.formats.native import encode
from streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.settings import Settings

log = logging.getLogger(__name__)

#: Why a call brought no event.
Drop = Literal[
    "invalid",  # not the types and ranges of an event
    "full",  # as many events wait for Kafka as the buffer holds
    "closed",  # the producer is closed
]

BUFFER_EVENTS = 10_000
CLOSE_SECONDS = 5.0

#: How long the first event of a chunk waits for others: a request to Kafka costs as much as many.
LINGER_SECONDS = 0.1
CHUNK_EVENTS = 1_000

#: How much of a model's or a tenant's name is kept. A longer id is none: cut, two could be one.
MOST_CHARACTERS = 512

#: What is kept of a prompt until its language is told: of the texts that decide, the beginnings.
EXCERPT_TEXTS = 3
EXCERPT_CHARACTERS = 512

#: How often a chunk is sent that Kafka refuses, or does not acknowledge within kafka-python's
#: `delivery_timeout_ms`. As long as no broker answers, nothing counts as a try.
TRIES = 5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
#: Between tries while somebody waits for the end of them.
SHORT_PAUSE_SECONDS = 0.1

#: For one attempt to connect, and as much again to learn of the topic.
CONNECT_SECONDS = 5.0
#: After so long without an acknowledgement the log says so.
SILENCE_SECONDS = 5.0
#: A connection without events is given up: a broker that has gone would be called on and on, and
#: kafka-python leaves the socket of each call that failed to the garbage collector.
IDLE_SECONDS = 60.0
#: What stays wrong is said again after so long, not at every attempt.
REPEAT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Stats:
    """What has become of the calls of `send` in this process: the counts add up to their number.

    `sent`: events that Kafka has acknowledged. `dropped`: calls that brought no event, by reason.
    `failed`: events given up, refused `TRIES` times or left at the close. `buffered`: events that
    wait for Kafka.
    """

    sent: int
    dropped: Mapping[Drop, int]
    failed: int
    buffered: int


class _Item(NamedTuple):
    """An event as the request says it, and what tells its language if it does not."""

    event: UsageEvent
    excerpt: str | list[str] | None


class _Record(NamedTuple):
    """Key and value of a Kafka record."""

    key: bytes | None
    value: bytes


class UsageProducer:
    """Writes usage events to a topic, from a thread of its own; may be shared between threads.

    `buffer` bounds the events that wait for Kafka. `tenant_salt` keys the hash that tenants are
    written as: the worker's TOKENSHARE_TENANT_SALT. `detect_language` tells the language of prompts
    where none is declared. `kafka`: further arguments of kafka-python's producer.

    Nothing is connected before the first event. In a child of a fork it starts anew: what the
    parent had buffered is the parent's. At the interpreter's exit it closes, which may take
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
        if isinstance(bootstrap_servers, str):
            bootstrap_servers = bootstrap_servers.split(",")
        self._limit = buffer
        self._salt = tenant_salt.encode()
        self._detects = detect_language
        self._outlet = _Outlet([server.strip() for server in bootstrap_servers], topic, kafka)
        self._closing = False
        self._start_anew()
        _PRODUCERS.add(self)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, **given: Any) -> Self:
        """Return a producer for the TOKENSHARE_ environment: brokers, login, topic, salt.

        `given` are arguments that take the place of the environment's. Raises SettingsError.
        """
        chosen = settings or load()
        return cls(
            **{
                "bootstrap_servers": chosen.bootstrap_servers,
                "topic": chosen.topic,
                "tenant_salt": chosen.tenant_salt.get_secret_value(),
                "detect_language": chosen.detect_language,
                **chosen.kafka_security(),
                **given,
            }
        )

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
    ) -> bool:
        """Take one request's tokens, and tell whether they were taken. Never blocks, never raises.

        `ts` is the start of the request (unix seconds or milliseconds, ISO 8601), by default now.
        `prompt` is text, messages or a request's body, for its language where `language` is not
        given: a short excerpt is kept until that is told, and nothing of it is written.
        """
        try:
            event = _event(model, prompt_tokens, completion_tokens, ts, language, tenant, id)
        except Exception:  # noqa: BLE001 - whatever is wrong with a value, the request goes on
            event = None
        if event is None:
            return self._drop("invalid")
        excerpt = None
        if prompt is not None and event.language is None and self._detects:
            # A prompt that cannot be read is no reason to lose its tokens.
            with contextlib.suppress(Exception):
                excerpt = _excerpt(prompt)
        return self._put(_Item(event, excerpt))

    def flush(self, timeout: float) -> bool:
        """Wait until no event is buffered, at most `timeout` seconds; tell whether none is."""
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._pending, max(0.0, timeout))
            finally:
                self._hurry -= 1

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Send what is buffered, for at most `timeout` seconds, and take no more.

        What is left by then counts as failed. A second call does nothing.
        """
        timeout = max(0.0, timeout)
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._hurry += 1
            self._deadline = time.monotonic() + timeout
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        with self._changed:
            left = self._pending
            self._settle(failed=left)
            self._abandoned = True
        if left:
            log.warning("%d usage events had not reached Kafka when their producer closed", left)
        if self._at_exit is not None:
            self._at_exit.cancel()

    @property
    def stats(self) -> Stats:
        """What has become of the calls of `send` so far."""
        with self._lock:
            return Stats(self._sent, dict(self._dropped), self._failed, self._pending)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_anew(self) -> None:
        """Set up what belongs to one process: locks, buffer, counts, thread, connection."""
        # Held for a few steps only; a signal handler or a finaliser may come in between them.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[_Item] = deque()
        self._pending = 0
        self._sent = 0
        self._failed = 0
        self._dropped: Counter[Drop] = Counter()
        self._to_tell = False
        self._hurry = 0
        self._deadline = math.inf
        self._abandoned = False
        self._thread: threading.Thread | None = None
        self._at_exit: Finalize | None = None
        self._said: dict[str, float] = {}
        self._outlet.forget()

    def _drop(self, reason: Drop) -> bool:
        with self._changed:
            self._dropped[reason] += 1
            if self._dropped[reason] == 1 and not self._closing:
                # The thread says so: a log may block.
                self._to_tell = True
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
        # Where no thread is to be had the event waits for the next call.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread
            # As atexit does, and also where a forked worker of multiprocessing ends, without it.
            self._at_exit = Finalize(None, self.close, exitpriority=0)

    # What follows is the thread's.

    def _run(self) -> None:
        while True:
            try:
                if not self._step():
                    break
            except Exception as error:  # noqa: BLE001 - a fault costs a chunk, not the thread
                with contextlib.suppress(Exception):
                    self._say("fault", "usage events are lost: %s", type(error).__name__)
                self._outlet.disconnect()
        self._outlet.disconnect()

    def _step(self) -> bool:
        """Do what there is to do, and tell whether there can be more."""
        chunk = self._take()
        self._tell_drops()
        if chunk:
            self._deliver(chunk)
        elif chunk is None:
            self._outlet.disconnect()
        return bool(chunk) or not self._closing

    def _take(self) -> list[_Item] | None:
        """Wait for a chunk of events: none where something else is to be done, None when idle."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._queue or self._closing or self._to_tell,
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
                self._say("refused", "Kafka does not take usage events: %s", problem)
            self._say("failed", "%d usage events were given up", left)
        finally:
            self._settle(failed=left)

    def _record(self, item: _Item) -> _Record:
        event, excerpt = item
        value = encode(
            msgspec.structs.replace(
                event,
                language=event.language or (self._language(excerpt) if excerpt else None),
                tenant=marked(event.tenant, self._salt) if event.tenant else None,
            )
        )
        # The records of one request meet in one partition, where they can be told to be one.
        return _Record(str(event.id).encode() if event.id is not None else None, value)

    def _language(self, excerpt: str | list[str]) -> str | None:
        try:
            # Its models take their time to load, and are needed here only.
            from streams.classify.language.detect import detect_messages  # noqa: PLC0415

            language = detect_messages(excerpt).language
        except Exception as error:  # noqa: BLE001 - tokens count without a language, too
            self._say("language", "no language is told: %s", type(error).__name__)
            return None
        return language if language != UNDETERMINED else None

    def _connect(self) -> bool:
        """Wait for Kafka as long as it takes; tell whether it came before the producer's end."""
        pause = FIRST_PAUSE_SECONDS
        while problem := self._outlet.connect():
            self._say("absent", "usage events wait until Kafka takes them: %s", problem)
            self._tell_drops()
            if not self._rest(pause):
                return False
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        if self._said.pop("absent", None) is not None:
            log.warning("Kafka takes usage events again")
        return True

    def _write(self, records: list[_Record]) -> tuple[list[_Record], str]:
        """Write records, wait for each one's end, and return those not acknowledged, and why."""
        began = time.monotonic()
        answers, problem = self._outlet.send(records)
        while not self._outlet.settled(answers, seconds=1.0):
            now = time.monotonic()
            if now > self._deadline:
                break
            if now > began + SILENCE_SECONDS:
                self._say("silent", "usage events wait for Kafka, which does not acknowledge them")
                self._tell_drops()
        refused = [
            record
            for index, record in enumerate(records)
            if index >= len(answers) or not answers[index].succeeded()
        ]
        errors = (each.exception for each in answers if each.failed())
        return refused, problem or next(map(_told, errors), "")

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
        """Wait before the next try, not for long when somebody waits; tell whether there is one."""
        with self._changed:
            if not self._hurry:
                self._changed.wait_for(lambda: self._hurry, seconds)
            else:
                self._changed.wait(min(seconds, SHORT_PAUSE_SECONDS))
        return time.monotonic() < self._deadline

    def _tell_drops(self) -> None:
        self._to_tell = False
        dropped = self.stats.dropped
        if dropped.get("invalid"):
            self._say(
                "invalid", "%d usage events were dropped: values of wrong types", dropped["invalid"]
            )
        if dropped.get("full"):
            self._say("full", "%d usage events were dropped: the buffer is full", dropped["full"])

    def _say(self, kind: str, message: str, *values: object) -> None:
        now = time.monotonic()
        if now >= self._said.get(kind, -math.inf) + REPEAT_SECONDS:
            self._said[kind] = now
            log.warning(message, *values)


class _Outlet:
    """The connection to Kafka: made when there is something to send, anew after each failure."""

    def __init__(self, servers: list[str], topic: str, given: Mapping[str, Any]) -> None:
        unknown = given.keys() - KafkaProducer.DEFAULT_CONFIG.keys()
        if unknown:
            raise TypeError(f"kafka-python's producer knows no {', '.join(sorted(unknown))}")
        self._servers = servers
        self._topic = topic
        self._kafka: _Kafka | None = None
        self._options = {
            "client_id": "tokenshare-producer",
            "acks": "all",
            "compression_type": "lz4",
            "batch_size": 256 * 1024,
            # No batch leaves before the chunk is complete; then it is flushed.
            "linger_ms": 1000,
            "bootstrap_timeout_ms": round(CONNECT_SECONDS * 1000),
            "max_block_ms": round(CONNECT_SECONDS * 1000),
            "reconnect_backoff_max_ms": round(LONGEST_PAUSE_SECONDS * 1000),
            "metrics_enabled": False,
            **given,
        }

    @property
    def client_id(self) -> str:
        """What Kafka, and the names of the threads, call this process's producer."""
        return str(self._options["client_id"])

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or was one a moment ago."""
        return self._kafka is not None

    def connect(self) -> str:
        """Connect, if that is not done, and return why it does not work, or ""."""
        if self._kafka is not None:
            return ""
        _Quiet.keep(self.client_id)
        kafka = None
        try:
            if not self._options.get("proxy_url"):
                _knock(self._servers)
            kafka = _Kafka(bootstrap_servers=self._servers, **self._options)
            kafka.partitions_for(self._topic)
        except Exception as error:  # noqa: BLE001 - kafka-python raises what it likes
            problem = _told(error)
            if kafka is not None:
                kafka.end()
                if isinstance(error, KafkaTimeoutError):
                    problem = f"there is no topic {self._topic}"
            return f"{', '.join(self._servers)}: {problem}"
        self._kafka = kafka
        return ""

    def send(self, records: list[_Record]) -> tuple[list[Any], str]:
        """Hand records over; return the futures of those taken, and what was wrong with others."""
        assert self._kafka is not None
        futures: list[Any] = []
        try:
            for key, value in records:
                futures.append(self._kafka.send(self._topic, value=value, key=key))
        except Exception as error:  # noqa: BLE001 - likewise
            return futures, _told(error)
        return futures, ""

    def settled(self, futures: list[Any], *, seconds: float) -> bool:
        """Tell whether all have come to an end, after waiting for some `seconds` if need be."""
        assert self._kafka is not None
        with contextlib.suppress(KafkaError):
            self._kafka.flush(seconds)
        return all(future.is_done for future in futures)

    def disconnect(self) -> None:
        """End the connection at once, with whatever it still holds."""
        if self._kafka is not None:
            self._kafka.end()
            self._kafka = None

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        self._kafka = None


class _Kafka(KafkaProducer):  # type: ignore[misc]
    """kafka-python's producer, which lives and ends as the outlet wants, and not by itself."""

    def end(self) -> None:
        """End at once: its own close() raises, and leaves it running, while something is unsent."""
        with contextlib.suppress(Exception):
            self._sender.force_close()
            self.close(timeout=1)

    def _cleanup_factory(self) -> Any:
        # It would end itself at the interpreter's exit, before the events that wait for it are out.
        return lambda: None

    def __del__(self) -> None:
        # Its own would flush: in a forked child, over the parent's connection.
        pass


class _Quiet(logging.Filter):
    """Keeps back kafka-python's own lines about our connection: dozens a second without a broker.

    Whoever sets a level for the logger `kafka` wants to see them.
    """

    _kept: set[str] = set()  # noqa: RUF012 - one for the process, as loggers are

    @classmethod
    def keep(cls, client_id: str) -> None:
        """Keep back what the threads of a client say."""
        if client_id in cls._kept:
            return
        cls._kept.add(client_id)
        quiet = cls(client_id)
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("kafka."):
                logging.getLogger(name).addFilter(quiet)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line may be written."""
        ours = (record.threadName or "").startswith(self.name)
        return not ours or logging.getLogger("kafka").level != logging.NOTSET


def _event(  # noqa: PLR0917 - as many as an event has
    model: object,
    prompt_tokens: object,
    completion_tokens: object,
    ts: object,
    language: object,
    tenant: object,
    id: object,  # noqa: A002 - as in `send`
) -> UsageEvent | None:
    """Return the event, or None for values that are none; may raise for objects that misbehave."""
    if not isinstance(model, str) or not model.strip():
        return None
    for count in (prompt_tokens, completion_tokens):
        if type(count) is not int or not 0 <= count <= MAX_TOKENS:
            return None
    if ts is None:
        ts = time.time()
    elif isinstance(ts, int | float | str) and not isinstance(ts, bool):
        ts = event_time(ts if isinstance(ts, str) else float(ts), None)
        if ts is None:
            return None
    else:
        return None
    if not isinstance(language, str | None):
        return None
    for name in (tenant, id):
        if not isinstance(name, str | int | None) or isinstance(name, bool):
            return None
    return UsageEvent(
        model=_plain(model),
        prompt_tokens=prompt_tokens,  # type: ignore[arg-type]
        completion_tokens=completion_tokens,  # type: ignore[arg-type]
        ts=ts,
        language=_plain(language) if language else None,
        tenant=_plain(str(tenant)) if tenant not in {None, ""} else None,
        id=id if id != "" and len(str(id)) <= MOST_CHARACTERS else None,
    )


def _plain(text: str) -> str:
    """Return the beginning of a text, as a plain one where it is of a type of its own."""
    return str.__getitem__(text, slice(MOST_CHARACTERS))


def _excerpt(prompt: object) -> str | list[str]:
    """Return what tells the language of a prompt, in few characters and none of its objects.

    Of messages the latest come last, as they did.
    """
    if isinstance(prompt, str):
        return str.__getitem__(prompt, slice(EXCERPT_TEXTS * EXCERPT_CHARACTERS))
    found = texts(prompt)[:EXCERPT_TEXTS]
    return [text[:EXCERPT_CHARACTERS] for text in reversed(found)]


def _knock(servers: list[str]) -> None:
    """Raise OSError or ValueError unless some server listens.

    kafka-python would try on for seconds, and leave its sockets to the garbage collector.
    """
    for index, server in enumerate(servers, 1):
        host, _, port = server.rpartition(":")
        try:
            address = (host.strip("[]") or server, int(port) if host else 9092)
            socket.create_connection(address, timeout=CONNECT_SECONDS).close()
        except (OSError, ValueError):
            if index == len(servers):
                raise
        else:
            return


def _told(error: BaseException) -> str:
    """Return an error as the log may have it: words of unknown origin may hold a secret."""
    if isinstance(error, KafkaError):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OSError) else name


_PRODUCERS: weakref.WeakSet[UsageProducer] = weakref.WeakSet()


def _after_fork() -> None:
    for producer in list(_PRODUCERS):
        producer._start_anew()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
