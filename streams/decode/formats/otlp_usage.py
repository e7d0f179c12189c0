"""What a span or a log event used: all input and all output, from attributes by many names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from streams.decode.formats import langfuse
from streams.decode.formats import otlp_names as names
from streams.decode.formats.otlp_provider import of_provider
from streams.decode.formats.provider_usage import (
    Usage,
    are_parts,
    is_claude,
    usage_of,
    with_cache,
    with_surplus,
)
from streams.decode.formats.raw_usage import add, is_same, part, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.formats.otlp_span import Source

NONE: Final = Usage(None, None)
#: A text of usage is short.
_MAX_TEXT: Final = 65_536


def first(attributes: Mapping[str, object], keys: tuple[str, ...]) -> object:
    """Return the first of several attributes that has a value."""
    for key in keys:
        value = attributes.get(key)
        if value is not None and value != "":
            return value
    return None


def _count(attributes: Mapping[str, object], keys: tuple[str, ...]) -> object:
    """Return the first of several attributes that has a value, a whole number as an integer."""
    if not keys:
        return None
    value = attributes.get(keys[0])
    # Nearly all are: a span has five of them.
    return value if type(value) is int else whole(first(attributes, keys))


def usage(attributes: Mapping[str, object], has: names.Present, source: Source) -> Usage:
    """Return the input and output of a span, absent where it has none.

    `has` are its attributes' names. Where the cache lies, its source may tell.
    """
    prompt = _count(attributes, has.prompt)
    completion = _count(attributes, has.completion)
    if prompt is None and completion is None:
        return _others(attributes, source)
    if names.AI_PROVIDER in attributes:
        said = json_object(attributes[names.AI_PROVIDER])
        own = of_provider(said, Usage(prompt, completion))
        if own is not None:
            return own
    if has.cache_read or has.cache_creation:
        prompt = _with_caches(attributes, has, source, prompt, completion)
    elif has.total and names.LANGFUSE_USAGE in attributes:
        prompt = _with_langfuses_cache(attributes, has, prompt, completion)
    if has.total or has.reasoning:
        return _with_thoughts(attributes, has, source, prompt, completion)
    return Usage(prompt, completion)


def _with_caches(
    attributes: Mapping[str, object],
    has: names.Present,
    source: Source,
    prompt: object,
    completion: object,
) -> object:
    """Return all input of a span that says what was read from a cache or written to one."""
    cache = _count(attributes, has.cache_read), _count(attributes, has.cache_creation)
    total = _count(attributes, has.total)
    beside = _is_beside(attributes, has, source)
    if not beside and _is_strands(attributes, has):
        beside = not _is_inside_strands(attributes, has, is_same(add(prompt, completion), total))
    # Most say no total, and their cache is a part of the input.
    if beside or total is not None or type(prompt) is not int or not are_parts(prompt, *cache):
        return _with_cache(prompt, completion, total, cache, is_beside=beside)
    return prompt


def _with_thoughts(
    attributes: Mapping[str, object],
    has: names.Present,
    source: Source,
    prompt: object,
    completion: object,
) -> Usage:
    """Return both counts with the output that lies beside what a span calls its output.

    Many instrumentations report Gemini's candidates without the thoughts, which only the total
    holds, or a name of their own. What exceeds its whole is no part of it.
    """
    total = _count(attributes, has.total)
    if total is not None:
        return with_surplus(prompt, completion, total)
    thoughts = _count(attributes, has.reasoning)
    if type(thoughts) is int and type(completion) is int:
        is_beside = source.thinks_beside or thoughts > completion
        return Usage(prompt, add(completion, thoughts) if is_beside else completion)
    return Usage(prompt, completion)


def _with_langfuses_cache(
    attributes: Mapping[str, object], has: names.Present, prompt: object, completion: object
) -> object:
    """Return all input where Langfuse's own attribute has a cache beside, and the total adds it."""
    details = json_object(attributes[names.LANGFUSE_USAGE])
    own = langfuse.details(details)
    is_other = not is_same(own.completion, completion)
    if is_other or is_same(own.prompt, whole(part(details, "input"))):
        return prompt
    is_total = is_same(add(own.prompt, completion), _count(attributes, has.total))
    return own.prompt if is_total else prompt


def _is_beside(attributes: Mapping[str, object], has: names.Present, source: Source) -> bool:
    if source.is_beside:
        return True
    return source.is_beside_of_claude and any(
        is_claude(attributes[name]) or _is_bedrock(attributes[name]) for name in has.provider
    )


def _is_bedrock(name: object) -> bool:
    return type(name) is str and "bedrock" in name.lower()


def _is_strands(attributes: Mapping[str, object], has: names.Present) -> bool:
    return names.STRANDS in map(attributes.get, has.provider)


def _is_inside_strands(
    attributes: Mapping[str, object], has: names.Present, is_total: bool
) -> bool:
    """Return whether the input of Strands holds the cache.

    From 1.54 on it does, and the conventions' own names are written. Before, it was the provider's
    own: beside on Bedrock and Anthropic, inside on OpenAI, where input and output are the total.
    """
    if names.CACHE_READ[0] in attributes or names.CACHE_CREATION[0] in attributes:
        return True
    return is_total and not is_claude(first(attributes, has.model))


