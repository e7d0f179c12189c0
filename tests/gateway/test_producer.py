"""A gateway's requests reach Kafka, once each, and the gateway never waits for that."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path

import msgspec
import pytest
from frozen import freeze
from hypothesis import example, given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from streams.classify.tenant import marked
from streams.decode.event import MAX_CHARACTERS, MAX_TOKENS, UsageEvent
from streams.demo.broker import EmbeddedBroker, free_port
from streams.gateway import call, delivery
from streams.gateway import producer as module
from streams.gateway.producer import Stats, UsageProducer
from streams.settings import load

CHINESE = "请用简单的话解释一下量子计算机是怎么工作的，谢谢。"

#: Far more than anything takes here; a machine that others use may need it.
PATIENCE_SECONDS = 40.0


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def topic(request):
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:100]


@pytest.fixture
def producer(broker, topic):
    with UsageProducer(broker.bootstrap, topic, tenant_salt="pepper") as made:
        yield made


@pytest.fixture
def absent():
    """The address of a broker that is not there, or not yet."""
    return f"127.0.0.1:{free_port()}"


def records(bootstrap, topic):
    """All records of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(consumer.position(each) < end for each, end in ends.items()):
            assert time.monotonic() < deadline
            for batch in consumer.poll(timeout_ms=100).values():
                found.extend(batch)
        return found
    finally:
        consumer.close()


def events(bootstrap, topic):
    return [msgspec.json.decode(each.value, type=UsageEvent) for each in records(bootstrap, topic)]


def send(producer, **other):
    return producer.send(**{"model": "m", "prompt_tokens": 1, "completion_tokens": 2} | other)


def total(stats):
    return stats.sent + stats.failed + stats.buffered + sum(stats.dropped.values())


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


# --- whatever it is given ---------------------------------------------------------------------


class Hostile:
    """Raises at every touch."""

    def _no(self, *_):
        raise ZeroDivisionError

    __str__ = __repr__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __int__ = _no
    __float__ = __index__ = __getitem__ = __getattr__ = __lt__ = __contains__ = _no


class HostileDict(dict):
    get = __getitem__ = __contains__ = __iter__ = Hostile._no


class HostileText(str):
    __slots__ = ()
    __getitem__ = strip = __str__ = __len__ = Hostile._no


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.builds(Hostile)
    | st.builds(HostileDict)
    | st.builds(HostileText, st.text())
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "messages", "text", "type"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


arguments = given(
    positional=st.tuples(
        anything | st.text(min_size=1),
        anything | st.integers(0, MAX_TOKENS),
        anything | st.integers(0, MAX_TOKENS),
    ),
    named=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("ts", "language", "prompt", "tenant", "id"), anything),
    ),
)


def test_nothing_raises_and_every_call_is_accounted_for(absent, topic):
    # Without a broker at first: kafka-python draws random numbers, and hypothesis would see it.
    with UsageProducer(absent, topic, buffer=10**6) as producer:

        @arguments
        @example(positional=("\ud800", 1, 1), named={})
        @example(positional=("m", 1, 1), named={"tenant": "\ud800"})
        @example(positional=("m", 1, 1), named={"ts": 10**400})
        @example(positional=("m", 1, 1), named={"id": 10**5000})
        @example(positional=("m", 1, 1), named={"prompt": [[[[[[]]]]]]})
        def holds(positional, named):
            before = total(producer.stats)
            taken = producer.send(*positional, **named)

            assert type(taken) is bool
            assert total(producer.stats) == before + 1

        holds()
        assert send(producer)
        _, _, port = absent.rpartition(":")
        with EmbeddedBroker(int(port)):
            assert producer.flush(PATIENCE_SECONDS)
        assert producer.stats.failed == 0
        assert producer.stats.sent > 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""},
        {"model": " "},
        {"model": None},
        {"model": b"m"},
        {"prompt_tokens": -1},
        {"prompt_tokens": True},
        {"prompt_tokens": 1.0},
        {"prompt_tokens": float("nan")},
        {"prompt_tokens": "1"},
        {"completion_tokens": None},
        {"completion_tokens": MAX_TOKENS + 1},
        {"ts": float("nan")},
        {"ts": float("inf")},
        {"ts": "yesterday"},
        {"ts": 5},
        {"ts": True},
        {"language": 5},
        {"tenant": b"t"},
        {"tenant": 1.5},
        {"id": ["x"]},
    ],
    ids=str,
)
def test_what_is_not_an_event_is_dropped_as_invalid(absent, topic, wrong, caplog):
    with UsageProducer(absent, topic) as producer:
        assert not send(producer, **wrong)
    assert producer.stats == Stats(sent=0, dropped={"invalid": 1}, failed=0, buffered=0)


