"""A bridge's HTTP handler: each request gets a response, and none of its content is logged.

It uses aiohttp's low-level server: the router and middleware cost a third more for each post.
Everything that a response waits for is bounded in size and in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from streams.gateway.bridge import answer as answers
from streams.gateway.bridge.answer import Answer, RefusedError
from streams.gateway.bridge.buffer import Buffer, Reservation
from streams.gateway.bridge.metrics import Counts, Exposition, State
from streams.gateway.bridge.post import CODINGS, InflateError, Posted, Reader, Signal, inflate
from streams.gateway.bridge.repeats import Repeats
from streams.gateway.bridge.writer import Writer
from streams.settings import ENV_PREFIX
from streams.web import hosts
from streams.web.connection_limit import Connections, max_connections
from streams.web.request_pace import LIVENESS, RequestPace

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.kafka.record_batch import Headers
    from streams.settings import Settings

log = logging.getLogger("tokenshare.bridge")

#: Timeout for receiving a body.
BODY_SECONDS = 30.0
#: Larger bodies are read by a thread, so that they do not delay smaller ones.
INLINE_BYTES = 32 * 1024
#: A body that has not reached that thread by then has to be sent again: most clients wait for 5 or
#: 10 s, and a body that they send again must not be read twice.
TURN_SECONDS = 5.0

#: Path -> the signal of OTLP that it accepts, "" for any format.
POSTS: Final[dict[str, Signal]] = {
    "/": "",
    "/v1/events": "",
    "/v1/traces": "traces",
    "/v1/logs": "logs",
}
ROUTES_REMEDY = (
    "Paths: POST / and /v1/events (any format that tokenshare reads), POST /v1/traces and /v1/logs "
    "(OTLP), GET /metrics, /healthz and /readyz. OTLP metrics repeat the traces: switch them off."
)

#: The header with which browsers describe the requesting page, and its values for our page or none.
_SITE, _OWN_SITES = "Sec-Fetch-Site", frozenset({"same-origin", "none"})

_HEADERS = {hdrs.SERVER: "tokenshare", hdrs.CACHE_CONTROL: "no-store"}


class Bridge:
    """Handles requests."""

    def __init__(self, settings: Settings) -> None:
        """Raise SettingsError for settings with which nothing could be read."""
        self.settings = settings
        self.counts = Counts()
        self.writer = Writer(settings, settings.bridge_acknowledge_seconds)
        self.is_stopping = False
        self.buffer = Buffer(settings.bridge_buffer_bytes, settings.bridge_buffer_events)
        self.connections = Connections(max_connections())
        self._token = settings.bridge_token.get_secret_value().strip().encode()
        self._names = hosts.known_names((settings.bridge_host, *settings.bridge_hosts))
        self._reader = Reader(settings, keep_bodies=settings.bridge_keep_bodies)
        # One thread: reading a large body takes much more memory than its size.
        self._aside = ThreadPoolExecutor(1, "bridge-reader")
        self._aside_reader = Reader(settings, keep_bodies=settings.bridge_keep_bodies)
        self._repeats = Repeats(settings)
        self._pace = RequestPace()
        self._exposition = Exposition(self._state)
        self._gets: dict[str, Callable[[web.BaseRequest], Answer]] = {
            "/metrics": self._metrics,
            "/healthz": lambda _: answers.json(HTTPStatus.OK, {"status": "ok"}),
            "/readyz": self._readiness,
        }

    def troubles(self) -> list[str]:
        """Return the reasons why it is not ready to take posts."""
        trouble = "the bridge is stopping" if self.is_stopping else self.writer.trouble
        return [trouble] if trouble else []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to any request."""
        self.connections.heard(request.protocol)
        path = request.raw_path.partition("?")[0]
        if path != LIVENESS:
            await self._pace.admit()
        response: web.StreamResponse
        if path in POSTS and request.method == hdrs.METH_POST:
            began = time.monotonic()
            response = await self._answer_post(request, signal=POSTS[path])
            self.counts.took(time.monotonic() - began)
        else:
            response = _response(self._answer_other(request, path))
        known = path if path in POSTS or path in self._gets else "other"
        self.counts.answered(known, response.status)
        return response

    def malformed(self, status: int) -> web.StreamResponse:
        """Return the response to a malformed HTTP request, or one that has no other response."""
        self.counts.answered("other", status)
        error, remedy = "Malformed HTTP/1.1 request.", "Send well-formed HTTP/1.1."
        return _response(answers.json(status, {"error": error, "remedy": remedy}, is_last=True))

    # -- requests other than posts

    def _answer_other(self, request: web.BaseRequest, path: str) -> Answer:
        try:
            self._compare_host(request)
        except RefusedError as refused:
            return answers.refused(refused, signal="", protobuf=False)
        get = self._gets.get(path)
        if get is None and path not in POSTS:
            error = f"Nothing is served at {path:.200}."
            return answers.json(HTTPStatus.NOT_FOUND, {"error": error, "remedy": ROUTES_REMEDY})
        if get is None or request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            allowed = "POST" if get is None else "GET, HEAD"
            error = f"{request.method:.20} is not allowed here."
            remedy = f"Use {allowed.replace(', ', ' or ')}."
            body = {"error": error, "remedy": remedy}
            return answers.json(HTTPStatus.METHOD_NOT_ALLOWED, body, {hdrs.ALLOW: allowed})
        return get(request)

    def _metrics(self, request: web.BaseRequest) -> Answer:
        body, content_type = self._exposition(request.headers.get(hdrs.ACCEPT, ""))
        return Answer(
            HTTPStatus.OK, body, {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: hdrs.ACCEPT}
        )

    def _readiness(self, _: web.BaseRequest) -> Answer:
        reasons = self.troubles()
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return answers.json(status, {"ready": not reasons, "reasons": reasons})

    def _state(self) -> State:
        return State(
            self.counts,
            self.buffer.events,
            self.buffer.bytes,
            len(self.connections),
            self.writer.failures,
            is_ready=not self.troubles(),
        )

    # -- posts

    async def _answer_post(self, request: web.BaseRequest, *, signal: Signal) -> web.StreamResponse:
        try:
            with Reservation(self.buffer) as held:
                posted = await self._take(request, held, signal=signal)
        except RefusedError as refused:
            # Its traceback references the body, which would stay until garbage collection.
            why = refused.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - no post may stop the others
            # Log only its type: its message may quote a document.
            log.error("a post cannot be answered: %s", type(error).__name__)  # noqa: TRY400
            why = RefusedError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "The bridge failed to answer this.",
                "The bridge's log says why.",
            )
        else:
            if signal:
                return _response(answers.otlp(posted, signal, protobuf=_is_protobuf(request)))
            return _response(answers.events(posted))
        return _response(answers.refused(why, signal=signal, protobuf=_is_protobuf(request)))

    async def _take(self, request: web.BaseRequest, held: Reservation, *, signal: Signal) -> Posted:
        """Return the contents of a post once they are in Kafka. Raises RefusedError."""
        self._admit(request)
        coding = _coding(request)
        body = await self._body(request, held)
        posted = await self._read(body, coding, _headers(request), held, signal)
        if _is_refused(posted, signal=signal):
            self.counts.judged(posted)
            raise answers.unreadable(posted)
        posted = self._repeats.without(posted)
        if posted.records:
            held.take_events(posted.events)
            refusal = await self.writer.write(posted.records)
            if refusal is not None:
                self._repeats.forget(posted)
                self.counts.events["refused", refusal.reason] += posted.events
                raise answers.not_written(refusal)
            self.counts.events["accepted", ""] += posted.events
        self.counts.judged(posted)
        return posted

    def _admit(self, request: web.BaseRequest) -> None:
        """Refuse unauthorised clients, and all clients while the bridge stops."""
        if self._token:
            scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
            token = given.strip().encode(errors="surrogateescape")
            if not hmac.compare_digest(token, self._token) or scheme.lower() != "bearer":
                raise RefusedError(
                    HTTPStatus.UNAUTHORIZED,
                    "The bearer token is wrong." if given else "The bearer token is missing.",
                    f"Send Authorization: Bearer … with the token of {ENV_PREFIX}BRIDGE_TOKEN.",
                    headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="tokenshare"'},
                )
        else:
            self._compare_host(request)
            _refuse_pages(request)
        if self.is_stopping:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The bridge is stopping.",
                "Send this again.",
                headers={hdrs.RETRY_AFTER: str(answers.RETRY_FULL)},
                is_last=True,
            )
        if self.writer.refusal is not None:
            # Do not read a body that could not be used.
            raise answers.not_written(self.writer.refusal)

    def _compare_host(self, request: web.BaseRequest) -> None:
        """Refuse host names that a web page may have resolved to this machine (DNS rebinding)."""
        host = request.headers.get(hdrs.HOST, "")
        if not self._token and not hosts.is_answered(host, self._names):
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"Unexpected Host header {host!r:.80}.",
                "Without a token only IP addresses, localhost and names in "
                f"{ENV_PREFIX}BRIDGE_HOSTS are answered: add the name there, or set "
                f"{ENV_PREFIX}BRIDGE_TOKEN.",
            )

    async def _body(self, request: web.BaseRequest, held: Reservation) -> bytes:
        limit = self.settings.bridge_max_body_bytes
        length = request.content_length or 0
        if length > limit:
            raise self._too_large()
        content = request.content
        if content.is_eof():
            # It arrived with its headers, as small bodies do.
            body = content.read_nowait()
            if len(body) > limit:
                raise self._too_large()
            held.take_bytes(len(body))
            return body
        # Reserved as it arrives: an announced length alone takes no space from others.
        held.expect_bytes(length)
        pieces: list[bytes] = []
        size = 0
        try:
            if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async with asyncio.timeout(BODY_SECONDS):
                while piece := await content.readany():
                    size += len(piece)
                    if size > limit:
                        raise self._too_large()
                    held.take_bytes(len(piece))
                    pieces.append(piece)
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The body did not arrive within {BODY_SECONDS:.0f} s.",
                "Send this again.",
                is_last=True,
            ) from None
        except (web.RequestPayloadError, ConnectionError):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "The body is truncated or badly chunked.", "Send all of it."
            ) from None
        return b"".join(pieces)

    async def _read(
        self, body: bytes, coding: str, headers: Headers, held: Reservation, signal: Signal
    ) -> Posted:
        now = time.time()
        if coding and len(body) <= INLINE_BYTES:
            # Any error is found again below, with the full size limit.
            with contextlib.suppress(InflateError):
                body, coding = inflate(body, coding, INLINE_BYTES), ""
                if self.settings.bridge_keep_bodies:
                    # It waits for Kafka decompressed.
                    held.take_bytes(len(body))
        if not coding and len(body) <= INLINE_BYTES:
            return self._reader.read(body, headers, now, signal=signal)
        by = time.monotonic() + TURN_SECONDS
        job = partial(self._read_aside, body, coding, headers, now, by, signal=signal)
        try:
            posted = await asyncio.get_running_loop().run_in_executor(self._aside, job)
        except InflateError as error:
            if error.is_too_large:
                raise self._too_large() from None
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                f"The body cannot be read: {error}.",
                "Send it as Content-Encoding says.",
            ) from None
        if self.settings.bridge_keep_bodies:
            held.take_bytes(sum(len(record.value) for record in posted.records))
        return posted

    def _read_aside(
        self,
        body: bytes,
        coding: str,
        headers: Headers,
        now: float,
        by: float,
        *,
        signal: Signal,
    ) -> Posted:
        """Read a body in the thread: only one at a time is decompressed there."""
        if time.monotonic() > by:
            raise answers.full()
        if coding:
            body = inflate(body, coding, self.settings.bridge_max_body_bytes)
        return self._aside_reader.read(body, headers, now, signal=signal)

    def _too_large(self) -> RefusedError:
        return RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body has more than {self.settings.bridge_max_body_bytes} bytes, decompressed.",
            f"Send fewer events at once, or set {ENV_PREFIX}BRIDGE_MAX_BODY_BYTES.",
        )


