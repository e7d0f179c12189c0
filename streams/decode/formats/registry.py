"""Detects the format of a document by its top-level keys; the first match wins.

The bytes are never searched: a prompt may hold any of these words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streams.decode.event import Skipped
from streams.decode.formats import (
    agentgateway,
    apisix,
    azure_apim,
    batch_result,
    bedrock,
    bifrost,
    cloudflare,
    envoy,
    gravitee,
    helicone,
    higress,
    jaeger,
    kong,
    langfuse,
    litellm,
    native,
    one_api,
    openrouter,
    ordinary,
    otlp,
    portkey,
    posthog,
    provider,
    tensorzero,
    zipkin,
)
from streams.decode.formats.markers import BEFORE_NATIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.decode.event import UsageEvent
    from streams.decode.formats.raw_usage import Item
    from streams.decode.formats.traced import Line, Traced


class Format(NamedTuple):
    """A format: its name, whether a document matches it, and how one is read."""

    name: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: Callable[
        [dict[str, Any]], Item | UsageEvent | Traced | list[Item] | list[Item | Traced | Line]
    ]


#: Ordinary traffic: not a format of usage events.
ACCESS_LOG = "access_log"

#: Fields of access logs, which identify ordinary traffic of a gateway.
_ACCESS_LOG = ("response_code", "upstream_cluster", "upstream_host", "remote_addr", "src.addr")


def _is_access_log(document: Mapping[str, Any]) -> bool:
    return any(name in document for name in _ACCESS_LOG)


def _read_access_log(_document: Mapping[str, Any]) -> Item:
    return Skipped("no_llm")


#: In the order in which they are tried.
FORMATS = (
    Format(otlp.NAME, otlp.is_otlp, otlp.read),
    Format(langfuse.NAME, langfuse.is_langfuse, langfuse.read),
    Format(posthog.NAME, posthog.is_posthog, posthog.read),
    Format(kong.NAME, kong.is_kong, kong.read),
    Format(apisix.NAME, apisix.is_apisix, apisix.read),
    Format(higress.NAME, higress.is_higress, higress.read),
    Format(agentgateway.NAME, agentgateway.is_agentgateway, agentgateway.read),
    Format(envoy.NAME, envoy.is_envoy, envoy.read),
    Format(litellm.NAME, litellm.is_litellm, litellm.read),
    Format(helicone.NAME, helicone.is_helicone, helicone.read),
    Format(bedrock.NAME, bedrock.is_bedrock, bedrock.read),
    Format(cloudflare.NAME, cloudflare.is_cloudflare, cloudflare.read),
    Format(portkey.NAME, portkey.is_portkey, portkey.read),
    Format(apisix.NAME, apisix.is_own_format, apisix.read_own_format),
    Format(bifrost.NAME, bifrost.is_bifrost, bifrost.read),
    Format(one_api.NAME, one_api.is_one_api, one_api.read),
    Format(tensorzero.NAME, tensorzero.is_tensorzero, tensorzero.read),
    Format(gravitee.NAME, gravitee.is_gravitee, gravitee.read),
    Format(azure_apim.NAME, azure_apim.is_azure_apim, azure_apim.read),
    Format(provider.NAME, batch_result.is_result, batch_result.read),
    Format(provider.GEMINI, provider.is_gemini, provider.read_gemini),
    Format(provider.OLLAMA, provider.is_ollama, provider.read_ollama),
    Format(openrouter.NAME, openrouter.is_openrouter, openrouter.read),
    Format(provider.NAME, provider.is_provider, provider.read),
    Format(native.NAME, native.is_native, native.read),
    Format(otlp.NAME, zipkin.is_cloudwatch, zipkin.read_cloudwatch),
    Format(otlp.NAME, jaeger.is_jaeger, jaeger.read),
    Format(otlp.NAME, zipkin.is_zipkin, zipkin.read_zipkin),
    Format(otlp.NAME, zipkin.is_braintrust, zipkin.read_braintrust),
    Format(provider.NAME, provider.is_piece, provider.read),
    Format(provider.NAME, ordinary.is_no_answer, ordinary.read_no_answer),
    Format(azure_apim.NAME, ordinary.is_metric, ordinary.read_metric),
    Format(ACCESS_LOG, _is_access_log, _read_access_log),
)

#: The values of TOKENSHARE_FORMAT, besides "auto".
NAMES = tuple(dict.fromkeys(each.name for each in FORMATS if each.name != ACCESS_LOG))

#: Every marker key of a format, except those that begin with `genai_`.
_KEYS = frozenset(
    (
        *BEFORE_NATIVE,
        *("latencies", "apisix_latency", "startTime", "log", "tokens_out", "res_units"),
        *("src.addr", "http.status", "event", "provider", "model_name", "model_id"),
        *("modelName", "modelId"),
        *("llm_model", "llm_prompt_tokens", "llm_completion_tokens", "api-id", "apiId"),
        *("category", "Type", "custom_id", "recordId", "response", "usage_metadata"),
        *("variant_name", "metric_name", "span_attributes"),
        *(
            "eval_count",
            "prompt_eval_count",
            "model",
            "error",
            "models",
            "metricName",
            "metric_stream_name",
            "type",
            "choices",
            "object",
            "created_at",
        ),
        *("traceId", "traceID", *_ACCESS_LOG),
    )
)


def format_of(document: Mapping[str, Any]) -> Format | None:
    """Return the format of a document, None where it has none."""
    # Most documents without a format have none of the keys, and may be hundreds of thousands.
    if document.keys().isdisjoint(_KEYS) and not envoy.is_envoy(document):
        return None
    return next((each for each in FORMATS if each.matches(document)), None)


def formats_named(name: str) -> tuple[Format, ...]:
    """Return the formats of a name, in the order in which they are tried."""
    return tuple(each for each in FORMATS if each.name == name)
