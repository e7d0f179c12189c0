"""The topics that a worker needs: made where they are missing, and checked before it starts.

Topics that come into being while a worker starts are a race that loses events (the changelog has
no partitions yet, and batches are acknowledged all the same), so they are there first, and alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.errors import SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.errors import TopicAuthorizationFailedError as AioTopicAuthorizationFailedError
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import (
    AuthorizationError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from streams.kafka import diagnosis
from streams.state.codec import PositionRecord, StateError, decode_position, order, parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        except (KafkaError, OSError) as error:
            trouble = diagnosis.trouble(settings) or asyncio.run(_login_trouble(settings))
            if trouble:
                raise BrokerError(f"Kafka at {trouble}") from None
            if time.monotonic() >= deadline:
                raise BrokerError(
                    f"No Kafka at {servers} ({type(error).__name__}). Start it, or set "
                    "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL to match it."
                ) from None
            if not told:
                log.warning("no Kafka at %s yet, waiting up to %.0f s", servers, wait_seconds)
                told = True
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))


async def _login_trouble(settings: Settings) -> str:
    """Return what a broker says against the login, with what to do, or "".

    The admin client says of a refused login only that it could not connect.
    """
    if not settings.security_protocol.startswith("SASL"):
        return ""
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        try:
            connection = await create_conn(
                host.strip("[]"), int(port), request_timeout_ms=5_000, **settings.kafka_security()
            )
        except (SaslAuthenticationFailed, UnsupportedSaslMechanismError):
            return (
                f"{server} refuses the login. Check TOKENSHARE_SASL_USERNAME, "
                "TOKENSHARE_SASL_PASSWORD and TOKENSHARE_SASL_MECHANISM."
            )
        except (AioKafkaError, OSError, TimeoutError):
            continue
        connection.close()
    return ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Kafka describes it: how many partitions it has, and Kafka's id of it.

    `operations` are those that this login is allowed on it, None where Kafka does not tell.
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
            len(topic["partitions"]), str(topic.get("topic_id") or ""), _operations(topic)
        )
        for topic in described
        if topic.get("partitions")
    }


def _operations(described: dict[str, Any]) -> frozenset[str] | None:
    allowed = described.get("authorized_operations")
    # A list of names, or the lowest number where a broker knows of no rights.
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
        if error.retriable:
            raise
        yield Finding(
            "topics",
            "",
            f"cannot be read: {type(error).__name__}",
            "Allow Describe on the cluster and on the topics.",
        )
        return
    for name, setting, needed in (
        (source, "TOKENSHARE_TOPIC", ("DESCRIBE", "READ")),
        (changelog, "TOKENSHARE_GROUP", ("DESCRIBE", "READ", "WRITE")),
        (settings.dead_letters, "TOKENSHARE_DEAD_LETTER_TOPIC", ("DESCRIBE", "WRITE")),
    ):
        yield _check_topic(client, name, found.get(name), setting, needed)
    yield from _check_group(client, settings)
    if changelog not in found:
        return
    state = found[changelog]
    if source in found and found[source].partitions != state.partitions:
        yield Finding(
            f"topic {changelog}",
            "",
            f"has {state.partitions} partitions, {source} has {found[source].partitions}",
            _mismatch_remedy(found[source].partitions, state.partitions, changelog),
        )
        return
    yield from _check_compaction(client, changelog)
    if state.operations is None or "READ" in state.operations:
        yield _check_state(settings, state.partitions, found.get(source))


def _check_topic(
    client: KafkaAdminClient,
    name: str,
    topic: Topic | None,
    setting: str,
    needed: tuple[str, ...],
) -> Finding:
    subject = f"topic {name}"
    if topic is None:
        if _is_hidden(client, name):
            rights = _listed(needed)
            return Finding(subject, "", "cannot be seen", f"Allow {rights} on it to this login.")
        return Finding(
            subject, "", "does not exist", f"Run `tokenshare doctor --fix`, or set {setting}."
        )
    allowed = needed if topic.operations is None else topic.operations
    missing = [each for each in needed if each not in allowed]
    if missing:
        rights = _listed(missing)
        return Finding(subject, "", f"no right to {rights}", f"Allow {rights} on it to this login.")
    return Finding(subject, f"{topic.partitions} partitions")


def _listed(operations: Sequence[str]) -> str:
    return " and ".join(each.capitalize() for each in operations)


def _is_hidden(client: KafkaAdminClient, name: str) -> bool:
    """Whether Kafka says that this login may not know of the topic."""
    try:
        described = client.describe_topics([name])
    except (AuthorizationError, TopicAuthorizationFailedError):
        return True
    except KafkaError:
        return False
    return any(each.get("error_code") == TopicAuthorizationFailedError.errno for each in described)


def _check_group(client: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    subject = f"group {settings.group}"
    remedy = "Allow Read on the group to this login."
    try:
        described = client.describe_groups([settings.group]).get(settings.group, {})
    except (AuthorizationError, GroupAuthorizationFailedError):
        yield Finding(subject, "", "no right to Read", remedy)
        return
    except (KafkaError, ValueError):
        # A broker that has never had a group may have no coordinator yet; and the embedded one
        # answers with rights that Kafka does not have.
        return
    allowed = _operations(described)
    denied = "GroupAuthorizationFailed" in str(described.get("error"))
    if denied or (allowed is not None and "READ" not in allowed):
        yield Finding(subject, "", "no right to Read", remedy)
    else:
        yield Finding(subject, "may be joined")


def _check_compaction(client: KafkaAdminClient, name: str) -> Iterator[Finding]:
    """Say where Kafka would delete state by its age, or keep all of it for ever."""
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, ["cleanup.policy"])
        described = client.describe_configs([resource], config_filter="all")
        policy = described["topic"][name]["cleanup.policy"]["value"]
    except (KafkaError, KeyError):
        # Without the right to see it nobody can say; the worker runs all the same.
        return
    if policy != "compact":
        yield Finding(
            f"topic {name}",
            "",
            f"has cleanup.policy={policy}",
            "Set cleanup.policy=compact on it, or counts will be lost when its records expire.",
        )


def _mismatch_remedy(source: int, changelog: int, name: str) -> str:
    if source > changelog:
        return f"Add partitions to {name} until it has {source}: its state is kept."
    return "Set TOKENSHARE_GROUP to a new name: counting starts anew from what the source keeps."


def _check_state(settings: Settings, partitions: int, source: Topic | None) -> Finding:
    subject = f"state in {settings.changelog_topic}"
    try:
        is_filled, positions = asyncio.run(_read_some(settings, partitions))
    except StateError as error:
        return Finding(
            subject,
            "",
            str(error),
            "Run the version of tokenshare that wrote it, or set TOKENSHARE_GROUP to a new name.",
        )
    except AioTopicAuthorizationFailedError as error:
        name = type(error).__name__
        return Finding(subject, "", f"cannot be read: {name}", "Allow Read on the changelog.")
    except (AioKafkaError, OSError) as error:
        # Also where aiokafka does not call it retriable: a broker that restarts is a timeout.
        name = type(error).__name__
        raise KafkaError(f"the changelog cannot be read: {name}") from None
    known = source.topic_id if source is not None else ""
    if known and any(each.topic and each.topic != known for each in positions):
        return Finding(
            subject,
            "",
            f"counts another {settings.topic}: that topic was made anew",
            "Set TOKENSHARE_GROUP to a new name to count it from its beginning.",
        )
    return Finding(subject, "readable" if is_filled else "empty: counting starts at the beginning")


#: The newest position of a partition stands among its last records, mostly as the very last one.
_LAST_RECORDS = 200
_STATE_SECONDS = 10.0


async def _read_some(settings: Settings, partitions: int) -> tuple[bool, list[PositionRecord]]:
    """Read the first and the last records of each changelog partition.

    Returns whether there are any, and the newest positions among them. Reads with aiokafka, which
    has the codecs that the changelog is compressed with. Raises StateError for what is not
    understood, or a Kafka error.
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
            return False, []
        positions: dict[int, tuple[tuple[int, int], PositionRecord]] = {}
        consumer.assign(filled)
        await consumer.seek_to_beginning(*filled)
        await _note_positions(consumer, positions)
        for tp in filled:
            consumer.seek(tp, max(0, ends[tp] - _LAST_RECORDS))
        # A read of what has all been read would wait in vain, a second for each partition.
        deadline = time.monotonic() + _STATE_SECONDS
        while time.monotonic() < deadline and [
            tp for tp in filled if await consumer.position(tp) < ends[tp]
        ]:
            await _note_positions(consumer, positions)
        return True, [position for _, position in positions.values()]
    finally:
        # Where Kafka has gone meanwhile, its own cancelled tasks come out of it.
        with contextlib.suppress(asyncio.CancelledError):
            await consumer.stop()


