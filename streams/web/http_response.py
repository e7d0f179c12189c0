"""HTTP responses: JSON bodies with compression and ETags, files, and problem documents.

Errors are `application/problem+json` (RFC 9457) with one more member: `remedy`, what to do.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import deflate
import orjson
from aiohttp import hdrs, web

if TYPE_CHECKING:
    from streams.web.assets import Asset

JSON = "application/json; charset=utf-8"
CSV = "text/csv; charset=utf-8; header=present"
PROBLEM = "application/problem+json; charset=utf-8"

# A smaller body fits in one network packet uncompressed.
COMPRESS_FROM_BYTES = 1_000
# API bodies are built for each request: level 6 takes 1 ms for the shares; level 9 takes five times
# as long to save 2 %.
GZIP_LEVEL = 6

# The numbers are current: a cache must revalidate them by ETag, and a shared proxy must not store
# them.
REVALIDATE = "private, no-cache"


@dataclass(frozen=True)
class Body:
    """A response body shared by identical requests: its ETag and gzip form are computed once."""

    body: bytes
    content_type: str

    @cached_property
    def etag(self) -> str:
        """Return the ETag of the body, without the quotes."""
        return hashlib.blake2b(self.body, digest_size=12).hexdigest()

    @cached_property
    def gzipped(self) -> bytes:
        """Return the gzip-compressed body."""
        return bytes(deflate.gzip_compress(self.body, GZIP_LEVEL))


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return a body encoded as JSON."""
    return orjson.dumps(body, default=_plain)


def _plain(value: object) -> object:
    """Convert read-only mappings to types that orjson accepts."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def json(
    request: web.Request, body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
) -> web.Response:
    """Return a JSON response."""
    return data(request, encoded(body), JSON, status)


def named(request: web.Request, body: Body) -> web.Response:
    """Return a response with an ETag, or 304 if the client already has the body."""
    if any(tag.value in {body.etag, "*"} for tag in request.if_none_match or ()):
        response = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = _answer(request, body, HTTPStatus.OK)
    # Weak, because the plain and the compressed bytes share one ETag.
    response.headers[hdrs.ETAG] = f'W/"{body.etag}"'
    response.headers[hdrs.CACHE_CONTROL] = REVALIDATE
    response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    return response


def data(
    request: web.Request, body: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK
) -> web.Response:
    """Return a response with these bytes."""
    return _answer(request, Body(body, content_type), status)


def _answer(request: web.BaseRequest, body: Body, status: HTTPStatus) -> web.Response:
    headers = {hdrs.CONTENT_TYPE: body.content_type, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    content = body.body
    if len(content) > COMPRESS_FROM_BYTES and _takes(request, "gzip"):
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        content = body.gzipped
    return web.Response(body=content, status=status, headers=headers)


def problem(request: web.BaseRequest, status: HTTPStatus, detail: str, remedy: str) -> web.Response:
    """Return a problem document: what is wrong and what to do."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "remedy": remedy,
    }
    return _answer(request, Body(orjson.dumps(body), PROBLEM), status)


async def file(request: web.Request, asset: Asset) -> web.Response:
    """Return a file of the page."""
    headers = {hdrs.CACHE_CONTROL: asset.cache_control, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    headers[hdrs.ETAG] = f'W/"{asset.etag}"'
    if any(tag.value in {asset.etag, "*"} for tag in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers[hdrs.CONTENT_TYPE] = asset.content_type
    if len(asset.body) <= COMPRESS_FROM_BYTES:
        return web.Response(body=asset.body, headers=headers)
    coding = next((coding for coding in ("br", "gzip") if _takes(request, coding)), "")
    if coding:
        headers[hdrs.CONTENT_ENCODING] = coding
    # The first compression of the chart library takes half a second: not in the event loop.
    body = await asyncio.to_thread(asset.encoded, coding)
    return web.Response(body=body, headers=headers)


def _takes(request: web.BaseRequest, coding: str) -> bool:
    for offer in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(","):
        offered, _, parameters = offer.partition(";")
        if offered.strip() == coding:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
