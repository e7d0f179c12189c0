"""A port that accepts connections and never answers the TLS handshake holds nobody up."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from streams.gateway.delivery import Outlet
from streams.kafka import bounded_client, diagnosis
from streams.kafka.admin import BrokerError, connect
from streams.settings import load

#: Far more than any of it takes; without a limit it would be for ever.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def silent(monkeypatch):
    """Return the address of a port that a frozen broker may have."""
    monkeypatch.setattr(bounded_client, "HANDSHAKE_SECONDS", 0.2)
    monkeypatch.setattr(diagnosis, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def answer_of(question):
    """Return what a call returns or raises; None where it does not end."""
    answers = []

    def ask():
        try:
            answers.append(question())
        except BrokerError as error:
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return answers[0] if answers else None


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_an_admin_client_gives_up(silent, protocol):
    settings = load(
        bootstrap_servers=silent,
        security_protocol=protocol,
        sasl_username="user",
        sasl_password="hush",
    )
    found = answer_of(lambda: connect(settings))
    assert isinstance(found, BrokerError)
    assert f"No Kafka at {silent}" in str(found)


@pytest.mark.slow
def test_the_outlet_of_a_producer_gives_up(silent):
    outlet = Outlet(
        [silent], "usage", {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}
    )
    assert silent in answer_of(outlet.connect)
