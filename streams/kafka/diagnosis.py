"""Why a broker that listens cannot be spoken to: the port speaks TLS and we do not, or the reverse.

Kafka's clients only say that they could not connect, and go on trying.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.settings import Settings

_SECONDS = 2.0


def trouble(settings: Settings) -> str:
    """Return what is wrong with TLS at the first broker that listens, with what to do, or "".

    Shakes hands once and sends nothing else. Raises SettingsError where the TLS files are wrong.
    """
    context = settings.ssl_context()
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        try:
            plain = socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS)
        except OSError:
            continue
        with plain:
            return _with_tls(plain, server, host, context) if context else _without(plain, server)
    return ""


def _with_tls(plain: socket.socket, server: str, host: str, context: ssl.SSLContext) -> str:
    try:
        with context.wrap_socket(plain, server_hostname=host.strip("[]")) as secure:
            # With TLS 1.3 a broker refuses a client's certificate only after the handshake.
            secure.settimeout(_SECONDS / 4)
            secure.recv(1)
    except ssl.SSLCertVerificationError as error:
        return (
            f"{server} shows a certificate that is not trusted: {error.verify_message}. Set "
            "TOKENSHARE_SSL_CA_FILE to the CA that signed it."
        )
    except TimeoutError:
        return ""
    except ssl.SSLError as error:
        if error.reason and "CERTIFICATE" in error.reason:
            return (
                f"{server} refuses our certificate ({error.reason}). Set TOKENSHARE_SSL_CERT_FILE "
                "and TOKENSHARE_SSL_KEY_FILE to one that it trusts."
            )
        return (
            f"{server} does not speak TLS on this port ({error.reason}). Check the port in "
            "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL."
        )
    except OSError:
        # Kafka hangs up on what is no request of its own: a plaintext listener on our hello.
        return (
            f"{server} ends the connection when TLS begins. Check the port in "
            "TOKENSHARE_BOOTSTRAP_SERVERS and TOKENSHARE_SECURITY_PROTOCOL."
        )
    return ""


def _without(plain: socket.socket, server: str) -> str:
    # Only to see whether it speaks TLS: nothing is trusted, nothing is sent.
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
