"""How much of a law is tried: all of it, half of it, or less in `make check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import settings


def examples(count: int) -> int:
    """Return a law's share of its examples in the profile that is loaded: at least ten."""
    return max(min(10, count), count * settings().max_examples // 100)


def apart(step: int = 1) -> int:
    """Return of how many cases in a row one is tried, where all of a law are one in `step`."""
    return max(step, step * 100 // settings().max_examples)


def some(cases: Sequence[Any], first: int = 0) -> list[Any]:
    """Return of cases that take long as large a part as the profile has of examples.

    Two tests of the same cases that begin at 0 and at 1 have other ones.
    """
    return [*cases[first % apart() :: apart()]]
