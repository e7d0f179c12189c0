"""What a provider has said of its own usage in a span of the AI SDK's, as JSON in a text.

The SDK's versions before 6 report what each provider calls its input and output: Anthropic's and
Bedrock's input is without the cache, Gemini's output without the thoughts. Their own usage lies
beside it. Sources: vercel/ai, `packages` of anthropic, google and amazon-bedrock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.decode.formats.provider_details import NONE, Parts, either, parts_of
from streams.decode.formats.provider_usage import Usage, anthropic, gemini
from streams.decode.formats.raw_usage import add, is_same, part, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

#: By which names Google's providers add to an answer.
_GOOGLES: Final = ("google", "vertex", "googleVertex")


def of_provider(said: object, found: Usage) -> Usage | None:
    """Return all input and output of an answer that a provider has described, None if none has.

    What a version has already added up stays as it is.
    """
    if type(said) is not dict:
        return None
    own = part(said, "anthropic", "usage")
    if type(own) is dict and own.get("input_tokens") is not None:
        return _or(found, whole(own["input_tokens"]), anthropic(own).prompt)
    # Version 4 keeps the counts of the cache alone.
    own = said.get("anthropic")
    if type(own) is dict and "usage" not in own and "cacheReadInputTokens" in own:
        return _with_cache(own, "cacheCreationInputTokens", found)
    own = part(said, "bedrock", "usage")
    if type(own) is dict and "cacheReadInputTokens" in own:
        return _with_cache(own, "cacheWriteInputTokens", found)
    for name in _GOOGLES:
        own = part(said, name, "usageMetadata")
        if type(own) is dict:
            return _of_gemini(own, found)
    return None


def parts_of_provider(said: object) -> Parts:
    """Return the parts of the counts that a provider has said beside them."""
    if type(said) is not dict:
        return NONE
    return either(
        parts_of(part(said, "anthropic", "usage")),
        parts_of(said.get("anthropic")),
        parts_of(part(said, "bedrock", "usage")),
        *(parts_of(part(said, name, "usageMetadata")) for name in _GOOGLES),
        Parts(part(said, "openai", "cachedPromptTokens"), part(said, "openai", "reasoningTokens")),
    )


def _or(found: Usage, own: object, all_input: object) -> Usage:
    return Usage(all_input, found.completion) if is_same(own, found.prompt) else found


def _with_cache(own: Mapping[str, object], written: str, found: Usage) -> Usage:
    cache = own["cacheReadInputTokens"], own.get(written)
    return Usage(add(found.prompt, *cache), found.completion)


def _of_gemini(own: Mapping[str, object], found: Usage) -> Usage:
    candidates = whole(own.get("candidatesTokenCount"))
    prompt = whole(own.get("promptTokenCount"))
    if is_same(candidates, found.completion) and is_same(prompt, found.prompt):
        return gemini(own)
    return found
