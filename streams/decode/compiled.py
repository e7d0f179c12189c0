"""The compiled scanner, or None where it was not built.

Modules use it through this one (`compiled.scan`), so that a test can disable it in one place.
"""

from __future__ import annotations

try:
    from streams.decode import scan
except ImportError:
    scan = None  # type: ignore[assignment]

#: Whether plain events are read by compiled code.
IS_COMPILED = scan is not None

__all__ = ["IS_COMPILED", "scan"]
