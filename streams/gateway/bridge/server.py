"""The server of a bridge: it listens, limits its connections, and closes them at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from streams.web.runner import LINGER_SECONDS, BoundedConnection

if TYPE_CHECKING:
    from streams.gateway.bridge.http import Bridge

log = logging.getLogger("tokenshare.bridge")

#: Timeout for a connection without a request, or with an incomplete one.
IDLE_SECONDS = 75.0
MAX_HEADERS = 64


class _Connection(BoundedConnection):
    __slots__ = ("bridge",)

    log = log
    bridge: Bridge

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Return the response to a request that aiohttp could not parse or answer."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a request failed: %s", type(exc).__name__)
        return self.bridge.malformed(status)


class _Server(web.Server):
    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge.answer)
        self._bridge = bridge

    def __call__(self) -> web.RequestHandler:
        connection = _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            # Decompressed in this package, with a limit.
            auto_decompress=False,
            max_headers=MAX_HEADERS,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
        )
        connection.bridge, connection.others = self._bridge, self._bridge.connections
        return connection


class Listening:
    """A listening bridge."""

    def __init__(self, bridge: Bridge, site: web.TCPSite, runner: web.ServerRunner) -> None:
        self._bridge = bridge
        self._site = site
        self._runner = runner

    async def end(self, seconds: float) -> None:
        """Stop listening, finish posts in progress within `seconds`, close the connections."""
        self._bridge.is_stopping = True
        await self._site.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._bridge.buffer.posts:  # noqa: ASYNC110 - asked at the end only
                    await asyncio.sleep(0.02)
        await self._bridge.writer.close(1.0)
        await self._runner.cleanup()


async def listen(bridge: Bridge, host: str, port: int) -> Listening:
    """Listen on host and port. Raises OSError or OverflowError where that is not possible."""
    runner = web.ServerRunner(_Server(bridge), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    return Listening(bridge, site, runner)
