"""Helicone: its queue of requests and responses, which holds no token counts.

Source: Helicone/helicone, valhalla/jawn/src/lib/handlers/HandlerContext.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.formats.raw_usage import Item

NAME = "helicone"


def is_helicone(document: Mapping[str, Any]) -> bool:
    """Return whether a document is from Helicone's queue."""
    return "heliconeMeta" in document and "log" in document


def read(document: Mapping[str, Any]) -> Item:  # noqa: ARG001 - nothing in it counts
    """Skip it: Helicone computes tokens later, from bodies that are stored elsewhere."""
    return Skipped("no_usage", is_final=True)
