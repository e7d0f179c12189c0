"""Let a consumer of aiokafka stop while a fetch has failed and waits to be repeated.

aiokafka's `stop` awaits each fetch that it has cancelled. One that waits is cancelled there and
then, and its CancelledError ends the stop half way: connections stay open, and a process that
awaits the stop ends with a traceback.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: Pause before a task that goes on is cancelled once more.
CANCEL_SECONDS = 0.1


def end_quietly(consumer: Any) -> None:
    """Make a started consumer end its fetches, whatever they wait for, when it stops."""
    fetcher = consumer._fetcher
    close: Callable[[], Awaitable[None]] = fetcher.close

    async def end_and_close() -> None:
        # It starts fetches, so it ends first.
        for tasks in ([fetcher._fetch_task], fetcher._pending_tasks):
            # While it clears up after a revocation, it takes a cancellation for that of a fetch.
            while running := [task for task in tasks if not task.done()]:
                for task in running:
                    task.cancel()
                await asyncio.wait(running, timeout=CANCEL_SECONDS)
        fetcher._pending_tasks.clear()
        await close()

    fetcher.close = end_and_close
