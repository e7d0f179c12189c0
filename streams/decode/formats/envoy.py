"""Envoy AI Gateway: its access log, under the documented names or flat attributes.

Source: envoyproxy/ai-gateway, site/docs/capabilities/observability/accesslogs.md. The log's format
is the deployment's; values that are not there are null or `-`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats import otlp_names as names
from streams.decode.formats.provider_usage import with_surplus
from streams.decode.formats.raw_usage import Found, Item, first_text, is_error
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "envoy"

_FLAT_USAGE = "gen_ai.usage."
_PROMPT = ("genai_tokens_input", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_COMPLETION = (
    "genai_tokens_output",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
)
_TOTAL = ("genai_tokens_total", *names.TOTAL)
#: The upstream model, where an override redirects the request, before the requested one.
_MODEL = (
    "gen_ai.response.model",
    "genai_model_name_override",
    "gen_ai.request.model_override",
    "genai_model_name",
    "gen_ai.request.model",
)
#: The gateway's own metadata has no documented key for these, and a deployment names them like the
#: others, or as OpenTelemetry does.
_CACHED = ("genai_tokens_cached_input", "genai_tokens_cached", *names.CACHED)
_REASONING = ("genai_tokens_reasoning", *names.REASONING)
_COST = ("genai_cost", *names.COST)
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "genai_backend_name")
_TENANT = ("tenant", "tenant_id", "x-tenant-id", "user_id", "x-user-id")


def is_envoy(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an access log with GenAI values."""
    return any(name.startswith(("genai_", _FLAT_USAGE)) for name in document)


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a log line. MCP calls have the same fields, all of them empty."""
    prompt, completion = _first(document, _PROMPT), _first(document, _COMPLETION)
    model = _first(document, _MODEL)
    if prompt is None and completion is None:
        return Skipped("no_llm" if model is None else "no_usage")
    return Found(
        model,
        *with_surplus(prompt, completion, _first(document, _TOTAL)),
        ts=_first(document, ("start_time", "timestamp", "@timestamp")),
        language=_first(document, ("language",)),
        tenant=_first(document, _TENANT),
        id=_first(document, ("x_request_id", "x-request-id", "request_id")),
        failed=is_error(document.get("response_code")),
        cached=_first(document, _CACHED),
        reasoning=_first(document, _REASONING),
        cost=_first(document, _COST),
        # The upstream's host in such a log is an address, which names nobody.
        provider=served_by(_provider(document), first_text(document.get("server.address"))),
    )


def _provider(document: Mapping[str, Any]) -> object:
    """Return the provider, or the backend: a reference to one has its namespace before its name."""
    name = _first(document, _PROVIDER)
    return name.split("/")[1] if type(name) is str and "/" in name else name


def _first(document: Mapping[str, Any], names: tuple[str, ...]) -> object:
    return next(
        (value for name in names if (value := document.get(name)) not in (None, "-", "")), None
    )
