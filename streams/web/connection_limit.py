"""The connection limit of a server: beyond it, the connection idle for longest is closed.

Each connection takes a file descriptor of the process, which needs some for Kafka as well, and may
hold an incomplete request that never ends.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

#: With an incomplete request each, they take at most half a megabyte each.
MAX_CONNECTIONS = 1000
#: File descriptors reserved for other uses: Kafka's brokers, the process's own libraries.
OTHER_FILES = 64


class Connections:
    """The open connections: beyond the limit, the one idle for longest is closed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # In order of their last requests; a connection without one counts from its opening.
        self._transports: dict[object, asyncio.BaseTransport] = {}

    def __len__(self) -> int:
        return len(self._transports)

    def opened(self, connection: object, transport: asyncio.BaseTransport) -> None:
        """Register a new connection."""
        self._transports[connection] = transport
        if len(self._transports) > self._limit:
            idlest = self._transports.pop(next(iter(self._transports)))
            # Closing it would wait until the client has read its responses.
            idlest.abort()  # type: ignore[attr-defined]

    def heard(self, connection: object) -> None:
        """Record a request on a connection."""
        transport = self._transports.pop(connection, None)
        if transport is not None:
            self._transports[connection] = transport

    def closed(self, connection: object) -> None:
        """Unregister a connection."""
        self._transports.pop(connection, None)


def max_connections() -> int:
    """Return the connection limit of this process, derived from its file descriptor limit."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, files - OTHER_FILES))
