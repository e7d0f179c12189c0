"""Apache APISIX: the log entry of a request that an AI plugin has served.

Sources: apache/apisix, apisix/plugins/ai-proxy/base.lua, apisix/utils/log-util.lua,
apisix/plugins/ai-protocols/anthropic-messages.lua.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.provider_details import Parts
from streams.decode.formats.provider_usage import Usage, is_claude, with_cache, with_surplus
from streams.decode.formats.raw_usage import (
    Found,
    Item,
    first,
    first_text,
    is_error,
    is_nothing,
    part,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "apisix"

#: Variables of the AI plugins, as their documentation puts them into a log format.
_OWN_MARKERS = ("llm_model", "llm_prompt_tokens", "llm_completion_tokens")
_OWN = (
    *("llm_prompt_tokens", "llm_completion_tokens", "llm_total_tokens"),
    *("llm_cache_read_input_tokens", "llm_cache_creation_input_tokens", "llm_reasoning_tokens"),
    "llm_stream",
)
#: What else such a format usually has, by the names of the documentation's examples.
_PATHS = ("uri", "request_uri", "upstream_uri", "path", "request_line", "request")
_TIMES = ("start_time", "@timestamp", "timestamp", "time", "time_iso8601", "msec")
_TENANTS = ("consumer_name", "consumer", "llm_end_user_id")
_IDS = ("request_id", "x_request_id", "apisix_request_id")

#: On Anthropic's own route the input is as Anthropic counts it, without the cache.
_ANTHROPIC_ROUTE = "/v1/messages"
#: On Bedrock's own the total holds the cache, of which an entry says nothing else.
_BEDROCK_ROUTES = ("/converse", "/converse-stream")
#: A method, a path, and the version of the protocol.
_WORDS_OF_LINE = 3


def is_apisix(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a log entry of APISIX, of any route."""
    return "llm_summary" in document or ("route_id" in document and "apisix_latency" in document)


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a log entry."""
    summary = document.get("llm_summary")
    if type(summary) is not dict:
        return read_own_format(document) if is_own_format(document) else Skipped("no_llm")
    return Found(
        first(summary, "model", "request_model"),
        *_usage(summary, part(document, "request", "uri")),
        ts=document.get("start_time"),
        tenant=first_text(
            part(document, "consumer", "username"),
            part(document, "consumer", "consumer_name"),
            summary.get("end_user_id"),
        ),
        id=first_text(part(document, "request", "id"), document.get("request_id")),
        text=part(document, "llm_request", "messages"),
        failed=is_error(part(document, "response", "status")),
        **_parts(summary)._asdict(),
    )


def is_own_format(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a log entry in a format of one's own, by documented names."""
    return "prompt_tokens" not in document and any(name in document for name in _OWN_MARKERS)


def read_own_format(document: Mapping[str, Any]) -> Item:
    """Return the result for an entry; on a route without a model the values are empty."""
    model = first_text(document.get("llm_model"), document.get("request_llm_model"))
    if model is None:
        return Skipped("no_llm")
    summary = {name.removeprefix("llm_"): document[name] for name in _OWN if name in document}
    # Without a response the variables keep their first values, which are texts.
    if is_nothing(summary.get("prompt_tokens"), summary.get("completion_tokens")):
        return Skipped("no_usage")
    return Found(
        model,
        *_usage({**summary, "model": model}, *map(document.get, _PATHS)),
        ts=first(document, *_TIMES),
        tenant=first_text(*map(document.get, _TENANTS)),
        id=first_text(*map(document.get, _IDS)),
        text=document.get("llm_request_body"),
        failed=is_error(document.get("status")),
        **_parts(summary)._asdict(),
    )


def _usage(summary: Mapping[str, Any], *uris: object) -> Usage:
    # nginx initialises its variables as strings, and they stay strings where a request has no
    # usage.
    prompt, completion, total, *cache = (
        summary.get(name)
        for name in (
            *("prompt_tokens", "completion_tokens", "total_tokens"),
            *("cache_read_input_tokens", "cache_creation_input_tokens"),
        )
    )
    if type(summary.get("prompt_tokens")) is str and is_nothing(prompt, completion):
        return Usage(None, None)
    if prompt is not None and any(map(is_anthropic_route, uris)):
        return Usage(with_cache(prompt, *cache, is_beside=not _is_converted(summary)), completion)
    if any(map(is_bedrock_route, uris)):
        # What the total has beyond its parts is input there.
        completion, prompt = with_surplus(completion, prompt, total)
        return Usage(prompt, completion)
    return with_surplus(prompt, completion, total)


def _is_converted(summary: Mapping[str, Any]) -> bool:
    """Return whether a stream on Anthropic's route comes from an API like OpenAI's.

    APISIX then logs that API's own counts, whose input holds the cache. What is no stream it counts
    after it has made it Anthropic's.
    """
    is_stream = summary.get("stream") in (True, "true")
    return is_stream and not is_claude(summary.get("model"), summary.get("request_model"))


def _parts(summary: Mapping[str, Any]) -> Parts:
    """Return the parts of the counts; no entry says a price, or which of the instances served."""
    return Parts(summary.get("cache_read_input_tokens"), summary.get("reasoning_tokens"))


def is_anthropic_route(uri: object) -> bool:
    """Return whether a path, a URL, or the path of a request line is Anthropic's own route."""
    return _path(uri).endswith(_ANTHROPIC_ROUTE)


def is_bedrock_route(uri: object) -> bool:
    """Return whether such a path is Bedrock's own route."""
    return _path(uri).endswith(_BEDROCK_ROUTES)


def _path(uri: object) -> str:
    if type(uri) is not str:
        return ""
    line = uri.split()
    path = line[1] if len(line) == _WORDS_OF_LINE else uri
    return path.partition("?")[0].rstrip("/")
