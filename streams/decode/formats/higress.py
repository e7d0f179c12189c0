"""Higress: an access log whose field `ai_log` is JSON encoded as a string.

Sources: alibaba/higress, plugins/wasm-go/extensions/ai-statistics (README.md, main.go).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from streams.decode.event import Rejected, Skipped
from streams.decode.formats.lenient_json import loads
from streams.decode.formats.provider_usage import with_surplus
from streams.decode.formats.raw_usage import Found, Item, first, first_text
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "higress"

#: Envoy's name of a service: its host is last. The console calls that of a provider like this.
_CLUSTER = re.compile(r"outbound\|[0-9]*\|[^|]*\|(?:llm-)?(.+?)(?:\.internal)?(?:\.dns|\.static)?")


def is_higress(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an access log of Higress with an AI plugin."""
    return "ai_log" in document


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a log line; its numbers are strings in older builds."""
    log = document["ai_log"]
    if type(log) is str:
        if log.strip() in {"", "-"}:
            return Skipped("no_llm")
        log = _unquoted(log)
    if log is None:
        return Skipped("no_llm")
    if type(log) is not dict:
        return Rejected("wrong_type", "ai_log holds no JSON object")
    return Found(
        log.get("model"),
        *with_surplus(*(log.get(f"{name}_token") for name in ("input", "output", "total"))),
        ts=first(document, "start_time", "timestamp"),
        tenant=first_text(log.get("consumer"), document.get("consumer")),
        id=first_text(document.get("x_request_id"), document.get("request_id")),
        text=first(log, "question", "messages"),
        cached=log.get("cached_tokens"),
        reasoning=log.get("reasoning_tokens"),
        provider=_served_by(document.get("upstream_cluster")),
    )


def _served_by(cluster: object) -> str | None:
    """Return the provider by the name of the service that a request was sent to."""
    found = _CLUSTER.fullmatch(cluster) if type(cluster) is str else None
    return None if found is None else served_by(found[1])


def _unquoted(log: str) -> object:
    for text in (log, log.replace('\\"', '"')):
        # Where the log format quotes the value, the quotes inside are escaped.
        try:
            return loads(text)
        except ValueError:
            continue
    return False