def _with_cache(
    prompt: object,
    completion: object,
    total: object,
    cache: tuple[object, object],
    *,
    is_beside: bool,
) -> object:
    """Return all input. Parts that exceed their whole lie beside it, as does what a total adds."""
    is_added = (
        total is not None
        and type(completion) is int
        and is_same(total, add(prompt, *cache, completion))
    )
    return with_cache(prompt, *cache, is_beside=is_beside or is_added or prompt is None)


def _others(attributes: Mapping[str, object], source: Source) -> Usage:
    """Return the usage of emitters whose attributes have names of their own."""
    bare = whole(attributes.get(names.BARE_INPUT)), whole(attributes.get(names.BARE_OUTPUT))
    if bare != (None, None):
        return Usage(
            add(bare[0], *(whole(attributes.get(key)) for key in names.BARE_CACHE)), bare[1]
        )
    details = json_object(attributes.get(names.LANGFUSE_USAGE))
    if details is not None:
        return langfuse.details(details)
    details = json_object(attributes.get(names.MLFLOW_USAGE))
    if details is not None:
        beside = source.is_beside or _is_beside_mlflow(attributes)
        return _mlflow(details, is_beside=beside)
    if names.MLFLOW_ANSWER in attributes and _mlflow_kind(attributes) in names.REQUEST_KINDS:
        return usage_of(answered(attributes[names.MLFLOW_ANSWER]))
    details = json_object(attributes.get(names.BRAINTRUST_USAGE))
    if details is not None:
        return braintrust(details)
    if names.LOGFIRE_ANSWER in attributes:
        return usage_of(answered(attributes[names.LOGFIRE_ANSWER]))
    embedded = whole(attributes.get(names.EMBEDDED))
    if embedded is None and _is_embedding(attributes):
        # All of it is input.
        embedded = whole(first(attributes, names.TOTAL))
    return NONE if embedded is None else Usage(embedded, None)


def braintrust(metrics: Mapping[str, object]) -> Usage:
    """Return the usage in Braintrust's metrics, whose prompt holds the cache."""
    return Usage(
        with_cache(
            whole(metrics.get("prompt_tokens")),
            metrics.get("prompt_cached_tokens"),
            metrics.get("prompt_cache_creation_tokens"),
            is_beside=False,
        ),
        whole(metrics.get("completion_tokens")),
    )


def _is_embedding(attributes: Mapping[str, object]) -> bool:
    kind = unquoted(first(attributes, names.KIND))
    return attributes.get(names.OPERATION) in names.EMBEDDINGS or (
        type(kind) is str and kind.upper() == "EMBEDDING"
    )


def _is_beside_mlflow(attributes: Mapping[str, object]) -> bool:
    """Return whether the cache lies beside MLflow's input.

    Its Anthropic client adds the cache from 3.12 on, and says a level from 3.13 on; its Claude Code
    does not add it.
    """
    if unquoted(attributes.get(names.MLFLOW_SHAPE)) == "anthropic":
        if _mlflow_kind(attributes) == "LLM":
            return True
    elif not is_claude(attributes.get(names.MLFLOW_PROVIDER)):
        return False
    return names.MLFLOW_LEVEL not in attributes


def _mlflow_kind(attributes: Mapping[str, object]) -> object:
    kind = unquoted(attributes.get(names.MLFLOW_KIND))
    # An object cannot be looked up.
    return kind if type(kind) is str else None


class _Answer(msgspec.Struct):
    """An answer of a provider, of which all but the usage is passed over."""

    usage: dict[str, object] | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def answered(text: object) -> object:
    """Return the usage of an answer that is JSON in a text; of embeddings MLflow reads none."""
    if type(text) is dict:
        return text.get("usage")
    if type(text) is not str or '"usage"' not in text:
        return None
    try:
        return _ANSWER.decode(text).usage
    except (msgspec.DecodeError, RecursionError):
        return None


def _mlflow(details: dict[str, object], *, is_beside: bool) -> Usage:
    prompt, completion = whole(details.get("input_tokens")), whole(details.get("output_tokens"))
    if prompt is None and completion is None:
        return usage_of(details)
    cache = (
        whole(details.get("cache_read_input_tokens")),
        whole(details.get("cache_creation_input_tokens")),
    )
    total = whole(details.get("total_tokens"))
    prompt = _with_cache(prompt, completion, total, cache, is_beside=is_beside)
    return with_surplus(prompt, completion, total)


def json_object(text: object) -> dict[str, object] | None:
    """Return the object that a text holds, None where it holds none."""
    if type(text) is dict:
        return text
    if type(text) is not str or len(text) > _MAX_TEXT:
        return None
    try:
        found = orjson.loads(text)
    except ValueError:
        return None
    return found if type(found) is dict else None


def unquoted(value: object) -> object:
    """Return the text inside a JSON text, as MLflow writes texts; any other value unchanged."""
    if type(value) is str and value[:1] == '"' == value[-1:] and len(value) > 2:
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value
