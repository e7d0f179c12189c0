"""What each field of the API means, with an example: for the OpenAPI document and its page."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

#: Field -> (what it means where its schema does not say so itself, an example).
FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "as_of": ("Watermark that the numbers end at, unix seconds.", 1795960000.0),
    "arrival": ("Contribution of members that came or went.", 0.0),
    "baseline": ("Expected share.", 0.208),
    "baseline_days": ("Days of history that are known.", 28.0),
    "before": ("Its share of the whole in the baseline, 0 to 1.", 0.03),
    "cells": ("Counts by key.", {"cn-open": [18300000, 2884, 15100000, 3200000, 12100000, 41.5]}),
    "completion_tokens": ("Output tokens.", 3200000),
    "contribution": ("Its part of the shift, as a share: 0.01 is one point.", 0.012),
    "count": ("How many.", 12),
    "description": ("In words.", ""),
    "detail": ("What is wrong with this request.", "step is missing."),
    "detectable": ("The smallest shift that could alert now.", 0.03),
    "developer": ("Who makes the model; as a list, the shares by developer.", "DeepSeek"),
    "dimension": ("What the keys are: origin, language, developer, model or both.", "origin"),
    "everything": ("Of a filter: the counts of all traffic.", {}),
    "filter": ("What the shares are of.", {"origin": "cn-open"}),
    "unavailable": ("Dimensions that are not counted together with the filter.", ["language"]),
    "end": ("Its end, unix seconds, not included.", 1795960000.0),
    "end_offset": ("Offset of the next record that will be written; null if not known.", 1204),
    "evidence_requests": ("Observed or expected requests of the key, the larger.", 2884.0),
    "excluded_ratio": ("Their part of the group's tokens, 0 to 1.", 0.07),
    "excluded_tokens": ("Tokens to origins that are excluded for the group.", 1281000),
    "format": ("The format that it was taken for.", "otlp"),
    "generated_at": ("When this was computed, unix seconds.", 1795960000.5),
    "group": ("Name of a group of tenants.", "eu-public-sector"),
    "is_current": ("Whether the file was read without a fault.", True),
    "is_shifted": ("Whether the alert's conditions hold now.", False),
    "joint": ("By origin and language together.", []),
    "key": ("What it is counted under, which does not change: cn-open, de, glm-5.2.", "cn-open"),
    "kind": ("mix: there before and now; new or gone: only one of them.", "mix"),
    "lag": ("Records in Kafka that are not counted yet; null if not known.", 0),
    "language": ("Tag of the prompt's language; as a list, the shares by language.", "en"),
    "last": ("The newest event time then.", 1795960000.0),
    "late": ("Events counted that were more than 10 minutes late.", 0),
    "lost": ("Requests that the changelog has lost for good, by level.", {}),
    "matched_by": ("What decided, or why nothing did.", "unknown: no rule"),
    "measure": ("What the share is of.", "tokens"),
    "mix": ("Contribution of members that were there before and are now.", 0.02),
    "model": ("Canonical name of the model; as a list, the shares by model.", "glm-5.2"),
    "models": ("By model.", []),
    "movers": ("The largest contributions, largest first.", []),
    "name": ("Display name.", "Chinese open"),
    "needed_days": ("Days of history before shifts are reported.", 21),
    "newest": ("Newest event time, unix seconds.", 1795960000.0),
    "notes": ("Known events.", []),
    "omitted": ("Older notes beyond the limit.", 0),
    "origin": ("Origin of the model; as a list, the shares by origin.", "cn-open"),
    "override": ("An entry for the overrides file (TOML).", '["our-model"]\norigin = "…"'),
    "cost": ("US dollars, of the requests that have a price; null where none has.", 41.5),
    "cost_ratio": ("Share of cost, 0 to 1; null where it is not known.", 0.05),
    "origins": ("By origin.", []),
    "output_tokens": ("Output tokens.", 3200000),
    "output_tokens_ratio": ("Share of output tokens, 0 to 1; null where it is not known.", 0.2),
    "uncached_tokens": ("All tokens but cache reads; null where it is not known.", 12100000),
    "uncached_tokens_ratio": ("Share of uncached tokens, 0 to 1; null if not known.", 0.22),
    "priced_tokens": ("Tokens of the requests that have a price.", 15200000),
    "estimated_tokens": ("The part of the priced tokens whose price is an estimate.", 0),
    "measured_tokens": ("Tokens whose cache reads would have been counted.", 18300000),
    "provider": ("Who served; as a list, the shares by provider.", "deepseek"),
    "jurisdiction": ("Whose law the provider is under; as a list, the shares by it.", "cn"),
    "served": ("By provider and origin together.", []),
    "law": ("By origin and jurisdiction together.", []),
    "owned": ("Whether this worker counts the partition.", True),
    "partition": ("Number of the partition of the source topic.", 0),
    "partitions": ("Where each partition stands.", []),
    "peak": ("Largest share of a day in 28 days.", 0.04),
    "pipeline": ("Whether everything is counted.", {}),
    "points": ("One per step with traffic, ascending.", []),
    "position": ("Offset of the next record to be counted; null before the first.", 1204),
    "prompt_tokens": ("Input tokens, cached ones included.", 15100000),
    "read_at": ("When the file was read, unix seconds.", 1795960000.0),
    "ready": ("Whether the numbers are reliable.", True),
    "reason": ("Why, of a closed set; empty for what was counted.", "not_json"),
    "reasons": ("Why they are not reliable yet; empty where they are.", []),
    "records": ("Records by what became of them.", []),
    "rejected": ("Records in the dead-letter topic.", 0),
    "remedy": ("What to do about it.", "Allowed values of step: 10s, 5m, 1h, 1d, 1w."),
    "requests": ("Requests to models.", 2884),
    "requests_ratio": ("Share of requests, 0 to 1; null where the window is empty.", 0.206),
    "rest": ("Contribution of all others.", 0.001),
    "rest_members": ("How many others.", 12),
    "result": ("counted, skipped, duplicate, rejected or lost.", "counted"),
    "seconds": ("Its length.", 86400),
    "sentence": ("In words.", "Chinese open +9.1 points in 24 hours: hy3 +10.2"),
    "share": ("Share now, 0 to 1.", 0.216),
    "shift": ("Share less baseline: 0.01 is one point.", 0.008),
    "shifts": ("One per key, window and measure.", []),
    "simulated": ("Whether the traffic is made up: a demo.", False),
    "since": ("When a drift began, unix seconds.", 1795000000.0),
    "source": ("Who wrote it: scope, service or keys.", "shop.llm"),
    "sources": ("By format and writer.", []),
    "standard_error": ("Standard error of the share: what so many requests can tell.", 0.004),
    "start": ("Its beginning, unix seconds.", 1795873600.0),
    "status": ("HTTP status; of /healthz: ok.", 400),
    "step": ("Length of a point.", "1h"),
    "tenant": ("Keyed hash of a tenant; as a list, the shares by tenant.", "74e4dbdb632baffb"),
    "tenants": ("By keyed hash of the tenant, with its name where a file has it.", None),
    "text": ("What happened.", "hy3 is free for a week"),
    "title": ("Name of the status.", "Bad Request"),
    "tokens": ("Input and output tokens.", 18300000),
    "tokens_ratio": ("Share of tokens, 0 to 1; null where the window is empty.", 0.216),
    "type": ("about:blank: the status says what kind of error it is.", "about:blank"),
    "unknown": ("Models of unknown origin, largest first.", []),
    "unread": ("Skipped items whose usage no reader takes.", {}),
    "usual_spread": ("How far the share usually is from its baseline.", 0.007),
    "window": ("The window.", "24h"),
    "windows": ("Counts and shares by window.", {}),
    "without_top_tenant": ("What is left of the shift without the largest tenant.", 0.006),
    "zscore": ("The shift in usual spreads.", 1.1),
    "5m": ("The last 5 minutes.", {}),
    "1h": ("The last hour.", {}),
    "24h": ("The last 24 hours.", {}),
    "7d": ("The last 7 days.", {}),
}


def described(name: str, schema: Schema) -> Schema:
    """Return a field's schema with what it means, unless it says so itself."""
    if "description" in schema or name not in FIELDS:
        return schema
    return schema | {"description": FIELDS[name][0]}


def example(schema: Schema, schemas: Schema, name: str = "") -> Any:
    """Return an example of a schema: each field once, lists with one item."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas, name)
    if "properties" in schema:
        fields = schema["properties"].items()
        return {field: example(each, schemas, field) for field, each in fields}
    if schema.get("type") == "array" and "items" in schema and "minItems" not in schema:
        return [example(schema["items"], schemas, name)]
    return _value(schema, name)


def _value(schema: Schema, name: str) -> Any:
    kinds = schema.get("type", "object")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    known = FIELDS.get(name, ("", None))[1]
    allowed: dict[str, Any] = {
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    fits = any(
        isinstance(known, allowed.get(kind, dict))
        and (kind == "boolean" or not isinstance(known, bool))
        for kind in kinds
    )
    if fits and known in schema.get("enum", [known]):
        return known
    if "enum" in schema:
        return schema["enum"][0]
    if "null" in kinds:
        return None
    return {"string": "ok", "boolean": True, "object": {}}.get(kinds[0], 0)
