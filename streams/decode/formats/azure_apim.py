"""Azure API Management: entries of its resource logs, as a diagnostic setting sends them.

Sources: Microsoft's references of ApiManagementGatewayLlmLog and of the gateway's other logs; its
manual of LLM logs, whose queries add up the tokens of all entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.envelopes import is_of_a_resource
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.provider_usage import is_claude, with_cache, with_surplus
from streams.decode.formats.raw_usage import (
    Found,
    Item,
    first,
    first_text,
    is_nothing,
    whole,
)
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "azure_apim"

_LLM = "GatewayLlmLogs"
_GATEWAY = (_LLM, "GatewayLogs", "GatewayMCPLogs", "WebSocketConnectionLogs")
_TABLE = "ApiManagementGatewayLlmLog"
_COUNTS = ("promptTokens", "completionTokens", "totalTokens", "promptCachedTokens")


#: What every entry of a resource log has.
_COMMON = ("resourceId", "operationName", "correlationId")


def is_azure_apim(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an entry of a resource log of Azure's, of any category.

    A workspace's export has the columns of its table instead.
    """
    if "model" in document:
        return False
    if document.get("Type") == _TABLE:
        return True
    if is_of_a_resource(document) and ("category" in document or "Type" in document):
        return True
    return (
        type(document.get("category")) is str
        and type(document.get("properties")) in {dict, str}
        and (document["category"] in _GATEWAY or any(name in document for name in _COMMON))
    )


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for an entry; those of other categories are ordinary traffic."""
    is_exported = document.get("Type") == _TABLE
    if not is_exported and document.get("category") != _LLM:
        return Skipped("no_llm")
    given = (
        {name[:1].lower() + name[1:]: value for name, value in document.items()}
        if is_exported
        else parsed(document.get("properties"))
    )
    properties: Mapping[str, Any] = given if type(given) is dict else {}
    model, deployment = properties.get("modelName"), properties.get("deploymentName")
    # Anthropic's own prompt leaves the cache out, and a total may hold it.
    is_beside = is_claude(model, deployment)
    prompt, completion, total, cached = map(properties.get, _COUNTS)
    # A long request or response takes several entries, and the further ones hold only text.
    number = whole(properties.get("sequenceNumber"))
    if type(number) is int and number > 0 and is_nothing(prompt, completion):
        return Skipped("stream_chunk")
    prompt, completion = with_surplus(prompt, completion, None if is_beside else total)
    return Found(
        first_text(model, deployment),
        with_cache(prompt, cached, is_beside=is_beside),
        completion,
        ts=first(document, "time", "TimeGenerated"),
        tenant=first_text(properties.get("subscriptionId"), properties.get("apimSubscriptionId")),
        id=first(properties, "requestId", "correlationId") or document.get("correlationId"),
        text=parsed(properties.get("requestMessages")),
        failed=first_text(model, deployment) is None,
        cached=cached,
        # The region of a record is the gateway's, and no field names the endpoint behind it.
        provider=served_by("azure-ai" if is_beside else "azure-openai"),
    )
