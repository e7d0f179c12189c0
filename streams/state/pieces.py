"""Work in pieces: a generator that pauses each few milliseconds, so that others have their turn."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_Result = TypeVar("_Result")

#: How long work goes on before others have their turn.
PIECE_SECONDS = 0.02


def at_once(work: Generator[None, None, _Result]) -> _Result:
    """Return the result of work, without its pauses."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: _Result = end.value
            return found


def go_on(work: Iterator[None], seconds: float) -> bool:
    """Go on with work for so long and a piece more; False where it is not done yet."""
    ends = time.perf_counter() + seconds
    return all(time.perf_counter() <= ends for _ in work)


async def in_turns(work: Generator[None, None, _Result]) -> _Result:
    """Return the result of work, with a turn of the event loop after each piece."""
    with contextlib.closing(work):
        while True:
            ends = time.perf_counter() + PIECE_SECONDS
            while time.perf_counter() < ends:
                try:
                    next(work)
                except StopIteration as end:
                    found: _Result = end.value
                    return found
            await asyncio.sleep(0)
