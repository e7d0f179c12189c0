"""Who serves the simulated models, and what a request costs there; the figures are in offers.toml.

Nothing is drawn for it: provider and price of a request follow from its model and its sizes, so the
draws of the other tables stay what they are.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from streams.demo.truth import Simulated
from streams.shares.measures import DOLLAR

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A dollar a million tokens, in nano-dollars a token.
_NANO_A_TOKEN = 1000
#: What runs on one's own servers, by the beginning of its name.
_OWN = ("vllm", "ollama")


class Offer(NamedTuple):
    """Prices in nano-dollars a token, the cached part of a prompt, and who serves, by weight."""

    input: int
    output: int
    cache_read: int
    cached: float
    providers: tuple[str, ...]


@cache
def offers() -> Mapping[str, Offer]:
    """Return the offer of each model that has one."""
    text = resources.files("streams.demo").joinpath("offers.toml").read_text(encoding="utf-8")
    found: dict[str, Offer] = {}
    for family in tomllib.loads(text)["families"].values():
        put, got, read = (round(price * _NANO_A_TOKEN) for price in family["price"])
        by_weight = [name for name, weight in family["providers"].items() for _ in range(weight)]
        offer = Offer(put, got, read, family["cached"], tuple(by_weight))
        found |= dict.fromkeys(family["models"], offer)
    return found


def request(  # noqa: PLR0917 - the parts of an event, in their order
    ts: float, head: str, origin: str, language: str, model: str, prompt: int, completion: int
) -> Simulated:
    """Return a request: `head` is the JSON of its event up to the token counts.

    A model without an offer says only its tokens, and one's own servers state no price.
    """
    cached, cost, provider = None, None, None
    text = f'{head}"prompt_tokens":{prompt},"completion_tokens":{completion}'
    offer = offers().get(model)
    if offer is not None:
        cached = int(prompt * offer.cached)
        # Sizes differ from request to request, so this spreads them over the providers.
        provider = offer.providers[(prompt * 31 + completion) % len(offer.providers)]
        text += f',"cached_tokens":{cached},"provider":"{provider}"'
        if not provider.startswith(_OWN):
            cost = (
                (prompt - cached) * offer.input
                + cached * offer.cache_read
                + completion * offer.output
            )
            text += f',"cost":{cost // DOLLAR}.{cost % DOLLAR:09}'
    value = f"{text}}}".encode()
    return Simulated(ts, value, origin, language, prompt, completion, cached, cost, provider)
