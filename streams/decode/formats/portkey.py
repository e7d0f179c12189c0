"""Portkey: a line of its log export.

Source: Portkey's documentation of log exports. Units are tokens of request and response, and `cost`
is in cents of `cost_currency`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.raw_usage import Found, Item, first_text, is_error, part
from streams.decode.money import times_ten_to
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "portkey"


def is_portkey(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a line of Portkey's log export."""
    return "req_units" in document and "res_units" in document


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a line of the export."""
    if document.get("cache_status") in ("HIT", "SEMANTIC HIT", "hit"):
        return Skipped("cache_hit")
    metadata = document.get("metadata")
    return Found(
        model=document.get("ai_model"),
        prompt=document.get("req_units"),
        completion=document.get("res_units"),
        ts=document.get("created_at"),
        language=part(metadata, "language"),
        tenant=first_text(*(part(metadata, name) for name in ("tenant", "team", "_user"))),
        id=document.get("id"),
        failed=(
            document.get("is_success") is False or is_error(document.get("response_status_code"))
        ),
        cost=_price(document),
        provider=served_by(
            first_text(document.get("ai_org"), document.get("provider")),
            document.get("request_url"),
        ),
    )


def _price(document: Mapping[str, Any]) -> str | None:
    currency = document.get("cost_currency")
    return times_ten_to(-2, document.get("cost")) if currency in (None, "", "USD") else None
