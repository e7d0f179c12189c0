"""The model that answered the request of a span or log event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.decode.formats import otlp_names as names
from streams.decode.formats.otlp_usage import first, json_object, unquoted
from streams.decode.formats.raw_usage import is_same, part

#: Attributes that hold the model in JSON.
_HOLDING: Final = (names.BRAINTRUST_MODEL, names.LOGFIRE_ASKED)

if TYPE_CHECKING:
    from collections.abc import Mapping


def model_of(attributes: Mapping[str, object], has: names.Present) -> object:
    """Return the model that answered; `has` are the names of the attributes."""
    model = unquoted(first(attributes, has.model))
    if model == names.UNKNOWN_MODEL:
        named = tuple(name for name in has.model if attributes[name] != names.UNKNOWN_MODEL)
        model = unquoted(first(attributes, named)) or model
    for name in _HOLDING if model is None else ():
        if name in attributes:
            model = part(json_object(attributes[name]), "model")
            break
    if names.LITELLM_MODEL in attributes or names.LITELLM_HIDDEN in attributes:
        return _routed(attributes, model)
    return model


def _routed(attributes: Mapping[str, object], model: object) -> object:
    """Return the model that LiteLLM has sent a request to, if the answer names only an alias.

    A proxy writes the name that was asked for into its answers.
    """
    routed, alias = attributes.get(names.LITELLM_MODEL), attributes.get(names.LITELLM_ALIAS)
    if not routed:
        hidden = json_object(attributes.get(names.LITELLM_HIDDEN)) or {}
        headers = hidden.get("additional_headers")
        routed = hidden.get("litellm_model_name")
        alias = headers.get("x-litellm-model-group") if type(headers) is dict else None
    asked = attributes.get(names.ASKED_MODEL)
    is_alias = model is None or is_same(model, alias) or is_same(model, asked)
    return routed if is_alias and type(routed) is str and routed else model
