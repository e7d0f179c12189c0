"""The usage objects of providers: which of their numbers are input, output, or part of another.

Cache counts are added in the shapes of Anthropic and Bedrock and are inside the input everywhere
else. Reasoning is inside the output except for Gemini and xAI, where the total decides. Sources,
provider by provider: `tests/formats/README.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streams.decode.formats.raw_usage import add, first, whole, wrong_count

if TYPE_CHECKING:
    from collections.abc import Mapping


class Usage(NamedTuple):
    """All input and all output, as reported; None where nothing is reported."""

    prompt: object
    completion: object


_NONE = Usage(None, None)

#: Fields that identify a usage object, by shape.
_CHAT = ("prompt_tokens", "completion_tokens")
_INPUT_OUTPUT = ("input_tokens", "output_tokens")
_GEMINI = (
    *("promptTokenCount", "candidatesTokenCount", "totalTokenCount"),
    *("prompt_token_count", "candidates_token_count", "total_token_count"),
)
_CONVERSE = ("inputTokens", "outputTokens")
#: LangChain's for JavaScript, Spring AI's and the AI SDK's before version 5.
_CAMEL = ("promptTokens", "completionTokens")
_COHERE = ("tokens", "billed_units")


def usage_of(usage: object, *, is_response: bool = False) -> Usage:
    """Return the input and output of a provider's usage object of any shape.

    `is_response` marks OpenAI's responses API, whose input includes the cached tokens.
    """
    if type(usage) is not dict:
        return _NONE
    # LiteLLM's own has `prompt_tokens`, including cached ones, beside Anthropic's cache fields.
    if _has(usage, _CHAT):
        return _with_surplus(usage, *_CHAT)
    if _has(usage, _INPUT_OUTPUT):
        if is_response or "input_tokens_details" in usage or "output_tokens_details" in usage:
            return _with_surplus(usage, *_INPUT_OUTPUT)
        return anthropic(usage)
    if _has(usage, _GEMINI):
        return gemini(usage)
    if _has(usage, _CONVERSE):
        return Usage(add(usage.get("inputTokens"), *camel_cache(usage)), usage.get("outputTokens"))
    if _has(usage, _CAMEL):
        prompt, completion = map(usage.get, _CAMEL)
        return with_surplus(prompt, completion, usage.get("totalTokens"))
    # Cohere has what the model read and wrote beside what it bills, which is less.
    for name in _COHERE:
        if type(usage.get(name)) is dict:
            return _one_pass(usage[name])
    return _NONE


def camel_cache(usage: Mapping[str, Any]) -> tuple[object, object]:
    """Return cache reads and writes beside `inputTokens`, by Bedrock's names and Claude Code's."""
    return (
        first(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        first(
            usage,
            *("cacheWriteInputTokens", "cacheWriteInputTokenCount", "cacheCreationInputTokens"),
        ),
    )


def _has(usage: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(usage.get(name) is not None for name in names)


def anthropic(usage: Mapping[str, Any]) -> Usage:
    """Return input with cache reads and writes added, and output.

    `cache_creation` beside `cache_creation_input_tokens` is its breakdown. Where the provider has
    compacted the context on the way, the top level leaves the compaction out, and `iterations`
    lists every pass, each with counts of its own.
    """
    iterations = usage.get("iterations")
    if type(iterations) is list and iterations and all(type(each) is dict for each in iterations):
        passes = [_one_pass(each) for each in iterations]
        found = Usage(
            add(*(each.prompt for each in passes)), add(*(each.completion for each in passes))
        )
        if found != _NONE:
            return found
    return _one_pass(usage)


def _one_pass(usage: Mapping[str, Any]) -> Usage:
    return Usage(
        add(
            usage.get("input_tokens"),
            usage.get("cache_creation_input_tokens"),
            usage.get("cache_read_input_tokens"),
        ),
        usage.get("output_tokens"),
    )


def with_surplus(prompt: object, completion: object, total: object) -> Usage:
    """Return both counts; a total above their sum adds to the output: omitted reasoning."""
    prompt, completion, total = whole(prompt), whole(completion), whole(total)
    parts = add(prompt, completion)
    if (
        type(total) is int
        and type(parts) is int
        and wrong_count("", total) is None
        and wrong_count("", parts) is None
        and total > parts
        and prompt is not None
    ):
        return Usage(prompt, total - prompt)  # type: ignore[operator]
    return Usage(prompt, completion)


def _with_surplus(usage: Mapping[str, Any], prompt: str, completion: str) -> Usage:
    found = with_surplus(usage.get(prompt), usage.get(completion), usage.get("total_tokens"))
    if usage.get("total_tokens") is None:
        reasoning = whole(_reasoning(usage))
        output = found.completion
        # A part cannot exceed its whole, so this one is not a part of it.
        if type(reasoning) is int and type(output) is int and reasoning > output:
            return Usage(found.prompt, add(output, reasoning))
    return found


def _reasoning(usage: Mapping[str, Any]) -> object:
    for name in ("completion_tokens_details", "output_tokens_details"):
        details = usage.get(name)
        if type(details) is dict:
            return details.get("reasoning_tokens")
    return None


def gemini(usage: Mapping[str, Any]) -> Usage:
    """Return the input and output of Gemini's `usageMetadata`, or of its dump in snake case.

    The thoughts are separate from the candidates, except where the total shows that they are
    included.
    """
    prompt = add(
        first(usage, "promptTokenCount", "prompt_token_count"),
        first(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count"),
    )
    candidates = first(usage, "candidatesTokenCount", "candidates_token_count")
    thoughts = first(usage, "thoughtsTokenCount", "thoughts_token_count")
    total = whole(first(usage, "totalTokenCount", "total_token_count"))
    if thoughts is not None and candidates is not None:
        without = add(prompt, candidates)
        if type(total) is int and type(without) is int and without == total:
            return Usage(prompt, candidates)
    return with_surplus(prompt, add(candidates, thoughts), total)


def with_cache(prompt: object, *cache: object, is_beside: bool) -> object:
    """Return all input of a report whose cache counts lie beside the input, or are parts of it.

    Parts that exceed their whole lie beside it, whatever the report says.
    """
    parts, prompt = add(*cache), whole(prompt)
    is_more = (
        type(parts) is int
        and type(prompt) is int
        and parts > prompt
        and wrong_count("", parts) is None
        and wrong_count("", prompt) is None
    )
    return add(prompt, *cache) if is_beside or is_more else prompt


def are_parts(whole: int, *parts: object) -> bool:
    """Return whether numbers can be parts of another one: they are no more together."""
    left = whole
    for each in parts:
        if each is not None:
            if type(each) is not int:
                return False
            left -= each
    return left >= 0


def is_claude(*names: object) -> bool:
    """Return whether one of several names of a model or a provider is Anthropic's."""
    return any(
        "claude" in name.lower() or "anthropic" in name.lower()
        for name in names
        if type(name) is str
    )
