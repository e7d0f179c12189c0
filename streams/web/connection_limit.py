"""How many connections a server has at a time, and which one goes where one more would be too many.

Each takes a file of the process, which needs some for Kafka as well, and may hold half a request
that never ends.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

#: With half a request each they take half a megabyte each at most.
MAX_CONNECTIONS = 1000
#: Files that a process may open and that are no client's: Kafka's brokers, its own libraries.
OTHER_FILES = 64


class Connections:
    """The connections that are open: where one more would be too many, the idlest is closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        # In the order of their last requests; one that has had none is as old as it is.
        self._transports: dict[object, asyncio.BaseTransport] = {}

    def __len__(self) -> int:
        return len(self._transports)

    def opened(self, connection: object, transport: asyncio.BaseTransport) -> None:
        """Note a new connection."""
        self._transports[connection] = transport
        if len(self._transports) > self._most:
            idlest = self._transports.pop(next(iter(self._transports)))
            # Closing it would wait until it has read its answers.
            idlest.abort()  # type: ignore[attr-defined]

    def heard(self, connection: object) -> None:
        """Note a request on a connection."""
        transport = self._transports.pop(connection, None)
        if transport is not None:
            self._transports[connection] = transport

    def closed(self, connection: object) -> None:
        """Forget a connection."""
        self._transports.pop(connection, None)


def most_connections() -> int:
    """Return how many this process may have, by the number of files that it may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, files - OTHER_FILES))
