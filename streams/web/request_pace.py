"""Requests that come all at once leave time for the rest of the process.

aiohttp answers a request of each connection before anything else runs, and the next one that a
client has sent ahead right after. With hundreds of connections, cheap requests such as `/metrics`
would keep a worker from its heartbeats for seconds at a time.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: It waits for nobody: whoever asks restarts a process that answers late.
LIVENESS = "/healthz"
#: After so long with requests the event loop does everything else that is due.
BUSY_SECONDS = 0.02


class RequestPace:
    """Admits requests of one event loop until they have taken `BUSY_SECONDS` of an iteration."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: When the first request of this iteration began; None before it.
        self._began: float | None = None
        self._waiting = asyncio.Lock()

    async def admit(self) -> None:
        """Return once a request may run; those that wait go first, in their order."""
        if not self._waiting.locked() and self._has_time():
            return
        async with self._waiting:
            while not self._has_time():  # noqa: ASYNC110 - the event loop is what is waited for
                await asyncio.sleep(0)

    def _has_time(self) -> bool:
        now = self._clock()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._end)
        return now - self._began < BUSY_SECONDS

    def _end(self) -> None:
        self._began = None
