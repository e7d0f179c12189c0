"""The login of aiokafka's clients, with what aiokafka lacks for logins that end.

A broker closes a connection whose login has expired (KIP-368), and answers a token that it refuses
in a way that aiokafka takes for success. aiokafka has no public interface for either, so `install`
replaces private parts of it. Importing this module changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import SaslAuthenticationFailed

from streams.kafka import reconnect
from streams.kafka.login import source_of
from streams.kafka.token_source import TokenError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from streams.kafka.token_source import Token, TokenSource
    from streams.settings import Settings

#: A connection is replaced after this part of its login's life.
RENEW_PART = 0.85
#: And its next token is fetched after this part.
PREPARE_PART = 0.8
#: Pause before another attempt, while the connection that is to be replaced still works.
RETRY_SECONDS = 1.0
DRAIN_STEP_SECONDS = 0.05


def arguments(settings: Settings) -> dict[str, Any]:
    """Return the security arguments of aiokafka's clients. Raises SettingsError."""
    found = reconnect.security(settings)
    if settings.security_protocol.startswith("SASL"):
        install()
    source = source_of(settings)
    if source is not None:
        found["sasl_oauth_token_provider"] = TokenProvider(source, settings.sasl_oauth_extensions)
    return found


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Gives aiokafka the token of a source, in any event loop."""

    def __init__(self, source: TokenSource, extensions: tuple[tuple[str, str], ...]) -> None:
        self._source = source
        self._extensions = dict(extensions)

    async def token(self) -> str:
        """Return a good token. Raises TokenError."""
        source, began = self._source, time.monotonic()
        while True:
            try:
                future = source.request()
                if future is not None:
                    async with asyncio.timeout(source.wait(began)):
                        return (await asyncio.shield(_quietly(future))).value
            except TokenError:
                if source.usable() is None:
                    raise
            except TimeoutError:
                pass
            token = source.usable()
            if token is not None:
                return token.value

    def extensions(self) -> dict[str, str]:
        """Return what is sent beside it."""
        return self._extensions

    def prepare(self) -> None:
        """Fetch a new token in the background if one is wanted."""
        with contextlib.suppress(TokenError):
            self._source.request()

    def expires_at(self) -> float:
        """Return when the present token expires, of `time.monotonic`."""
        token = self._source.usable()
        return math.inf if token is None else token.began + token.lifetime


def _quietly(future: Future[Token]) -> asyncio.Future[Token]:
    """Return a future for this event loop whose error may go unseen: nobody may wait any more."""
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
    return waiting


async def wait_for_token(settings: Settings) -> None:
    """Wait for a good token, where the login needs one. Raises TokenError, SettingsError."""
    source = source_of(settings)
    if source is not None:
        await TokenProvider(source, ()).token()


_do_sasl_handshake = AIOKafkaConnection._do_sasl_handshake
_get_conn = AIOKafkaClient._get_conn
_step = OAuthAuthenticator.step


def install() -> None:
    """Patch aiokafka for this process; a second call changes nothing more."""
    OAuthAuthenticator.step = _step_with_refusal
    AIOKafkaConnection._do_sasl_handshake = _log_in
    AIOKafkaClient._get_conn = _get_renewed_conn


async def _step_with_refusal(self: Any, payload: bytes | None) -> Any:
    """Return the next message of a login: after a refusal the one that ends it (RFC 7628)."""
    if not (self._token_sent and payload):
        return await _step(self, payload)
    if getattr(self, "is_refused", False):
        raise SaslAuthenticationFailed("the token is refused")
    self.is_refused = True
    return b"\x01", True


async def _log_in(self: Any) -> None:
    """Log a connection in, and note when that ends."""
    lifetime = 0.0
    send = self.send

    async def noting(request: Any, expect_response: bool = True) -> Any:
        nonlocal lifetime
        answer = await send(request, expect_response)
        lifetime = getattr(answer, "session_lifetime_ms", 0) / 1000
        return answer

    self.send = noting
    try:
        await _do_sasl_handshake(self)
    finally:
        del self.send
    now = time.monotonic()
    provider = self._sasl_oauth_token_provider
    token_ends = provider.expires_at() if isinstance(provider, TokenProvider) else math.inf
    left = min(lifetime if lifetime > 0 else math.inf, token_ends - now)
    self.prepare_at, self.renew_at = now + PREPARE_PART * left, now + RENEW_PART * left


async def _get_renewed_conn(
    self: Any, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
) -> Any:
    """Return a connection to a node, another one where the login of the present one soon ends."""
    key = node_id, group
    old = self._conns.get(key)
    if old is not None and time.monotonic() >= getattr(old, "prepare_at", math.inf):
        old.prepare_at = math.inf
        if isinstance(old._sasl_oauth_token_provider, TokenProvider):
            old._sasl_oauth_token_provider.prepare()
    if old is None or time.monotonic() < getattr(old, "renew_at", math.inf):
        return await _get_conn(self, node_id, group=group, no_hint=no_hint)
    del self._conns[key]
    fresh = await _get_conn(self, node_id, group=group, no_hint=no_hint)
    now = time.monotonic()
    if fresh is None and old.connected() and key not in self._conns:
        # Whether it still works is up to the broker.
        old.renew_at = now + RETRY_SECONDS
        self._conns[key] = fresh = old
    if fresh is not old:
        # Requests that it has sent are answered; each has a timeout of its own.
        _close_drained(old, now + old._request_timeout)
    return fresh


def _close_drained(connection: Any, latest: float) -> None:
    if connection.connected() and connection._requests and time.monotonic() < latest:
        loop = asyncio.get_running_loop()
        loop.call_later(DRAIN_STEP_SECONDS, _close_drained, connection, latest)
    else:
        connection.close()
