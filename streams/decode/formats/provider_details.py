"""What a usage object says besides its two sums: tokens from a cache, reasoning, and a price.

Only what is stated is reported: an absent count is None, and a stated 0 is 0. Sources: OpenRouter's
usage accounting, xAI's cost tracking, Perplexity's and DeepInfra's API references (prices); the
providers' API references, as in `provider_usage.py` (counts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.formats.raw_usage import add, first, first_text, part, whole
from streams.decode.money import decimal_of, sum_of, times_ten_to
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping


class Parts(NamedTuple):
    """The part of the input that a cache has answered, and that of the output that is reasoning."""

    cached: object = None
    reasoning: object = None


NONE: Final = Parts()

#: The names of parts. Compiled code reads them as well (scan_usage.pxi).
#: What holds the parts of the input, and of the output: OpenAI's names, LangChain's, the AI SDK's.
INPUTS: Final = (
    *("prompt_tokens_details", "input_tokens_details", "input_token_details"),
    *("promptTokensDetails", "inputTokensDetails", "inputTokenDetails", "prompt_token_details"),
)
OUTPUTS: Final = (
    *("completion_tokens_details", "output_tokens_details", "output_token_details"),
    *("completionTokensDetails", "outputTokensDetails", "outputTokenDetails"),
    "completion_token_details",
)
CACHED_INSIDE: Final = (
    *("cached_tokens", "cachedTokens", "cacheReadTokens", "cache_read", "cached_read_tokens"),
)
REASONING_INSIDE: Final = ("reasoning_tokens", "reasoningTokens", "reasoning", "thinking_tokens")
#: Beside the counts: Moonshot's, DeepSeek's, Anthropic's, the AI SDK's, Bedrock's, Gemini's.
CACHED: Final = (
    *("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens"),
    *("cachedInputTokens", "cacheReadInputTokens", "cacheReadInputTokenCount"),
    *("cachedContentTokenCount", "cached_content_token_count", "cached_read_tokens"),
)
REASONING: Final = (
    *("reasoning_tokens", "reasoningTokens", "thoughtsTokenCount", "thoughts_token_count"),
)
#: xAI's unit: 10,000,000,000 ticks are a dollar.
_TICK: Final = -10


def parts_of(usage: object) -> Parts:
    """Return the parts that a provider's usage object of any shape states."""
    if type(usage) is not dict:
        return NONE
    return Parts(
        _cached_in_passes(usage) or _stated(usage, INPUTS, CACHED_INSIDE, CACHED),
        _stated(usage, OUTPUTS, REASONING_INSIDE, REASONING),
    )


def either(*found: Parts) -> Parts:
    """Return the first of each part that is stated."""
    return Parts(
        next((each.cached for each in found if each.cached is not None), None),
        next((each.reasoning for each in found if each.reasoning is not None), None),
    )


def _stated(
    usage: Mapping[str, Any],
    holders: tuple[str, ...],
    inside: tuple[str, ...],
    beside: tuple[str, ...],
) -> object:
    """Return a count by any of its names.

    Servers fill OpenAI's details with zeros, and write what they know beside: so a zero is the
    answer only where no other name has more.
    """
    found: object = None
    for holder in holders:
        # Most objects have few of the names.
        if holder in usage and type(usage[holder]) is dict:
            found = whole(first(usage[holder], *inside))
            if found:
                return found
    for name in beside:
        if name in usage:
            value = whole(usage[name])
            if value:
                return value
            found = value if found is None else found
    return found


def _cached_in_passes(usage: Mapping[str, Any]) -> object:
    """Return what was read from a cache in all passes of Anthropic's, where it compacts."""
    passes = usage.get("iterations")
    if type(passes) is not list or not all(type(each) is dict for each in passes):
        return None
    return add(*(each.get("cache_read_input_tokens") for each in passes))


def price_of(usage: object) -> object:
    """Return the price in dollars that a provider's usage object states.

    OpenRouter's credits are dollars, Perplexity's object has a total, xAI counts ticks.
    """
    if type(usage) is not dict:
        return None
    ticks = usage.get("cost_in_usd_ticks")
    if ticks is not None:
        return times_ten_to(_TICK, ticks)
    cost = usage.get("cost")
    if type(cost) is dict:
        return cost.get("total_cost")
    if cost is None:
        return usage.get("estimated_cost")
    details = usage.get("cost_details")
    upstream = details.get("upstream_inference_cost") if type(details) is dict else None
    charged = with_own_key(cost, upstream, usage.get("is_byok"))
    return _or_market(charged, usage.get("market_cost"))


def with_own_key(cost: object, upstream: object, is_own_key: object) -> object:
    """Return the price of a request of OpenRouter's: its charge, and what a provider bills beside.

    With a key of one's own the charge is a fee, and the provider bills the request itself. Where it
    is not said whose key it was, the provider bills more than the fee.
    """
    if upstream is None or is_own_key is False:
        return cost
    charged, billed = decimal_of(cost), decimal_of(upstream)
    if charged is None or billed is None:
        return cost
    if is_own_key is True or (is_own_key is None and billed > charged):
        return sum_of(cost, upstream)
    return cost


def vercel_price(gateway: object) -> object:
    """Return the price in what Vercel's gateway adds to an answer."""
    if type(gateway) is not dict:
        return None
    return _or_market(gateway.get("cost"), gateway.get("marketCost"))


def _or_market(cost: object, market: object) -> object:
    """Return what Vercel's gateway charges; with a key of one's own that is nothing.

    The price is then what the market takes.
    """
    # Nobody else names a price of the market.
    if market is None or decimal_of(cost) != 0:
        return cost
    taken = decimal_of(market)
    return market if taken is not None and taken > 0 else cost


def vercel_provider(gateway: object) -> str | None:
    """Return who is behind Vercel's gateway: who answered, or who was to answer."""
    routing = part(gateway, "routing")
    return served_by(first_text(part(routing, "finalProvider"), part(routing, "resolvedProvider")))