def test_the_log_says_once_that_values_are_wrong(absent, topic, caplog):
    with UsageProducer(absent, topic) as producer:
        for _ in range(100):
            send(producer, prompt_tokens=-7)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not caplog.records:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    [line] = [each.getMessage() for each in caplog.records]
    assert line.endswith("usage events were dropped: values of wrong types")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"ts": 1_763_900_000_123}, {"ts": 1_763_900_000.123}),
        ({"ts": "2026-11-24T10:00:00Z"}, {"ts": 1_795_514_400.0}),
        ({"language": ""}, {"language": None}),
        ({"tenant": ""}, {"tenant": None}),
        ({"tenant": 7}, {"tenant": marked("7", b"pepper")}),
        ({"id": ""}, {"id": None}),
        ({"id": "x" * 1000}, {"id": None}),
        ({"model": "x" * 1000}, {"model": "x" * MAX_CHARACTERS}),
    ],
    ids=str,
)
def test_values_are_brought_to_one_form(producer, broker, topic, given, written):
    assert send(producer, **given)
    assert producer.flush(PATIENCE_SECONDS)
    [event] = events(broker.bootstrap, topic)
    assert {name: getattr(event, name) for name in written} == written


# --- settings ----------------------------------------------------------------------------------


def test_an_argument_that_kafka_python_does_not_know_is_refused(absent):
    with pytest.raises(TypeError, match="unknown options of kafka-python's producer: ackz"):
        UsageProducer(absent, ackz="all")


def test_a_buffer_for_nothing_is_refused(absent):
    with pytest.raises(ValueError, match="at least one"):
        UsageProducer(absent, buffer=0)


def test_settings_come_from_the_environment(broker, topic, monkeypatch):
    monkeypatch.setenv(
        "TOKENSHARE_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()},{broker.bootstrap}"
    )
    monkeypatch.setenv("TOKENSHARE_TOPIC", topic)
    monkeypatch.setenv("TOKENSHARE_TENANT_SALT", "from-the-environment")
    with UsageProducer.from_settings() as producer:
        send(producer, tenant="t")

    assert [each.tenant for each in events(broker.bootstrap, topic)] == [
        marked("t", b"from-the-environment")
    ]


