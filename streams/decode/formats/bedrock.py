"""Amazon Bedrock: its model invocation log.

Source: Amazon Bedrock's user guide, model invocation logging. Cache counts are separate from the
input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.formats.raw_usage import Found, Item, add, first_text, part

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "bedrock"


def is_bedrock(document: Mapping[str, Any]) -> bool:
    """Return whether a document is from Bedrock's model invocation log."""
    return document.get("schemaType") == "ModelInvocationLog"


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a line of the invocation log.

    The ARN of an inference profile may hide the model; the catalogue then does not know it.
    """
    given = document.get("input")
    return Found(
        model=document.get("modelId"),
        prompt=add(
            part(given, "inputTokenCount"),
            part(given, "cacheReadInputTokenCount"),
            part(given, "cacheWriteInputTokenCount"),
        ),
        completion=part(document, "output", "outputTokenCount"),
        ts=document.get("timestamp"),
        tenant=first_text(
            part(document, "requestMetadata", "tenant"),
            part(document, "requestMetadata", "team"),
            part(document, "identity", "arn"),
        ),
        id=document.get("requestId"),
        text=part(given, "inputBodyJson"),
    )
