"""Apache Kafka with TLS, logins and rights, beside the plaintext listener of its administrator."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

from apache import ApacheKafka
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from processes import WAIT_SECONDS, WorkerProcess
from test_doctor import tokenshare

from streams.demo.broker import free_port
from streams.process import NO_BROKER

PASSWORD = "not-to-be-seen"
_SASL = "org.apache.kafka.common.security"


class Certificates:
    """A folder of authorities and of what they have signed for 127.0.0.1, as PEM."""

    def __init__(self) -> None:
        self.files = Path(mkdtemp(prefix="tokenshare-tls-"))

    def authority(self, name: str) -> None:
        """Make `name`.key and `name`.crt."""
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
        )

    def certificate(self, name: str, authority: str = "ca") -> None:
        """Make `name`.key and `name`.crt, and `name`.pem with both."""
        (self.files / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key"),
            *("-out", f"{name}.csr", "-subj", f"/CN={name}"),
        )
        self._openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt"),
            *("-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2"),
            *("-out", f"{name}.crt", "-extfile", "names"),
        )
        key, own = (self.files / f"{name}.{kind}" for kind in ("key", "crt"))
        (self.files / f"{name}.pem").write_text(key.read_text() + own.read_text())

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.files, check=True, capture_output=True)


def fails_at_once(worker: WorkerProcess, setting: str) -> None:
    """Check that a worker ends with 3 before it has waited for a broker, and names a setting.

    `tokenshare doctor` names it as well.
    """
    started = time.monotonic()
    worker.start()

    assert worker.process is not None
    assert worker.process.wait(WAIT_SECONDS) == NO_BROKER
    # It does not wait for the minute that an absent broker is given.
    assert time.monotonic() - started < 30
    assert setting in worker.tail()
    assert "Traceback" not in worker.tail()
    assert "secret" not in worker.tail()
    done = tokenshare(worker, "doctor")
    assert done.returncode == 1
    assert setting in done.stdout
    assert "Traceback" not in done.stderr


class SecureKafka:
    """The broker, its certificates, and the settings that a worker needs to speak to it.

    `sasl` and `ssl` are the addresses of its listeners: logins over TLS, client certificates. Who
    comes in by the plaintext listener may do anything; a login may do what `allow` says.
    """

    def __init__(self) -> None:
        self._made = Certificates()
        self.files = self._made.files
        self._made.authority("ca")
        self._made.authority("other-ca")
        self._made.certificate("broker")
        self._made.certificate("client")
        sasl, mutual = free_port(), free_port()
        self.sasl, self.ssl = f"127.0.0.1:{sasl}", f"127.0.0.1:{mutual}"
        logins = " ".join(f'user_{name}="{PASSWORD}"' for name in ("plain", "nobody"))
        self._broker = ApacheKafka(
            {
                "listeners": f"{{listeners}},SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{mutual}",
                "advertised.listeners": "{advertised.listeners},"
                f"SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{mutual}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
                "SASL_SSL:SASL_SSL,SSL:SSL",
                "inter.broker.listener.name": "PLAINTEXT",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
                "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                    f"{_SASL}.scram.ScramLoginModule required;"
                ),
                "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                    f"{_SASL}.plain.PlainLoginModule required {logins};"
                ),
                "listener.name.ssl.ssl.client.auth": "required",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self.files / "broker.pem"),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.files / "ca.crt"),
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS;User:CN=client",
            }
        )

    @property
    def bootstrap(self) -> str:
        """The plaintext listener."""
        return self._broker.bootstrap

    def __enter__(self) -> Self:
        self._broker.__enter__()
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion("scram", ScramMechanism.SCRAM_SHA_512, PASSWORD)]
        )
        admin.close()
        return self

    def __exit__(self, *error: object) -> None:
        self._broker.__exit__(*error)

    def allow(self, user: str, kind: ResourceType, name: str, *operations: ACLOperation) -> None:
        """Let a login do something."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.create_acls(
            [
                ACL(
                    f"User:{user}",
                    "*",
                    operation,
                    ACLPermissionType.ALLOW,
                    ResourcePattern(kind, name),
                )
                for operation in operations
            ]
        )
        admin.close()

    def login(self, user: str, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
        """Return the settings of a login over TLS."""
        return {
            "bootstrap_servers": self.sasl,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": mechanism,
            "sasl_username": user,
            "sasl_password": password,
            "ssl_ca_file": str(self.files / "ca.crt"),
        }

    def certificate(self) -> dict[str, str]:
        """Return the settings of a client certificate."""
        return {
            "bootstrap_servers": self.ssl,
            "security_protocol": "SSL",
            "ssl_ca_file": str(self.files / "ca.crt"),
            "ssl_cert_file": str(self.files / "client.crt"),
            "ssl_key_file": str(self.files / "client.key"),
        }

    def restart_with_certificate_of(self, authority: str) -> None:
        """Restart the broker with a certificate that another CA signed."""
        self._broker.stop()
        self._made.certificate("broker", authority)
        self._broker.start()
