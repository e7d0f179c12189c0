"""A producer goes on while Kafka is away, and ends in time."""

from __future__ import annotations

import threading
import time

import pytest
from frozen import freeze
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError
from producer_records import CHINESE, PATIENCE_SECONDS, events, send

from streams.demo.broker import EmbeddedBroker, free_port
from streams.gateway import delivery
from streams.gateway import producer as module
from streams.gateway.producer import Stats, UsageProducer

pytestmark = pytest.mark.slow


def test_without_a_broker_calls_return_at_once_and_drops_are_counted(absent, topic, caplog):
    secrets = ("Acme", "pepper", CHINESE)
    with UsageProducer(absent, topic, buffer=100, tenant_salt="pepper") as producer:
        began = time.monotonic()
        taken = [send(producer, tenant="Acme", prompt=CHINESE, id=n) for n in range(500)]
        spent = time.monotonic() - began
        assert spent < 1.0
        assert taken == [True] * 100 + [False] * 400
        assert producer.stats == Stats(sent=0, dropped={"full": 400}, failed=0, buffered=100)
        assert not producer.flush(3.0)

        _, _, port = absent.rpartition(":")
        with EmbeddedBroker(int(port)) as late:
            assert producer.flush(PATIENCE_SECONDS)
            assert producer.stats == Stats(sent=100, dropped={"full": 400}, failed=0, buffered=0)
            found = events(late.bootstrap, topic)
    assert sorted(each.id for each in found) == list(range(100))
    assert {each.language for each in found} == {"zh-Hans"}
    said = [each.getMessage() for each in caplog.records if each.name == module.__name__]
    # A producer that another test has left behind may still look for its own broker.
    lines = [line for line in said if "127.0.0.1:" not in line or absent in line]
    assert len(lines) == 3, said
    waits, full, again = sorted(lines, key=lambda line: ("again" in line, "full" in line))
    assert absent in waits
    assert full.endswith("usage events were dropped: the buffer is full")
    assert again == "Kafka accepts usage events again"
    # kafka-python's own lines about the same would be dozens.
    ours = [each for each in caplog.records if each.threadName.startswith("tokenshare-producer")]
    assert {each.name for each in ours} == {module.__name__}
    for secret in secrets:
        assert secret not in caplog.text


def test_a_broker_that_dies_and_comes_back_gets_what_came_meanwhile(topic):
    port = free_port()
    first = EmbeddedBroker(port)
    first.start()
    producer = UsageProducer(first.bootstrap, topic)
    try:
        for number in range(50):
            send(producer, id=f"before-{number}")
        assert producer.flush(PATIENCE_SECONDS)
        first.stop()
        for number in range(50):
            assert send(producer, id=f"during-{number}")
        assert not producer.flush(2.0)
        # It kept everything in memory: the new one has what came without a broker, and after it.
        with EmbeddedBroker(port) as second:
            for number in range(50):
                assert send(producer, id=f"after-{number}")
            assert producer.flush(PATIENCE_SECONDS)
            assert producer.stats == Stats(sent=150, dropped={}, failed=0, buffered=0)
            found = {each.id for each in events(second.bootstrap, topic)}
    finally:
        producer.close(1)
        first.stop()
    assert found == {f"{when}-{number}" for when in ("during", "after") for number in range(50)}


def test_a_topic_that_is_not_there_yet_is_waited_for(producer, topic, caplog, monkeypatch):
    # The embedded broker makes each topic that it is asked for; Kafka may be set not to.
    def nothing(kafka, name):
        raise KafkaTimeoutError("Failed to update metadata")

    with monkeypatch.context() as patched:
        patched.setattr(delivery._Kafka, "partitions_for", nothing)
        send(producer)
        assert not producer.flush(1.0)
        assert f"topic {topic} does not exist" in caplog.text

    assert producer.flush(PATIENCE_SECONDS)
    assert producer.stats == Stats(sent=1, dropped={}, failed=0, buffered=0)


