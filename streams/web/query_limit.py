"""The query limit: few long queries run at a time, and a limited number wait.

Without it each would hold a whole response in memory while all wait for the same processor, which
counts events as well.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_RUNNING = 2
MAX_WAITING = 32


class BusyError(Exception):
    """Too many queries wait already."""


class QueryLimit:
    """Admits queries in the order of their arrival: 2 run, 32 wait, further ones are refused."""

    def __init__(self) -> None:
        self._running = asyncio.Semaphore(MAX_RUNNING)
        self._waiting = 0

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait for admission and hold it. Raises BusyError where too many wait already."""
        if self._waiting >= MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            await self._running.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._running.release()
