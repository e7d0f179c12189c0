"""Cloudflare AI Gateway: the log object of its API.

Source: Cloudflare's API reference, AI Gateway, logs. `cost` is in dollars, by Cloudflare's own
prices or by those of a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.native import time_of
from streams.decode.formats.raw_usage import Found, Item, first_text, is_error, part
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "cloudflare"


def is_cloudflare(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a log object of Cloudflare's AI Gateway."""
    return "tokens_in" in document and "tokens_out" in document


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a log object; a response from the gateway's cache counts nothing."""
    if document.get("cached") in (True, "true", 1):
        return Skipped("cache_hit")
    metadata = parsed(document.get("metadata"))
    return Found(
        model=document.get("model"),
        prompt=document.get("tokens_in"),
        completion=document.get("tokens_out"),
        ts=time_of(document),
        language=part(metadata, "language"),
        tenant=first_text(*(part(metadata, name) for name in ("tenant", "team", "user", "userId"))),
        id=document.get("id"),
        failed=document.get("success") is False or is_error(document.get("status_code")),
        cost=document.get("cost"),
        provider=served_by(document.get("provider")),
    )
