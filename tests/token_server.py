"""A token endpoint (RFC 6749, client credentials) on the loopback, with what may go wrong there."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

CLIENT, SECRET = "tokenshare", "not-to-be-seen~+/="
AUDIENCE = "kafka"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=stdin, check=True, capture_output=True
    ).stdout


@cache
def signing_key() -> tuple[bytes, bytes]:
    """Return an RSA key as PEM and its modulus: making one takes a quarter of a second."""
    pem = openssl("genrsa", "2048")
    modulus = openssl("rsa", "-modulus", "-noout", stdin=pem).decode()
    return pem, bytes.fromhex(modulus.strip().partition("=")[2])


class TokenServer:
    """Issues JWTs signed with RS256 for one client; `jwks` is the file with its public key.

    `lifetime` is that of the next tokens. `answer`, if set, is sent in place of a token: a status,
    headers and a body. `asked` are the forms it has got, `issued` counts tokens.
    """

    def __init__(self, files: Path, *, lifetime: float = 3600.0, tls: bool = False) -> None:
        self.lifetime = lifetime
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.delay = 0.0
        self.asked: list[dict[str, str]] = []
        self.issued = 0
        self._key = files / "token.key"
        pem, number = signing_key()
        self._key.write_bytes(pem)
        key = {
            "kty": "RSA",
            "kid": "1",
            "use": "sig",
            "alg": "RS256",
            "e": "AQAB",
            "n": b64(number),
        }
        self.jwks = files / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [key]}))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        self.ca = files / "token-ca.crt"
        if tls:
            self._wrap(files)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/oauth2/token"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def login(self, **others: str) -> dict[str, str]:
        """Return the settings of a login with its tokens."""
        return {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_oauth_token_url": self.url,
            "sasl_oauth_client_id": CLIENT,
            "sasl_oauth_client_secret": SECRET,
            "sasl_oauth_scope": AUDIENCE,
        } | others

    def token(self, audience: str) -> str:
        now = time.time()
        claims = {
            "iss": "https://login.example.org",
            "aud": audience,
            "sub": CLIENT,
            "scope": audience,
            "iat": now,
            "exp": now + self.lifetime,
        }
        parts = [b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims)]
        text = ".".join(parts)
        signed = openssl("dgst", "-sha256", "-sign", str(self._key), stdin=text.encode())
        self.issued += 1
        return f"{text}.{b64(signed)}"

    def respond(
        self, form: dict[str, str], authorization: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        self.asked.append(form)
        time.sleep(self.delay)
        if self.answer is not None:
            return self.answer
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        given = (
            tuple(pair.split(":", 1))
            if authorization
            else (form.get("client_id"), form.get("client_secret"))
        )
        if given != (CLIENT, SECRET):
            return 401, {}, b'{"error": "invalid_client", "error_description": "hush %s"}'
        if form.get("grant_type") != "client_credentials":
            return 400, {}, b'{"error": "unsupported_grant_type"}'
        if form.get("scope") == "none":
            return 400, {}, b'{"error": "invalid_scope"}'
        body = {
            "access_token": self.token(form.get("scope", AUDIENCE)),
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                status, headers, answer = server.respond(
                    form, self.headers.get("Authorization", "")
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _wrap(self, files: Path) -> None:
        key = files / "token-tls.key"
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=token"),
            *("-keyout", str(key), "-out", str(self.ca)),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
