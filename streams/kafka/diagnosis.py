"""Why no connection to a broker succeeds: TLS or the login.

Kafka's clients only report that they could not connect, and retry.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from streams.kafka import aio_login, reconnect
from streams.settings.brokers import host_and_port

if TYPE_CHECKING:
    from streams.settings import Settings

_SECONDS = 2.0


def trouble(settings: Settings) -> str:
    """Return why the brokers cannot be connected to, with what to do, or "" for an unknown reason.

    Raises SettingsError where the TLS files are wrong.
    """
    return _tls_trouble(settings) or asyncio.run(_login_trouble(settings))


def unreached(settings: Settings) -> str:
    """Return why no broker's port is open: the name, the refusal, or no answer, of each."""
    found = {}
    for server in settings.bootstrap_servers:
        try:
            socket.create_connection(host_and_port(server), timeout=_SECONDS).close()
        except socket.gaierror:
            found[server] = "the name does not resolve"
        except TimeoutError:
            found[server] = f"no answer within {_SECONDS:.0f} s"
        except OSError as error:
            found[server] = (error.strerror or str(error)).lower()
        else:
            found[server] = "the port is open, and no Kafka answers"
    reasons = {*found.values()}
    if len(reasons) == 1:
        return reasons.pop()
    return "; ".join(f"{server}: {reason}" for server, reason in found.items())


def _tls_trouble(settings: Settings) -> str:
    """Return what is wrong with TLS at the first broker that listens, with what to do, or "".

    Does one handshake and sends nothing else.
    """
    context = settings.ssl_context()
    for server in settings.bootstrap_servers:
        address = host_and_port(server)
        try:
            plain = socket.create_connection(address, timeout=_SECONDS)
        except OSError:
            continue
        with plain:
            if context:
                return _with_tls(plain, server, address[0], context)
            return _without_tls(plain, server)
    return ""


def _with_tls(plain: socket.socket, server: str, host: str, context: ssl.SSLContext) -> str:
    try:
        with context.wrap_socket(plain, server_hostname=host) as secure:
            # With TLS 1.3 a broker refuses a client's certificate only after the handshake.
            secure.settimeout(_SECONDS / 4)
            secure.recv(1)
    except TimeoutError:
        return ""
    except ssl.SSLError as error:
        return _explained_tls(server, error)
    except OSError:
        # Kafka closes a connection that sends no Kafka request: a plaintext listener on our hello.
        return (
            f"{server} ends the connection when TLS begins. Check the port in "
            "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL."
        )
    return ""


def _explained_tls(server: str, error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{server} shows a certificate that is not trusted: {error.verify_message}. Set "
            "TOKENSHARE_SSL_CA_FILE to the CA that signed it."
        )
    if error.reason and "CERTIFICATE" in error.reason:
        return (
            f"{server} refuses our certificate ({error.reason}). Set TOKENSHARE_SSL_CERT_FILE "
            "and TOKENSHARE_SSL_KEY_FILE to one that it trusts."
        )
    return (
        f"{server} does not speak TLS on this port ({error.reason}). Check the port in "
        "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL."
    )


def refused(settings: Settings) -> str:
    """Return why a running client's connections are refused, with what to do, or ""."""
    refusal = reconnect.REFUSALS.current()
    if refusal is None:
        return ""
    if isinstance(refusal.error, ssl.SSLError):
        return _explained_tls(refusal.server, refusal.error)
    if isinstance(refusal.error, reconnect.LOGIN_ERRORS):
        return f"{refusal.server} refuses the login. Check {_login_settings(settings)}."
    return str(refusal.error)


def _without_tls(plain: socket.socket, server: str) -> str:
    # Only to learn whether it speaks TLS: nothing is trusted, nothing is sent.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(plain):
            pass
    except OSError:
        return ""
    return (
        f"{server} speaks TLS on this port. Set TOKENSHARE_SECURITY_PROTOCOL to SSL or SASL_SSL, "
        "or TOKENSHARE_BOOTSTRAP_SERVERS to its plaintext port."
    )


def _login_settings(settings: Settings) -> str:
    """Return the settings that a refused login may be due to."""
    if settings.sasl_mechanism != "OAUTHBEARER":
        file = "" if settings.sasl_password_file is None else "_FILE"
        return (
            f"TOKENSHARE_SASL_USERNAME, TOKENSHARE_SASL_PASSWORD{file} and "
            "TOKENSHARE_SASL_MECHANISM"
        )
    if settings.sasl_oauth_provider == "aws-msk-iam":
        return (
            "TOKENSHARE_SASL_OAUTH_AWS_REGION, the right kafka-cluster:Connect of the AWS "
            "identity, and TOKENSHARE_SASL_MECHANISM"
        )
    return (
        "TOKENSHARE_SASL_OAUTH_TOKEN_URL, TOKENSHARE_SASL_OAUTH_SCOPE, "
        "TOKENSHARE_SASL_OAUTH_EXTENSIONS (issuer, audience and lifetime of the token must be "
        "those that Kafka expects) and TOKENSHARE_SASL_MECHANISM"
    )


async def _login_trouble(settings: Settings) -> str:
    """Return which broker refuses the login, with what to do, or ""."""
    if not settings.security_protocol.startswith("SASL"):
        return ""
    arguments = aio_login.arguments(settings)
    for server in settings.bootstrap_servers:
        host, port = host_and_port(server)
        try:
            connection = await create_conn(host, port, request_timeout_ms=5_000, **arguments)
        except (SaslAuthenticationFailed, UnsupportedSaslMechanismError):
            return f"{server} refuses the login. Check {_login_settings(settings)}."
        except (KafkaError, OSError, TimeoutError):
            continue
        connection.close()
    return ""
