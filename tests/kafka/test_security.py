"""Logins, TLS and rights: what works with them, and what is said where they are wrong."""

from __future__ import annotations

import pytest
from kafka.admin import ACLOperation, KafkaAdminClient, NewTopic, ResourceType
from processes import WAIT_SECONDS
from secure import PASSWORD, SecureKafka, fails_at_once
from test_doctor import tokenshare

pytestmark = pytest.mark.kafka

READ, WRITE, CREATE, DESCRIBE = (
    ACLOperation.READ,
    ACLOperation.WRITE,
    ACLOperation.CREATE,
    ACLOperation.DESCRIBE,
)


@pytest.fixture(scope="module")
def secure(broker_kind, request):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker knows neither TLS nor logins: --broker apache")
    request.getfixturevalue("kafka_jars")
    with SecureKafka() as broker:
        for user in ("scram", "plain"):
            broker.allow(user, ResourceType.TOPIC, "*", READ, WRITE, CREATE, DESCRIBE)
            broker.allow(user, ResourceType.GROUP, "*", READ)
        yield broker


def settings_of(secure, kind):
    return {
        "SCRAM-SHA-512": lambda: secure.login("scram", "SCRAM-SHA-512"),
        "PLAIN": lambda: secure.login("plain", "PLAIN"),
        "certificate": secure.certificate,
    }[kind]()


@pytest.mark.parametrize("kind", ["SCRAM-SHA-512", "PLAIN", "certificate"])
def test_doctor_simulate_and_worker_work_over_tls(secure, make_worker, kind):
    worker = make_worker(**settings_of(secure, kind))
    mended = tokenshare(worker, "doctor", "--fix")
    assert mended.returncode == 0, mended.stdout
    worker.start().wait_ready()
    sent = tokenshare(worker, "simulate", "--events", "20000")
    assert sent.returncode == 0, sent.stderr
    worker.wait_counted(20_000)
    assert worker.stop() == 0

    well = tokenshare(worker, "doctor")
    assert well.returncode == 0, well.stdout
    for said in (worker.tail(), mended.stdout, well.stdout, sent.stderr):
        assert PASSWORD not in said


def wrong(secure, what):
    login = secure.login("scram", "SCRAM-SHA-512")
    plaintext = {"bootstrap_servers": secure.bootstrap}
    return {
        "password": login | {"sasl_password": "wrong-and-secret"},
        "user": login | {"sasl_username": "stranger"},
        "authority": login | {"ssl_ca_file": str(secure.files / "other-ca.crt")},
        "TLS to plaintext": login | plaintext,
        "plaintext to TLS": {"bootstrap_servers": secure.sasl},
        "no certificate": {
            name: value
            for name, value in secure.certificate().items()
            if name not in {"ssl_cert_file", "ssl_key_file"}
        },
    }[what]


@pytest.mark.parametrize(
    ("what", "setting"),
    [
        ("password", "TOKENSHARE_SASL_PASSWORD"),
        ("user", "TOKENSHARE_SASL_USERNAME"),
        ("authority", "TOKENSHARE_SSL_CA_FILE"),
        ("TLS to plaintext", "TOKENSHARE_SECURITY_PROTOCOL"),
        ("plaintext to TLS", "TOKENSHARE_SECURITY_PROTOCOL"),
        ("no certificate", "TOKENSHARE_SSL_CERT_FILE"),
    ],
)
def test_what_is_wrong_is_named_at_once_by_its_setting(secure, make_worker, what, setting):
    worker = make_worker(**wrong(secure, what))
    fails_at_once(worker, setting)


def topics_of(worker):
    topic, group = (worker.environment[f"TOKENSHARE_{name}"] for name in ("TOPIC", "GROUP"))
    return topic, f"{group}-panes-changelog", f"{topic}-dead-letter", group


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("topics", "cannot be seen"),
        ("read", "no right to Read"),
        ("write", "no right to Write"),
        ("group", "no right to Read"),
    ],
)
def test_a_right_that_is_missing_is_named_with_its_topic(secure, make_worker, lacking, said):
    worker = make_worker(**secure.login("nobody", "PLAIN"))
    source, changelog, letters, group = topics_of(worker)
    admin = KafkaAdminClient(bootstrap_servers=secure.bootstrap)
    admin.create_topics(
        [
            NewTopic(source, 3, 1),
            NewTopic(changelog, 3, 1, topic_configs={"cleanup.policy": "compact"}),
            NewTopic(letters, 1, 1),
        ]
    )
    admin.close()
    rights = {source: {DESCRIBE, READ}, changelog: {DESCRIBE, READ, WRITE}, letters: {WRITE}}
    subject = {"topics": source, "read": source, "write": changelog, "group": group}[lacking]
    taken = {"topics": {DESCRIBE, READ}, "read": {READ}, "write": {WRITE}, "group": set()}[lacking]
    for topic, operations in rights.items():
        left = operations - taken if topic == subject else operations
        if left:
            secure.allow("nobody", ResourceType.TOPIC, topic, *left)
    if lacking != "group":
        secure.allow("nobody", ResourceType.GROUP, group, READ)
    done = tokenshare(worker, "doctor")

    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if said in line)
    assert subject in line
    assert "Allow" in done.stdout
    worker.environment["TOKENSHARE_CREATE_TOPICS"] = "false"
    worker.start()
    assert worker.process.wait(WAIT_SECONDS) == 1
    assert said in worker.tail()
    assert "Traceback" not in worker.tail()


def test_a_login_that_may_not_create_topics_gets_the_remedy(secure, make_worker):
    worker = make_worker(**secure.login("nobody", "PLAIN"))
    done = tokenshare(worker, "doctor", "--fix")

    assert done.returncode == 1
    assert "No right to create the topic" in done.stdout
