"""Access control: the token, CORS, and without a token a Host check against DNS rebinding."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from streams.web import http_response
from streams.web.hosts import is_answered, known_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Handler, Middleware

log = logging.getLogger("tokenshare.web")

#: Load balancers and Prometheus request these; they reveal nothing about any tenant.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

# Only the server's own files: no inline script or style, no eval, no framing unless it is allowed.
# The chart library loads its style sheet from a file (static/page.css) when it finds one, and
# draws a picture of the chart from a blob.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY + "'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Replaces the versions of Python and aiohttp, which should not be disclosed.
    "Server": "tokenshare",
}

ROUTES_REMEDY = (
    "Paths: / (the page), /metrics, /healthz, /readyz, and the API (/api/v1/shares and more), "
    "which /api describes, and /api/v1/openapi.json for programs."
)


@dataclass(frozen=True, slots=True)
class Access:
    """Access rules.

    token: the token that requests must carry; "" for none.
    cors_origins: the origins whose pages may read the API.
    frame_ancestors: the origins whose pages may embed the page; `self` is its own.
    host: the address that the server listens on; None where it listens for this process alone.
    hosts: accepted host names besides addresses, localhost and the name of this machine.
    """

    token: str = ""
    cors_origins: tuple[str, ...] = ()
    host: str | None = None
    hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()

    @property
    def policy(self) -> str:
        """Return the Content-Security-Policy."""
        named = ("'self'" if each == "self" else each for each in self.frame_ancestors)
        return CONTENT_SECURITY_POLICY + (" ".join(named) or "'none'")

    @property
    def is_open(self) -> bool:
        """Return whether no token is required, so that the Host header has to be checked."""
        return self.host is not None and not self.token


def middlewares(access: Access) -> list[Middleware]:
    """Return the middlewares of all routes: errors as problem documents, then the token check."""

    @web.middleware
    async def require_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not access.token or request.path in OPEN_PATHS or _has_token(request, access.token):
            return await handler(request)
        response = http_response.problem(
            request,
            HTTPStatus.UNAUTHORIZED,
            f"The token is {'wrong' if hdrs.AUTHORIZATION in request.headers else 'missing'}.",
            "Send Authorization: Bearer … with the token of TOKENSHARE_WEB_TOKEN; a browser asks "
            "for it as a password, with any user name.",
        )
        response.headers.add(hdrs.WWW_AUTHENTICATE, 'Bearer realm="tokenshare"')
        response.headers.add(hdrs.WWW_AUTHENTICATE, 'Basic realm="tokenshare", charset="UTF-8"')
        return response

    @web.middleware
    async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_preflight = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if not (
            is_preflight and request.method == hdrs.METH_OPTIONS and _may_read(request, access)
        ):
            return await handler(request)
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, HEAD"
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = "Authorization"
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
        return response

    names = known_names((access.host or "", *access.hosts))

    @web.middleware
    async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not access.is_open or is_answered(request.headers.get(hdrs.HOST, ""), names):
            return await handler(request)
        detail = f"Unexpected Host header {request.headers[hdrs.HOST]!r:.80}."
        remedy = (
            "Without a token only IP addresses, localhost and names in TOKENSHARE_WEB_HOSTS are "
            "answered: add the name there, or set TOKENSHARE_WEB_TOKEN."
        )
        return http_response.problem(request, HTTPStatus.MISDIRECTED_REQUEST, detail, remedy)

    return [_errors_are_problems, check_host, answer_preflight, require_token]


def _may_read(request: web.Request, access: Access) -> bool:
    """Return whether the requesting page's origin may read the response."""
    origin = request.headers.get(hdrs.ORIGIN, "").lower()
    return bool(origin) and not {origin, "*"}.isdisjoint(map(str.lower, access.cors_origins))


def _has_token(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    token_sent = given.strip().encode(errors="surrogateescape")
    if scheme.lower() == "basic":
        try:
            token_sent = base64.b64decode(token_sent, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(token_sent, token.encode())


@web.middleware
async def _errors_are_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        detail = f"Nothing is served at {request.path:.200}."
        return http_response.problem(request, HTTPStatus.NOT_FOUND, detail, ROUTES_REMEDY)
    except web.HTTPMethodNotAllowed as refused:
        detail = f"{request.method:.20} is not allowed: this server is read-only."
        response = http_response.problem(
            request, HTTPStatus.METHOD_NOT_ALLOWED, detail, "Use GET or HEAD."
        )
        response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
        return response
    except web.HTTPException as other:
        return http_response.problem(request, HTTPStatus(other.status), other.reason, ROUTES_REMEDY)
    except Exception:
        # Internal errors go to the log, never to the client.
        log.exception("cannot answer %s %s", request.method, request.path)
        detail = "The worker failed to answer this."
        remedy = "The worker's log says why."
        return http_response.problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail, remedy)


def headers(access: Access) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return the signal handler that adds the common headers just before a response is sent."""
    common = HEADERS | {"Content-Security-Policy": access.policy}

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(common)
        # Numbers are current; a file sets its own cache lifetime.
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        if _may_read(request, access):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
        if access.cors_origins:
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)

    return add
