"""LiteLLM: StandardLoggingPayload, as its generic API, SQS and Pub/Sub loggers write it; SpendLogs.

Sources: BerriAI/litellm, litellm/types/utils.py (StandardLoggingPayload), litellm/proxy/_types.py
(SpendLogsPayload) and litellm/integrations/generic_api/generic_api_callback.py.
Token counts are normalised there: cached tokens are inside the input, and nothing is added to them.

The price is `response_cost`, in SpendLogs `spend`: dollars, with discounts and margins. Where no
price is known LiteLLM writes a zero and says so beside it (`_price`). The price map, the breakdown
and `saved_cache_cost` do not decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypedDict, get_type_hints

import msgspec  # noqa: TC002 - `get_type_hints` evaluates the annotations

from streams.decode.event import Rejected, Skipped
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.markers import BEFORE_LITELLM, Never
from streams.decode.formats.model_name import is_opaque
from streams.decode.formats.native import is_cloud
from streams.decode.formats.otlp_names import READING_CALLS
from streams.decode.formats.provider_details import Parts, either, parts_of
from streams.decode.formats.provider_usage import usage_of
from streams.decode.formats.raw_usage import (
    Found,
    Item,
    SharedId,
    first,
    first_text,
    is_nothing,
    part,
    whole,
    wrong_count,
)
from streams.decode.money import is_zero
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "litellm"

#: What LiteLLM logs instead of a text that is not to be logged.
REDACTED = "redacted-by-litellm"

#: Calls that are not answered by a model.
_OTHER_CALLS = ("call_mcp_tool", "acall_mcp_tool", "list_mcp_tools")
#: Words in the names of calls that manage what other calls made: files, batches, stored responses.
#: They are no requests, though the one that sees a batch finished logs the tokens of all of it.
_MANAGING = ("batch", "file", "retrieve", "list", "delete", "cancel", "fine_tuning", "count_tokens")
#: LiteLLM appends it to a batch's id in SpendLogs.
_BATCH_COST = "_batch_cost"
#: SpendLogs has strings instead of true, false and null, and all of them are truthy in Python.
_IS_HIT = (True, "True", "true")

#: The requester, from the largest unit to the smallest: a team's name may change, its id does not.
_TENANTS = (
    "user_api_key_team_id",
    "user_api_key_team_alias",
    "user_api_key_org_id",
    "user_api_key_user_id",
    "user_api_key_alias",
)


#: A region of AWS in the name of a model, or in its ARN.
_REGION = re.compile(r"(?:^|[/:])([a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2})(?=[/:]|$)")
_OPENROUTER = "openrouter"


class _HiddenParams(TypedDict, total=False):
    litellm_model_name: Any
    api_base: Any
    response_cost: Any
    usage_object: Any


class _Requester(TypedDict, total=False):
    language: Any


class _ModelMap(TypedDict, total=False):
    model_map_key: Any


class _LoggedModelMap(_ModelMap, total=False):
    model_map_value: Any


class _Metadata(TypedDict, total=False):
    user_api_key_team_id: Any
    user_api_key_team_alias: Any
    user_api_key_org_id: Any
    user_api_key_user_id: Any
    user_api_key_alias: Any
    language: Any
    requester_metadata: _Requester | None
    spend_logs_metadata: _Requester | None
    model_map_information: _LoggedModelMap | None
    status: Any
    usage_object: Any
    additional_usage_values: Any
    cost_breakdown: Any


class _Response(TypedDict, total=False):
    background: Any
    model: Any
    usage: Any
    provider: Any


class _Fields(TypedDict, total=False):
    id: Any
    litellm_call_id: Any
    request_id: Any
    call_type: Any
    status: Any
    cache_hit: Any
    startTime: Any
    spend: Any
    prompt_tokens: Any
    completion_tokens: Any
    total_tokens: Any
    usage: msgspec.Raw
    model: Any
    model_group: Any
    team_id: Any
    user: Any
    metadata: _Metadata | str | None
    hidden_params: _HiddenParams | None
    model_map_information: _ModelMap | None
    response: _Response | str | None
    response_cost: Any
    response_cost_failure_debug_info: Any
    zero_cost_diagnostic: Any
    cost_breakdown: Any
    custom_llm_provider: Any
    api_base: Any


_fields = {**get_type_hints(_Fields), **dict.fromkeys(BEFORE_LITELLM, Never)}

#: The fields that the typed decoder decodes: those that `read` uses, out of several kilobytes.
Fields: Any = TypedDict("Fields", _fields, total=False)  # type: ignore[misc]
#: Likewise, with the prompt.
FieldsWithText: Any = TypedDict("FieldsWithText", _fields | {"messages": Any}, total=False)  # type: ignore[misc]


def is_litellm(document: Mapping[str, Any]) -> bool:
    """Return whether a document is LiteLLM's."""
    return "call_type" in document and "startTime" in document


