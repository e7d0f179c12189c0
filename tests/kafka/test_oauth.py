"""SASL/OAUTHBEARER against Apache Kafka, which checks tokens of a local endpoint by its key."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from apache import ApacheKafka
from processes import WAIT_SECONDS, wait_until
from secure import fails_at_once
from test_doctor import tokenshare
from token_server import AUDIENCE, SECRET, TokenServer

from streams.demo.broker import free_port
from streams.gateway.producer import UsageProducer
from streams.settings import load

pytestmark = pytest.mark.kafka

SHORT_SECONDS = 10.0
_OAUTH = "org.apache.kafka.common.security.oauthbearer"


class OAuthKafka:
    """A broker with a listener for tokens of an endpoint."""

    def __init__(self, tokens: TokenServer) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        listener = f"SASL_PLAINTEXT://{self.address}"
        prefix = "listener.name.sasl_plaintext.oauthbearer"
        keys = tokens.jwks.as_uri()
        self._broker = ApacheKafka(
            {
                "listeners": f"{{listeners}},{listener}",
                "advertised.listeners": f"{{advertised.listeners}},{listener}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
                "SASL_PLAINTEXT:SASL_PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                "sasl.enabled.mechanisms": "OAUTHBEARER",
                f"{prefix}.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
                f"{prefix}.sasl.server.callback.handler.class": (
                    f"{_OAUTH}.OAuthBearerValidatorCallbackHandler"
                ),
                f"{prefix}.connections.max.reauth.ms": "3600000",
                "sasl.oauthbearer.jwks.endpoint.url": keys,
                "sasl.oauthbearer.expected.audience": AUDIENCE,
                "sasl.oauthbearer.jwt.validator.class": f"{_OAUTH}.BrokerJwtValidator",
                "sasl.oauthbearer.clock.skew.seconds": "0",
            },
            java_options=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"],
        )

    def __enter__(self):
        self._broker.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._broker.__exit__(*error)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    with TokenServer(tmp_path_factory.mktemp("tokens")) as server:
        yield server


@pytest.fixture(scope="module")
def oauth_kafka(broker_kind, request, tokens):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker knows no logins: --broker apache")
    request.getfixturevalue("kafka_jars")
    with OAuthKafka(tokens) as broker:
        yield broker


@pytest.fixture
def login(oauth_kafka, tokens):
    tokens.lifetime, tokens.answer, tokens.delay = 3600.0, None, 0.0
    return tokens.login(bootstrap_servers=oauth_kafka.address)


def test_each_event_counts_once_over_several_lives_of_a_token(login, tokens, make_worker):
    """Worker, bridge, kafka-python's producer and simulate; connections outlive their tokens."""
    tokens.lifetime = SHORT_SECONDS
    before = tokens.issued
    worker = make_worker(**login).start().wait_ready()
    bridge_port = free_port()
    bridge = subprocess.Popen(
        [sys.executable, "-m", "streams", "bridge"],
        env=os.environ | worker.environment | {"TOKENSHARE_BRIDGE_PORT": str(bridge_port)},
        stdout=(log := worker.log.with_name("bridge.log").open("wb")),
        stderr=log,
    )
    ready = f"http://127.0.0.1:{bridge_port}/readyz"
    wait_until(lambda: _status(ready) == 200, "ready bridge")
    sent = threading.Thread(
        target=lambda: results.append(
            tokenshare(worker, "simulate", "--events", "3000", "--rate", "100")
        )
    )
    results: list = []
    sent.start()
    chosen = load(**login, topic=make_worker.topic)
    refused = 0
    with UsageProducer.from_settings(chosen) as producer:
        for _ in range(300):
            assert producer.send("gpt-4o", 1, 1, language="en")
            refused += (
                _status(
                    f"http://127.0.0.1:{bridge_port}/v1/events",
                    b'{"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 1}',
                )
                != 202
            )
            time.sleep(0.1)
        assert producer.flush(10)
        stats = producer.stats
    sent.join()
    bridge.terminate()
    assert bridge.wait(15) == 0
    assert (stats.sent, stats.failed, refused) == (300, 0, 0)
    assert results[0].returncode == 0, results[0].stderr
    worker.wait_counted(3600)
    code, _ = worker.ask("/readyz")
    assert code == 200
    assert worker.stop() == 0
    assert tokens.issued - before >= 3 * 30 / SHORT_SECONDS
    for said in (worker.log, worker.log.with_name("bridge.log")):
        text = said.read_text()
        assert SECRET not in text
        assert "eyJ" not in text
        # Connections are replaced before the broker closes them.
        assert "closed" not in text, text


