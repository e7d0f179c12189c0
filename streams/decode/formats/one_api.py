"""one-api, new-api and their forks: a row of their table of logs.

Sources: songquanpeng/one-api, model/log.go; QuantumNous/new-api, model/log.go,
service/text_quota.go and service/log_info_generate.go. Only rows of consumption (type 2) are
requests. On Anthropic's API new-api leaves the cache out of the prompt, and says so in `other`.

`quota` is no price: how much of it a dollar is, and by what groups pay more, are settings that a
row does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.provider_usage import with_cache
from streams.decode.formats.raw_usage import (
    Found,
    Item,
    first,
    first_text,
    is_nothing,
    whole,
)
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "one_api"

_CONSUMPTION = 2


def is_one_api(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a row of the table of logs, of any type."""
    return "model" not in document and all(
        name in document for name in ("model_name", "quota", "type", "token_name")
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a row; top-ups, errors, refunds and settlements are no requests."""
    kind = whole(document["type"])
    if kind != _CONSUMPTION:
        # The table's own types are numbers; a row of another kind only resembles one.
        return Skipped("not_a_request", is_final=type(kind) is int)
    prompt, completion = document.get("prompt_tokens"), document.get("completion_tokens")
    # What is charged by the picture or the second, and what is charged later.
    if is_nothing(prompt, completion):
        return Skipped("no_usage", is_final=True)
    given = parsed(document.get("other"))
    other: Mapping[str, Any] = given if type(given) is dict else {}
    return Found(
        model=first_text(other.get("upstream_model_name"), document["model_name"]),
        prompt=with_cache(
            prompt,
            other.get("cache_tokens"),
            # The parts by lifetime are a breakdown of it.
            first(other, "cache_write_tokens", "cache_creation_tokens"),
            is_beside=other.get("claude") is True or other.get("usage_semantic") == "anthropic",
        ),
        completion=completion,
        ts=document.get("created_at"),
        tenant=first_text(document.get("username"), document["token_name"]),
        id=first_text(document.get("request_id")) or document.get("id"),
        cached=other.get("cache_tokens"),
        provider=served_by(document.get("channel_name")),
    )
