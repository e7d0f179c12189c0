"""OpenRouter: its record of a generation, under `data`.

Source: OpenRouter's API reference, generation. Native counts are of the model's own tokenizer.
Prices are in dollars: `total_cost` is what OpenRouter charges, to which `upstream_inference_cost`
comes where the request was made with a provider's key of one's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.formats.provider_details import with_own_key
from streams.decode.formats.raw_usage import Found, Item, first, first_text
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "openrouter"


def is_openrouter(document: Mapping[str, Any]) -> bool:
    """Return whether a document is OpenRouter's record of a generation, under `data` or by itself.

    With the counts of tokenshare's own event in it, it is such an event.
    """
    data = _data(document)
    if data is document and "prompt_tokens" in data and "completion_tokens" in data:
        return False
    return (
        "native_tokens_prompt" in data
        or "native_tokens_completion" in data
        or ("tokens_prompt" in data and "tokens_completion" in data)
    )


def _data(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record in an answer of the API, or by itself."""
    data = document.get("data")
    return data if type(data) is dict else document


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a generation's record; its `usage` is in dollars."""
    data = _data(document)
    return Found(
        model=data.get("model"),
        prompt=first(data, "native_tokens_prompt", "tokens_prompt"),
        completion=first(data, "native_tokens_completion", "tokens_completion"),
        ts=data.get("created_at"),
        tenant=first_text(data.get("external_user")),
        id=data.get("id"),
        cached=data.get("native_tokens_cached"),
        reasoning=data.get("native_tokens_reasoning"),
        cost=with_own_key(
            first(data, "total_cost", "usage"),
            data.get("upstream_inference_cost"),
            data.get("is_byok"),
        ),
        provider=served_by(data.get("provider_name")),
    )
