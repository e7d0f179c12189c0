"""Checks before a worker starts: its topics, rights, compaction and stored state."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.errors import TopicAuthorizationFailedError as AioTopicAuthorizationFailedError
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    AuthorizationError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.kafka import admin, aio_login, group_join
from streams.kafka.admin import BrokerError, Topic, TopicError
from streams.state.codec import PositionRecord, StateError, decode_position, order, parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kafka.admin import KafkaAdminClient

    from streams.settings import Settings

log = logging.getLogger("tokenshare.topics")

#: The newest position of a partition is among its last records, mostly the very last one.
_LAST_RECORDS = 200
_STATE_SECONDS = 10.0
#: Unread usage is reported for a day of event time, with so many of its writers.
_UNREAD_SECONDS = 86_400.0
_WRITERS = 5
#: Each broker knows of a new topic within this time.
KNOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: `problem` is empty where all is right."""

    subject: str
    fact: str
    problem: str = ""
    remedy: str = ""
    #: Whether it can pass by itself: a worker starts, and waits for it.
    can_pass: bool = False
    #: Whether everything works all the same: somebody should look at it some time.
    is_warning: bool = False


def check(client: KafkaAdminClient, settings: Settings) -> list[Finding]:
    """Return the findings of all checks: topics, group, stored state."""
    return list(_check(client, settings))


def _check(client: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    source, changelog = settings.topic, settings.changelog_topic
    try:
        found = admin.find(client, source, changelog, settings.dead_letters)
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
        yield from _check_state(settings, state.partitions, found.get(source))


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
    """Return whether Kafka hides the topic from this login."""
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
        # A broker that has never had a group may have no coordinator yet, and the embedded broker
        # reports rights that Kafka does not have.
        return
    allowed = admin.operations_of(described)
    denied = "GroupAuthorizationFailed" in str(described.get("error"))
    if denied or (allowed is not None and "READ" not in allowed):
        yield Finding(subject, "", "no right to Read", remedy)
        return
    refusal = asyncio.run(group_join.refusal(settings))
    if refusal is None:
        yield Finding(subject, "may be joined")
    else:
        can_pass = not refusal.is_final
        yield Finding(subject, "", refusal.problem, refusal.remedy, can_pass=can_pass)


def _check_compaction(client: KafkaAdminClient, name: str) -> Iterator[Finding]:
    """Yield a finding where Kafka would delete state by its age, or keep all of it for ever."""
    policy = cleanup_policy(client, name)
    if policy not in {None, "compact"}:
        yield Finding(
            f"topic {name}",
            "",
            f"has cleanup.policy={policy}",
            "Set cleanup.policy=compact on it, or counts will be lost when its records expire.",
        )


def cleanup_policy(client: KafkaAdminClient, name: str) -> str | None:
    """Return a topic's cleanup.policy, None where this login may not read it."""
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, ["cleanup.policy"])
        described = client.describe_configs([resource], config_filter="all")
        return str(described["topic"][name]["cleanup.policy"]["value"])
    except (KafkaError, KeyError):
        # The worker runs all the same.
        return None


def _mismatch_remedy(source: int, changelog: int, name: str) -> str:
    if source > changelog:
        return f"Add partitions to {name} until it has {source}: its state is kept."
    return "Set TOKENSHARE_GROUP to a new name: counting restarts from what the source keeps."


def _check_state(settings: Settings, partitions: int, source: Topic | None) -> Iterator[Finding]:
    subject = f"state in {settings.changelog_topic}"
    try:
        is_filled, positions = asyncio.run(_read_some(settings, partitions))
    except StateError as error:
        yield Finding(
            subject,
            "",
            str(error),
            "Run the version of tokenshare that wrote it, or set TOKENSHARE_GROUP to a new name.",
        )
        return
    except AioTopicAuthorizationFailedError as error:
        name = type(error).__name__
        yield Finding(subject, "", f"cannot be read: {name}", "Allow Read on the changelog.")
        return
    except (AioKafkaError, OSError) as error:
        # Also where aiokafka does not call it retriable: a restarting broker is a timeout.
        name = type(error).__name__
        raise KafkaError(f"the changelog cannot be read: {name}") from None
    known = source.topic_id if source is not None else ""
    if known and any(each.topic and each.topic != known for each in positions):
        yield Finding(
            subject,
            "",
            f"counts another topic: {settings.topic} was recreated, or another deployment uses "
            "this group",
            "Set TOKENSHARE_GROUP to another name to count it from its beginning.",
        )
        return
    yield Finding(subject, "readable" if is_filled else "empty: counting starts at the beginning")
    yield from unread_usage(positions)


def unread_usage(positions: Sequence[PositionRecord]) -> Iterator[Finding]:
    """Yield a warning where the last day had usage that no reader takes, with who wrote it."""
    newest = max((each.newest for each in positions), default=0.0)
    found: Counter[str] = Counter()
    for each in positions:
        if each.totals.unread_at > newest - _UNREAD_SECONDS:
            found.update(each.totals.unread)
    if found:
        writers = ", ".join(f"{name} ({count})" for name, count in found.most_common(_WRITERS))
        yield Finding(
            "usage",
            "",
            f"{found.total()} skipped items hold token counts that no reader takes, from {writers}",
            "See TokenshareUnreadUsage in deploy/runbook.md: map it, or send us a redacted sample.",
            can_pass=True,
            is_warning=True,
        )


async def _read_some(settings: Settings, partitions: int) -> tuple[bool, list[PositionRecord]]:
    """Return whether the changelog has any records, and the newest positions among those read.

    Reads the first and the last records of each partition, with aiokafka, which has the codecs that
    the changelog is compressed with. Raises StateError for what cannot be decoded, or a Kafka
    error.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers),
        enable_auto_commit=False,
        request_timeout_ms=10_000,
        **aio_login.arguments(settings),
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
        # A read at the end of a partition would wait for nothing, a second each.
        deadline = time.monotonic() + _STATE_SECONDS
        while time.monotonic() < deadline and [
            tp for tp in filled if await consumer.position(tp) < ends[tp]
        ]:
            await _note_positions(consumer, positions)
        return True, [position for _, position in positions.values()]
    finally:
        # Where Kafka has gone meanwhile, it raises the cancellation of its own tasks.
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
    """Create and check the topics of a worker; return the source topic.

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
    client = admin.connect(settings, wait_seconds)
    try:
        created = admin.create_missing(client, settings) if settings.create_topics else []
        for name in created:
            log.info("created topic %s", name)
        return _checked(client, settings, created)
    finally:
        client.close()


def _checked(client: KafkaAdminClient, settings: Settings, created: list[str]) -> Topic:
    """Return the source topic once all checks pass. Raises TopicError where one does not.

    Brokers learn of a new topic one after the other: what was created just now and is not known to
    the one that is asked is looked for again.
    """
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        findings = check(client, settings)
        problems = [each for each in findings if each.problem and not each.can_pass]
        source = admin.find(client, settings.topic).get(settings.topic)
        if source is not None and not problems:
            return source
        unknown = {each.subject for each in problems} or {f"topic {settings.topic}"}
        if time.monotonic() >= deadline or not unknown <= {f"topic {name}" for name in created}:
            raise TopicError(
                "\n".join(f"{each.subject} {each.problem}. {each.remedy}" for each in problems)
                or f"Topic {settings.topic} was deleted during the checks."
            )
        time.sleep(0.1)
