"""What glibc does with freed memory, and with nothing where there is another C library.

It gives a large block back to the system as soon as it is freed, and the next one then costs a page
fault for each 4 KB: a third of the CPU time of reading and counting. What lies below the highest
block in use it keeps: after a start with a thousand partitions, or after a backlog, tens of
megabytes for as long as a worker runs. So a worker keeps some, and gives all back now and then.
"""

from __future__ import annotations

import ctypes
from typing import Final

#: Freed bytes at the end of the heap that are kept: what a few pieces of events take.
KEPT_BYTES: Final = 16 * 1024 * 1024
#: Numbers of options in malloc.h: M_TRIM_THRESHOLD, and M_MMAP_THRESHOLD above which a block is
#: mapped for itself, and so given back by itself.
_OPTIONS: Final = (-1, -3)


def keep_freed() -> None:
    """Keep some freed memory for the next blocks."""
    for option in _OPTIONS:
        _call("mallopt", ctypes.c_int(option), ctypes.c_int(KEPT_BYTES))


def release() -> None:
    """Return free pages of the heap to the system."""
    _call("malloc_trim", ctypes.c_size_t(0))


def _call(name: str, *arguments: ctypes.c_int | ctypes.c_size_t) -> None:
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return
    function(*arguments)
