"""Response bodies of providers: OpenAI, Anthropic, Gemini, Bedrock Converse, Ollama, xAI.

Sources: the providers' API references; for the differences between them see
`streams/decode/formats/provider_usage.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.provider_usage import gemini, usage_of
from streams.decode.formats.raw_usage import Found, Item, first, first_text

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME, GEMINI, OLLAMA = "provider", "gemini", "ollama"

#: Events of Anthropic's streams: input and output are in different ones.
_ANTHROPIC_EVENTS = (
    *("message_start", "message_delta", "message_stop", "ping"),
    *("content_block_start", "content_block_delta", "content_block_stop"),
)
#: The `object` values of OpenAI's responses and chunks.
_OBJECTS = ("chat.completion", "chat.completion.chunk", "text_completion", "response")
#: Stream events of OpenAI's responses API that hold the whole response, with its usage.
_LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")


def is_gemini(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response of Gemini's own API."""
    return "usageMetadata" in document


def read_gemini(document: Mapping[str, Any]) -> Item:
    """Return the result for a response; chunks of a stream repeat the usage so far."""
    usage = document["usageMetadata"]
    if type(usage) is not dict:
        return Skipped("no_usage")
    if _is_unfinished(document.get("candidates"), "finishReason"):
        return Skipped("stream_chunk")
    return Found(
        first(document, "modelVersion", "model"),
        *gemini(usage),
        ts=document.get("createTime"),
        id=document.get("responseId"),
    )


def _is_unfinished(choices: object, reason: str) -> bool:
    """Return whether there are choices and none of them is finished."""
    return (
        type(choices) is list
        and bool(choices)
        and not any(type(each) is dict and each.get(reason) for each in choices)
    )


def is_ollama(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response of Ollama's own API."""
    return "done" in document and ("eval_count" in document or "prompt_eval_count" in document)


def read_ollama(document: Mapping[str, Any]) -> Item:
    """Return the result for a response; only its last chunk has counts."""
    if document.get("done") is not True:
        return Skipped("stream_chunk")
    return Found(
        document.get("model"),
        # A cached prompt is not counted again, and its field is left out.
        document.get("prompt_eval_count"),
        document.get("eval_count"),
        ts=document.get("created_at"),
    )


def is_provider(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response with a usage object."""
    return type(document.get("usage")) is dict


def is_piece(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a response without usage, or a chunk of a streamed one."""
    kind = document.get("type")
    return (
        (type(kind) is str and (kind in _ANTHROPIC_EVENTS or kind.startswith("response.")))
        or type(document.get("choices")) is list
        or document.get("object") in _OBJECTS
        or ("done" in document and "created_at" in document)
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a response of OpenAI, Anthropic, Bedrock or a compatible API."""
    kind = document.get("type")
    if document.get("done") is False:
        return Skipped("stream_chunk")
    if type(kind) is str:
        if kind in _ANTHROPIC_EVENTS:
            return Skipped("stream_chunk")
        if kind.startswith("response."):
            inner = document.get("response")
            if kind not in _LAST_EVENTS or type(inner) is not dict:
                return Skipped("stream_chunk")
            document = inner
    object_ = document.get("object")
    is_chunk = type(object_) is str and object_.endswith(".chunk")
    # Some servers repeat the usage so far in every chunk (vLLM's continuous_usage_stats).
    if is_chunk and _is_unfinished(document.get("choices"), "finish_reason"):
        return Skipped("stream_chunk")
    found = usage_of(document.get("usage"), is_response=object_ == "response")
    if found == (None, None):
        return Skipped("stream_chunk" if is_chunk else "no_usage")
    return Found(
        document.get("model"),
        *found,
        ts=first(document, "created", "created_at"),
        tenant=first_text(document.get("user")),
        id=document.get("id"),
    )
