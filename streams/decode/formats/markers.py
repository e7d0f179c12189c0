"""Marker keys of other gateways' documents, for decoders that read only one format.

A typed decoder of one format fails where one of these keys is in a document, whatever its value;
the general path then detects the format.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

#: A type without values: two bounds that exclude each other.
Never: Any = Annotated[int, msgspec.Meta(ge=1, le=0)]

#: What Debezium's unwrapping leaves in a row that may be no new one.
CHANGES = ("__op", "__deleted")

#: The time of a flat record, where it has no `ts`.
TIMES = (
    *("timestamp", "time", "@timestamp", "created_at", "created", "date", "start_time"),
    "createdAt",
)

#: What a flat record of somebody else's may say besides its counts, where it has not the event's
#: own names: a cache's tokens, reasoning, a price in dollars, who served, and the place of that.
CACHED = (
    *("cache_read_input_tokens", "cached_input_tokens", "cache_read_tokens", "cachedTokens"),
    *("cachedInputTokens", "cacheReadInputTokens", "cacheReadInputTokenCount"),
    "prompt_cache_read_tokens",
)
REASONING = ("reasoning_output_tokens", "thinking_tokens", "reasoningTokens")
COST = ("cost_usd", "total_cost", "total_cost_usd", "costUsd", "costUSD", "totalCost")
PROVIDER = ("provider_name", "llm_provider", "providerName")
PLACE = ("base_url", "baseUrl", "provider_host", "server_address", "target_url")
REGION = ("region", "aws_region", "cloud_region")
CURRENCY = ("currency", "cost_currency")
#: Of those, what LiteLLM's payload has as well.
LITELLM_COST = ("response_cost", "spend")
LITELLM_PROVIDER = ("custom_llm_provider",)
LITELLM_PLACE = ("api_base",)

#: Of formats that are tried before LiteLLM's.
BEFORE_LITELLM = (
    *("specversion", "resourceSpans", "resourceMetrics", "resourceLogs", "batch"),
    *("resource_spans", "resource_metrics", "resource_logs"),
    *("started_at", "llm_summary", "route_id", "ai_log"),
    *("genai_model_name", "genai_model_name_override", "genai_backend_name"),
    *("genai_tokens_input", "genai_tokens_output", "genai_tokens_total"),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    *("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"),
    *CHANGES,
)

#: Of formats that are tried before tokenshare's own event, and of its fields under other names.
BEFORE_NATIVE = (
    *BEFORE_LITELLM,
    *(*CACHED, *REASONING, *COST, *PROVIDER, *PLACE, *REGION, *CURRENCY),
    *("call_type", "heliconeMeta", "schemaType", "tokens_in", "req_units"),
    *("usageMetadata", "done", "data", "usage", "number_of_retries", "fallback_index"),
    "token_usage",
)
