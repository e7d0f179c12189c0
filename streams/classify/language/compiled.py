"""The compiled passes over a prompt's characters, or None where they were not built."""

from __future__ import annotations

try:
    from streams.classify.language import letters
except ImportError:
    letters = None  # type: ignore[assignment]

__all__ = ["letters"]
