"""Langfuse: batches of its ingestion API.

Source: langfuse/langfuse, packages/shared/src/server/ingestion/types.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Rejected, Skipped
from streams.decode.formats import provider_details
from streams.decode.formats.provider_details import Parts, either, parts_of
from streams.decode.formats.provider_usage import Usage, usage_of, with_surplus
from streams.decode.formats.raw_usage import (
    MAX_ITEMS,
    TOO_MANY_ITEMS,
    Found,
    Item,
    add,
    first,
    first_text,
    is_same,
    json_type,
    part,
    whole,
)
from streams.decode.money import sum_of
from streams.decode.served_by import served_by
from streams.decode.unread_usage import unread

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "langfuse"

_GENERATIONS = ("generation-create", "generation-update", "embedding-create")
#: Events of observations of any kind, as the first SDKs wrote them.
_OBSERVATIONS = ("observation-create", "observation-update")
#: Events of what holds generations, runs no model, or is no observation.
_SUMS = ("trace-", "span-", "agent-", "chain-", "tool-", "retriever-", "score-", "sdk-log")

#: Keys that identify a usage object of OpenAI's.
_OF_OPENAI = ("prompt_tokens", "input_tokens_details", "output_tokens_details")
#: Anthropic's names, which the SDKs pass on beside `input`, and disjoint from it like all keys
#: here.
_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")
#: Names of agents' own, disjoint too unless the total says otherwise.
_AGENTS_CACHE = ("cacheRead", "cacheWrite")
#: Who served: LiteLLM's name of it, LangChain's, anybody's.
_PROVIDERS = ("custom_llm_provider", "ls_provider", "provider")
#: What was read from a cache, and what was reasoning.
_CACHED = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cacheRead")
_REASONING = ("output_reasoning_tokens", "output_reasoning")


def is_langfuse(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a batch of Langfuse's."""
    batch = document.get("batch")
    if type(batch) is not list:
        return False
    if not batch:
        return "model" not in document
    return any(type(each) is dict and "type" in each and "body" in each for each in batch)


def read(document: Mapping[str, Any]) -> list[Item]:
    """Return an item an event; a generation that is created and then updated is one request.

    The values of a later event of the same id replace those of an earlier one, and the request
    counts at the last event.
    """
    if len(document["batch"]) > MAX_ITEMS:
        return [TOO_MANY_ITEMS]
    items: list[Item] = []
    merged: dict[object, tuple[int, dict[str, Any], object]] = {}
    for event in document["batch"]:
        if type(event) is not dict:
            items.append(Rejected("wrong_type", f"batch holds {json_type(event)}"))
            continue
        body = event.get("body")
        if not _is_generation(event.get("type"), body):
            items.append(_other(event.get("type"), body))
        elif type(body) is not dict:
            items.append(Rejected("wrong_type", f"body is {json_type(body)}"))
        else:
            name = body.get("id")
            key: object = name if type(name) is str else len(items)
            if key in merged:
                _, whole, _ = merged[key]
                whole.update({field: value for field, value in body.items() if value is not None})
            else:
                whole = dict(body)
            merged[key] = len(items), whole, event.get("timestamp")
            items.append(Skipped("duplicate"))
    for at, whole, timestamp in merged.values():
        items[at] = _item(whole, timestamp)
    return items or [Skipped("empty_batch")]


def _is_generation(kind: object, body: object) -> bool:
    """Return whether an event is of a request to a model."""
    if kind in _OBSERVATIONS:
        return part(body, "type") in ("GENERATION", "EMBEDDING")
    return kind in _GENERATIONS


def _other(kind: object, body: object) -> Item:
    """Return why an event that is no generation is skipped; a sum's counts are those inside it."""
    if type(kind) is not str or kind.startswith(_SUMS):
        return Skipped("not_a_request", is_final=True)
    return unread(body, "not_a_request")


def _item(body: dict[str, Any], timestamp: object) -> Item:
    usage = body.get("usage")
    if type(usage) is dict and usage.get("unit") not in (None, "TOKENS"):
        return Skipped("no_usage", is_final=True)
    found = details(body.get("usageDetails"))
    if found == (None, None):
        found = _usage(usage)
    if found == (None, None):
        return unread(body, "no_usage")
    return Found(
        model=body.get("model"),
        prompt=found.prompt,
        completion=found.completion,
        ts=first(body, "startTime") or timestamp,
        tenant=first_text(part(body, "metadata", "tenant"), body.get("userId")),
        id=body.get("id"),
        text=body.get("input"),
        **either(parts(body.get("usageDetails")), parts(usage))._asdict(),
        cost=_price(body, usage),
        provider=_served_by(body),
    )


def _usage(usage: object) -> Usage:
    if type(usage) is not dict:
        return Usage(None, None)
    for prompt, completion, total in (
        ("input", "output", "total"),
        ("promptTokens", "completionTokens", "totalTokens"),
    ):
        if first(usage, prompt, completion) is not None:
            return with_surplus(usage.get(prompt), usage.get(completion), usage.get(total))
    return usage_of(usage)


def details(details: object) -> Usage:
    """Return the sums of custom keys, which are disjoint; or the counts of OpenAI's shape."""
    if type(details) is not dict or not details:
        return Usage(None, None)
    known = usage_of(details)
    # OpenAI's shapes hold details; Anthropic's cache fields would be custom keys here.
    if not details.keys().isdisjoint(_OF_OPENAI):
        return known
    prompt = [value for key, value in details.items() if key.startswith("input") or key in _CACHE]
    completion = [value for key, value in details.items() if key.startswith("output")]
    if not prompt and not completion:
        return known
    cache = [details[key] for key in _AGENTS_CACHE if key in details]
    if cache and not is_same(add(*prompt, *completion), whole(details.get("total"))):
        prompt += cache
    return Usage(add(*prompt), add(*completion))


def parts(details: object) -> Parts:
    """Return the parts by custom keys, as Langfuse's SDKs name them, or in OpenAI's shape."""
    if type(details) is not dict:
        return provider_details.NONE
    return either(Parts(first(details, *_CACHED), first(details, *_REASONING)), parts_of(details))


def _price(body: Mapping[str, Any], usage: object) -> object:
    """Return the price in dollars: what was given, before what Langfuse has worked out.

    Of a breakdown the total counts, and without one the sum of its parts.
    """
    given = body.get("costDetails")
    if type(given) is dict and given:
        return first(given, "total") if "total" in given else sum_of(*given.values())
    given = usage if type(usage) is dict else {}
    if given.get("totalCost") is not None:
        return given["totalCost"]
    if given.get("inputCost") is not None and given.get("outputCost") is not None:
        return sum_of(given["inputCost"], given["outputCost"])
    return first(body, "totalCost", "calculatedTotalCost")


def _served_by(body: Mapping[str, Any]) -> str | None:
    """Return who served, where a gateway's or LangChain's integration says it in the metadata."""
    metadata = body.get("metadata")
    return served_by(
        first_text(*(part(metadata, name) for name in _PROVIDERS)),
        first_text(part(metadata, "api_base"), part(metadata, "hidden_params", "api_base")),
    )
