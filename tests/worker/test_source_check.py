"""The source topic is checked while a worker runs; a broker that is away does not end it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import kafka.errors
import pytest

from streams.counting.partition import SourceReplacedError
from streams.kafka.admin import BrokerError, Topic
from streams.settings import Settings
from streams.worker import run
from streams.worker.worker import Worker

WORKER = SimpleNamespace(settings=Settings(topic="usage"), source=Topic(4, "id"), surprises=0)


@pytest.mark.parametrize(
    "error",
    [
        BrokerError("No Kafka at a:9092"),
        # One of several brokers is away, and it is the one that is asked.
        kafka.errors.KafkaConnectionError("111 ECONNREFUSED"),
        kafka.errors.KafkaTimeoutError("no answer"),
        ConnectionResetError("reset"),
    ],
)
def test_a_check_without_an_answer_is_made_again(error, monkeypatch):
    answers = [error, Topic(4, "id"), error, Topic(4, "another id")]

    def source_now(settings):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(run, "SOURCE_CHECK_SECONDS", 0.0)
    monkeypatch.setattr(run, "FAILED_CHECK_SECONDS", 0.0)
    monkeypatch.setattr(run, "find_source", source_now)
    with pytest.raises(SourceReplacedError):
        asyncio.run(run._watch_source(cast("Worker", WORKER)))
    assert not answers


def test_a_surprise_is_looked_into_at_once(monkeypatch):
    worker = SimpleNamespace(settings=WORKER.settings, source=WORKER.source, surprises=0)
    monkeypatch.setattr(run, "SURPRISE_SECONDS", 0.01)
    monkeypatch.setattr(run, "find_source", lambda _: Topic(4, "another id"))

    async def watch():
        watching = asyncio.create_task(run._watch_source(cast("Worker", worker)))
        await asyncio.sleep(0.05)
        assert not watching.done()
        worker.surprises += 1
        await asyncio.wait_for(watching, 60)

    with pytest.raises(SourceReplacedError, match="recreated"):
        asyncio.run(watch())


def test_a_topic_that_is_missing_for_a_moment_was_not_deleted(monkeypatch):
    answers = [None, Topic(4, "id"), None, None]
    monkeypatch.setattr(run, "SOURCE_CHECK_SECONDS", 0.0)
    monkeypatch.setattr(run, "SURPRISE_SECONDS", 0.0)
    monkeypatch.setattr(run, "find_source", lambda _: answers.pop(0))

    with pytest.raises(SourceReplacedError, match=r"was deleted\. Set"):
        asyncio.run(run._watch_source(cast("Worker", WORKER)))
    assert not answers


class Surprised:
    """A worker whose Kafka answers what does not fit, again and again."""

    settings, source = WORKER.settings, WORKER.source

    def __init__(self, limit):
        self.limit = limit
        self._surprises = 0

    @property
    def surprises(self):
        self._surprises = min(self._surprises + 1, self.limit)
        return self._surprises


@pytest.mark.parametrize("surprises", [1, 1_000_000])
def test_a_check_that_failed_is_made_again_after_a_pause_of_its_own(surprises, monkeypatch):
    failures = 3
    answers = [*[BrokerError("No Kafka at a:9092")] * failures, Topic(4, "another id")]
    pauses = []

    def source_now(settings):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(seconds):
        pauses.append(seconds)
        assert len(pauses) < 100, "it waits for the next check"

    monkeypatch.setattr(run, "find_source", source_now)
    monkeypatch.setattr(run, "asyncio", SimpleNamespace(sleep=sleep, to_thread=asyncio.to_thread))
    with pytest.raises(SourceReplacedError):
        asyncio.run(run._watch_source(cast("Worker", Surprised(surprises))))

    assert pauses == [run.FAILED_CHECK_SECONDS] * failures
