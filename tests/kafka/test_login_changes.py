"""A login or certificate that changes while a worker or bridge runs: named, taken up, an end."""

from __future__ import annotations

import contextlib
import http.client
import shutil

import pytest
from bridge_posts import BridgeProcess
from processes import WAIT_SECONDS, wait_until
from scram_cluster import PASSWORD, USER, ScramCluster
from secure import SecureKafka
from test_doctor import tokenshare

pytestmark = pytest.mark.kafka

OTHER = "another-one"


def needs_apache(broker_kind, request):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker knows neither TLS nor logins: --broker apache")
    request.getfixturevalue("kafka_jars")


@pytest.fixture(scope="module")
def broker(broker_kind, request):
    needs_apache(broker_kind, request)
    with ScramCluster() as found:
        yield found


@pytest.fixture
def password_file(broker, tmp_path):
    broker.set_password(PASSWORD)
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def login_by(password_file, broker):
    return {
        "bootstrap_servers": broker.sasl,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_username": USER,
        "sasl_password_file": str(password_file),
    }


def with_file(broker, make_worker, password_file, **settings):
    return make_worker(**login_by(password_file, broker), **settings)


def bridge_with_file(broker, tmp_path, password_file, topic, **settings):
    broker.create(topic, 1)
    login = login_by(password_file, broker)
    return BridgeProcess(tmp_path / "bridge.log", topic=topic, **login, **settings)


def wait_named(worker, setting):
    """Wait until /readyz names a setting."""
    wait_until(lambda: setting in str(worker.ask("/readyz")), f"{setting}\n{worker.tail()}")


def test_a_new_password_in_the_file_is_taken_up_without_a_restart(
    broker, make_worker, password_file
):
    worker = with_file(broker, make_worker, password_file)
    worker.start().wait_ready()
    broker.set_password(OTHER)
    wait_named(worker, "refuses the login. Check TOKENSHARE_SASL_USERNAME, ")
    wait_named(worker, "TOKENSHARE_SASL_PASSWORD_FILE")
    password_file.write_text(OTHER)

    worker.wait_ready()
    assert tokenshare(worker, "simulate", "--events", "2000").returncode == 0
    worker.wait_counted(2_000)
    assert "Kafka accepts the login again" in worker.log.read_text()
    for secret in (PASSWORD, OTHER):
        assert secret not in worker.log.read_text()
    assert worker.stop() == 0


def test_a_login_that_stays_refused_ends_the_worker_with_3(broker, make_worker, password_file):
    worker = with_file(broker, make_worker, password_file, login_refused_seconds="4")
    worker.start().wait_ready()
    broker.set_password(OTHER)

    assert worker.process.wait(WAIT_SECONDS) == 3
    assert "TOKENSHARE_SASL_PASSWORD_FILE" in worker.tail()
    assert "Refused for 4 s" in worker.tail()


@pytest.fixture
def secure(broker_kind, request):
    needs_apache(broker_kind, request)
    with SecureKafka() as found:
        yield found


def test_a_replaced_ca_file_is_read_again(secure, make_worker, tmp_path):
    """A broker takes a certificate of another CA, and the worker gets that CA a little later."""
    trusted = tmp_path / "trusted.crt"
    shutil.copy(secure.files / "ca.crt", trusted)
    worker = make_worker(**secure.certificate() | {"ssl_ca_file": str(trusted)})
    worker.start().wait_ready()
    secure.restart_with_certificate_of("other-ca")
    wait_named(worker, "TOKENSHARE_SSL_CA_FILE")
    shutil.copy(secure.files / "other-ca.crt", trusted)

    worker.wait_ready()
    assert tokenshare(worker, "simulate", "--events", "2000").returncode == 0
    worker.wait_counted(2_000)
    assert worker.stop() == 0


def test_a_bridge_whose_login_stays_refused_ends_with_3(broker, tmp_path, password_file):
    bridge = bridge_with_file(
        broker, tmp_path, password_file, "bridged-to-the-end", login_refused_seconds=4
    )
    bridge.start().wait_ready()
    broker.set_password(OTHER)

    def has_ended():
        # A bridge without posts asks nothing of Kafka.
        with contextlib.suppress(OSError, http.client.HTTPException):
            bridge.post({"model": "qwen3-8b", "usage": {"prompt_tokens": 1}})
        return bridge.process.poll() is not None

    wait_until(has_ended, "the end")
    assert bridge.process.returncode == 3
    assert "Refused for 4 s" in bridge.said()
    assert "Traceback" not in bridge.said()


def test_a_bridge_names_a_refused_login_and_takes_up_the_new_password(
    broker, tmp_path, password_file
):
    bridge = bridge_with_file(broker, tmp_path, password_file, "bridged")
    event = {"model": "qwen3-8b", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    try:
        bridge.start().wait_ready()
        broker.set_password(OTHER)

        def is_named():
            bridge.post(event)
            return b"TOKENSHARE_SASL_PASSWORD_FILE" in bridge.ask("GET", "/readyz")[2]

        wait_until(is_named, "the login on /readyz")
        password_file.write_text(OTHER)
        bridge.wait_ready()
        assert bridge.post(event)[0] in {200, 202}
        assert OTHER not in bridge.said()
    finally:
        bridge.stop()