def test_doctor_and_report_work_with_a_token(login, make_worker):
    worker = make_worker(**login)
    mended = tokenshare(worker, "doctor", "--fix")
    assert mended.returncode == 0, mended.stdout
    assert "login: a token for 3600 s" in mended.stdout
    sent = tokenshare(worker, "simulate", "--events", "2000")
    assert sent.returncode == 0, sent.stderr
    counted = tokenshare(worker, "report", "--topic", make_worker.topic)
    assert counted.returncode == 0, counted.stderr
    assert "2,000 requests" in " ".join(counted.stdout.split())


def wrong(what):
    return {
        "secret": {"sasl_oauth_client_secret": "wrong-and-secret"},
        "client": {"sasl_oauth_client_id": "stranger"},
        "scope": {"sasl_oauth_scope": "none"},
        "audience": {"sasl_oauth_scope": "another-cluster"},
        "plain": {"sasl_mechanism": "PLAIN", "sasl_username": "u", "sasl_password": "secret"},
    }[what]


@pytest.mark.parametrize(
    ("what", "setting"),
    [
        ("secret", "TOKENSHARE_SASL_OAUTH_CLIENT_SECRET"),
        ("client", "TOKENSHARE_SASL_OAUTH_CLIENT_ID"),
        ("scope", "TOKENSHARE_SASL_OAUTH_SCOPE"),
        ("audience", "TOKENSHARE_SASL_OAUTH_SCOPE"),
        ("plain", "TOKENSHARE_SASL_MECHANISM"),
    ],
)
def test_what_is_wrong_is_named_at_once_by_its_setting(login, make_worker, what, setting):
    worker = make_worker(**login | wrong(what))
    fails_at_once(worker, setting)
    bridge = tokenshare(worker, "bridge")
    assert bridge.returncode == 3
    assert setting in bridge.stderr


def test_an_endpoint_that_comes_late_is_waited_for(login, tokens, make_worker):
    tokens.answer = 503, {}, b""
    worker = make_worker(**login).start()
    wait_until(lambda: "no token" in worker.tail(), "a line about the token")
    tokens.answer = None
    worker.wait_ready()
    assert worker.stop() == 0


def test_an_endpoint_that_stays_away_ends_the_start(login, tokens, make_worker):
    worker = make_worker(
        **login | {"sasl_oauth_token_url": f"http://127.0.0.1:{free_port()}/token"},
        broker_wait_seconds="2",
    ).start()
    assert worker.process.wait(WAIT_SECONDS) == 3
    assert "TOKENSHARE_SASL_OAUTH_TOKEN_URL" in worker.tail()
    assert "ConnectionRefusedError" in worker.tail()


@pytest.mark.parametrize("status", [401, 503])
def test_without_tokens_it_is_not_ready_and_goes_on_later(login, tokens, make_worker, status):
    tokens.lifetime = SHORT_SECONDS
    worker = make_worker(**login).start().wait_ready()
    tokens.answer = status, {}, b""
    wait_until(lambda: "no token" in str(worker.ask("/readyz")[1]), "a reason in /readyz")
    assert "the token endpoint" in worker.tail().lower()
    assert worker.ask("/readyz")[0] == 503
    tokens.answer = None
    worker.wait_ready()
    tokens.lifetime = 3600.0
    sent = tokenshare(worker, "simulate", "--events", "1000")
    assert sent.returncode == 0, sent.stderr
    worker.wait_counted(1000)
    assert worker.stop() == 0


def test_a_producer_without_a_token_names_the_setting_and_delivers_later(
    login, tokens, make_worker, caplog
):
    worker = make_worker(**login)
    assert tokenshare(worker, "doctor", "--fix").returncode == 0
    tokens.answer = 401, {}, b'{"error": "invalid_client"}'
    # Other settings than those of the process's other clients: a source of its own.
    chosen = load(**login, topic=make_worker.topic, sasl_oauth_extensions="one=1")
    with UsageProducer.from_settings(chosen) as producer:
        producer.send("gpt-4o", 1, 1, language="en")
        wait_until(lambda: "usage events wait" in caplog.text, "a warning")
        assert "TOKENSHARE_SASL_OAUTH_CLIENT_SECRET" in caplog.text
        assert SECRET not in caplog.text
        tokens.answer = None
        assert producer.flush(30)
        assert producer.stats.sent == 1


def _status(url, body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
