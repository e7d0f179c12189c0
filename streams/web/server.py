"""The page, the JSON API, the metrics and the health of a worker, over HTTP.

The server calls a few functions and does not know how they get their data. All but the history are
cheap (they read one immutable snapshot), so they are answered in the event loop.
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from streams.web import api_page, csv_export, http_response, openapi
from streams.web.access import Access, headers, middlewares
from streams.web.assets import Asset, page_and_assets
from streams.web.event_stream import Live
from streams.web.query import (
    BadQuestionError,
    Question,
    WhatMoved,
    WhichShares,
    nothing,
    question,
    what_moved,
    which_shares,
    window,
)
from streams.web.query_limit import BusyError, QueryLimit
from streams.web.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

#: Retry-After for a client beyond the query limit.
BUSY_SECONDS = "5"
#: Clients choose what the shares are of: so many answers are cached.
MAX_BODIES = 64


def _no_notes() -> Mapping[str, Any]:
    return {"notes": [], "read_at": None, "is_current": None, "omitted": 0}


async def _no_part(asked: WhichShares) -> Mapping[str, Any]:
    return {"windows": {}, "filter": dict(asked.chosen)}


async def _no_policy() -> Mapping[str, Any]:
    return {"as_of": 0, "read_at": None, "is_current": None, "windows": {}}


@dataclass(frozen=True)
class Sources:
    """The functions that the server calls. All but the history are cheap and do not block.

    shares: the dimensions wanted -> the body of /api/v1/shares.
    history: a query -> the body of /api/v1/history; raises ValueError with a message for the
        client where it cannot answer.
    unknown: a window's name -> the body of /api/v1/unknown.
    shifts: the body of /api/v1/shifts.
    movers: a shift -> the body of /api/v1/shifts/movers; None where the shift does not exist.
    moment: the data of an event: as_of, generated_at and ready; as long as it is unchanged, the
        shares are unchanged.
    readiness: the reasons why this worker is not ready; empty when it is.
    metrics: the request's Accept header -> body and Content-Type of the exposition.
    notes: the body of /api/v1/notes.
    part: a query with a filter, or by tenant -> the body of /api/v1/shares for that part of the
        traffic.
    policy: the body of /api/v1/policy.
    """

    shares: Callable[[frozenset[str]], Mapping[str, Any]]
    history: Callable[[Question], Awaitable[Mapping[str, Any]]]
    unknown: Callable[[str], Mapping[str, Any]]
    shifts: Callable[[], Mapping[str, Any]]
    movers: Callable[[WhatMoved], Awaitable[Mapping[str, Any] | None]]
    moment: Callable[[], Mapping[str, Any]]
    readiness: Callable[[], Sequence[str]]
    metrics: Callable[[str], tuple[bytes, str]]
    notes: Callable[[], Mapping[str, Any]] = _no_notes
    part: Callable[[WhichShares], Awaitable[Mapping[str, Any]]] = _no_part
    policy: Callable[[], Awaitable[Mapping[str, Any]]] = _no_policy


class WebPortError(OSError):
    """The server cannot listen where it should; the message says how to fix that."""


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen on host and port; `cleanup()` of the returned runner stops the server.

    Raises WebPortError, which names the setting to change, where it cannot listen there.
    """
    runner = Runner(app)
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
            "Stop that one, or choose a free port by --port (make demo ARGS='--port 7000') or "
            "TOKENSHARE_WEB_PORT."
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"This user may not listen on port {port} of {host}. "
            "Choose a port from 1024 on by --port or TOKENSHARE_WEB_PORT."
        )
    return (
        f"Cannot listen on {host} port {port}. TOKENSHARE_WEB_HOST must be an address of this "
        "machine (0.0.0.0 is all of them), TOKENSHARE_WEB_PORT a number from 0 to 65535."
    )


