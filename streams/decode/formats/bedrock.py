"""Amazon Bedrock: its model invocation log.

Source: Amazon Bedrock's user guide, model invocation logging. Cache counts are separate from the
input.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from streams.decode.formats.model_name import is_opaque
from streams.decode.formats.raw_usage import Found, Item, add, first_text, part
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "bedrock"

_PROVIDER = "aws-bedrock"
_ARN_REGION = re.compile(r"arn:[a-z-]+:bedrock:([a-z0-9-]+):")


def is_bedrock(document: Mapping[str, Any]) -> bool:
    """Return whether a document is from Bedrock's model invocation log."""
    return document.get("schemaType") == "ModelInvocationLog"


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a line of the invocation log.

    The ARN of an application inference profile hides the model; the catalogue then does not know
    it, unless the answer is logged as well and names its model.
    """
    given = document.get("input")
    return Found(
        model=_model(document),
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
        cached=part(given, "cacheReadInputTokenCount"),
        provider=served_by(_PROVIDER, _region(document)),
    )


def _region(document: Mapping[str, Any]) -> str | None:
    """Return the region that a request ran in: an inference profile may send it to another one."""
    named = first_text(document.get("inferenceRegion"), document.get("region"))
    if named is not None:
        return named
    given = document.get("modelId")
    found = _ARN_REGION.match(given) if type(given) is str else None
    return None if found is None else found[1]


def _model(document: Mapping[str, Any]) -> object:
    given = document.get("modelId")
    if not is_opaque(given):
        return given
    answer = part(document, "output", "outputBodyJson")
    # The events of a stream are an array, and the first one names the model.
    events = answer if type(answer) is list else [answer]
    names = (
        part(each, *path) for each in events[:2] for path in (("model",), ("message", "model"))
    )
    return first_text(*names) or given
