"""Events as a gateway writes them, generated with a fixed seed, for the benchmarks."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.demo.truth import Simulated


#: Event time moves as at this rate, whatever the speed of the replay.
EVENTS_PER_SECOND = 20_000
# A gateway's traffic: few models have most of it, as have few tenants.
MODELS = (
    *("openai/gpt-5-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"),
    *("deepseek/deepseek-chat-v3.1", "qwen/qwen3-32b", "openai/gpt-4o-mini", "x-ai/grok-4-fast"),
    *("meta-llama/llama-3.3-70b-instruct", "moonshotai/kimi-k2", "z-ai/glm-4.6", "openai/gpt-5"),
    *("mistralai/mistral-small-3.2-24b-instruct", "google/gemini-2.5-pro", "qwen/qwen3-coder"),
    *("anthropic/claude-opus-4.1", "deepseek/deepseek-r1", "openai/gpt-oss-120b"),
    *("google/gemma-3-27b-it", "minimax/minimax-m2", "qwen/qwen3-235b-a22b", "cohere/command-a"),
    *("amazon/nova-lite-v1", "microsoft/phi-4", "nvidia/nemotron-nano-9b-v2", "qwen/qwen-max"),
    *("anthropic/claude-haiku-4.5", "openai/gpt-4.1", "meta-llama/llama-4-maverick"),
    *("prod-chat", "support-bot-v2"),
)
LANGUAGES = (
    *("en", "zh", "ru", "es", "de", "fr", "ja", "pt-BR", "ko", "it", "zh-TW", "tr", "pl", "vi"),
    *("id", "ar", "nl", "th", "uk", "hi"),
)
TENANTS = tuple(f"team-{number}" for number in range(1, 61))


def events(count: int, start: float, per_second: float = EVENTS_PER_SECOND) -> Iterator[Simulated]:
    """Yield a gateway's events from `start` (unix seconds) on, about 170 bytes each."""
    from streams.demo.truth import Simulated

    draw = random.Random("bench")
    prefix = f"{draw.getrandbits(56):014x}"
    sizes = [
        (min(200_000, int(draw.lognormvariate(6.9, 1.3))), int(draw.lognormvariate(5.3, 1.1)))
        for _ in range(4096)
    ]
    for begin in range(0, count, 8192):
        number = min(8192, count - begin)
        drawn = zip(
            draw.choices(MODELS, _zipf(len(MODELS)), k=number),
            draw.choices(LANGUAGES, _zipf(len(LANGUAGES)), k=number),
            draw.choices(TENANTS, _zipf(len(TENANTS)), k=number),
            draw.choices(sizes, k=number),
            strict=True,
        )
        for index, (model, language, tenant, (prompt, completion)) in enumerate(drawn, begin):
            ts = round(start + index / per_second, 3)
            value = (
                f'{{"id":"chatcmpl-{prefix}{index:08x}","ts":{ts:.3f},"model":"{model}",'
                f'"prompt_tokens":{prompt},"completion_tokens":{completion},'
                f'"language":"{language}","tenant":"{tenant}"}}'
            )
            yield Simulated(ts, value.encode(), "", "", prompt, completion)


def _zipf(number: int) -> list[float]:
    return [1 / rank for rank in range(1, number + 1)]