def test_what_kafka_refuses_again_and_again_is_given_up_and_counted(
    producer, broker, topic, monkeypatch
):
    tries = []

    class Refused:
        is_done = True
        exception = TopicAuthorizationFailedError()

        def succeeded(self):
            return False

        def failed(self):
            return True

    def refuse(outlet, records):
        tries.append(len(records))
        return [Refused() for _ in records], ""

    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(delivery.Outlet, "send", refuse)
        for _ in range(3):
            send(producer)
        assert producer.flush(PATIENCE_SECONDS)
    assert producer.stats == Stats(sent=0, dropped={}, failed=3, buffered=0)
    assert tries == [3] * module.TRIES

    send(producer)
    assert producer.flush(PATIENCE_SECONDS)
    assert producer.stats == Stats(sent=1, dropped={}, failed=3, buffered=0)


def test_only_what_was_refused_is_sent_again(producer, broker, topic, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    take = delivery.Outlet.send
    calls = []

    def take_some(outlet, records):
        calls.append(len(records))
        if len(calls) == 1:
            futures, _ = take(outlet, records[:2])
            return futures, "broken off"
        return take(outlet, records)

    monkeypatch.setattr(delivery.Outlet, "send", take_some)
    with producer._lock:
        for number in range(5):
            send(producer, id=number)

    assert producer.flush(PATIENCE_SECONDS)
    assert calls == [5, 3]
    assert sorted(each.id for each in events(broker.bootstrap, topic)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("timeout", [0.0, 0.5])
def test_closing_without_a_broker_takes_its_timeout_and_no_more(absent, topic, timeout, caplog):
    producer = UsageProducer(absent, topic)
    for _ in range(10):
        send(producer)
    began = time.monotonic()
    producer.close(timeout)
    spent = time.monotonic() - began

    assert spent < timeout + 1.0
    assert producer.stats == Stats(sent=0, dropped={}, failed=10, buffered=0)
    assert "10 usage events had not reached Kafka" in caplog.text
    time.sleep(0.3)
    assert producer.stats.failed == 10


def test_the_log_has_what_the_thread_gives_up_before_the_close_ends(
    absent, topic, caplog, monkeypatch
):
    producer = UsageProducer(absent, topic)
    for _ in range(10):
        send(producer)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "wait until Kafka accepts them" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # As at the deadline: the thread is the first to see that there is no further try.
    monkeypatch.setattr(producer, "_rest", lambda _: False)
    producer.close(PATIENCE_SECONDS)

    assert producer.stats == Stats(sent=0, dropped={}, failed=10, buffered=0)
    assert "10 usage events had not reached Kafka" in caplog.text


def test_closing_while_kafka_does_not_answer_leaves_no_thread_behind(topic):
    with EmbeddedBroker() as silent:
        producer = UsageProducer(silent.bootstrap, topic, client_id="silenced")
        send(producer)
        assert producer.flush(PATIENCE_SECONDS)
        freeze(silent.pid)
        send(producer)
        began = time.monotonic()
        producer.close(0.5)
        spent = time.monotonic() - began

        assert spent < 1.5
        assert producer.stats == Stats(sent=1, dropped={}, failed=1, buffered=0)
        deadline = time.monotonic() + 10
        while any(each.name.startswith("silenced") for each in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_closing_sends_what_is_buffered_and_takes_no_more(broker, topic):
    producer = UsageProducer(broker.bootstrap, topic)
    for number in range(2500):
        send(producer, id=number)
    producer.close(PATIENCE_SECONDS)
    producer.close()

    assert not send(producer)
    assert producer.stats == Stats(sent=2500, dropped={"closed": 1}, failed=0, buffered=0)
    assert len(events(broker.bootstrap, topic)) == 2500
    producer._thread.join(5)
    assert not producer._thread.is_alive()


def test_a_producer_that_was_never_used_closes_without_a_thread(absent, topic):
    began = time.monotonic()
    with UsageProducer(absent, topic) as producer:
        assert producer.flush(0)
    assert producer._thread is None
    assert time.monotonic() - began < 1.0


def test_events_of_several_threads_are_written_once_each(producer, broker, topic):
    def run(name):
        for number in range(500):
            assert send(producer, id=f"{name}-{number}")

    threads = [threading.Thread(target=run, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert producer.flush(PATIENCE_SECONDS)
    assert sorted(each.id for each in events(broker.bootstrap, topic)) == sorted(
        f"{name}-{number}" for name in range(4) for number in range(500)
    )


def test_an_idle_connection_is_given_up_and_made_again(producer, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)
    send(producer)
    assert producer.flush(PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while producer._outlet.connected:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    send(producer)
    assert producer.flush(PATIENCE_SECONDS)
    assert producer.stats.sent == 2
