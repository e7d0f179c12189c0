"""Response bodies of providers: OpenAI, Anthropic, Gemini, Bedrock Converse, Ollama, xAI, Voyage.

Sources: the providers' API references; for the differences between them see
`streams/decode/formats/provider_usage.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats import provider_details
from streams.decode.formats.native import is_native, model_of, price_of, served, time_of
from streams.decode.formats.provider_details import parts_of
from streams.decode.formats.provider_usage import Usage, gemini, usage_of
from streams.decode.formats.raw_usage import Found, Item, first, first_text, part
from streams.decode.money import is_zero

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME, GEMINI, OLLAMA = "provider", "gemini", "ollama"
NAMES = (NAME, GEMINI, OLLAMA)

#: Events of Anthropic's streams: input and output are in different ones.
ANTHROPIC_EVENTS = (
    *("message_start", "message_delta", "message_stop", "ping"),
    *("content_block_start", "content_block_delta", "content_block_stop"),
)
#: The `object` values of OpenAI's responses and chunks.
_OBJECTS = ("chat.completion", "chat.completion.chunk", "text_completion", "response")
#: Of those, the whole responses.
_WHOLE = ("chat.completion", "response")
#: Counts in the dump of a Gemini response by Google's SDK for Python.
_GEMINI_DUMPED = ("prompt_token_count", "candidates_token_count", "total_token_count")
#: What the items of a response hold whose model writes nothing.
_READ_ONLY = ("embedding", "relevance_score", "score")
#: Stream events of OpenAI's responses API that hold the whole response, with its usage, and the
#: realtime API's.
_LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed", "response.done")
#: What Vercel's gateway adds: to chats and messages, and to responses and embeddings.
_VERCEL = ("provider_metadata", "providerMetadata")


def is_gemini(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response of Gemini's own API, or Google's SDK's dump of one.

    The dump is in snake case, and has no counts beside its `usage_metadata`.
    """
    return "usageMetadata" in document or (
        type(document.get("usage_metadata")) is dict
        and "prompt_tokens" not in document
        and not document["usage_metadata"].keys().isdisjoint(_GEMINI_DUMPED)
    )


def read_gemini(document: Mapping[str, Any]) -> Item:
    """Return the result for a response; chunks of a stream repeat the usage so far."""
    usage = first(document, "usageMetadata", "usage_metadata")
    if type(usage) is not dict:
        return Skipped("no_usage")
    if _is_unfinished(document.get("candidates"), "finishReason", "finish_reason"):
        return Skipped("stream_chunk")
    return Found(
        first(document, "modelVersion", "model_version", "model"),
        *gemini(usage),
        ts=first(document, "createTime", "create_time"),
        id=first(document, "responseId", "response_id"),
        **parts_of(usage)._asdict(),
    )


def _is_unfinished(choices: object, *reasons: str) -> bool:
    """Return whether there are choices and none of them is finished."""
    return (
        type(choices) is list
        and bool(choices)
        and not any(type(each) is dict and first(each, *reasons) for each in choices)
    )


def _is_empty(choices: object) -> bool:
    """Return whether no choice adds anything: LiteLLM's last chunk, which has the usage.

    OpenRouter's repeats the role. Elsewhere a role alone begins a stream, with the usage so far.
    """
    return type(choices) is list and all(map(_adds_nothing, choices))


def _adds_nothing(choice: object) -> bool:
    delta = part(choice, "delta")
    if type(delta) is not dict:
        return False
    is_openrouter = type(choice) is dict and "native_finish_reason" in choice
    return not any(value for name, value in delta.items() if not (is_openrouter and name == "role"))


