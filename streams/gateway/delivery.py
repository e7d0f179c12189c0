"""The producer's connection to Kafka, by kafka-python; the producer controls its lifetime.

kafka-python's default behaviour does not fit a request's process: it logs dozens of lines a second
without a broker, flushes in a forked child, and closes itself at the interpreter's exit.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from streams.kafka.bounded_client import BoundedClient
from streams.settings import SettingsError
from streams.settings.brokers import host_and_port, refuses_lz4

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Timeout of one attempt to connect, and the same again for fetching the topic's metadata.
CONNECT_SECONDS = 5.0
MAX_PAUSE_SECONDS = 10.0


class Record(NamedTuple):
    """Key and value of a Kafka record."""

    key: bytes | None
    value: bytes


class Outlet:
    """The connection to Kafka: opened when there is data to send, recreated after a failure.

    `login` returns options that are made for each connection: files of a login may change.
    """

    def __init__(self, servers: list[str], topic: str, given: Mapping[str, Any]) -> None:
        unknown = given.keys() - KafkaProducer.DEFAULT_CONFIG.keys()
        if unknown:
            raise TypeError(
                f"unknown options of kafka-python's producer: {', '.join(sorted(unknown))}"
            )
        self._servers = servers
        self._topic = topic
        self._kafka: _Kafka | None = None
        self.login: Callable[[], dict[str, Any]] = dict
        self._options = {
            "client_id": "tokenshare-producer",
            "acks": "all",
            "compression_type": "lz4",
            "batch_size": 256 * 1024,
            # No batch leaves before the chunk is complete; then it is flushed.
            "linger_ms": 1000,
            "bootstrap_timeout_ms": round(CONNECT_SECONDS * 1000),
            "max_block_ms": round(CONNECT_SECONDS * 1000),
            "reconnect_backoff_max_ms": round(MAX_PAUSE_SECONDS * 1000),
            "metrics_enabled": False,
            "kafka_client": BoundedClient,
            **given,
        }
        refusal = refuses_lz4(servers)
        if refusal and self._options["compression_type"] == "lz4":
            raise ValueError(f'{refusal}: pass compression_type="gzip" or None')

    @property
    def client_id(self) -> str:
        """Return the client id of this process's producer, used by Kafka and in thread names."""
        return str(self._options["client_id"])

    @property
    def connected(self) -> bool:
        """Return whether there is a connection, or was one a moment ago."""
        return self._kafka is not None

    def connect(self) -> str:
        """Connect if not connected; return why that fails, or ""."""
        if self._kafka is not None:
            return ""
        _Quiet.keep(self.client_id)
        kafka = None
        try:
            options = self._options | self.login()
            provider = options.get("sasl_oauth_token_provider")
            if provider is not None:
                # kafka-python would hide why there is no token.
                provider.token()
            if not options.get("proxy_url"):
                _knock(self._servers)
            kafka = _Kafka(bootstrap_servers=self._servers, **options)
            kafka.partitions_for(self._topic)
        except Exception as error:  # noqa: BLE001 - kafka-python raises errors of any type
            problem = safe_text(error)
            if kafka is not None:
                kafka.end()
                if isinstance(error, KafkaTimeoutError):
                    problem = f"topic {self._topic} does not exist"
            return f"{', '.join(self._servers)}: {problem}"
        self._kafka = kafka
        return ""

    def send(self, records: list[Record]) -> tuple[list[Any], str]:
        """Send records; return the futures of those accepted, and the error of the others."""
        assert self._kafka is not None
        futures: list[Any] = []
        try:
            for key, value in records:
                futures.append(self._kafka.send(self._topic, value=value, key=key))
        except Exception as error:  # noqa: BLE001 - likewise
            return futures, safe_text(error)
        return futures, ""

    def settled(self, futures: list[Any], *, seconds: float) -> bool:
        """Return whether all are done, after a wait of at most `seconds`."""
        assert self._kafka is not None
        with contextlib.suppress(KafkaError):
            self._kafka.flush(seconds)
        return all(future.is_done for future in futures)

    def disconnect(self) -> None:
        """Close the connection at once, with everything it still holds."""
        if self._kafka is not None:
            self._kafka.end()
            self._kafka = None

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        self._kafka = None


class _Kafka(KafkaProducer):  # type: ignore[misc]
    """kafka-python's producer, with a lifetime that the outlet controls."""

    def end(self) -> None:
        """Close at once: its own close() raises, and leaves it running, while data is unsent."""
        with contextlib.suppress(Exception):
            self._sender.force_close()
            self.close(timeout=1)

    def _cleanup_factory(self) -> Any:
        # It would close itself at the interpreter's exit, before the waiting events are sent.
        return lambda: None

    def __del__(self) -> None:
        # Its own would flush: in a forked child, over the parent's connection.
        pass


class _Quiet(logging.Filter):
    """Suppresses kafka-python's log lines about our connection: dozens a second without a broker.

    If a level is set for the logger `kafka`, they are not suppressed.
    """

    _kept: set[str] = set()  # noqa: RUF012 - one for the process, as loggers are

    @classmethod
    def keep(cls, client_id: str) -> None:
        """Suppress the log lines of a client's threads."""
        if client_id in cls._kept:
            return
        cls._kept.add(client_id)
        quiet = cls(client_id)
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("kafka."):
                logging.getLogger(name).addFilter(quiet)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is logged."""
        ours = (record.threadName or "").startswith(self.name)
        return not ours or logging.getLogger("kafka").level != logging.NOTSET


def _knock(servers: list[str]) -> None:
    """Raise OSError unless some server listens.

    kafka-python would retry for seconds, and leave its sockets to the garbage collector.
    """
    for index, server in enumerate(servers, 1):
        try:
            socket.create_connection(host_and_port(server), timeout=CONNECT_SECONDS).close()
        except OSError:
            if index == len(servers):
                raise
        else:
            return


def safe_text(error: BaseException) -> str:
    """Return an error in a form safe to log: text of unknown origin may contain a secret."""
    if isinstance(error, KafkaError | SettingsError):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OSError) else name