async def _note_positions(
    consumer: AIOKafkaConsumer, newest: dict[int, tuple[tuple[int, int], PositionRecord]]
) -> None:
    for records in (await consumer.getmany(timeout_ms=1_000, max_records=500)).values():
        for record in records:
            if record.value is None:
                continue
            partition, pane = parse_key((record.key or b"").decode(errors="replace"))
            rank = order(record.value)
            if pane is None and (partition not in newest or rank >= newest[partition][0]):
                newest[partition] = rank, decode_position(record.value)


def prepare(settings: Settings) -> Topic:
    """Make the topics ready for a worker; returns the source topic.

    Waits for the broker, also for one that goes away meanwhile. Raises BrokerError or TopicError
    with what to do.
    """
    deadline = time.monotonic() + settings.broker_wait_seconds
    while True:
        try:
            return _prepare(settings, max(0.0, deadline - time.monotonic()))
        except KafkaError as error:
            if time.monotonic() >= deadline:
                raise BrokerError(f"Kafka failed while the topics were checked: {error}") from None
            log.warning("Kafka failed while the topics were checked, trying again: %s", error)
            time.sleep(1.0)


def _prepare(settings: Settings, wait_seconds: float) -> Topic:
    client = admin(settings, wait_seconds)
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
    finally:
        client.close()
    if source is None:
        raise TopicError(f"The topic {settings.topic} has gone while it was looked at.")
    return source
