"""The producer sends each event once, or counts it as dropped."""

from __future__ import annotations

import gc
import json
import sys
import time
import weakref

import pytest
from producer_records import CHINESE, PATIENCE_SECONDS, events, records, send

from streams.classify.tenant import marked
from streams.decode.event import UsageEvent
from streams.gateway import call
from streams.gateway.producer import Stats, UsageProducer


def test_an_event_reaches_kafka_as_it_was_sent(producer, broker, topic):
    taken = producer.send(
        "qwen/qwen3-32b", 812, 64, ts=1_763_900_000.5, language="de", tenant="team-7", id="req-1"
    )

    assert taken
    assert producer.flush(PATIENCE_SECONDS)
    assert events(broker.bootstrap, topic) == [
        UsageEvent(
            model="qwen/qwen3-32b",
            prompt_tokens=812,
            completion_tokens=64,
            ts=1_763_900_000.5,
            language="de",
            tenant=marked("team-7", b"pepper"),
            id="req-1",
        )
    ]
    assert producer.stats == Stats(sent=1, dropped={}, failed=0, buffered=0)


def test_without_a_time_it_is_the_time_of_the_call(producer, broker, topic):
    before = time.time()
    send(producer)
    after = time.time()

    assert producer.flush(PATIENCE_SECONDS)
    [event] = events(broker.bootstrap, topic)
    assert before <= event.ts <= after


@pytest.mark.parametrize(
    "prompt",
    [
        CHINESE,
        [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": CHINESE}],
        {"messages": [{"role": "user", "content": [{"type": "text", "text": CHINESE}]}]},
        {"contents": [{"role": "user", "parts": [{"text": CHINESE}]}]},
        [
            {"role": "user", "content": CHINESE},
            {"role": "assistant", "content": "An answer in English, and a long one. " * 10_000},
            {"role": "tool", "content": "a result " * 100_000},
        ],
    ],
    ids=["text", "messages", "body", "Gemini", "a long answer after it"],
)
def test_the_language_of_the_prompt_is_detected_and_the_prompt_stays(
    producer, broker, topic, prompt
):
    send(producer, prompt=prompt, tenant="Acme", id=1)

    assert producer.flush(PATIENCE_SECONDS)
    [record] = records(broker.bootstrap, topic)
    assert json.loads(record.value)["language"] == "zh-Hans"
    written = b"".join([record.key, record.value, *(value for _, value in record.headers)])
    for secret in ("量子", "English", "Answer", "result", "Acme", "pepper"):
        assert secret.encode() not in written
        assert json.dumps(secret).strip('"').encode() not in written


def test_the_last_message_of_the_user_decides(producer, broker, topic):
    send(
        producer,
        prompt=[
            {"role": "user", "content": "Please explain to me how a quantum computer works."},
            {"role": "assistant", "content": "Gladly."},
            {"role": "user", "content": CHINESE},
        ],
    )

    assert producer.flush(PATIENCE_SECONDS)
    assert [each.language for each in events(broker.bootstrap, topic)] == ["zh-Hans"]


def test_a_declared_language_wins(producer, broker, topic):
    send(producer, prompt=CHINESE, language="fr")

    assert producer.flush(PATIENCE_SECONDS)
    assert [each.language for each in events(broker.bootstrap, topic)] == ["fr"]


def test_detection_can_be_switched_off(broker, topic):
    with UsageProducer(broker.bootstrap, topic, detect_language=False) as producer:
        send(producer, prompt=CHINESE)

    assert [each.language for each in events(broker.bootstrap, topic)] == [None]


def test_a_detector_that_fails_costs_the_language_and_not_the_event(
    producer, broker, topic, monkeypatch
):
    monkeypatch.setitem(sys.modules, "streams.classify.language.detect", None)
    send(producer, prompt=CHINESE)

    assert producer.flush(PATIENCE_SECONDS)
    assert [each.language for each in events(broker.bootstrap, topic)] == [None]


def test_records_of_one_id_meet_in_one_partition(producer, broker, topic):
    for _ in range(3):
        send(producer, id="req-1")
    send(producer, id=2)

    assert producer.flush(PATIENCE_SECONDS)
    keys = [record.key for record in records(broker.bootstrap, topic)]
    assert sorted(keys) == [b"2", b"req-1", b"req-1", b"req-1"]


class Messages(list):
    """A list that can be watched."""


def test_the_request_s_objects_are_neither_kept_nor_read_later(absent, topic):
    with UsageProducer(absent, topic) as producer:
        messages = Messages([{"role": "user", "content": CHINESE}])
        watched = weakref.ref(messages)
        with producer._lock:
            send(producer, prompt=messages)
            messages[0]["content"] = "changed"
            del messages
            gc.collect()

            assert watched() is None
            assert producer._queue[0].excerpt == [CHINESE]
        producer.close(0)


@pytest.mark.parametrize(
    "prompt",
    [
        "x" * 50_000_000,
        [{"role": "user", "content": "x" * 1_000_000}] * 100_000,
        [{"role": "user", "content": [{"type": "text", "text": "x" * 1_000_000}] * 10_000}],
    ],
    ids=["one text", "messages", "parts"],
)
def test_of_a_prompt_a_short_excerpt_is_kept(prompt):
    began = time.process_time()
    excerpt = call.excerpt_of(prompt)
    spent = time.process_time() - began

    kept = excerpt if isinstance(excerpt, str) else "".join(excerpt)
    assert 0 < len(kept) <= call.EXCERPT_TEXTS * call.EXCERPT_CHARACTERS
    assert spent < 0.1
