"""Lines of a batch's results: one response a line, with the id that the request was given.

Sources: OpenAI's, Azure's, Mistral's and Groq's batch APIs (`response.body`), Anthropic's message
batches (`result.message`), Gemini's batch mode and Vertex AI's for partners' models (`response`),
Bedrock's batch inference (`modelOutput`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats import native, provider
from streams.decode.formats.raw_usage import Found, Item, part

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What names the request of a line.
_NAMES = ("custom_id", "recordId")
#: What holds the answer, or the reason why there is none.
_ANSWERS = ("response", "result", "modelOutput", "error")


def is_result(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a line of a batch's results."""
    if native.is_native(document) or "prompt_tokens" in document or "usage" in document:
        return False
    if any(name in document for name in _NAMES):
        return any(type(document.get(name)) is dict for name in _ANSWERS)
    # Google's lines name the request in a field of any name, or not at all, and repeat it.
    answer = document.get("response")
    if type(answer) is not dict:
        return False
    if provider.is_gemini(answer):
        return True
    # Where one failed, the answer is empty and the status says why.
    return "request" in document and (
        provider.is_provider(answer) or (not answer and type(document.get("status")) is str)
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a line; one that failed, expired or was cancelled has no usage."""
    body = _body(document)
    if body is None:
        return Skipped("no_usage")
    item = provider.read_gemini(body) if provider.is_gemini(body) else provider.read(body)
    if not isinstance(item, Found):
        return item
    return item._replace(
        id=document.get("id") if item.id is None else item.id,
        ts=document.get("processed_time") if item.ts is None else item.ts,
    )


def _body(document: Mapping[str, Any]) -> dict[str, Any] | None:
    answers = (
        part(document, "response", "body"),
        part(document, "result", "message"),
        document.get("response"),
        document.get("modelOutput"),
    )
    return next(
        (
            each
            for each in answers
            if type(each) is dict and (provider.is_provider(each) or provider.is_gemini(each))
        ),
        None,
    )
