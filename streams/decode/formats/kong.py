"""Kong AI Gateway: the log body of its kafka-log plugin.

Sources: Kong/kong, kong/llm/plugin/shared-filters/serialize-analytics.lua and
kong/llm/plugin/observability.lua; Kong's AI audit log reference. The price is worked out of those
that its configuration has, and is 0 where it has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.provider_details import parts_of
from streams.decode.formats.provider_usage import with_surplus
from streams.decode.formats.raw_usage import (
    MAX_ITEMS,
    TOO_MANY_ITEMS,
    Found,
    Item,
    first,
    first_text,
    is_error,
    part,
)
from streams.decode.money import is_zero
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "kong"

#: The value that Kong writes for an unknown name.
_UNKNOWN = "UNSPECIFIED"


def is_kong(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a log body of Kong, of any route."""
    return "started_at" in document and "latencies" in document


def read(document: Mapping[str, Any]) -> list[Item]:
    """Return an item for each plugin of `ai` that reports usage: each is a separate call."""
    ai = document.get("ai")
    if type(ai) is not dict:
        return [Skipped("no_llm")]
    if len(ai) > MAX_ITEMS:
        return [TOO_MANY_ITEMS]
    plugins = {name: plugin for name, plugin in ai.items() if type(plugin) is dict}
    # For a response from any plugin's cache, the counts of the first response are logged again.
    if any(map(_is_hit, plugins.values())):
        return [Skipped("cache_hit")]
    items = [_item(document, name, plugin) for name, plugin in plugins.items() if "usage" in plugin]
    return items or [Skipped("no_usage")]


def _is_hit(plugin: dict[str, Any]) -> bool:
    status = part(plugin, "cache", "cache_status")
    return type(status) is str and status.lower() == "hit"


def _item(document: Mapping[str, Any], name: str, plugin: dict[str, Any]) -> Item:
    usage = plugin["usage"] if type(plugin["usage"]) is dict else {}
    # Current versions of Kong write the plural.
    return Found(
        _model(part(plugin, "meta")),
        # Some completions leave reasoning out, and the total includes it (issue 14816).
        *with_surplus(
            first(usage, "prompt_tokens", "prompt_token"),
            first(usage, "completion_tokens", "completion_token"),
            first(usage, "total_tokens", "total_token"),
        ),
        ts=document.get("started_at"),
        tenant=first_text(
            part(document, "consumer", "username"),
            part(document, "consumer", "custom_id"),
            document.get("workspace_name"),
        ),
        id=_id(part(document, "request", "id"), name),
        text=part(plugin, "payload", "request"),
        failed=is_error(part(document, "response", "status")),
        **parts_of(usage)._asdict(),
        cost=None if is_zero(usage.get("cost")) else usage.get("cost"),
        provider=_served_by(part(plugin, "meta", "provider_name")),
    )


def _model(meta: object) -> object:
    names = (part(meta, "response_model"), part(meta, "request_model"))
    # A call of an unknown model is still counted as a call.
    return next((name for name in names if name not in (None, "", _UNKNOWN)), _UNKNOWN)


def _served_by(name: object) -> str | None:
    return None if name == _UNKNOWN else served_by(name)


def _id(request: object, plugin: str) -> str | None:
    return f"{request}/{plugin}" if type(request) is str and request else None