def is_ollama(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response of Ollama's own API: of its embeddings as well."""
    if "done" in document:
        return "eval_count" in document or "prompt_eval_count" in document
    return "prompt_eval_count" in document and not is_native(document)


def read_ollama(document: Mapping[str, Any]) -> Item:
    """Return the result for a response; of a stream only the last chunk has counts.

    Embeddings are no stream, and have no output.
    """
    if document.get("done", True) is not True:
        return Skipped("stream_chunk")
    return Found(
        document.get("model"),
        # A cached prompt is not counted again, and its field is left out.
        document.get("prompt_eval_count"),
        document.get("eval_count"),
        ts=first(document, "created_at") or time_of(document),
        cached=document.get("prompt_eval_cached_count"),
    )


def is_provider(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response with a usage object."""
    return type(document.get("usage")) is dict


def is_whole(document: object) -> bool:
    """Return whether a document is a whole response, so that none of the same id repeats it.

    Ids of some servers start again: Ollama's have three digits.
    """
    return isinstance(document, dict) and document.get("object") in _WHOLE


def is_piece(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response without usage, or a chunk of a streamed one."""
    kind = document.get("type")
    return (
        (type(kind) is str and (kind in ANTHROPIC_EVENTS or kind.startswith("response.")))
        or type(document.get("choices")) is list
        or document.get("object") in _OBJECTS
        or ("done" in document and "created_at" in document)
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a response of OpenAI, Anthropic, Bedrock or a compatible API.

    A flat record of somebody's own with a usage object has the names of flat records.
    """
    kind = document.get("type")
    if document.get("done") is False:
        return Skipped("stream_chunk")
    if type(kind) is str:
        # One that names a model as well is somebody's own record.
        is_own = "model" in document and is_provider(document)
        if kind in ANTHROPIC_EVENTS and not is_own:
            return Skipped("stream_chunk")
        if kind.startswith("response."):
            inner = document.get("response")
            if kind not in _LAST_EVENTS or type(inner) is not dict:
                return Skipped("stream_chunk")
            document = inner
    object_ = document.get("object")
    is_chunk = type(object_) is str and object_.endswith(".chunk")
    # Some servers repeat the usage so far in every chunk (vLLM's continuous_usage_stats).
    choices = document.get("choices")
    if is_chunk and _is_unfinished(choices, "finish_reason") and not _is_empty(choices):
        return Skipped("stream_chunk")
    usage = _usage(document)
    found = usage_of(usage, is_response=object_ == "response")
    if found == (None, None) and type(usage) is dict and _is_read_only(document):
        found = Usage(usage.get("total_tokens"), None)
    if found == (None, None):
        return Skipped("stream_chunk" if is_chunk else "no_usage")
    return Found(
        model_of(document),
        *found,
        ts=time_of(document),
        tenant=first_text(document.get("user")),
        id=document.get("id"),
        **parts_of(usage)._asdict(),
        cost=_price(document, usage),
        provider=_served(document),
    )


def _price(document: Mapping[str, Any], usage: object) -> object:
    """Return the price in an answer's usage, or in a record of somebody's own around it."""
    price = provider_details.price_of(usage)
    # A charge of nothing in the usage is no price where Vercel's gateway says that of the market.
    if price is None or is_zero(price):
        beside = provider_details.vercel_price(_vercel(document))
        price = price if beside is None else beside
    return price_of(document) if price is None else price


def _served(document: Mapping[str, Any]) -> object:
    """Return who served: a router's answer names who is behind it."""
    behind = provider_details.vercel_provider(_vercel(document))
    return served(document) if behind is None else behind


def _vercel(document: Mapping[str, Any]) -> object:
    """Return what Vercel's gateway adds to an answer, or to the last piece of a stream.

    An answer without choices has it at the top, in one spelling or the other.
    """
    choices = document.get("choices")
    places: list[object] = [document]
    if type(choices) is list:
        places += (part(choice, name) for choice in choices for name in ("message", "delta"))
    found = (part(place, name, "gateway") for place in places for name in _VERCEL)
    return next((each for each in found if each is not None), None)


def _usage(document: Mapping[str, Any]) -> object:
    """Return a response's usage: the last chunk of a stream may have it in another place.

    Moonshot puts it into the choice that ends, Groq under `x_groq`.
    """
    usage = document.get("usage")
    if type(usage) is dict:
        return usage
    choices = document.get("choices")
    places = [part(document, "x_groq", "usage")]
    if type(choices) is list:
        places += (part(choice, "usage") for choice in choices)
    return next((each for each in places if type(each) is dict), None)


def _is_read_only(document: Mapping[str, Any]) -> bool:
    """Return whether a response is of a model that writes nothing: embeddings, or a ranking.

    Its total is all input. Voyage, Jina and Nomic report no other count.
    """
    if "embeddings" in document or "embedding" in document:
        return True
    for name in ("data", "results"):
        items = document.get(name)
        if type(items) is list and items:
            return type(items[0]) is dict and not items[0].keys().isdisjoint(_READ_ONLY)
    return False
