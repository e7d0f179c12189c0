"""Whatever a producer is given, nothing raises, and settings are checked."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import example
from producer_records import PATIENCE_SECONDS, arguments, events, send

from streams.classify.tenant import marked
from streams.decode.event import MAX_CHARACTERS, MAX_TOKENS
from streams.demo.broker import EmbeddedBroker, free_port
from streams.gateway import delivery
from streams.gateway.producer import Stats, UsageProducer
from streams.settings import load


def total(stats):
    return stats.sent + stats.failed + stats.buffered + sum(stats.dropped.values())


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


PARTS = ("cached_tokens", "reasoning_tokens")


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
        ({"cached_tokens": 1, "reasoning_tokens": 0}, {"cached_tokens": 1, "reasoning_tokens": 0}),
        ({"cached_tokens": 10**9, "reasoning_tokens": -1}, dict.fromkeys(PARTS)),
        ({"cached_tokens": True, "reasoning_tokens": [1]}, dict.fromkeys(PARTS)),
        ({"cost": "0.1234567891"}, {"cost": 0.123456789}),
        ({"cost": Decimal("1E-7")}, {"cost": 1e-07}),
        ({"cost": -1.0}, {"cost": None}),
        ({"cost": float("nan")}, {"cost": None}),
        ({"cost": {"total": 1}}, {"cost": None}),
        ({"provider": "azure@swedencentral"}, {"provider": "azure@swedencentral"}),
        ({"provider": "https://u:secret@h.example/v1?key=secret"}, {"provider": "h.example"}),
        ({"provider": 7}, {"provider": None}),
    ],
    ids=str,
)
def test_values_are_brought_to_one_form(producer, broker, topic, given, written):
    assert send(producer, **given)
    assert producer.flush(PATIENCE_SECONDS)
    [event] = events(broker.bootstrap, topic)
    assert {name: getattr(event, name) for name in written} == written


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
