"""The topics that a worker needs: made where they are missing, and checked before it starts.

Topics that come into being while a worker starts are a race that loses events (the changelog has
no partitions yet, and batches are acknowledged all the same), so they are there first, and alike.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError as AioKafkaError
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    AuthorizationError,
    ClusterAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from streams.state import StateError, order, parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.settings import Settings

log = logging.getLogger("tokenshare.topics")

# A stale owner's record and the newer one both have to stay long enough for every reader to see
# both, and a reader has to reach the end of the log within this time.
_MIN_COMPACTION_LAG_MS = 600_000
_SEGMENT_BYTES = 64 * 1024 * 1024
_SEGMENT_MS = 3_600_000
_CREATION_SECONDS = 10.0


class BrokerError(Exception):
    """Kafka cannot be reached or refuses; the message says what to do."""


class TopicError(Exception):
    """The topics are not such that a worker may start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `problem` is empty where it is right."""

    subject: str
    fact: str
    problem: str = ""
    remedy: str = ""


def admin(settings: Settings, wait_seconds: float = 0.0) -> KafkaAdminClient:
    """Return an admin client; waits up to `wait_seconds` for a broker that does not answer.

    Raises BrokerError.
    """
    deadline = time.monotonic() + wait_seconds
    servers = ", ".join(settings.bootstrap_servers)
    told = False
    while True:
        try:
            return KafkaAdminClient(
                bootstrap_servers=list(settings.bootstrap_servers),
                client_id="tokenshare-admin",
                request_timeout_ms=10_000,
                bootstrap_timeout_ms=3_000,
                **settings.kafka_security(),
            )
        except SaslAuthenticationFailedError:
            raise BrokerError(
                f"Kafka at {servers} refuses the login. Check TOKENSHARE_SASL_USERNAME, "
                "TOKENSHARE_SASL_PASSWORD and TOKENSHARE_SASL_MECHANISM."
            ) from None
        except (KafkaError, OSError) as error:
            if time.monotonic() >= deadline:
                raise BrokerError(
                    f"No Kafka at {servers} ({type(error).__name__}). Start it, or set "
                    "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL to match it."
                ) from None
            if not told:
                log.warning("no Kafka at %s yet, waiting up to %.0f s", servers, wait_seconds)
                told = True
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Kafka describes it: how many partitions it has, and Kafka's id of it."""

    partitions: int
    topic_id: str


def find(client: KafkaAdminClient, *names: str) -> dict[str, Topic]:
    """Return those of the topics that exist, by name. Raises KafkaError."""
    wanted = set(names) & set(client.list_topics())
    if not wanted:
        return {}
    described: list[dict[str, Any]] = client.describe_topics(sorted(wanted))
    return {
        str(topic["name"]): Topic(len(topic["partitions"]), str(topic.get("topic_id") or ""))
        for topic in described
        if topic.get("partitions")
    }


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
            f"No right to create the topic {topic.name}. Create it yourself "
            "(`tokenshare topics` prints how), or allow Create on it."
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
    }


def dead_letter_configs(settings: Settings) -> dict[str, str]:
    """Return the configuration of the dead-letter topic: what was read must fit into it."""
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
    """Create the topics that are missing; returns their names. Raises TopicError."""
    found = find(client, settings.topic, settings.changelog_topic, settings.dead_letters)
    source = found.get(settings.topic)
    created = []
    for topic in planned(settings, settings.partitions if source is None else source.partitions):
        if topic.name not in found:
            _create(client, topic)
            created.append(topic.name)
    # A broker answers a creation before it knows the topic itself.
    deadline = time.monotonic() + _CREATION_SECONDS
    while created and time.monotonic() < deadline:
        if len(find(client, *created)) == len(created):
            break
        time.sleep(0.05)
    return created


def check(client: KafkaAdminClient, settings: Settings) -> list[Finding]:
    """Look at the topics and say of each what is right and what is not."""
    return list(_check(client, settings))


