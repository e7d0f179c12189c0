"""Watch the changelog topic: that it is the same one, and that Kafka keeps what is in it.

Workers that run have all counts in memory, so a changelog that was deleted is written again, and so
is one that had a retention for a while. A worker that starts later would not have what is missing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from kafka.errors import KafkaError

from streams.kafka import admin
from streams.kafka.admin import BrokerError, TopicError
from streams.settings import SettingsError
from streams.worker.preflight import cleanup_policy

if TYPE_CHECKING:
    from streams.kafka.admin import Topic
    from streams.settings import Settings
    from streams.worker.integrity import Integrity

log = logging.getLogger("tokenshare.topics")

#: A new owner of a partition waits three times as long for records to be written again.
CHECK_SECONDS = 10.0
COMPACT = "compact"


class Look(NamedTuple):
    """The changelog as Kafka describes it; the topic is None where there is none.

    `policy` is its cleanup.policy, None where this login may not read it.
    """

    topic: Topic | None
    policy: str | None = None


class ChangelogWatch:
    """Compares the changelog with what it was, and reports a change to `integrity`."""

    def __init__(self, settings: Settings, partitions: int, integrity: Integrity) -> None:
        self._settings = settings
        self._name = settings.changelog_topic
        self._partitions = range(partitions)
        self._integrity = integrity
        self._topic_id = ""
        self._is_gone = False
        self._is_compact = True

    async def run(self) -> None:
        """Look at it for ever. A broker that does not answer is reported elsewhere."""
        while True:
            try:
                found = await asyncio.to_thread(_look, self._settings)
                self.compare(found)
                if found.topic is None and self._settings.create_topics:
                    await asyncio.to_thread(_create, self._settings)
                    continue
            except TopicError as error:
                log.error("%s", error)  # noqa: TRY400
            except (BrokerError, KafkaError, SettingsError):
                pass
            await asyncio.sleep(CHECK_SECONDS)

    def compare(self, found: Look) -> None:
        """Report what has changed since the last look."""
        if found.topic is None:
            if not self._is_gone:
                log.error("the topic %s was deleted: counts are in memory only", self._name)
            self._is_gone = True
            return
        self._is_gone = False
        if self._topic_id and found.topic.topic_id != self._topic_id:
            self._cut("it was deleted and recreated")
        self._topic_id = found.topic.topic_id
        if found.policy is None:
            return
        is_compact = found.policy == COMPACT
        if self._is_compact and not is_compact:
            log.error(
                "topic %s has cleanup.policy=%s now: set cleanup.policy=compact on it, or counts "
                "will be lost when its records expire",
                *(self._name, found.policy),
            )
        elif is_compact and not self._is_compact:
            self._cut("its records could expire until now")
        self._is_compact = is_compact

    def _cut(self, why: str) -> None:
        for number in self._partitions:
            self._integrity.on_records_lost(number, why)


def _look(settings: Settings) -> Look:
    client = admin.connect(settings)
    try:
        topic = admin.find(client, settings.changelog_topic).get(settings.changelog_topic)
        if topic is None:
            return Look(None)
        return Look(topic, cleanup_policy(client, settings.changelog_topic))
    finally:
        client.close()


def _create(settings: Settings) -> None:
    client = admin.connect(settings)
    try:
        for name in admin.create_missing(client, settings):
            log.warning("created topic %s", name)
    finally:
        client.close()
