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


async def in_turns(work: Generator[None, None, _Result]) -> _Result:
    """Return the result of work, letting the event loop run after each `PIECE_SECONDS`."""
    with contextlib.closing(work):
        while True:
            try:
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
