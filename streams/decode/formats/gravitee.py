"""Gravitee: metrics of a v4 API, as its reporters write them.

Sources: gravitee-io/gravitee-reporter-common (JSON, where the metrics are an array of names and
values, and Elasticsearch, where they are an object); Gravitee's documentation of LLM proxies;
gravitee-io/gravitee-policy-ai-prompt-token-tracking, AiTokenTrackPolicy.java (1.0 to 2.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.raw_usage import Found, Item, first, first_text, is_error
from streams.decode.money import sum_of
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "gravitee"

#: The LLM proxy's metrics, and those of the policy of token tracking before its version 1.2.
_SENT = ("long_llm-proxy_tokens-sent", "long_ai-prompt-token-sent")
_RECEIVED = ("long_llm-proxy_tokens-received", "long_ai-prompt-token-receive")
#: Prices of input and output, of those that its configuration has; without them there is no metric.
_COSTS = (
    ("double_llm-proxy_sent-cost", "double_llm-proxy_received-cost"),
    ("double_ai-prompt-token-sent-cost", "double_ai-prompt-token-receive-cost"),
)
_MODEL = ("keyword_llm-proxy_model", "keyword_ai-prompt-token-model")
#: What names the API, in each of the two ways of writing, and what is measured of each request.
_MARKERS = {
    "api-id": ("additional-metrics", "gateway-response-time-ms", "gateway-latency-ms"),
    "apiId": ("additionalMetrics", "gatewayResponseTimeMs", "gatewayLatencyMs"),
}


def is_gravitee(document: Mapping[str, Any]) -> bool:
    """Return whether a document is the metrics of a request to an API, of any kind."""
    return "model" not in document and any(
        api in document and any(name in document for name in measured)
        for api, measured in _MARKERS.items()
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a request; one to an API without a model has none of the metrics."""
    metrics = _metrics(first(document, "additional-metrics", "additionalMetrics"))
    prompt = first(metrics, *_SENT)
    completion = first(metrics, *_RECEIVED)
    model = first(metrics, *_MODEL)
    if prompt is None and completion is None:
        return Skipped("no_llm" if model is None else "no_usage")
    return Found(
        model=model,
        prompt=prompt,
        completion=completion,
        ts=first(document, "@timestamp", "timestamp"),
        tenant=first_text(
            *(document.get(name) for name in ("application-id", "applicationId")),
            *(document.get(name) for name in ("subscription-id", "subscriptionId")),
        ),
        id=first(document, "request-id", "requestId"),
        failed=is_error(document.get("status")),
        reasoning=metrics.get("long_llm-proxy_tokens-reasoning"),
        cost=next((cost for each in _COSTS if (cost := sum_of(*map(metrics.get, each)))), None),
        provider=served_by(metrics.get("keyword_llm-proxy_provider")),
    )


def _metrics(given: object) -> Mapping[str, Any]:
    if type(given) is list:
        return {
            each["name"]: each.get("value")
            for each in given
            if type(each) is dict and type(each.get("name")) is str
        }
    return given if type(given) is dict else {}