def read(document: Mapping[str, Any]) -> Item:
    """Return the result for a payload; `document` may be the whole of it or its `Fields`."""
    if document.get("call_type") in _OTHER_CALLS:
        return Skipped("not_a_request", is_final=True)
    if document.get("cache_hit") in _IS_HIT:
        return Skipped("cache_hit")
    if _is_unanswered(document):
        return Skipped("no_usage", is_final=True)
    if _repeats(document):
        return Skipped("not_a_request", is_final=True)
    prompt, completion = document.get("prompt_tokens"), document.get("completion_tokens")
    response = document.get("response")
    if is_nothing(prompt, completion):
        total = whole(document.get("total_tokens"))
        if type(total) is int and total > 0 and wrong_count("", total) is None:
            # The responses API loses the split on the way (LiteLLM issue 33688).
            split = usage_of(part(response, "usage"))
            prompt, completion = split if split != (None, None) else (total, None)
        elif _is_stringified(document):
            return Rejected(
                "wrong_type",
                "every value is a text: LiteLLM's generic_api_use_v1 is on, switch it off",
            )
    if is_nothing(prompt, completion) and _is_managing(document.get("call_type")):
        return Skipped("not_a_request", is_final=True)
    # SpendLogs has it as a text.
    metadata = parsed(document.get("metadata"))
    parts = _parts(document, metadata)
    return Found(
        model=_model(document),
        prompt=prompt,
        completion=completion,
        ts=document.get("startTime"),
        language=_language(metadata),
        tenant=_tenant(document, metadata),
        id=_id(document),
        text=prompt_of(document.get("messages")),
        failed=document.get("status") == "failure",
        cached=parts.cached,
        reasoning=parts.reasoning,
        cost=_price(document, metadata),
        provider=_served_by(document, metadata),
    )


def _parts(document: Mapping[str, Any], metadata: object) -> Parts:
    """Return the parts of the counts, from the usage object that LiteLLM keeps beside them."""
    found = parts_of(part(metadata, "usage_object"))
    if None not in found:
        return found
    return either(
        found,
        parts_of(part(document.get("hidden_params"), "usage_object")),
        parts_of(part(document.get("response"), "usage")),
        parts_of(part(metadata, "additional_usage_values")),
    )


def _price(document: Mapping[str, Any], metadata: object) -> object:
    """Return the price in dollars; of a zero, None where it stands for a price that is not known.

    Of a model without prices LiteLLM computes none and writes 0: a payload then has no price in its
    hidden parameters, or a diagnosis; a row of SpendLogs has no breakdown, and an older one, which
    could have none, no entry of the price map. Nor is a failure known to be free.
    """
    cost = first(document, "response_cost", "spend")
    if not is_zero(cost):
        return cost
    is_failure = document.get("status") == "failure" or part(metadata, "status") == "failure"
    if is_failure or first(document, "response_cost_failure_debug_info", "zero_cost_diagnostic"):
        return None
    hidden = document.get("hidden_params")
    if type(hidden) is dict:
        return None if "response_cost" in hidden and hidden["response_cost"] is None else cost
    if type(metadata) is not dict:
        return cost
    if "cost_breakdown" in metadata:
        return None if metadata["cost_breakdown"] is None else cost
    listed = metadata.get("model_map_information")
    is_listed = type(listed) is not dict or listed.get("model_map_value", listed) is not None
    return cost if is_listed else None


def _served_by(document: Mapping[str, Any], metadata: object) -> str | None:
    """Return the provider with the host of its endpoint, or the region that the record names.

    Of OpenRouter's requests the answer names who is behind it.
    """
    name = document.get("custom_llm_provider")
    response, hidden = document.get("response"), document.get("hidden_params")
    if name == _OPENROUTER:
        behind = first_text(part(parsed(response), "provider"))
        if behind is not None:
            return served_by(behind)
    place = first_text(document.get("api_base"), part(hidden, "api_base"))
    if place is None and (not name or is_cloud(name)):
        place = _region(document, metadata)
    return served_by(name, place)


