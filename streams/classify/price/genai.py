"""The price list of the package genai-prices, from its own data: nothing is downloaded.

What is taken: the standard price of the event's day and hour, in the tier of its prompt's length.
Batch, priority and regional prices are not known of an event; cache writes are at the price of the
input. A model that is billed by more than tokens (by request, by the hour) has no price here, and
neither has one that is listed without a price: the list does not say that it is free.
"""

from __future__ import annotations

import importlib
import math
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from streams.classify.enrichment import attempt
from streams.classify.price.prices import Prices
from streams.classify.price.values import NO_RATE, PICO_PER_DOLLAR_PER_MILLION, Price, Step, When
from streams.classify.provider.providers import Providers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DATA = "genai_prices.data"

#: The keys of providers, where the package's id names another one or several.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    # Both of Google's services have the same prices.
    "google": ("gemini", "vertex-ai"),
    "azure": ("azure-openai", "azure-ai"),
    # The package lists the international platforms, in dollars; the name alone may mean either.
    "moonshotai": ("moonshot-intl", "moonshot"),
    "minimax": ("minimax-intl", "minimax"),
}
#: Hugging Face's router passes on the price of the provider behind, which it lists as well.
_ROUTED = "huggingface_"

#: The package's list of a developer's own API.
_DEVELOPERS: Final[Mapping[str, str]] = {
    "Anthropic": "anthropic",
    "Arcee AI": "arcee",
    "Cohere": "cohere",
    "DeepSeek": "deepseek",
    "Google": "gemini",
    "Meta": "meta-llama",
    "MiniMax": "minimax-intl",
    "Mistral AI": "mistral",
    "Moonshot AI": "moonshot-intl",
    "OpenAI": "openai",
    "Perplexity": "perplexity",
    "Voyage AI": "voyage",
    "Z.ai": "zai",
    "xAI": "xai",
}

#: What is billed only where an event has it, and no event says so: it is left out. All other units
#: beside tokens in and out are billed for every request.
_LEFT_OUT = frozenset(
    {
        *("cache_write_mtok", "cache_write_1h_mtok", "web_searches_kcount"),
        *("storage_searches_kcount", "cache_audio_read_mtok", "cache_image_read_mtok"),
        *("input_audio_mtok", "input_image_mtok", "input_video_mtok"),
        *("output_audio_mtok", "output_image_mtok", "output_video_mtok"),
    }
)
#: As in `fireworks_ai/accounts/fireworks/models/glm-5`; a name of slashes must not cost seconds.
_MAX_PREFIXES = 4
_TEXT = frozenset({"input_mtok", "cache_read_mtok", "output_mtok"})


@cache
def load(*, by_developer: bool = False) -> Prices:
    """Return the package's price list. Raises ImportError where it is not installed.

    With `by_developer`, an event that does not say who served it has its developer's own price.
    """
    providers = importlib.import_module(_DATA).providers
    catalogue = Providers.load()
    lists: dict[str, list[Any]] = {}
    for each in sorted(providers, key=lambda provider: provider.id.startswith(_ROUTED)):
        for key in _KEYS.get(each.id) or (catalogue.classify(each.id).key,):
            lists.setdefault(key, []).append(each)
    return Prices(
        {key: partial(_find, tuple(of_key), providers) for key, of_key in lists.items()},
        _DEVELOPERS if by_developer else {},
    )


def _find(lists: tuple[Any, ...], providers: list[Any], model: str) -> Price | None:
    """Return the price of a model in the first list that has it."""
    return attempt("price", partial(_found, lists, providers), model, otherwise=None)


def _found(lists: tuple[Any, ...], providers: list[Any], model: str) -> Price | None:
    for name in _spellings(model):
        for each in lists:
            found = each.find_model(name, all_providers=providers)
            if found is not None:
                return price_of(found)
    return None


def _spellings(model: str) -> Iterator[str]:
    """Yield a name, and what is left of it without its first words before a slash."""
    yield model
    for _ in range(min(model.count("/"), _MAX_PREFIXES)):
        model = model.partition("/")[2]
        yield model


def price_of(model: Any) -> Price | None:
    """Return the price of one of the package's models, None where it has none."""
    prices = model.prices
    if not isinstance(prices, list):
        steps = tuple(_steps(When(), prices))
    else:
        # The first one holds where no other does.
        steps = tuple(
            step
            for number, each in enumerate(prices)
            for step in _steps(_when(each.constraint) if number else When(), each.prices)
        )
    has_price = any(step.input != NO_RATE or step.output != NO_RATE for step in steps)
    return Price(steps) if has_price else None


def _when(constraint: Any) -> When:
    if constraint is None:
        return When()
    if hasattr(constraint, "start_date"):
        day = constraint.start_date
        return When(since=datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    opens, closes = _second(constraint.start_time), _second(constraint.end_time)
    # From a time to the same time is never.
    return When(opens=opens, closes=closes) if opens != closes else When(since=math.inf)


def _second(time: Any) -> float:
    """Return the second of the day in UTC."""
    offset = time.utcoffset()
    second = time.hour * 3600 + time.minute * 60 + time.second + time.microsecond / 1e6
    return float((second - (offset.total_seconds() if offset else 0)) % 86_400)


def _steps(when: When, prices: Any) -> Iterator[Step]:
    rates = {unit: rate for unit, rate in vars(prices).items() if rate is not None}
    if rates.keys() - _TEXT - _LEFT_OUT:
        yield Step(when, -1)
        return
    starts = {tier.start for rate in rates.values() for tier in getattr(rate, "tiers", ())}
    for above in (-1, *sorted(starts)):
        at = {unit: _rate(rate, above) for unit, rate in rates.items()}
        paid, output = at.get("input_mtok", NO_RATE), at.get("output_mtok", NO_RATE)
        if max(paid, output) > 0:
            yield Step(when, above, paid, at.get("cache_read_mtok", paid), output)
        else:
            yield Step(when, above)


def _rate(rate: Any, above: int) -> int:
    """Return pico-dollars per token, in a request of more than `above` prompt tokens."""
    if hasattr(rate, "tiers"):
        tiers = [tier for tier in rate.tiers if tier.start <= above]
        rate = max(tiers, key=lambda tier: tier.start).price if tiers else rate.base
    pico: int = round(rate * PICO_PER_DOLLAR_PER_MILLION)
    return pico
