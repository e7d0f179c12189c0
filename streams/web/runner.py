"""The layer between sockets and routes: connections, and malformed HTTP requests.

aiohttp answers a request that it cannot parse in its own format, including its version, and logs
the input, which may contain a token. Here the response is an ordinary problem document, and nothing
is logged.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import hdrs, web
from aiohttp.http_exceptions import LineTooLong

from streams.web import http_response
from streams.web.access import HEADERS, ROUTES_REMEDY
from streams.web.connection_limit import Connections, max_connections
from streams.web.request_pace import LIVENESS, RequestPace

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

log = logging.getLogger("tokenshare.web")

#: Streams end at once; no other request takes a second.
SHUTDOWN_SECONDS = 1.0
#: Response timeout: an unread response stays in memory, so a slow client is disconnected.
SEND_SECONDS = 60.0
#: The rest of an unwanted request body is read and discarded for this long.
LINGER_SECONDS = 2.0


class Runner(web.AppRunner):
    """Runs an application on a bounded number of connections."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), Connections(max_connections()))


class _Server(web.Server):
    def __init__(self, of: web.Server, connections: Connections) -> None:
        answer, pace = of.request_handler, RequestPace()

        async def paced(request: web.BaseRequest) -> StreamResponse:
            if request.path != LIVENESS:
                await pace.admit()
            return await answer(request)

        super().__init__(paced, request_factory=of.request_factory)
        self._open = connections

    def __call__(self) -> web.RequestHandler:
        connection = _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            lingering_time=LINGER_SECONDS,
        )
        connection.others = self._open
        return connection


class BoundedConnection(web.RequestHandler):
    """A limited connection that logs nothing of the request, which may contain a token."""

    __slots__ = ("others",)

    log: ClassVar[logging.Logger]
    others: Connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        super().connection_made(transport)
        self.others.opened(self, transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Unregister the connection."""
        self.others.closed(self)
        super().connection_lost(exc)

    def log_exception(self, *_: Any, **named: Any) -> None:
        """Log only the type of an exception."""
        self.log.error("a connection failed: %s", type(named.get("exc_info")).__name__)


class _Connection(BoundedConnection):
    __slots__ = ()

    log = log

    async def finish_response(
        self, request: web.BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        """Send a response; return it, and whether the client has disconnected."""
        self.others.heard(self)
        if isinstance(resp, web.HTTPException):
            # Raised before routing, for instance for an unsupported Expect header.
            resp = http_response.problem(
                request, HTTPStatus(resp.status), resp.reason, ROUTES_REMEDY
            )
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                # Closing would wait until everything is sent.
                self.transport.abort()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature
    ) -> StreamResponse:
        """Return the response to a request that aiohttp could not parse or answer."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a request failed: %s", type(exc).__name__)
        response = http_response.problem(request, *_malformed(status, exc))
        response.headers.update(HEADERS | {hdrs.CACHE_CONTROL: "no-store"})
        response.force_close()
        return response


def _malformed(status: int, exc: BaseException | None) -> tuple[HTTPStatus, str, str]:
    """Return status, detail and remedy for a request that could not be parsed or answered."""
    if isinstance(exc, LineTooLong):
        return (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The address or a header is longer than 8190 bytes.",
            "Send less; a browser's cookies of all pages on this host name count as well.",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HTTPStatus(status), "The worker failed to answer this.", "The worker's log says why."
    return (
        HTTPStatus.BAD_REQUEST,
        "Malformed HTTP/1.1 request.",
        "Send plain HTTP to this port, with one Host header; TLS ends at a proxy before it.",
    )