def _refuse_pages(request: web.BaseRequest) -> None:
    """Refuse browser requests from a page of another origin; gateways send neither header."""
    sent = request.headers
    own = f"http://{sent.get(hdrs.HOST, '')}".lower()
    is_own = all(each.strip().lower() == own for each in sent.getall(hdrs.ORIGIN, ()))
    sites = {each.strip().lower() for each in sent.getall(_SITE, ())}
    if not is_own or not sites <= _OWN_SITES:
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            "A web page of another origin may not post here.",
            "Post without Origin and Sec-Fetch-Site, as gateways do, or set "
            f"{ENV_PREFIX}BRIDGE_TOKEN and send it.",
        )


def _coding(request: web.BaseRequest) -> str:
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
    if coding in CODINGS:
        return coding
    if coding not in {"", "identity"}:
        known = ", ".join(CODINGS)
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "This Content-Encoding is not supported.",
            f"Send the body uncompressed or as one of: {known}.",
            headers={hdrs.ACCEPT_ENCODING: known},
        )
    return ""


def _headers(request: web.BaseRequest) -> Headers:
    """Return the headers that the body would have as a record: its type, and a CloudEvent's."""
    sent = request.headers
    found = []
    content_type = sent.get(hdrs.CONTENT_TYPE)
    if content_type is not None:
        found.append(("content-type", content_type.encode(errors="replace")))
    if "ce-specversion" in sent:
        found += [
            # The HTTP binding of CloudEvents percent-encodes them; the Kafka binding does not.
            (f"ce_{name[3:].lower()}", urllib.parse.unquote(value).encode(errors="replace"))
            for name, value in sent.items()
            if name[:3].lower() == "ce-"
        ]
    return found


def _is_refused(posted: Posted, *, signal: Signal) -> bool:
    """Return whether a post is to be refused because of its contents."""
    if posted.events or posted.skipped or not posted.rejected:
        return False
    # OTLP reports rejected items in a successful response.
    return posted.is_unreadable or not signal


def _is_protobuf(request: web.BaseRequest) -> bool:
    return "protobuf" in request.headers.get(hdrs.CONTENT_TYPE, "").lower()


# --- aiohttp interface


def _response(answer: Answer) -> web.Response:
    headers = _HEADERS | dict(answer.headers)
    response = web.Response(body=answer.body, status=answer.status, headers=headers)
    if answer.is_last:
        response.force_close()
    return response
