"""A stream of server-sent events that announces new numbers and carries nothing else.

A listener then requests the data that it shows. A page costs one small request a second, and a slow
viewer misses no number.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import hdrs, web

from streams.web import http_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Minimum interval between events, however often snapshots are taken.
TICK_SECONDS = 1.0
#: Proxies close a stream that is silent for half a minute or more.
HEARTBEAT_SECONDS = 15.0
#: A browser reconnects after this long when its stream breaks off.
RETRY_MS = 2_000
MAX_LISTENERS = 256


class Live:
    """All streams of a server; `moment` returns the event data: as_of, generated_at, ready."""

    def __init__(self, moment: Callable[[], Mapping[str, Any]]) -> None:
        self._moment = moment
        self._listeners = 0
        self._is_ending = asyncio.Event()

    async def end(self, _app: web.Application) -> None:
        """End all streams, so that a stopping worker waits for no client."""
        self._is_ending.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send an event for each new snapshot until the client disconnects."""
        if self._listeners >= MAX_LISTENERS:
            response = http_response.problem(
                request,
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"The limit of {MAX_LISTENERS} listeners is reached.",
                "Request /api/v1/shares every few seconds instead.",
            )
            response.headers[hdrs.RETRY_AFTER] = "30"
            return response
        stream = web.StreamResponse()
        stream.headers[hdrs.CONTENT_TYPE] = "text/event-stream"
        # nginx would buffer events and send them together.
        stream.headers["X-Accel-Buffering"] = "no"
        self._listeners += 1
        try:
            await stream.prepare(request)
            if request.method == hdrs.METH_GET:
                await self._send_events(stream)
        except ConnectionError:
            pass
        finally:
            self._listeners -= 1
        return stream

    async def _send_events(self, stream: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        await stream.write(b"retry: %d\n\n" % RETRY_MS)
        sent: object = None
        last = loop.time()
        while not self._is_ending.is_set():
            moment = dict(self._moment())
            if moment != sent:
                sent, last = moment, loop.time()
                # The name of the event is part of the API.
                await stream.write(b"event: picture\ndata: " + orjson.dumps(moment) + b"\n\n")
            elif loop.time() - last > HEARTBEAT_SECONDS:
                last = loop.time()
                await stream.write(b": still here\n\n")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_ending.wait(), TICK_SECONDS)
