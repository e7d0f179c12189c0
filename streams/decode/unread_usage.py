"""Whether a document that no reader takes still shows usage: a model and counts of tokens.

Only names and the types of values are looked at. Texts are not searched, so that a prompt that
talks about tokens is no usage; one that is JSON is looked into where its name says that it holds
usage, an answer or a log line: at the names in it, without what a conversation is in.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from streams.decode.event import MAX_ROW_TOKENS, Skipped
from streams.decode.formats.raw_usage import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.decode.event import SkipReason

#: Real documents nest usage less deeply, and within fewer values.
MAX_DEPTH = 10
MAX_VALUES = 2_000
#: A text that holds usage as JSON is no longer.
MAX_TEXT = 65_536
MAX_NAME = 128

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_TOKENS = frozenset(("token", "tokens", "tok", "toks"))
_USAGE = _TOKENS | {"usage"}
_SIDES = frozenset(("prompt", "input", "output", "completion"))
_KINDS = _SIDES | frozenset(
    (
        *("total", "usage", "used", "count", "counts", "num", "number", "in", "out", "generated"),
        *("generation", "predicted", "evaluated", "processed", "consumed", "billed", "sent"),
        *("received", "request", "response", "embedding", "embeddings", "candidates"),
    )
)
#: Names of settings, quotas, prices, speeds and secrets: none says what a request used.
_OTHERS = frozenset(
    (
        *("max", "min", "maximum", "minimum", "limit", "limits", "ratelimit", "budget", "quota"),
        *("remaining", "reset", "threshold", "capacity", "allowed", "target", "truncate", "chunk"),
        *("window", "rate", "per", "speed", "throughput", "cost", "costs", "price", "prices"),
        *("pricing", "credit", "credits", "fee", "spend", "saved", "training", "trained"),
        *("time", "latency", "duration", "ms", "second", "seconds", "ttl", "age", "lifetime"),
        *("expires", "expiry", "expiration", "refresh", "access", "auth", "csrf", "xsrf", "bearer"),
        *("jwt", "oauth", "id", "ids", "index", "position", "offset", "type", "stop", "special"),
        *("logprob", "logprobs", "vocab", "cpu", "gpu", "memory", "disk", "network", "byte"),
        "bytes",
    )
)
_MODEL_ENDS = frozenset(("model", "name", "id", "version"))
#: A model of a phone, for example.
_OTHER_MODELS = frozenset(("device", "hw", "hardware", "host", "vehicle", "printer"))
#: What an access log writes where there is none.
_NO_MODEL = frozenset(("", "-", "none", "null", "unknown", "unspecified"))
#: What holds a conversation: its contents are whatever people write.
_CONVERSATION = frozenset(
    (
        *("messages", "message", "contents", "content", "prompt", "choices", "arguments"),
        *("history", "tools", "functions", "tool_calls", "parts", "documents"),
    )
)
#: Last words of names of what a model answered, which may hold its usage as well.
_ANSWERS = frozenset(("response", "output", "result", "completion"))
#: What holds a log line or a document as a text, at the top.
_LINES = frozenset(("message", "log", "body", "payload", "msg", "line", "data", "event"))
#: Reasons of those of whose usage a reader found none, without knowing that there is none.
_ORDINARY = frozenset(("no_usage", "no_llm"))
UNREAD_USAGE: Final = Skipped("unread_usage")
#: How a text begins that may be an object.
_BEGINS = ("{", " ", "\n")
_OTLP_VALUES = ("stringValue", "intValue", "doubleValue")

#: Names that may be shown: those of libraries, services and fields. Long numbers are of people.
_SHOWABLE = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@./:-]{0,63}")
_IDENTIFYING = re.compile(r"[0-9]{5}|[0-9a-fA-F]{12}")
#: Writers of unread usage that are counted apart; the further ones of a format together.
MAX_SOURCES = 32
#: In the place of a name that may not be shown, and of all beyond the bound.
OTHER = "other"


class _Name(NamedTuple):
    """What a name says. `is_side` is a count only inside of `holds_usage`."""

    is_model: bool = False
    is_model_end: bool = False
    is_count: bool = False
    is_side: bool = False
    holds_model: bool = False
    holds_usage: bool = False
    holds_answer: bool = False
    is_other: bool = False
    is_conversation: bool = False


class Evidence(NamedTuple):
    """Names at the top of a document under which its model and its counts are, "" for none yet."""

    of_model: str = ""
    of_count: str = ""

    @property
    def is_whole(self) -> bool:
        """Return whether both have been found."""
        return bool(self.of_model and self.of_count)

    @property
    def keys(self) -> str:
        """Return both, without what may not be shown."""
        return ",".join(sorted({shown(self.of_model), shown(self.of_count)}))


class _Open(NamedTuple):
    """An object or array that is still to be looked into."""

    held: object
    top: str
    depth: int
    inside: _Name


def holds_usage(document: object) -> bool:
    """Return whether a document has both a model and a positive count of tokens in it."""
    return evidence(document) is not None


def evidence(document: object) -> Evidence | None:
    """Return where a document has both a model and a positive count of tokens, None if nowhere."""
    found = Evidence()
    waiting = deque([_Open(document, "", 0, _Name())])
    left = MAX_VALUES
    while waiting:
        node = waiting.popleft()
        for name, value in _members(node.held):
            left -= 1
            if left < 0:
                return None
            says = _says(name) if len(name) <= MAX_NAME else _Name()
            top = node.top or name or "[]"
            held = _held(name, value, says, node)
            if isinstance(held, dict | list):
                inside = _inner(node, says, held) if held is value else says
                if inside is not None:
                    waiting.append(_Open(held, top, node.depth + 1, inside))
            found = _noted(found, node, top, says, held)
            if found.is_whole:
                return found
    return None


def _noted(found: Evidence, node: _Open, top: str, says: _Name, value: object) -> Evidence:
    """Return what is found with one more value."""
    if isinstance(value, dict | list):
        is_model = says.holds_model and _is_by_name(value)
    else:
        is_model = _is_model(node.inside, says, value)
    if is_model and not found.of_model:
        return found._replace(of_model=top)
    if not found.of_count and _is_count(node.inside, says, value):
        return found._replace(of_count=top)
    return found


def unread(document: object, reason: SkipReason, source: str = "") -> Skipped:
    """Return why a document is skipped for which no reader found usage: for that, or as unread.

    `source` is who wrote it, where it says so; otherwise its keys tell.
    """
    found = evidence(document)
    if found is None:
        return Skipped(reason)
    return Skipped("unread_usage", source=shown(source) if source else found.keys)


def is_ordinary(skipped: Skipped) -> bool:
    """Return whether a document seems ordinary, so that it is worth a look for unread usage."""
    return skipped.reason in _ORDINARY and not skipped.is_final


def may_count(name: str) -> bool:
    """Return whether a name may be that of a count, or hold one."""
    if len(name) > MAX_NAME:
        return False
    says = _says(name)
    return says.is_count or says.holds_usage or says.holds_answer


def shown(name: str) -> str:
    """Return a name that may be a label, `OTHER` for one that may identify somebody."""
    if _SHOWABLE.fullmatch(name) and not _IDENTIFYING.search(name):
        return name
    return OTHER


def _members(node: object) -> Iterator[tuple[str, Any]]:
    """Yield names and values of an object or array; an attribute of OTLP is under its key."""
    if isinstance(node, list):
        for item in islice(node, MAX_VALUES + 1):
            pair = _attribute(item)
            if pair is None:
                yield "", item
            else:
                yield pair
    elif isinstance(node, dict):
        yield from islice(node.items(), MAX_VALUES + 1)


def _attribute(item: object) -> tuple[str, object] | None:
    if not isinstance(item, dict) or not isinstance(item.get("key"), str):
        return None
    value = item.get("value")
    if not isinstance(value, dict):
        return None
    return item["key"], next((value[kind] for kind in _OTLP_VALUES if kind in value), value)


@lru_cache(maxsize=8192)
def _says(name: str) -> _Name:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return _Name()
    found = frozenset(words)
    is_other = not found.isdisjoint(_OTHERS)
    has_tokens = not found.isdisjoint(_TOKENS)
    has_kind = not found.isdisjoint(_KINDS) or found == {"tokens"}
    has_sides = not found.isdisjoint(_SIDES)
    is_count = (has_tokens and has_kind) or (has_sides and "usage" in found)
    last = words[-1]
    return _Name(
        is_model="model" in found and last in _MODEL_ENDS and found.isdisjoint(_OTHER_MODELS),
        is_model_end=last in _MODEL_ENDS and len(words) == 1,
        is_count=(is_count and not is_other) or {"prompt", "eval", "count"} == found,
        is_side=found <= _KINDS | _TOKENS and not is_other,
        holds_model=last in {"model", "models"} or found >= {"model", "usage"},
        holds_usage=not found.isdisjoint(_USAGE) and not is_other,
        holds_answer=last in _ANSWERS,
        is_other=is_other and last not in {"id", "ids", "type"},
        is_conversation=name.lower() in _CONVERSATION,
    )


def _inner(node: _Open, says: _Name, value: dict[str, Any] | list[Any]) -> _Name | None:
    """Return what a container's place says of its members; None for one that is not looked into."""
    if node.depth >= MAX_DEPTH or not value or says.is_other:
        return None
    if says.is_conversation and not node.inside.holds_usage:
        return None
    holds_usage = says.holds_usage or (node.inside.holds_usage and not says.is_other)
    # Items of an array, and attributes, are where the array is.
    holds_model = says.holds_model or (says == _Name() and node.inside.holds_model)
    return _Name(holds_usage=holds_usage, holds_model=holds_model)


def _is_by_name(value: Mapping[str, Any] | list[Any]) -> bool:
    """Return whether an object has an object under each name: the names are those of models."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(each, dict) for each in islice(value.values(), MAX_VALUES))
    )


def _is_model(inside: _Name, says: _Name, value: object) -> bool:
    if not (says.is_model or (inside.holds_model and says.is_model_end)):
        return False
    return isinstance(value, str) and value.strip().lower() not in _NO_MODEL


def _is_count(inside: _Name, says: _Name, value: object) -> bool:
    if not (says.is_count or (inside.holds_usage and says.is_side)):
        return False
    number = whole(value)
    return type(number) is int and 0 < number <= MAX_ROW_TOKENS


def _held(name: str, value: object, says: _Name, node: _Open) -> object:
    """Return a value, or the object in a text whose name says that there may be one."""
    if not isinstance(value, str) or value[:1] not in _BEGINS:
        return value
    is_line = node.depth == 0 and name.lower() in _LINES
    if not (says.holds_usage or says.holds_answer or is_line) or node.depth >= MAX_DEPTH:
        return value
    if not 2 < len(value) <= MAX_TEXT or not value.lstrip().startswith("{"):
        return value
    try:
        found = orjson.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, dict) else value
