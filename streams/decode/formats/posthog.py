"""PostHog: its events of AI, as its SDKs capture them and its pipelines export them.

Sources: PostHog/posthog, nodejs/src/ingestion (costs of input and of output); PostHog's manual of
LLM analytics. Spans and traces are around generations, and repeat them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from streams.decode.event import Rejected, Skipped
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.provider_usage import is_claude, with_cache
from streams.decode.formats.raw_usage import (
    MAX_ITEMS,
    TOO_MANY_ITEMS,
    Found,
    Item,
    add,
    first,
    first_text,
    json_type,
)
from streams.decode.served_by import served_by
from streams.decode.unread_usage import unread

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "posthog"

_REQUESTS = ("$ai_generation", "$ai_embedding")
#: Events that hold others; their counts are the sums of those.
_SUMS = ("$ai_trace", "$ai_span")
#: Models whose thoughts are beside the output.
_THINKS_BESIDE = re.compile(r"gemini-(2\.5|3)")


def is_posthog(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an event of PostHog's, or a batch of them."""
    batch = document.get("batch")
    if type(batch) is list:
        return any(type(each) is dict and _is_event(each) for each in batch)
    return "model" not in document and _is_event(document)


def _is_event(document: Mapping[str, Any]) -> bool:
    event = document.get("event")
    return (
        type(event) is str
        and "properties" in document
        and (event.startswith("$") or "distinct_id" in document)
    )


def read(document: Mapping[str, Any]) -> list[Item]:
    """Return an item an event."""
    batch = document.get("batch")
    if type(batch) is not list:
        return [_item(document)]
    if len(batch) > MAX_ITEMS:
        return [TOO_MANY_ITEMS]
    return [
        _item(each)
        if type(each) is dict
        else Rejected("wrong_type", f"batch holds {json_type(each)}")
        for each in batch
    ]


def _item(event: Mapping[str, Any]) -> Item:
    kind, properties = event.get("event"), parsed(event.get("properties"))
    if kind not in _REQUESTS:
        if kind in _SUMS:
            return Skipped("not_a_request", is_final=True)
        return unread(properties, "not_a_request")
    if type(properties) is not dict:
        return Rejected("wrong_type", f"properties is {json_type(properties)}")
    return Found(
        model=properties.get("$ai_model"),
        prompt=with_cache(
            properties.get("$ai_input_tokens"),
            properties.get("$ai_cache_read_input_tokens"),
            properties.get("$ai_cache_creation_input_tokens"),
            is_beside=_is_cache_beside(properties),
        ),
        completion=_output(properties),
        ts=event.get("timestamp"),
        tenant=first_text(properties.get("tenant"), event.get("distinct_id")),
        id=first(event, "uuid") or first(properties, "$ai_generation_id", "$ai_span_id"),
        text=properties.get("$ai_input"),
        failed=properties.get("$ai_is_error") in (True, "true"),
        cached=properties.get("$ai_cache_read_input_tokens"),
        reasoning=properties.get("$ai_reasoning_tokens"),
        cost=properties.get("$ai_total_cost_usd"),
        provider=served_by(properties.get("$ai_provider"), properties.get("$ai_base_url")),
    )


def _is_cache_beside(properties: Mapping[str, Any]) -> bool:
    """Return whether the cache lies beside the input, by the rule of PostHog's own prices."""
    declared = properties.get("$ai_cache_reporting_exclusive")
    if type(declared) is bool:
        return declared
    provider, framework = properties.get("$ai_provider"), properties.get("$ai_framework")
    return is_claude(provider, properties.get("$ai_model")) and not (
        provider == "gateway" and framework == "vercel"
    )


def _output(properties: Mapping[str, Any]) -> object:
    output = properties.get("$ai_output_tokens")
    model = properties.get("$ai_model")
    if type(model) is str and _THINKS_BESIDE.match(model.lower()):
        return add(output, properties.get("$ai_reasoning_tokens"))
    return output
