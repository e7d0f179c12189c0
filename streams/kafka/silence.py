"""Close the connections of a broker that has gone silent, so that another one is asked.

A frozen broker keeps its connections open, and its system accepts new ones. Kafka elects other
leaders within some ten seconds; aiokafka waits for the old one until a request times out, and then
once more for a new connection to it. A short timeout of requests does not help: a large response
over a slow link takes long, and a join of the group waits for the other members. So the limit is
for silence: no byte of a response, where the broker owes one at once.
"""

from __future__ import annotations

import logging
import math
import time
import weakref
from typing import TYPE_CHECKING, Any

from aiokafka import client, conn
from aiokafka.conn import AIOKafkaConnection, AIOKafkaProtocol, CloseReason
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.produce import ProduceRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable

log = logging.getLogger("tokenshare.transport")

#: More than the 5 s within which Kafka answers a commit of offsets.
SILENCE_SECONDS = 6.0
#: Limit of each step of a connection: TCP with TLS, and each message of the login.
CONNECT_SECONDS = 3.0
#: No other attempt follows within this time after one that timed out.
PAUSE_SECONDS = 1.0
#: A client learns of new leaders within this time, even where it asks nothing of the old ones.
METADATA_MAX_AGE_MS = 10_000
#: Pause between two looks at a connection that may be silent for longer.
LOOK_SECONDS = 1.0

#: What a broker may hold back for as long as other brokers or members take.
_HELD_BACK = frozenset({ProduceRequest.API_KEY, SyncGroupRequest.API_KEY})


class _Protocol(AIOKafkaProtocol):  # type: ignore[misc]
    """Notes when a broker was last heard."""

    heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        super().data_received(data)


_create = conn.create_conn
_send = AIOKafkaConnection.send


def install() -> None:
    """Patch aiokafka for this process; a second call changes nothing more."""
    conn.AIOKafkaProtocol = _Protocol
    client.create_conn = _create_soon
    AIOKafkaConnection.send = _send_and_listen


async def _create_soon(
    host: str, port: int, *, request_timeout_ms: int, on_close: Any = None, **given: Any
) -> Any:
    """Return a connection to a node of the cluster within a short time; there are others.

    A client makes one connection after the other: those who wait while a broker is silent would
    each wait for it as well.
    """
    if on_close is None:
        # The first connection of a client, whose failure may end the process.
        return await _create(host, port, request_timeout_ms=request_timeout_ms, **given)
    tried = on_close.__self__.__dict__.setdefault("silent_at", {})
    if time.monotonic() - tried.get((host, port), -math.inf) < PAUSE_SECONDS:
        raise TimeoutError("it was silent a moment ago")
    limit = min(request_timeout_ms, round(CONNECT_SECONDS * 1000))
    try:
        made = await _create(host, port, request_timeout_ms=limit, on_close=on_close, **given)
    except TimeoutError:
        tried[host, port] = time.monotonic()
        raise
    made._request_timeout = request_timeout_ms / 1000
    return made


def _send_and_listen(self: Any, request: Any, expect_response: bool = True) -> Awaitable[Any]:
    """Send a request, and listen to the broker until it has answered all requests."""
    if not self._requests:
        self.asked_at = time.monotonic()
    answer: Awaitable[Any] = _send(self, request, expect_response)
    if expect_response:
        self._requests[-1][2].add_done_callback(_mute_of(weakref.ref(self)))
        if not getattr(self, "is_listened_to", False):
            self.is_listened_to = True
            self._loop.call_later(SILENCE_SECONDS, _listen, weakref.ref(self))
    return answer


def _mute_of(reference: weakref.ref[Any]) -> Any:
    """Return a callback that notes for how long a quota keeps the broker from answering more."""

    def note(done: Any) -> None:
        connection = reference()
        if connection is not None and not done.cancelled() and done.exception() is None:
            throttled = getattr(done.result(), "throttle_time_ms", 0) or 0
            connection.mute_until = time.monotonic() + throttled / 1000

    return note


def _listen(reference: weakref.ref[Any]) -> None:
    """Close a connection that has been silent for too long; look at it again if it has not."""
    self = reference()
    if self is None or not self.connected():
        return
    if not self._requests:
        self.is_listened_to = False
        return
    since = max(self.asked_at, self._protocol.heard_at, getattr(self, "mute_until", 0.0))
    left = since + max(map(_patience, self._requests)) - time.monotonic()
    if left > 0:
        self._loop.call_later(min(left, LOOK_SECONDS), _listen, reference)
        return
    log.warning(
        "broker %s:%s is silent: connecting again, or to the next leader", self.host, self.port
    )
    self.close(reason=CloseReason.CONNECTION_TIMEOUT)


def _patience(waiting: tuple[Any, Any, Any]) -> float:
    """Return for how many seconds a broker may be silent before it answers a request."""
    _, request, _ = waiting
    key = getattr(request, "API_KEY", None)
    if key == JoinGroupRequest.API_KEY:
        return SILENCE_SECONDS + getattr(request, "rebalance_timeout", 0) / 1000
    return math.inf if key in _HELD_BACK else SILENCE_SECONDS
