"""A refused login of a running worker: named, and its end where the worker is not ready for it."""

from __future__ import annotations

import ssl

import pytest
from aiokafka.errors import SaslAuthenticationFailed

from streams.kafka import diagnosis, reconnect
from streams.kafka.login_watch import LoginRefusedError, LoginWatch
from streams.kafka.reconnect import Refusal, Refusals
from streams.settings import SettingsError, load

SCRAM = {"security_protocol": "SASL_SSL", "sasl_username": "u"}


@pytest.fixture(autouse=True)
def refusals(monkeypatch):
    found = Refusals()
    monkeypatch.setattr(reconnect, "REFUSALS", found)
    return found


def refuse(refusals, error=None, server="kafka:9092"):
    refusals.note(Refusal(server, error or SaslAuthenticationFailed("no")))


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def watched(limit, is_ready):
    """Return a watch, and the errors that it ends the worker with."""
    chosen = load(**SCRAM, login_refused_seconds=limit)
    ends = []
    reasons = lambda: () if is_ready else (diagnosis.refused(chosen), "another")  # noqa: E731
    return LoginWatch(chosen, reasons, ends.append), ends


@pytest.mark.parametrize(
    ("limit", "is_ready", "ends_after"),
    [(10, False, 10), (10, True, None), (0, False, None)],
)
def test_only_a_worker_that_is_not_ready_ends_after_the_limit(
    refusals, clock, limit, is_ready, ends_after
):
    watch, ends = watched(limit, is_ready)
    for second in range(100):
        clock[0] = 1000.0 + second
        refuse(refusals)
        watch.look()
        if ends:
            break

    if ends_after is None:
        assert not ends
    else:
        assert second == ends_after
        assert isinstance(ends[0], LoginRefusedError)
        assert "kafka:9092 refuses the login. Check TOKENSHARE_SASL_USERNAME" in str(ends[0])


def test_a_login_accepted_in_between_begins_the_time_again(refusals, clock):
    watch, ends = watched(10, is_ready=False)
    for second in range(100):
        clock[0] = 1000.0 + second
        refuse(refusals)
        if second % 9 == 8:
            refusals.clear("kafka:9092")
        watch.look()

    assert not ends


def test_a_broker_that_accepts_hides_no_other_that_refuses(refusals):
    refuse(refusals, server="one:9092")
    refuse(refusals, server="two:9092")
    refusals.clear("one:9092")

    assert "two:9092 refuses the login" in diagnosis.refused(load(**SCRAM))


def test_a_refusal_that_does_not_come_again_is_forgotten(refusals, clock):
    refuse(refusals)
    clock[0] += reconnect.STALE_SECONDS

    assert not diagnosis.refused(load(**SCRAM))


def tls_error(kind, **attributes):
    """Return an error as the handshake makes it."""
    error = kind()
    vars(error).update(attributes)
    return error


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (
            tls_error(ssl.SSLCertVerificationError, verify_message="self-signed"),
            "TOKENSHARE_SSL_CA_FILE",
        ),
        (
            tls_error(ssl.SSLError, reason="TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            "TOKENSHARE_SSL_CERT_FILE",
        ),
        (tls_error(ssl.SSLError, reason="WRONG_VERSION_NUMBER"), "TOKENSHARE_SECURITY_PROTOCOL"),
        (SettingsError("TOKENSHARE_SASL_PASSWORD_FILE is empty."), "PASSWORD_FILE is empty"),
    ],
)
def test_each_refusal_names_its_setting(refusals, error, setting):
    refuse(refusals, error)

    assert setting in diagnosis.refused(load(**SCRAM))


def test_the_password_file_is_named_where_it_is_set(refusals, tmp_path):
    refuse(refusals)

    chosen = load(**SCRAM, sasl_password_file=tmp_path / "password")
    assert "TOKENSHARE_SASL_PASSWORD_FILE" in diagnosis.refused(chosen)
