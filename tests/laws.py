"""How much of a law is tried: all of it, half of it, or less in `make check`."""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> int:
    """Return a law's share of its examples in the profile that is loaded: at least ten."""
    return max(min(10, count), count * settings().max_examples // 100)


def apart(step: int = 1) -> int:
    """Return of how many cases in a row one is tried, where all of a law are one in `step`."""
    return max(step, step * 100 // settings().max_examples)
