"""Faults of logins: Kafka asks again, a password is changed, a broker gets a new certificate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from apache_cluster import ApacheCluster
from on_groups import is_refused, joins_later
from scram_cluster import PASSWORD, ScramCluster
from secure import Certificates

from streams.demo.broker import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stage import Stage
    from verdict import Verdict

STREAM_SECONDS = 20.0
CERTIFICATE = "TOKENSHARE_SSL_CA_FILE"
LOGIN = r"(login|password|credential|authenticat|sasl)"


class TlsCluster(ApacheCluster):
    """A broker with TLS; its certificate is of one authority, and then of another one."""

    def __init__(self) -> None:
        port = free_port()
        self._made = Certificates()
        for name in ("ca", "new-ca"):
            self._made.authority(name)
        self._made.certificate("broker")
        super().__init__(
            1,
            {
                "listeners": f"{{listeners}},SSL://127.0.0.1:{port}",
                "advertised.listeners": f"{{advertised.listeners}},SSL://127.0.0.1:{port}",
                "listener.security.protocol.map": "{listener.security.protocol.map},SSL:SSL",
                "inter.broker.listener.name": "PLAINTEXT",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self._made.files / "broker.pem"),
            },
        )
        self.tls = f"127.0.0.1:{port}"
        self.trusted = self._made.files / "trusted.crt"
        self.trust("ca")

    def trust(self, authority: str) -> None:
        """Replace what the workers trust."""
        self.trusted.write_bytes((self._made.files / f"{authority}.crt").read_bytes())

    def replace_certificate(self) -> None:
        """Restart the broker with a certificate of the new authority."""
        self.stop()
        self._made.certificate("broker", "new-ca")
        self.start()

    @property
    def settings(self) -> Mapping[str, str]:
        """What a worker needs to connect."""
        return {
            "TOKENSHARE_BOOTSTRAP_SERVERS": self.tls,
            "TOKENSHARE_SECURITY_PROTOCOL": "SSL",
            "TOKENSHARE_SSL_CA_FILE": str(self.trusted),
        }


def certificate_changed(stage: Stage) -> Verdict:
    """The broker's certificate is of a new CA, which the worker's file gets some time later."""
    assert isinstance(stage.kafka, TlsCluster)
    stage.ready_workers(1)
    stage.send(4_000)
    stage.wait_counted()
    worker = stage.workers[0]
    stage.kafka.replace_certificate()
    if not is_refused(stage, worker, CERTIFICATE, seconds=40.0):
        stage.faults.append("nothing names the certificate while it is not trusted")
    stage.kafka.trust("new-ca")
    if stage.supervise():
        stage.faults.append("it ended before its time was over")
    joins_later(stage, worker)
    stage.send(2_000)
    return stage.judge()


def reauthentication(stage: Stage) -> Verdict:
    """Kafka asks for the login again every few seconds, and a worker is killed meanwhile."""
    stage.ready_workers(2)
    with stage.watching(), stage.sending(rate=1_000):
        time.sleep(STREAM_SECONDS / 2)
        stage.workers[0].kill()
        stage.supervise()
        time.sleep(STREAM_SECONDS / 2)
    return stage.judge()


def password_changed(stage: Stage) -> Verdict:
    """The password is another one for a while, and then the right one again."""
    assert isinstance(stage.kafka, ScramCluster)
    stage.ready_workers(1)
    stage.send(4_000)
    stage.wait_counted()
    worker = stage.workers[0]
    stage.kafka.set_password("another-one")
    if not is_refused(stage, worker, LOGIN, seconds=40.0):
        stage.faults.append("nothing names the login while it is refused")
    stage.kafka.set_password(PASSWORD)
    joins_later(stage, worker)
    stage.send(2_000)
    return stage.judge()
