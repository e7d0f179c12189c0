"""Give freed memory back to the system.

glibc keeps what lies below the highest block in use. After a start with a thousand partitions, or
after a backlog, that is tens of megabytes for as long as a worker runs.
"""

from __future__ import annotations

import ctypes


def release() -> None:
    """Return free pages of the heap to the system; do nothing with another C library."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return
    trim(ctypes.c_size_t(0))