class _SharesCache:
    """Cached response bodies of the last snapshot's shares, for all pages with the same request."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._moment: Mapping[str, Any] = {}
        self._bodies: dict[WhichShares, http_response.Body] = {}

    async def body(self, asked: WhichShares) -> http_response.Body:
        moment = self._sources.moment()
        if moment != self._moment or len(self._bodies) >= MAX_BODIES:
            self._moment, self._bodies = moment, {}
        bodies = self._bodies
        if asked not in bodies:
            body = http_response.encoded(await self.content(asked))
            bodies[asked] = http_response.Body(body, http_response.JSON)
        return bodies[asked]

    async def content(self, asked: WhichShares) -> Mapping[str, Any]:
        if asked.chosen or asked.is_of_tenants:
            return await self._sources.part(asked)
        return self._sources.shares(asked.dimensions)


class _Answers:
    """The request handlers, one method per route."""

    def __init__(self, sources: Sources, page: Asset, assets: Mapping[str, Asset]) -> None:
        self._sources = sources
        self._page = page
        self._assets = assets
        self._api_page = api_page.page(openapi.DOCUMENT)
        self._history_limit, self._movers_limit = QueryLimit(), QueryLimit()
        self._shares = _SharesCache(sources)

    async def page(self, request: web.Request) -> web.Response:
        return await http_response.file(request, self._page)

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound
        return await http_response.file(request, asset)

    async def shares(self, request: web.Request) -> web.Response:
        asked = which_shares(_query(request))
        if asked.format == "csv":
            body = csv_export.shares(await self._shares.content(asked))
            return _csv(request, body, "tokenshare-shares")
        return http_response.named(request, await self._shares.body(asked))

    async def history(self, request: web.Request) -> web.Response:
        asked = question(_query(request))
        async with self._history_limit.admitted():
            if _is_gone(request):
                return web.Response()
            try:
                body = await self._sources.history(asked)
            except ValueError as bad:
                remedy = "Choose another dimension, step, start or end."
                raise BadQuestionError(str(bad), remedy) from bad
            return await asyncio.to_thread(_history, request, asked, body)

    async def unknown(self, request: web.Request) -> web.Response:
        return _json(request, self._sources.unknown(window(_query(request))))

    async def shifts(self, request: web.Request) -> web.Response:
        nothing(_query(request))
        return _json(request, self._sources.shifts())

    async def notes(self, request: web.Request) -> web.Response:
        nothing(_query(request))
        return _json(request, self._sources.notes())

    async def policy(self, request: web.Request) -> web.Response:
        nothing(_query(request))
        return _json(request, await self._sources.policy())

    async def movers(self, request: web.Request) -> web.Response:
        asked = what_moved(_query(request))
        async with self._movers_limit.admitted():
            body = None if _is_gone(request) else await self._sources.movers(asked)
        if body is None:
            detail = f"No shift is known for {asked.dimension} {asked.key!r:.80}."
            remedy = "Give a key of /api/v1/shifts that has a shift."
            return http_response.problem(request, HTTPStatus.NOT_FOUND, detail, remedy)
        if asked.format == "csv":
            return _csv(request, csv_export.movers(body), "tokenshare-movers")
        return _json(request, body)

    async def openapi(self, request: web.Request) -> web.Response:
        return _json(request, openapi.DOCUMENT)

    async def described(self, request: web.Request) -> web.Response:
        return await http_response.file(request, self._api_page)

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._sources.metrics(request.headers.get(hdrs.ACCEPT, ""))
        response = http_response.data(request, body, content_type)
        response.headers[hdrs.VARY] = "Accept, Accept-Encoding"
        return response

    async def health(self, request: web.Request) -> web.Response:
        return http_response.json(request, {"status": "ok"})

    async def readiness(self, request: web.Request) -> web.Response:
        reasons = list(self._sources.readiness())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return http_response.json(request, {"ready": not reasons, "reasons": reasons}, status)


def _query(request: web.Request) -> dict[str, list[str]]:
    return {name: request.query.getall(name) for name in request.query}


def _is_gone(request: web.Request) -> bool:
    """Return whether the client has disconnected."""
    return request.transport is None or request.transport.is_closing()


def _json(request: web.Request, body: Mapping[str, Any]) -> web.Response:
    return http_response.named(
        request, http_response.Body(http_response.encoded(body), http_response.JSON)
    )


def _history(request: web.Request, asked: Question, body: Mapping[str, Any]) -> web.Response:
    if asked.format == "csv":
        text = csv_export.history(body)
        return _csv(request, text, f"tokenshare-{asked.dimension}-{asked.step}")
    return _json(request, body)


def _csv(request: web.Request, body: bytes, name: str) -> web.Response:
    response = http_response.named(request, http_response.Body(body, http_response.CSV))
    response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{name}.csv"'
    return response


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadQuestionError as bad:
        return http_response.problem(request, bad.status, bad.error, bad.remedy)
    except BusyError:
        detail = "Too many long queries are waiting."
        remedy = "Try again in a few seconds, or request fewer days at a time."
        response = http_response.problem(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, remedy)
        response.headers[hdrs.RETRY_AFTER] = BUSY_SECONDS
        return response


def make_app(sources: Sources, access: Access | None = None) -> web.Application:
    """Return the application: all routes, error handling and headers."""
    answers = _Answers(sources, *page_and_assets())
    access = access or Access()
    app = web.Application(middlewares=(*middlewares(access), _refusals))
    app.on_response_prepare.append(headers(access))
    live = Live(sources.moment)
    app.on_shutdown.append(live.end)
    for path, answer in {
        "/": answers.page,
        "/static/{path:.+}": answers.asset,
        "/metrics": answers.metrics,
        "/healthz": answers.health,
        "/readyz": answers.readiness,
        "/api/v1/shares": answers.shares,
        "/api/v1/history": answers.history,
        "/api/v1/unknown": answers.unknown,
        "/api/v1/shifts": answers.shifts,
        "/api/v1/shifts/movers": answers.movers,
        "/api/v1/notes": answers.notes,
        "/api/v1/policy": answers.policy,
        "/api/v1/events": live.stream,
        "/api/v1/openapi.json": answers.openapi,
        "/api": answers.described,
    }.items():
        app.router.add_get(path, answer)
    return app
