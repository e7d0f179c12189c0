"""Records whose cost, provider and the like are something else: they count the same tokens.

Names that also say how a record's tokens are read are left alone: a provider may tell where the
cache lies, a spend whether a request has failed, and a cache may be a part of the input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from streams.decode.formats import markers, otlp_names

NAMES = frozenset(
    (
        *("cost", *markers.COST, "response_cost", "cost_details", "cost_in_usd_ticks", "is_byok"),
        *("estimated_cost", "upstream_inference_cost", "costDetails", "calculatedTotalCost"),
        *("provider", *markers.PROVIDER, *markers.LITELLM_PROVIDER, "ai_org", "channel_name"),
        *(*markers.PLACE, *markers.LITELLM_PLACE, *markers.REGION, *markers.CURRENCY),
        *("request_url", "endpoint", "inferenceRegion", "upstream_cluster", "cost_breakdown"),
        *("response_cost_failure_debug_info", "zero_cost_diagnostic", "provider_metadata"),
        *("$ai_total_cost_usd", "$ai_base_url", "double_llm-proxy_sent-cost"),
        *(*otlp_names.COST, otlp_names.LITELLM_BREAKDOWN, otlp_names.OPENROUTER_PROVIDER),
        *(otlp_names.LANGFUSE_COST, otlp_names.MLFLOW_COST, "server.address", "cloud.region"),
    )
)

#: What may stand in the place of a price or a provider.
ODD = (
    *(None, True, False, -1, 0, 0.5, -0.0, 1e308, 10**30, "", " ", "-", "1e-9", "12", "NaN"),
    *("https://user:secret@example.invalid:99999/x?key=secret", "//[", "@", "a@b@c", "\0", "٣"),
    *("x" * 5000, [], {}, [1], {"total": 1, "total_cost": "x"}, {"total": -1}, "1" * 90, "\ud800"),
)


def with_other_details(value, number):
    """Return a record as Python writes it, and the same with other details in the place of its own.

    None where it is no JSON, or has none.
    """
    try:
        document = json.loads(value)
        changed = _changed(document, number)
        plain, other = (json.dumps(each, allow_nan=False) for each in (document, changed))
    except (ValueError, RecursionError):
        return None
    return None if plain == other else (plain.encode(), other.encode())


def _changed(node, number):
    if isinstance(node, list):
        return [_changed(each, number + at) for at, each in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("key"), str) and node["key"] in NAMES and "value" in node:
        return node | {"value": {"stringValue": str(ODD[number % len(ODD)])}}
    return {
        key: ODD[(number + at) % len(ODD)] if key in NAMES else _changed(each, number + at)
        for at, (key, each) in enumerate(node.items())
    }
