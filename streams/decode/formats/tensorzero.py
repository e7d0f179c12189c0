"""TensorZero: rows of its table ModelInference, one a request to a provider.

Source: tensorzero/tensorzero, docs/gateway/data-model.mdx. Rows of ChatInference and JsonInference
have no tokens: they are what callers asked for, in one or more of these requests; rows of feedback
have none either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from streams.decode.event import Skipped
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.provider_usage import with_cache
from streams.decode.formats.raw_usage import Found, Item, first
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "tensorzero"

#: Pairs of columns that only its tables have.
_MARKERS = (
    ("model_provider_name", "model_name"),
    ("episode_id", "variant_name"),
    ("target_id", "metric_name"),
)


def is_tensorzero(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a row of an inference, or of feedback on one."""
    return "model" not in document and any(
        left in document and right in document for left, right in _MARKERS
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a row; an answer from TensorZero's cache counts nothing."""
    if "model_provider_name" not in document:
        return Skipped("not_a_request")
    if document.get("cached") in (True, 1, "true"):
        return Skipped("cache_hit")
    return Found(
        model=document.get("model_name"),
        prompt=with_cache(
            document.get("input_tokens"),
            document.get("provider_cache_read_input_tokens"),
            document.get("provider_cache_write_input_tokens"),
            is_beside=False,
        ),
        completion=document.get("output_tokens"),
        ts=first(document, "timestamp", "created_at") or _time_of(document.get("id")),
        id=document.get("id"),
        text=parsed(document.get("input_messages")),
        cached=document.get("provider_cache_read_input_tokens"),
        cost=document.get("cost"),
        provider=served_by(document.get("model_provider_name")),
    )


def _time_of(name: object) -> int | None:
    """Return the time in an id of version 7, in milliseconds; the table derives it from there."""
    try:
        number = UUID(name) if type(name) is str else None
    except ValueError:
        return None
    return number.int >> 80 if number is not None and number.version == 7 else None
