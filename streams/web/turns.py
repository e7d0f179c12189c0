"""Questions that take long are worked on a few at a time, and only so many wait.

All at once would each hold a whole answer in memory while they wait for the same processor, which
counts events as well.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

AT_A_TIME = 2
MOST_WAITING = 32


class BusyError(Exception):
    """Too many wait already."""


class Turns:
    """An `async with` block is a turn; raises BusyError where too many wait for one."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0

    async def __aenter__(self) -> Self:
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._turn.release()
