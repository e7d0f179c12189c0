"""Fetch an OAuth token from a token endpoint, by client credentials (RFC 6749, section 4.4).

The endpoint is not trusted with more than the client's secret: a redirect is not followed, a
response is read up to a limit, and none of its text is repeated, except for known error codes.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import orjson

from streams.kafka.token_source import Token, TokenError
from streams.settings import ENV_PREFIX, SettingsError

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from streams.settings import Settings

_OAUTH = f"{ENV_PREFIX}SASL_OAUTH_"
#: Timeout of each step, and of the whole body, however slowly it arrives.
TIMEOUT_SECONDS = 5.0
MAX_BYTES = 64 * 1024
#: A token is sent in one request to Kafka, and may hold nothing that ends a field of it.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,32768}=*")
#: Lifetime where the endpoint does not say it, and the longest that is believed.
DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS = 300.0, 86_400.0
_RETRIABLE = frozenset({408, 425, 429})
_TEMPORARY = frozenset({"temporarily_unavailable", "server_error"})
#: Error codes of RFC 6749, section 5.2 -> what to do.
_REMEDIES = {
    "invalid_client": f"Check {_OAUTH}CLIENT_ID, {_OAUTH}CLIENT_SECRET and {_OAUTH}CLIENT_AUTH.",
    "invalid_scope": f"Set {_OAUTH}SCOPE to one that the client may request.",
    "unauthorized_client": "Allow it client credentials at the identity provider, and check "
    f"{_OAUTH}CLIENT_ID and {_OAUTH}CLIENT_SECRET.",
    "unsupported_grant_type": f"Set {_OAUTH}TOKEN_URL to one that grants client credentials.",
    "invalid_request": f"Check {_OAUTH}SCOPE, {_OAUTH}CLIENT_AUTH and {_OAUTH}TOKEN_URL.",
    "invalid_grant": f"Check {_OAUTH}CLIENT_ID and {_OAUTH}CLIENT_SECRET.",
}
#: The number in an error description of Microsoft Entra.
_ENTRA_CODE = re.compile(r"\bAADSTS\d{4,8}\b")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the secret would be sent with it."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request, so that the redirect is an error."""


class TokenEndpoint:
    """A token endpoint and the client that asks it. Raises SettingsError for a bad CA file."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.sasl_oauth_token_url
        parts = urlsplit(self._url)
        #: The address for messages: a query may hold a key.
        self._shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
        try:
            context = ssl.create_default_context(cafile=settings.sasl_oauth_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"{_OAUTH}CA_FILE cannot be read: {error}. Set it to a file of CA certificates."
            ) from None
        handlers: list[urllib.request.BaseHandler] = [
            _NoRedirect(),
            urllib.request.HTTPSHandler(context=context),
        ]
        if parts.scheme == "http":
            # On this machine; a proxy would learn the secret.
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        form = {"grant_type": "client_credentials"}
        if settings.sasl_oauth_scope:
            form["scope"] = settings.sasl_oauth_scope
        client = settings.sasl_oauth_client_id
        secret = settings.sasl_oauth_client_secret.get_secret_value()
        if settings.sasl_oauth_client_auth == "post":
            form |= {"client_id": client, "client_secret": secret}
        else:
            # As Java's and librdkafka's clients do by default: not encoded as a form first.
            pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"
        self._body = urlencode(form).encode()

    def fetch(self) -> Token:
        """Return a new token. Raises TokenError."""
        began = time.monotonic()
        request = urllib.request.Request(  # noqa: S310 - http and https only, by the settings
            self._url, self._body, self._headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                body = self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except TokenError:
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        return self._token(body, began)

    def _read(self, answer: HTTPResponse) -> bytes:
        body = bytearray()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while chunk := answer.read1(MAX_BYTES):
            body += chunk
            if len(body) > MAX_BYTES or time.monotonic() > deadline:
                raise self._error("sends too much or too slowly", f"Check {_OAUTH}TOKEN_URL.")
        return bytes(body)

    def _token(self, body: bytes, began: float) -> Token:
        found = _decoded(body)
        value, lifetime = found.get("access_token"), _seconds(found.get("expires_in"))
        if not isinstance(value, str) or not _TOKEN.fullmatch(value) or lifetime <= 0:
            raise self._error("answers without a usable token", f"Check {_OAUTH}TOKEN_URL.")
        return Token(value, began, min(lifetime, MAX_LIFETIME_SECONDS))

    def _refusal(self, error: urllib.error.HTTPError) -> TokenError:
        if error.code // 100 == 3:
            return self._error(
                f"redirects ({error.code}), which is not followed",
                f"Set {_OAUTH}TOKEN_URL to the address that it leads to.",
                is_final=True,
            )
        found: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            # HTTPError is a response as well.
            found = _decoded(self._read(error))  # type: ignore[arg-type]
        code = found.get("error")
        code = code if isinstance(code, str) and code in _REMEDIES.keys() | _TEMPORARY else ""
        entra = _ENTRA_CODE.search(str(found.get("error_description"))[:1000])
        why = ", ".join(each for each in (str(error.code), code, entra and entra.group()) if each)
        if error.code in _RETRIABLE or error.code >= 500 or code in _TEMPORARY:
            return self._error(f"cannot give a token now ({why})", "It is asked again.")
        if not code and error.code in {401, 403}:
            code = "invalid_client"
        remedy = _REMEDIES.get(code, f"Check {_OAUTH}TOKEN_URL.")
        verb = "refuses the client" if code else "gives no token"
        return self._error(f"{verb} ({why})", remedy, is_final=True)

    def _unreachable(self, error: Exception) -> TokenError:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return self._error(
                f"shows a certificate that is not trusted: {reason.verify_message}",
                f"Set {_OAUTH}CA_FILE to the CA that signed it.",
                is_final=True,
            )
        if isinstance(reason, ssl.SSLError) and "WRONG_VERSION" in str(reason.reason):
            return self._error("does not speak TLS", f"Check {_OAUTH}TOKEN_URL.", is_final=True)
        name = type(reason if isinstance(reason, BaseException) else error).__name__
        return self._error(f"does not answer ({name})", f"Start it, or set {_OAUTH}TOKEN_URL.")

    def _error(self, what: str, remedy: str, *, is_final: bool = False) -> TokenError:
        return TokenError(f"The token endpoint {self._shown} {what}", remedy, is_final=is_final)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object) -> float:
    """Return a lifetime in seconds; some endpoints write it as text, some leave it out."""
    if value is None:
        return DEFAULT_LIFETIME_SECONDS
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        return 0.0
    return seconds if seconds > 0 else 0.0