def _region(document: Mapping[str, Any], metadata: object) -> str | None:
    """Return the region of a cloud: Vertex AI's in the breakdown, Bedrock's in a model's name."""
    location = first_text(
        part(document.get("cost_breakdown"), "vertex_location"),
        part(metadata, "cost_breakdown", "vertex_location"),
    )
    if location is not None:
        return location
    names = (
        part(document.get("hidden_params"), "litellm_model_name"),
        document.get("model"),
        part(document.get("model_map_information"), "model_map_key"),
        part(metadata, "model_map_information", "model_map_key"),
    )
    found = (_REGION.search(name) for name in names if type(name) is str)
    return next((each[1] for each in found if each is not None), None)


def _is_stringified(document: Mapping[str, Any]) -> bool:
    return "prompt_tokens" not in document and "usage" in document


def _is_unanswered(document: Mapping[str, Any]) -> bool:
    """Return whether a row's tokens are an estimate of what a failed request would have cost.

    The provider billed nothing for it and answered nothing. A stream that broke has output, and a
    request that was billed all the same, as after a read timeout, has a price.
    """
    if "spend" not in document:
        return False
    # A connector may write a price as a text.
    if not is_nothing(document["spend"], document.get("completion_tokens")):
        return False
    status = document.get("status")
    if status is None:
        status = part(parsed(document.get("metadata")), "status")
    return bool(status == "failure")


def _is_managing(call: object) -> bool:
    return type(call) is str and any(word in call for word in _MANAGING)


def _repeats(document: Mapping[str, Any]) -> bool:
    """Return whether a call reads a response whose own call has counted its tokens.

    A response that was made in the background has no usage before it is read. A row of SpendLogs
    without its response does not say so, and a price decides nothing.
    """
    if document.get("call_type") not in READING_CALLS:
        return False
    return part(parsed(document.get("response")), "background") is not True


def _id(document: Mapping[str, Any]) -> object:
    """Return the id of a request; a batch has the same one in payloads and in SpendLogs.

    Each retrieval of a finished batch logs all of it again, under the batch's id, and each of a
    response that was made in the background under the response's.
    """
    name = first(document, "id", "request_id", "litellm_call_id")
    call = document.get("call_type")
    if type(name) is not str or type(call) is not str:
        return name
    if call.endswith("retrieve_batch"):
        return SharedId(name.removesuffix(_BATCH_COST))
    return SharedId(name) if call in READING_CALLS else name


def _model(document: Mapping[str, Any]) -> object:
    """Return the model that answered, never the alias that the gateway's users call it by.

    On an application inference profile of Bedrock most names are its ARN, which names no model;
    the base model that the deployment is configured with does.
    """
    alias, given = document.get("model_group"), document.get("model")
    response, hidden = document.get("response"), document.get("hidden_params")
    named = [
        name
        for name in (
            part(response, "model"),
            part(hidden, "litellm_model_name"),
            part(document.get("model_map_information"), "model_map_key"),
        )
        if type(name) is str and name.strip() and name != alias
    ]
    if not is_opaque(named[0] if named else given):
        return named[0] if named else given
    listed = part(parsed(document.get("metadata")), "model_map_information", "model_map_key")
    for name in (*named, listed, given):
        if type(name) is str and name.strip() and name != alias and not is_opaque(name):
            return name
    return named[0] if named else given


def _tenant(document: Mapping[str, Any], metadata: object) -> str | None:
    named = (part(metadata, name) for name in _TENANTS)
    return first_text(document.get("team_id"), *named, document.get("user"))


def _language(metadata: object) -> object:
    return first_text(
        part(metadata, "language"),
        part(metadata, "requester_metadata", "language"),
        part(metadata, "spend_logs_metadata", "language"),
    )


def prompt_of(messages: object) -> object:
    """Return the prompt in a payload's messages; None where there is none or it is not logged."""
    # Where messages are not logged, a notice replaces them or their text.
    texts = [part(each, "content") for each in messages] if type(messages) is list else [messages]
    return None if any(text == REDACTED for text in texts) else messages or None
