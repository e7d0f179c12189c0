"""Whether a document that no reader takes still shows usage: a model and counts of tokens.

Only names and the types of values are looked at. Texts are not searched, so that a prompt that
talks about tokens is no usage.
"""

from __future__ import annotations

import re
from typing import Any

#: Real documents nest usage less deeply, and within fewer values.
MAX_DEPTH = 10
MAX_VALUES = 2_000

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MAX_NAME = 128
_TOKENS = {"token", "tokens"}
_KINDS = {"prompt", "input", "output", "completion", "generated", "total", "usage", "used"}
#: Names of settings and quotas, which say what a request may use.
_LIMITS = {"max", "min", "limit", "limits", "budget", "remaining", "quota", "per", "reset"}
_MODEL_ENDS = {"model", "name", "id"}
#: What holds a conversation: its contents are whatever people write.
_CONVERSATION = {"messages", "message", "contents", "content", "prompt", "choices", "arguments"}
_OTLP_VALUES = ("intValue", "stringValue", "doubleValue")
_DIGITS = re.compile(r"[0-9]{1,18}")


def holds_usage(document: object) -> bool:
    """Return whether a document has both a model and a positive count of tokens in it."""
    has_model = has_count = False
    waiting: list[tuple[object, int]] = [(document, 0)]
    left = MAX_VALUES
    while waiting:
        node, depth = waiting.pop()
        for name, value in _members(node):
            left -= 1
            if left < 0:
                return False
            if isinstance(value, dict | list):
                if depth < MAX_DEPTH and name.lower() not in _CONVERSATION:
                    waiting.append((value, depth + 1))
                continue
            has_model = has_model or _is_model(name, value)
            has_count = has_count or _is_count(name, value)
            if has_model and has_count:
                return True
    return False


def _members(node: object) -> list[tuple[str, Any]]:
    """Return names and values of an object or array; an attribute of OTLP is under its key."""
    if isinstance(node, list):
        return [("", item) for item in node[: MAX_VALUES + 1]]
    if not isinstance(node, dict):
        return []
    key, value = node.get("key"), node.get("value")
    if isinstance(key, str) and isinstance(value, dict):
        return [(key, value[kind]) for kind in _OTLP_VALUES if kind in value]
    return list(node.items())


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name[:_MAX_NAME])]


def _is_model(name: str, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    words = _words(name)
    return "model" in words and words[-1] in _MODEL_ENDS


def _is_count(name: str, value: object) -> bool:
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value) else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return False
    words = set(_words(name))
    return bool(words & _TOKENS and words & _KINDS and not words & _LIMITS)
