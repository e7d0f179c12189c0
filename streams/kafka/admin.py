"""An admin client for Kafka, and the topics that a worker needs: found, planned and created.

A worker creates missing topics before it starts. Topics that are created while it starts are a race
that loses events: the changelog has no partitions yet, and batches are acknowledged all the same.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    AuthorizationError,
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from streams.kafka import diagnosis, login
from streams.kafka.bounded_client import BoundedClient
from streams.kafka.token_source import TokenError

if TYPE_CHECKING:
    from streams.settings import Settings

log = logging.getLogger("tokenshare.topics")

# The record of a stale owner and the newer one must both stay until every reader has seen both, and
# a reader must reach the end of the log within this time.
_MIN_COMPACTION_LAG_MS = 600_000
_SEGMENT_BYTES = 64 * 1024 * 1024
_SEGMENT_MS = 3_600_000
#: A broker under load takes half a minute to create 2,000 partitions.
_CREATION_SECONDS = 60.0


class BrokerError(Exception):
    """Kafka cannot be reached or refuses; the message gives the remedy."""


class TopicError(Exception):
    """A worker cannot start with the topics as they are; the message gives the remedy."""


def connect(settings: Settings, wait_seconds: float = 0.0) -> KafkaAdminClient:
    """Return an admin client; wait up to `wait_seconds` for a broker that does not answer.

    Raises BrokerError.
    """
    deadline = time.monotonic() + wait_seconds
    servers = ", ".join(settings.bootstrap_servers)
    has_warned = False
    while True:
        try:
            login.token(settings)
            return KafkaAdminClient(
                bootstrap_servers=list(settings.bootstrap_servers),
                client_id="tokenshare-admin",
                request_timeout_ms=10_000,
                bootstrap_timeout_ms=3_000,
                kafka_client=BoundedClient,
                **login.arguments(settings),
            )
        except (KafkaError, OSError) as error:
            _raise_what_lasts(settings, error, is_late=time.monotonic() >= deadline)
            if not has_warned:
                what = "no token" if isinstance(error, TokenError) else "no Kafka"
                log.warning("%s at %s yet, waiting up to %.0f s", what, servers, wait_seconds)
                has_warned = True
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))


def _raise_what_lasts(settings: Settings, error: Exception, *, is_late: bool) -> None:
    """Raise BrokerError where another attempt to connect is pointless, or too late."""
    if isinstance(error, TokenError):
        if error.is_final or is_late:
            raise BrokerError(str(error)) from None
        return
    trouble = diagnosis.trouble(settings)
    if trouble:
        raise BrokerError(f"Kafka at {trouble}") from None
    if is_late:
        servers = ", ".join(settings.bootstrap_servers)
        raise BrokerError(
            f"No Kafka at {servers} ({diagnosis.unreached(settings)}). Start it, or set "
            "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL to match it."
        ) from None


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Kafka describes it: its number of partitions and its id.

    `operations` are those that this login is allowed on it, None where Kafka does not report them.
    """

    partitions: int
    topic_id: str
    operations: frozenset[str] | None = None


def find(client: KafkaAdminClient, *names: str) -> dict[str, Topic]:
    """Return those of the topics that exist, by name. Raises KafkaError."""
    wanted = set(names) & set(client.list_topics())
    if not wanted:
        return {}
    described: list[dict[str, Any]] = client.describe_topics(sorted(wanted))
    return {
        str(topic["name"]): Topic(
            len(topic["partitions"]), str(topic.get("topic_id") or ""), operations_of(topic)
        )
        for topic in described
        if topic.get("partitions")
    }


def operations_of(described: dict[str, Any]) -> frozenset[str] | None:
    """Return what this login is allowed on a described topic or group, None where not reported."""
    allowed = described.get("authorized_operations")
    # A list of names, or the lowest number where the broker reports no rights.
    if not isinstance(allowed, (list, set, tuple)):
        return None
    return frozenset(getattr(each, "name", str(each)) for each in allowed)


def _create(client: KafkaAdminClient, topic: NewTopic) -> None:
    try:
        client.create_topics([topic], timeout_ms=10_000)
    except TopicAlreadyExistsError:
        return
    except (
        AuthorizationError,
        ClusterAuthorizationFailedError,
        TopicAuthorizationFailedError,
    ):
        raise TopicError(
            f"No right to create the topic {topic.name}, or to see it if it is there. Create it "
            "yourself (`tokenshare topics` prints how), or allow Create and Describe on it."
        ) from None
    except KafkaError as error:
        raise TopicError(f"The topic {topic.name} cannot be created: {error}") from None


def changelog_configs() -> dict[str, str]:
    """Return the configuration of the changelog topic."""
    return {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(_MIN_COMPACTION_LAG_MS),
        "segment.bytes": str(_SEGMENT_BYTES),
        "segment.ms": str(_SEGMENT_MS),
        "min.cleanable.dirty.ratio": "0.2",
        "max.message.bytes": str(8 * 1024 * 1024),
        # A clock that all workers have in common: a worker compares its own with it.
        "message.timestamp.type": "LogAppendTime",
    }


def dead_letter_configs(settings: Settings) -> dict[str, str]:
    """Return the configuration of the dead-letter topic: it takes every record that is read."""
    return {
        "cleanup.policy": "delete",
        "max.message.bytes": str(settings.max_record_bytes + 64 * 1024),
    }


def planned(settings: Settings, source_partitions: int) -> list[NewTopic]:
    """Return the topics that a worker needs, source first."""
    factor = settings.replication_factor
    return [
        NewTopic(settings.topic, source_partitions, factor),
        NewTopic(
            settings.changelog_topic, source_partitions, factor, topic_configs=changelog_configs()
        ),
        NewTopic(settings.dead_letters, 1, factor, topic_configs=dead_letter_configs(settings)),
    ]


def create_missing(client: KafkaAdminClient, settings: Settings) -> list[str]:
    """Create the topics that are missing and return their names. Raises TopicError."""
    found = find(client, settings.topic, settings.changelog_topic, settings.dead_letters)
    source = found.get(settings.topic)
    created = []
    for topic in planned(settings, settings.partitions if source is None else source.partitions):
        if topic.name not in found:
            _create(client, topic)
            created.append(topic.name)
    # A broker confirms a creation before it lists the topic.
    deadline = time.monotonic() + _CREATION_SECONDS
    while created and time.monotonic() < deadline:
        if len(find(client, *created)) == len(created):
            break
        time.sleep(0.05)
    return created
