"""What providers and clouds write beside requests: errors, lists of models, exported metrics.

Sources: the providers' API references (errors, models); Azure Monitor, platform metrics by a
diagnostic setting; Amazon CloudWatch, metric streams. Metrics repeat the requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.decode.event import Skipped
from streams.decode.formats.envelopes import shipped
from streams.decode.unread_usage import unread

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is beside the error in an error's body.
_BESIDE_ERRORS = frozenset(
    (
        *("error", "type", "request_id", "requestId", "status", "status_code", "code", "message"),
        *("object", "param", "detail", "details", "success", "timestamp", "user_id"),
    )
)
#: What a model in a list has, where it does not say that it is one.
_OF_MODELS = frozenset(
    (
        *("context_length", "pricing", "owned_by", "digest", "supportedGenerationMethods"),
        *("endpoints", "model_info", "inputTokenLimit"),
    )
)
#: Fields of exported metrics.
_METRICS = ({"metricName", "timeGrain"}, {"metric_stream_name", "metric_name"})


def is_no_answer(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an error of a provider, or a list of models."""
    if _is_list_of_models(document):
        return True
    # A log shipper's document may have an error beside what it ships.
    if any(True for _ in shipped(document)):
        return False
    return _is_error(document) or _is_model(document) or _has_models(document)


def _is_error(document: Mapping[str, Any]) -> bool:
    if document.get("object") == "error":
        return "message" in document
    if type(document.get("error")) not in {dict, str}:
        return False
    return document.get("type") == "error" or document.keys() <= _BESIDE_ERRORS


def _is_list_of_models(document: Mapping[str, Any]) -> bool:
    listed = document.get("data")
    if type(listed) is not list or "usage" in document:
        return False
    return all(map(_is_model, listed)) and (bool(listed) or document.get("object") == "list")


def _has_models(document: Mapping[str, Any]) -> bool:
    models = document.get("models")
    return type(models) is list and all(type(each) is dict and "name" in each for each in models)


def _is_model(found: object) -> bool:
    if type(found) is not dict:
        return False
    if "model" in (found.get("object"), found.get("type")):
        return "id" in found
    return ("id" in found or "model_name" in found) and not found.keys().isdisjoint(_OF_MODELS)


def read_no_answer(document: Mapping[str, Any]) -> Skipped:
    """Return why there is nothing to count: it is no request. Usage in it is not passed over."""
    return unread(document, "not_a_request")


def is_metric(document: Mapping[str, Any]) -> bool:
    """Return whether a document is a metric of a cloud, which adds up what requests say."""
    return any(each <= document.keys() for each in _METRICS)


def read_metric(_document: Mapping[str, Any]) -> Skipped:
    """Return why there is nothing to count: a metric is no request."""
    return Skipped("not_a_request", is_final=True)
