"""Brokers learn of a new topic one after the other; a worker that has created it starts anyway."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest

from streams.kafka import admin
from streams.kafka.admin import Topic, TopicError
from streams.settings import Settings
from streams.worker import preflight
from streams.worker.preflight import Finding

SETTINGS = Settings(topic="usage")
UNKNOWN = Finding(f"topic {SETTINGS.dead_letters}", "", "does not exist", "Create it.")
FORBIDDEN = Finding("group tokenshare", "", "may not be joined", "Allow it.")
KNOWN = {"usage": Topic(4, "id")}


@pytest.fixture
def kafka(monkeypatch):
    """What the brokers answer, one question after the other; the last answer stays."""

    def answer(answers):
        return answers.pop(0) if len(answers) > 1 else answers[0]

    brokers = SimpleNamespace(created=[SETTINGS.dead_letters], findings=[[]], found=[KNOWN])
    client = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(admin, "connect", lambda *_: client)
    monkeypatch.setattr(admin, "create_missing", lambda *_: brokers.created)
    monkeypatch.setattr(admin, "find", lambda *_: answer(brokers.found))
    monkeypatch.setattr(preflight, "check", lambda *_: answer(brokers.findings))
    return brokers


def test_a_created_topic_that_a_broker_does_not_know_yet_is_looked_for_again(kafka):
    kafka.findings = [[UNKNOWN], [UNKNOWN], []]
    assert preflight.prepare(SETTINGS) == KNOWN["usage"]


def test_so_is_a_created_source(kafka):
    kafka.created, kafka.found = ["usage"], [{}, KNOWN]
    assert preflight.prepare(SETTINGS) == KNOWN["usage"]


def test_another_problem_is_raised_at_once(kafka):
    kafka.findings = [[UNKNOWN, FORBIDDEN], []]
    with pytest.raises(TopicError, match="may not be joined"):
        preflight.prepare(SETTINGS)
    assert kafka.findings == [[]]


def test_a_topic_that_was_not_created_is_missing_at_once(kafka):
    kafka.created, kafka.findings = [], [[UNKNOWN], []]
    with pytest.raises(TopicError, match="does not exist"):
        preflight.prepare(SETTINGS)


def test_a_created_topic_that_stays_unknown_is_a_problem(kafka, monkeypatch):
    monkeypatch.setattr(preflight, "KNOWN_SECONDS", 0.0, raising=False)
    kafka.findings = [[UNKNOWN]]
    with pytest.raises(TopicError, match="does not exist"):
        preflight.prepare(SETTINGS)


def test_a_broker_may_take_half_a_minute_to_create_a_thousand_partitions(monkeypatch):
    clock = itertools.count(0.0, 1.0)
    missing = [{}] * 30
    monkeypatch.setattr(admin, "_create", lambda *_: None)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(
        admin, "find", lambda _client, *names: missing.pop() if missing else dict.fromkeys(names)
    )

    created = admin.create_missing(None, SETTINGS)

    assert len(created) == 3
    assert not missing
