"""Work in pieces: a generator that yields every few milliseconds, to let other tasks run."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_Result = TypeVar("_Result")

#: How long work continues before other tasks run.
PIECE_SECONDS = 0.02


class Effort:
    """Repeated work, and the rest after it that keeps it to a part (0-1) of a core.

    `with effort:` is around each piece of work. A rest is at most `longest` seconds, unless the
    least one is longer.
    """

    def __init__(self, part: float, longest: float) -> None:
        self._part = part
        self._longest = longest
        self._worked = self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self._worked += time.thread_time() - self._began

    def rest(self, least: float) -> float:
        """Return how many seconds to rest after all work since the last rest."""
        worked, self._worked = self._worked, 0.0
        return max(least, min(self._longest, worked * (1 / self._part - 1)))


def go_on(work: Iterator[None], seconds: float) -> bool:
    """Continue work for a time and one piece more; return False where it is not done yet."""
    try:
        _run(work, seconds)
    except StopIteration:
        return True
    return False


def at_once(work: Generator[None, None, _Result]) -> _Result:
    """Return the result of work, without its pauses."""
    try:
        while True:
            _run(work, math.inf)
    except StopIteration as end:
        result: _Result = end.value
        return result


async def in_turns(work: Generator[None, None, _Result], effort: Effort) -> _Result:
    """Return the result of work, letting the event loop run after each `PIECE_SECONDS`."""
    with contextlib.closing(work):
        while True:
            try:
                with effort:
                    _run(work, PIECE_SECONDS)
            except StopIteration as end:
                result: _Result = end.value
                return result
            await asyncio.sleep(0)


def _run(work: Iterator[None], seconds: float) -> None:
    """Continue work for a time and one piece more. Raises StopIteration when it is done."""
    ends = time.perf_counter() + seconds
    next(work)
    while time.perf_counter() <= ends:
        next(work)
