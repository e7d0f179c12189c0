"""agentgateway: a line of its access log, in JSON.

Source: agentgateway/agentgateway, crates/agentgateway/src/telemetry/log.rs (1.0 to 1.4, and main of
August 2026) and crates/core/src/telemetry.rs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped, event_time
from streams.decode.formats.provider_usage import is_claude, with_cache
from streams.decode.formats.raw_usage import Found, Item, first, first_text, is_error
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "agentgateway"

_GEN_AI = "gen_ai."
#: Since 2026-08-07 (5d620d42) the input holds the cache, whatever the provider reports. Before, it
#: was the provider's own.
_INCLUSIVE_SINCE = 1_786_060_800.0
#: Fields that were added to the log in the same days.
_ADDED_SINCE = ("agw.ai.time_to_first_token", "agw.ai.time_per_output_token")
_BEDROCK = "aws.bedrock"


def is_agentgateway(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a line of a request to a model."""
    return ("src.addr" in document or "http.status" in document) and any(
        name.startswith(_GEN_AI) for name in document
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a line. Calls of tools have fields of the same prefix, and no model."""
    model = first_text(document.get("gen_ai.response.model"), document.get("gen_ai.request.model"))
    prompt = document.get("gen_ai.usage.input_tokens")
    completion = document.get("gen_ai.usage.output_tokens")
    if prompt is None and completion is None:
        return Skipped("no_llm" if model is None else "no_usage")
    return Found(
        model,
        with_cache(
            prompt,
            document.get("gen_ai.usage.cache_read.input_tokens"),
            document.get("gen_ai.usage.cache_creation.input_tokens"),
            is_beside=_is_cache_beside(document, model),
        ),
        completion,
        ts=first(document, "time", "timestamp"),
        tenant=first_text(*(document.get(name) for name in ("tenant", "jwt.sub", "user_id"))),
        id=_id(document),
        failed=is_error(document.get("http.status")),
        cached=document.get("gen_ai.usage.cache_read.input_tokens"),
        reasoning=document.get("gen_ai.usage.reasoning_tokens"),
        # Where its catalogue has no price it says none.
        cost=document.get("agw.ai.usage.cost.total"),
        provider=served_by(document.get("gen_ai.provider.name"), document.get("endpoint")),
    )


def _is_cache_beside(document: Mapping[str, Any], model: str | None) -> bool:
    provider = document.get("gen_ai.provider.name")
    if not (provider == _BEDROCK or is_claude(provider, model)):
        return False
    time = document.get("time")
    at = event_time(time, None) if type(time) is str else None
    return (
        at is not None
        and at < _INCLUSIVE_SINCE
        and not any(name in document for name in _ADDED_SINCE)
    )


def _id(document: Mapping[str, Any]) -> object:
    trace, span = document.get("trace.id"), document.get("span.id")
    if type(trace) is str and type(span) is str and trace and span:
        return f"{trace}/{span}"
    return document.get("request.id")
