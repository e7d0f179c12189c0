"""The response to a post: how many events it took, or why it took none and what to do about it.

OTLP defines its own responses: an ExportTraceServiceResponse or a google.rpc.Status, in the
encoding of the request. Source: opentelemetry-proto, docs/specification.md (OTLP/HTTP response).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from streams.settings import ENV_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.gateway.bridge.post import Posted, Signal
    from streams.gateway.bridge.writer import Refusal

#: Rejections that a response lists individually.
MAX_LISTED_REJECTIONS = 100
#: Retry-After in seconds: a full buffer empties quickly, Kafka takes longer to recover.
RETRY_FULL, RETRY_KAFKA = 1, 5

JSON, PROTOBUF = "application/json", "application/x-protobuf"
#: HTTP status -> the corresponding gRPC code.
_CODES: Final = {400: 3, 401: 16, 403: 7, 408: 4, 413: 3, 415: 3, 421: 7, 429: 8, 500: 13, 503: 14}
_UNKNOWN_CODE = 2


class Answer(NamedTuple):
    """Status, body and headers; `is_last` where the connection is to be closed afterwards."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    is_last: bool = False


class RefusedError(Exception):
    """A refused post: its response. `posted` is the part of it that was read, if any."""

    def __init__(
        self,
        status: HTTPStatus,
        error: str,
        remedy: str,
        *,
        headers: Mapping[str, str] | None = None,
        is_last: bool = False,
        posted: Posted | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.remedy = remedy
        self.headers = headers or {}
        self.is_last = is_last
        self.posted = posted


def full() -> RefusedError:
    """Return the refusal of a post that does not fit in the buffer."""
    return RefusedError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "The bridge's buffer is full.",
        "Send this again a little later.",
        headers={"Retry-After": str(RETRY_FULL)},
    )


def unreadable(posted: Posted) -> RefusedError:
    """Return the refusal of a post without any acceptable item."""
    first = posted.rejected[0]
    is_too_large = first.reason == "too_large"
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_too_large else HTTPStatus.BAD_REQUEST,
        f"Nothing in this post can be counted: {first.reason}, {first.detail}.",
        "`tokenshare decode` prints what is read in a document.",
        posted=posted,
    )


def not_written(refusal: Refusal) -> RefusedError:
    """Return the refusal of a post that was not written to Kafka."""
    if refusal.reason == "too_large":
        return RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "Kafka does not accept a record of this size.",
            "Raise max.message.bytes of the topic, send less at once, or set "
            f"{ENV_PREFIX}BRIDGE_KEEP_BODIES=false.",
        )
    return RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"Not all events of this post are in Kafka: {refusal.detail}.",
        "Send it again; events that are in Kafka already have the same ids.",
        headers={"Retry-After": str(RETRY_KAFKA)},
    )


def json(
    status: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    is_last: bool = False,
) -> Answer:
    """Return a JSON response."""
    return Answer(status, orjson.dumps(body), {"Content-Type": JSON} | dict(headers or {}), is_last)


def events(posted: Posted) -> Answer:
    """Return the response to a post whose countable events are all in Kafka."""
    return json(HTTPStatus.ACCEPTED, _outcome(posted))


def otlp(posted: Posted, signal: Signal, *, protobuf: bool) -> Answer:
    """Return the same response as OTLP's for a signal."""
    count = len(posted.rejected)
    why = ""
    if count:
        first = posted.rejected[0]
        why = f"{first.reason}: {first.detail}" + (f" (and {count - 1} more)" if count > 1 else "")
    if not protobuf:
        name = "rejectedLogRecords" if signal == "logs" else "rejectedSpans"
        body_json = {"partialSuccess": {name: str(count), "errorMessage": why}}
        return json(HTTPStatus.OK, body_json if count else {})
    body = b""
    if count:
        # The import takes a tenth of a second, and most bridges never need it. Log records have the
        # same fields in a message of another name.
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
            ExportTracePartialSuccess,
            ExportTraceServiceResponse,
        )

        partial_success = ExportTracePartialSuccess(rejected_spans=count, error_message=why)
        body = ExportTraceServiceResponse(partial_success=partial_success).SerializeToString()
    return Answer(HTTPStatus.OK, body, {"Content-Type": PROTOBUF})


def refused(why: RefusedError, *, signal: Signal, protobuf: bool) -> Answer:
    """Return the response to a refused post."""
    code, text = _CODES.get(why.status, _UNKNOWN_CODE), f"{why.error} {why.remedy}"
    if signal and protobuf:
        headers = {"Content-Type": PROTOBUF, **why.headers}
        return Answer(why.status, status_message(code, text), headers, why.is_last)
    body: dict[str, Any] = {"error": why.error, "remedy": why.remedy}
    if why.posted is not None:
        body |= _outcome(why.posted)
    if signal:
        body |= {"code": code, "message": text}
    return json(why.status, body, why.headers, is_last=why.is_last)


def _outcome(posted: Posted) -> dict[str, Any]:
    rejected = posted.rejected
    outcome: dict[str, Any] = {
        "accepted": posted.events,
        "skipped": len(posted.skipped),
        "rejected": [
            {"reason": each.reason, "detail": each.detail}
            for each in rejected[:MAX_LISTED_REJECTIONS]
        ],
    }
    if len(rejected) > MAX_LISTED_REJECTIONS:
        outcome["more_rejected"] = len(rejected) - MAX_LISTED_REJECTIONS
    return outcome


def status_message(code: int, message: str) -> bytes:
    """Return a google.rpc.Status as protobuf: field 1 is the code, field 2 the message."""
    text = message.encode(errors="replace")
    size, length = bytearray(), len(text)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes((0x08, code, 0x12)) + size + text