def _check(client: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    source, changelog = settings.topic, settings.changelog_topic
    try:
        found = find(client, source, changelog, settings.dead_letters)
    except KafkaError as error:
        yield Finding(
            "topics",
            "",
            f"cannot be read: {type(error).__name__}",
            "Allow Describe on the cluster and on the topics.",
        )
        return
    counts = {name: topic.partitions for name, topic in found.items()}
    for name, setting in (
        (source, "TOKENSHARE_TOPIC"),
        (changelog, "TOKENSHARE_GROUP"),
        (settings.dead_letters, "TOKENSHARE_DEAD_LETTER_TOPIC"),
    ):
        if name not in counts:
            yield Finding(
                f"topic {name}",
                "",
                "does not exist",
                f"Run `tokenshare doctor --fix`, or set {setting}.",
            )
        else:
            yield Finding(f"topic {name}", f"{counts[name]} partitions")
    if source in counts and changelog in counts and counts[source] != counts[changelog]:
        yield Finding(
            f"topic {changelog}",
            "",
            f"has {counts[changelog]} partitions, {source} has {counts[source]}",
            _mismatch_remedy(counts[source], counts[changelog], changelog),
        )
    elif changelog in counts:
        yield _check_version(settings, counts[changelog])


def _mismatch_remedy(source: int, changelog: int, name: str) -> str:
    if source > changelog:
        return f"Add partitions to {name} until it has {source}: its state is kept."
    return "Set TOKENSHARE_GROUP to a new name: counting starts anew from what the source keeps."


def _check_version(settings: Settings, partitions: int) -> Finding:
    subject = f"state in {settings.changelog_topic}"
    try:
        filled = asyncio.run(_read_some(settings, partitions))
    except StateError as error:
        return Finding(
            subject,
            "",
            str(error),
            "Run the version of tokenshare that wrote it, or set TOKENSHARE_GROUP to a new name.",
        )
    except (AioKafkaError, OSError) as error:
        name = type(error).__name__
        return Finding(subject, "", f"cannot be read: {name}", "Allow Read on the changelog.")
    return Finding(subject, "readable" if filled else "empty: counting starts at the beginning")


async def _read_some(settings: Settings, partitions: int) -> bool:
    """Read records of each changelog partition; returns whether there are any.

    Reads with aiokafka, which has the codecs that the changelog is compressed with. Raises
    StateError for what is not understood, or a Kafka error.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers),
        enable_auto_commit=False,
        request_timeout_ms=10_000,
        **settings.kafka_security(),
    )
    await consumer.start()
    try:
        tps = [TopicPartition(settings.changelog_topic, number) for number in range(partitions)]
        ends = await consumer.end_offsets(tps)
        filled = [tp for tp in tps if ends.get(tp)]
        if not filled:
            return False
        consumer.assign(filled)
        await consumer.seek_to_beginning(*filled)
        for records in (await consumer.getmany(timeout_ms=3_000, max_records=500)).values():
            for record in records:
                if record.value is not None:
                    parse_key((record.key or b"").decode(errors="replace"))
                    order(record.value)
        return True
    finally:
        await consumer.stop()


def prepare(settings: Settings) -> Topic:
    """Make the topics ready for a worker; returns the source topic.

    Waits for the broker. Raises BrokerError or TopicError with what to do.
    """
    client = admin(settings, settings.broker_wait_seconds)
    try:
        if settings.create_topics:
            for name in create_missing(client, settings):
                log.info("created topic %s", name)
        findings = check(client, settings)
        problems = [finding for finding in findings if finding.problem]
        if problems:
            raise TopicError(
                "\n".join(f"{each.subject} {each.problem}. {each.remedy}" for each in problems)
            )
        source = find(client, settings.topic).get(settings.topic)
    except KafkaError as error:
        raise BrokerError(f"Kafka failed while the topics were checked: {error}") from None
    finally:
        client.close()
    if source is None:
        raise TopicError(f"The topic {settings.topic} has gone while it was looked at.")
    return source
