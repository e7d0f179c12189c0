"""The page, the JSON API, the metrics and the health of a worker, over HTTP.

The server reads four functions and knows nothing of where their answers come from. All of them
are cheap (they read one immutable snapshot), so each request is answered in the event loop.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import hdrs, web

from streams.web.assets import Asset, page_and_assets
from streams.web.question import BadQuestionError, question, window

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

log = logging.getLogger("tokenshare.server")

# A smaller body fits one network packet as it is.
COMPRESS_FROM_BYTES = 1_000
# API bodies are made anew for each request: 2 ms for the longest; level 9 takes twice that for 2 %.
GZIP_LEVEL = 6

# Nothing but the server's own files, no inline script or style, no eval, no frame around it.
# The chart library takes its style sheet from a file (static/plotly.css) when it finds one.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # In place of the versions of Python and aiohttp, which are nobody's business.
    "Server": "tokenshare",
}

ROUTES_REMEDY = (
    "There are: / (the page), /metrics, /healthz, /readyz, /api/v1/shares, /api/v1/history and "
    "/api/v1/unknown."
)


@dataclass(frozen=True)
class Sources:
    """What the server reads. Every function is cheap and blocks on nothing.

    shares: the body of /api/v1/shares.
    history: dimension, step, start, end (unix seconds or None) -> the body of /api/v1/history;
        raises ValueError with a message for the person who asked, where it cannot answer.
    unknown: a window's name -> the body of /api/v1/unknown.
    readiness: the reasons why this worker is not ready; empty when it is.
    metrics: the request's Accept header -> body and Content-Type of the exposition.
    """

    shares: Callable[[], Mapping[str, Any]]
    history: Callable[[str, str, float | None, float | None], Mapping[str, Any]]
    unknown: Callable[[str], Mapping[str, Any]]
    readiness: Callable[[], Sequence[str]]
    metrics: Callable[[str], tuple[bytes, str]]


class WebPortError(OSError):
    """The server cannot listen where it should; the message says how to mend it."""


def make_app(sources: Sources) -> web.Application:
    """Return the application: every route, its errors and its headers."""
    answers = _Answers(sources, *page_and_assets())
    app = web.Application(middlewares=[_errors_are_json])
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", answers.page)
    app.router.add_get("/static/{path:.+}", answers.asset)
    app.router.add_get("/metrics", answers.metrics)
    app.router.add_get("/healthz", answers.health)
    app.router.add_get("/readyz", answers.readiness)
    app.router.add_get("/api/v1/shares", answers.shares)
    app.router.add_get("/api/v1/history", answers.history)
    app.router.add_get("/api/v1/unknown", answers.unknown)
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen on host and port; `cleanup()` of the returned runner ends it.

    Raises WebPortError, which names the setting to change, where it cannot listen there.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, OverflowError) as error:
        await runner.cleanup()
        number = getattr(error, "errno", None)
        raise WebPortError(number or errno.EINVAL, _why_not(number, host, port)) from error
    return runner


def _why_not(number: int | None, host: str, port: int) -> str:
    if number == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another process. "
            "Stop that one, or set TOKENSHARE_WEB_PORT to a free port."
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"This user may not listen on port {port} of {host}. "
            "Set TOKENSHARE_WEB_PORT to a port from 1024 on."
        )
    return (
        f"Cannot listen on {host} port {port}. TOKENSHARE_WEB_HOST must be an address of this "
        "machine (0.0.0.0 is all of them), TOKENSHARE_WEB_PORT a number from 0 to 65535."
    )


class _Answers:
    """One method a route."""

    def __init__(self, sources: Sources, page: Asset, assets: Mapping[str, Asset]) -> None:
        self._sources = sources
        self._page = page
        self._assets = assets

    async def page(self, request: web.Request) -> web.Response:
        return await _file(request, self._page)

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound
        return await _file(request, asset)

    async def shares(self, request: web.Request) -> web.Response:
        return _json(request, self._sources.shares())

    async def history(self, request: web.Request) -> web.Response:
        try:
            asked = question(_query(request))
            body = self._sources.history(asked.dimension, asked.step, asked.start, asked.end)
        except BadQuestionError as bad:
            return _error(request, HTTPStatus.BAD_REQUEST, bad.error, bad.remedy)
        except ValueError as bad:
            remedy = "Ask for another dimension, step, start or end."
            return _error(request, HTTPStatus.BAD_REQUEST, str(bad), remedy)
        return _json(request, body)

    async def unknown(self, request: web.Request) -> web.Response:
        try:
            return _json(request, self._sources.unknown(window(_query(request))))
        except BadQuestionError as bad:
            return _error(request, HTTPStatus.BAD_REQUEST, bad.error, bad.remedy)

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._sources.metrics(request.headers.get(hdrs.ACCEPT, ""))
        response = _respond(request, body, content_type)
        response.headers[hdrs.VARY] = "Accept, Accept-Encoding"
        return response

    async def health(self, request: web.Request) -> web.Response:
        return _json(request, {"status": "ok"})

    async def readiness(self, request: web.Request) -> web.Response:
        reasons = list(self._sources.readiness())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _json(request, {"ready": not reasons, "reasons": reasons}, status)


def _query(request: web.Request) -> dict[str, list[str]]:
    return {name: request.query.getall(name) for name in request.query}


@web.middleware
async def _errors_are_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        error = f"There is nothing at {request.path:.200}."
        return _error(request, HTTPStatus.NOT_FOUND, error, ROUTES_REMEDY)
    except web.HTTPMethodNotAllowed as refused:
        error = f"{request.method:.20} is not allowed: this server only tells, it changes nothing."
        response = _error(request, HTTPStatus.METHOD_NOT_ALLOWED, error, "Use GET or HEAD.")
        response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
        return response
    except web.HTTPException as other:
        return _error(request, HTTPStatus(other.status), other.reason, ROUTES_REMEDY)
    except Exception:
        # What went wrong inside goes to the log, never to whoever asked.
        log.exception("cannot answer %s %s", request.method, request.path)
        error = "The worker failed to answer this."
        remedy = "The worker's log says why."
        return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR, error, remedy)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    # Numbers are of this moment; a file says for itself how long it is good for.
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")


def _json(
    request: web.Request, body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
) -> web.Response:
    encoded = orjson.dumps(body, default=_plain)
    return _respond(request, encoded, "application/json; charset=utf-8", status)


def _plain(value: object) -> object:
    """Return read-only mappings as orjson takes them."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _error(request: web.Request, status: HTTPStatus, error: str, remedy: str) -> web.Response:
    return _json(request, {"error": error, "remedy": remedy}, status)


def _respond(
    request: web.Request, body: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK
) -> web.Response:
    headers = {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if len(body) > COMPRESS_FROM_BYTES and _takes(request, "gzip"):
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
    return web.Response(body=body, status=status, headers=headers)


async def _file(request: web.Request, asset: Asset) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: asset.cache_control, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    known = request.if_none_match or ()
    # Weak, because the same name stands for the plain and for the compressed bytes.
    headers[hdrs.ETAG] = f'W/"{asset.etag}"'
    if any(tag.value in (asset.etag, "*") for tag in known):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers[hdrs.CONTENT_TYPE] = asset.content_type
    if len(asset.body) <= COMPRESS_FROM_BYTES:
        return web.Response(body=asset.body, headers=headers)
    coding = next((coding for coding in ("br", "gzip") if _takes(request, coding)), "")
    if coding:
        headers[hdrs.CONTENT_ENCODING] = coding
    # The first time takes a quarter of a second for the chart library: not in the event loop.
    body = await asyncio.to_thread(asset.encoded, coding)
    return web.Response(body=body, headers=headers)


def _takes(request: web.Request, coding: str) -> bool:
    for offer in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(","):
        offered, _, parameters = offer.partition(";")
        if offered.strip() == coding:
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
