"""Apache Kafka that asks for a login by SCRAM again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apache_cluster import ApacheCluster
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from streams.demo.broker import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

USER, PASSWORD = "worker", "not-to-be-seen"
LOGIN_SECONDS = 6


class ScramCluster(ApacheCluster):
    """A broker with logins by SCRAM, each good for some seconds; an administrator needs none."""

    def __init__(self) -> None:
        port = free_port()
        super().__init__(
            1,
            {
                "listeners": f"{{listeners}},SASL_PLAINTEXT://127.0.0.1:{port}",
                "advertised.listeners": (
                    f"{{advertised.listeners}},SASL_PLAINTEXT://127.0.0.1:{port}"
                ),
                "listener.security.protocol.map": (
                    "{listener.security.protocol.map},SASL_PLAINTEXT:SASL_PLAINTEXT"
                ),
                "inter.broker.listener.name": "PLAINTEXT",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                ),
                "connections.max.reauth.ms": str(LOGIN_SECONDS * 1000),
            },
        )
        self.sasl = f"127.0.0.1:{port}"

    def start(self) -> None:
        """Start the broker, and let the worker's user in."""
        super().start()
        self.set_password(PASSWORD)

    def set_password(self, password: str) -> None:
        """Change the user's password."""
        with self.admin() as admin:
            admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, password)]
            )

    @property
    def settings(self) -> Mapping[str, str]:
        """What a worker needs to log in."""
        return {
            "TOKENSHARE_BOOTSTRAP_SERVERS": self.sasl,
            "TOKENSHARE_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "TOKENSHARE_SASL_MECHANISM": "SCRAM-SHA-512",
            "TOKENSHARE_SASL_USERNAME": USER,
            "TOKENSHARE_SASL_PASSWORD": PASSWORD,
        }
