"""How many examples a law is tried on: all of them, or fewer in `make check`."""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> int:
    """Return a law's share of its examples in the profile that is loaded: at least ten."""
    return max(min(10, count), count * settings().max_examples // 100)
