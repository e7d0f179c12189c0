"""Bifrost: an entry of its log, of a request or of an attempt at one.

Source: maximhq/bifrost, framework/logstore/tables.go. The usage is normalised there: the cache is
inside the prompt. A fallback is an entry of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.provider_details import either, parts_of
from streams.decode.formats.provider_usage import Usage, usage_of
from streams.decode.formats.raw_usage import Found, Item, first, first_text, part
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "bifrost"

#: Calls that ask no model, by a word in the kind of an entry.
_MANAGING = ("count_tokens", "list_models", "list.models", "batch", "file", "mcp")
_TENANTS = (
    *("team_id", "team_name", "customer_id", "customer_name"),
    *("virtual_key_id", "virtual_key_name", "user_id", "user_name"),
)


def is_bifrost(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an entry of Bifrost's log, or a row of its table.

    The usage alone tells as well: a pipeline may keep few of the fields.
    """
    if "object" not in document and "object_type" not in document:
        return False
    return "token_usage" in document or (
        "provider" in document and ("number_of_retries" in document or "fallback_index" in document)
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for an entry; one from the semantic cache counts nothing."""
    kind = first(document, "object", "object_type")
    if type(kind) is str and any(word in kind for word in _MANAGING):
        return Skipped("not_a_request", is_final=True)
    if part(parsed(document.get("cache_debug")), "cache_hit") is True:
        return Skipped("cache_hit")
    # An entry is written when a request begins, and again when it ends.
    if document.get("status") == "processing":
        return Skipped("no_usage", is_final=True)
    return Found(
        first_text(document.get("canonical_model_name"), document.get("model")),
        *_usage(document),
        ts=first(document, "timestamp", "created_at"),
        tenant=first_text(*(document.get(name) for name in _TENANTS)),
        id=document.get("id"),
        text=first(document, "input_history", "responses_input_history"),
        failed=document.get("status") == "error",
        **either(parts_of(parsed(document.get("token_usage"))), parts_of(document))._asdict(),
        # In dollars; what has no price has no cost.
        cost=document.get("cost"),
        provider=served_by(document.get("provider")),
    )


def _usage(document: Mapping[str, Any]) -> Usage:
    """Return the usage of an entry; its table has the counts in columns as well."""
    found = usage_of(parsed(document.get("token_usage")))
    return usage_of(document) if found == (None, None) else found
