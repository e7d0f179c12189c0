"""What a span or a log event says besides its counts: cached, reasoning, a price, who served.

A span that counts is asked for these itself. What a span around it or inside it says counts no
more than that one's tokens do: a price of a sum is not added to the prices of its parts.

Who served is the provider's name and the host that was called. `server.address` is the emitter's
own on a server's span, and where it is the name of its service: then it says nothing. A gateway
that a client has called by its host is who is known to have served: what is behind it may be
anything, and the names of clients' libraries (`openai`) say nothing of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from streams.decode.formats import langfuse
from streams.decode.formats import otlp_names as names
from streams.decode.formats.native import is_cloud
from streams.decode.formats.otlp_provider import parts_of_provider
from streams.decode.formats.otlp_usage import answered, first, json_object, unquoted
from streams.decode.formats.provider_details import (
    Parts,
    either,
    parts_of,
    vercel_price,
    vercel_provider,
)
from streams.decode.formats.raw_usage import first_text, part, whole
from streams.decode.money import is_zero
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.formats.otlp_span import Source

#: Kinds of spans whose server is the emitter itself.
_SERVERS: Final = frozenset((2, "SPAN_KIND_SERVER", "SERVER", 5, "SPAN_KIND_CONSUMER", "CONSUMER"))
#: Names in the place of a provider that are of no provider: a framework, and a gateway's client.
_NO_PROVIDERS: Final = (names.STRANDS, "gateway")


class Details(NamedTuple):
    """What a request says besides its counts; None is not known."""

    cached: object
    reasoning: object
    cost: object
    provider: str | None


def details_of(
    attributes: Mapping[str, object], has: names.Present, source: Source, kind: object = None
) -> Details:
    """Return the details of a span of a kind, by its attributes, whose names are `has`."""
    cached = first(attributes, has.cached) if has.cached else None
    reasoning = first(attributes, has.reasoning) if has.reasoning else None
    if (cached is None or reasoning is None) and not names.DETAILED.isdisjoint(attributes):
        found = _in_texts(attributes)
        cached = found.cached if cached is None else cached
        reasoning = found.reasoning if reasoning is None else reasoning
    return Details(
        whole(cached),
        whole(reasoning),
        _price(attributes, has),
        _served_by(attributes, has, source, kind),
    )


def _in_texts(attributes: Mapping[str, object]) -> Parts:
    """Return the parts in usage that is JSON in a text, as some emitters write it."""
    braintrust = json_object(attributes.get(names.BRAINTRUST_USAGE)) or {}
    return either(
        langfuse.parts(json_object(attributes.get(names.LANGFUSE_USAGE))),
        parts_of(json_object(attributes.get(names.MLFLOW_USAGE))),
        Parts(
            braintrust.get("prompt_cached_tokens"), braintrust.get("completion_reasoning_tokens")
        ),
        parts_of_provider(json_object(attributes.get(names.AI_PROVIDER))),
        parts_of(answered(attributes.get(names.MLFLOW_ANSWER))),
        parts_of(answered(attributes.get(names.LOGFIRE_ANSWER))),
    )


def _price(attributes: Mapping[str, object], has: names.Present) -> object:
    """Return the price in dollars: a gateway's own before one that an instrumentation works out."""
    if names.AI_PROVIDER in attributes:
        gateway = _vercel(attributes)
        price = vercel_price(gateway)
        if price is not None:
            return price
    if has.cost:
        price = first(attributes, has.cost)
        # LiteLLM's zero without any part of it stands for a price that is not known.
        is_unknown = (
            has.cost[0] == names.COST[0]
            and names.LITELLM_BREAKDOWN not in attributes
            and is_zero(price)
        )
        return None if is_unknown else price
    if names.LANGFUSE_COST in attributes:
        return part(json_object(attributes[names.LANGFUSE_COST]), "total")
    if names.MLFLOW_COST in attributes:
        return part(json_object(attributes[names.MLFLOW_COST]), "total_cost")
    if names.LITELLM_HIDDEN in attributes:
        return part(json_object(attributes[names.LITELLM_HIDDEN]), "response_cost")
    if names.BRAINTRUST_USAGE in attributes:
        return part(json_object(attributes[names.BRAINTRUST_USAGE]), "estimated_cost")
    return None


def _served_by(
    attributes: Mapping[str, object], has: names.Present, source: Source, kind: object
) -> str | None:
    behind = attributes.get(names.OPENROUTER_PROVIDER)
    if behind is not None:
        return served_by(behind)
    if names.AI_PROVIDER in attributes:
        behind = vercel_provider(_vercel(attributes))
        if behind is not None:
            return behind
    named = [unquoted(attributes[key]) for key in has.served]
    name = first_text(*(each for each in named if each not in _NO_PROVIDERS))
    place = first_text(*map(attributes.get, has.place)) if kind not in _SERVERS else None
    if place is not None and place in source.names:
        place = None
    if place is None and names.LITELLM_HIDDEN in attributes:
        place = first_text(part(json_object(attributes[names.LITELLM_HIDDEN]), "api_base"))
    if place is None and has.region and is_cloud(name):
        place = first_text(*map(attributes.get, has.region))
    return served_by(name, place)


def _vercel(attributes: Mapping[str, object]) -> object:
    """Return what Vercel's gateway adds to an answer."""
    return part(json_object(attributes[names.AI_PROVIDER]), "gateway")