def test_the_login_comes_from_the_environment_and_is_not_logged(absent, topic, monkeypatch, caplog):
    monkeypatch.setenv("TOKENSHARE_BOOTSTRAP_SERVERS", absent)
    monkeypatch.setenv("TOKENSHARE_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("TOKENSHARE_SASL_USERNAME", "gateway")
    monkeypatch.setenv("TOKENSHARE_SASL_PASSWORD", "hunter2")
    with UsageProducer.from_settings() as producer:
        send(producer)
        producer.close(0.3)
    assert producer._outlet._options["sasl_plain_password"] == "hunter2"
    assert "hunter2" not in caplog.text + repr(producer) + repr(producer.stats)


def test_each_connection_has_the_login_of_its_files_and_what_the_caller_gave(monkeypatch, tmp_path):
    used = []

    class Kafka:
        def __init__(self, **options):
            used.append((options["sasl_plain_username"], options["sasl_plain_password"]))
            raise OSError

    monkeypatch.setattr(delivery, "_Kafka", Kafka)
    monkeypatch.setattr(delivery, "_knock", lambda _: None)
    file = tmp_path / "password"
    file.write_text("hunter2")
    chosen = load(security_protocol="SASL_PLAINTEXT", sasl_username="u", sasl_password_file=file)
    with UsageProducer.from_settings(chosen, sasl_plain_username="given") as producer:
        for text in ("hunter2", "hunter3", ""):
            file.write_text(text)
            problem = producer._outlet.connect()
    assert used == [("given", "hunter2"), ("given", "hunter3")]
    assert "TOKENSHARE_SASL_PASSWORD_FILE is empty" in problem


# --- processes ---------------------------------------------------------------------------------


def run(code, *arguments, seconds=PATIENCE_SECONDS):
    """Run a script, and return what it printed and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done, time.monotonic() - began


def test_at_the_interpreter_s_exit_the_buffer_is_sent(broker, topic):
    done, _ = run(
        """
        import sys
        from streams.gateway.producer import UsageProducer
        producer = UsageProducer(*sys.argv[1:])
        for number in range(3000):
            assert producer.send("m", 1, 1, id=number)
        """,
        broker.bootstrap,
        topic,
    )
    assert done.stderr == ""
    assert len(events(broker.bootstrap, topic)) == 3000


def test_without_a_broker_the_exit_does_not_hang(absent, topic):
    done, spent = run(
        """
        import sys
        from streams.gateway.producer import UsageProducer
        producer = UsageProducer(*sys.argv[1:])
        assert producer.send("m", 1, 1)
        """,
        absent,
        topic,
    )
    assert spent < module.CLOSE_SECONDS + 8.0
    assert "1 usage events had not reached Kafka" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("used", [False, True], ids=["before its first event", "while connected"])
def test_workers_forked_from_a_process_with_a_producer_send_their_own_events(broker, topic, used):
    """As gunicorn and uvicorn do it with an application that is loaded before they fork."""
    run(
        """
        import gc, os, sys
        from streams.gateway.producer import UsageProducer
        bootstrap, topic, used = sys.argv[1:]
        producer = UsageProducer(bootstrap, topic)
        if used == "True":
            assert producer.send("m", 1, 1, id="parent-before")
            assert producer.flush(30)
            assert producer.send("m", 1, 1, id="parent-buffered")
        children = []
        for child in range(3):
            pid = os.fork()
            if pid == 0:
                assert producer.stats.sent == producer.stats.buffered == 0
                for number in range(100):
                    assert producer.send("m", 1, 1, id=f"child-{child}-{number}")
                gc.collect()
                sys.exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        for number in range(100):
            assert producer.send("m", 1, 1, id=f"parent-{number}")
        assert producer.flush(5), producer.stats
        """,
        broker.bootstrap,
        topic,
        str(used),
    )
    expected = [f"child-{child}-{number}" for child in range(3) for number in range(100)]
    expected += [f"parent-{number}" for number in range(100)]
    expected += ["parent-before", "parent-buffered"] if used else []
    assert sorted(each.id for each in events(broker.bootstrap, topic)) == sorted(expected)


def test_a_fork_while_kafka_does_not_answer_is_not_held_up(topic):
    with EmbeddedBroker() as silent:
        run(
            """
            import os, signal, sys, time
            from streams.gateway.producer import UsageProducer
            from frozen import freeze
            bootstrap, topic, broker = sys.argv[1:]
            producer = UsageProducer(bootstrap, topic)
            assert producer.send("m", 1, 1)
            assert producer.flush(30)
            freeze(int(broker))
            assert producer.send("m", 1, 1)
            assert not producer.flush(0.5)
            before = time.monotonic()
            pid = os.fork()
            if pid == 0:
                assert producer.send("m", 1, 1)
                assert time.monotonic() < before + 0.5
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            producer.close(0)
            """,
            silent.bootstrap,
            topic,
            str(silent.pid),
        )


def test_a_forked_worker_of_multiprocessing_sends_its_buffer_at_its_end(broker, topic):
    """It ends without atexit."""
    run(
        """
        import multiprocessing, sys
        from streams.gateway.producer import UsageProducer
        producer = UsageProducer(*sys.argv[1:])
        def work():
            for number in range(100):
                assert producer.send("m", 1, 1, id=number)
        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
        """,
        broker.bootstrap,
        topic,
    )
    assert len(events(broker.bootstrap, topic)) == 100
