"""Whether a document that no reader takes still shows usage: a model and counts of tokens.

Only names and the types of values are looked at. Texts are not searched, so that a prompt that
talks about tokens is no usage; one that is JSON is looked into where its name says that it holds
usage, an answer or a log line: at the names in it, without what a conversation is in.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from streams.decode.event import MAX_ROW_TOKENS, Skipped
from streams.decode.formats.raw_usage import whole
from streams.decode.usage_names import MAX_NAME, Name, may_count, says_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.decode.event import SkipReason

#: Real documents nest usage less deeply, and within fewer values.
MAX_DEPTH = 10
MAX_VALUES = 2_000
#: A text that holds usage as JSON is no longer.
MAX_TEXT = 65_536
#: Writers of unread usage that are counted apart; the further ones of a format together.
MAX_SOURCES = 32

#: What an access log writes where there is none.
_NO_MODEL = frozenset(("", "-", "none", "null", "unknown", "unspecified"))
#: What holds a log line or a document as a text, at the top or in an object there.
_LINES = frozenset(
    (
        *("message", "log", "body", "payload", "msg", "line", "data", "event"),
        "resultdescription",
    )
)
#: Reasons of those of whose usage a reader found none, without knowing that there is none.
_ORDINARY = frozenset(("no_usage", "no_llm", "not_a_request"))
UNREAD_USAGE: Final = Skipped("unread_usage")
#: How a text begins that may be an object.
_BEGINS = ("{", " ", "\n")
#: Fields that hold the name of a value beside it.
_PAIRS = frozenset(("key", "name"))
_OTLP_VALUES = ("stringValue", "intValue", "doubleValue")


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
    inside: Name


def holds_usage(document: object) -> bool:
    """Return whether a document has both a model and a positive count of tokens in it."""
    return evidence(document) is not None


def evidence(document: object) -> Evidence | None:
    """Return where a document has both a model and a positive count of tokens, None if nowhere."""
    if not _may_hold(document):
        return None
    found = Evidence()
    waiting = deque([_Open(document, "", 0, Name())])
    left = MAX_VALUES
    while waiting:
        node = waiting.popleft()
        for name, value in _members(node.held):
            left -= 1
            if left < 0:
                return None
            says = says_of(name) if len(name) <= MAX_NAME else Name()
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


def _noted(found: Evidence, node: _Open, top: str, says: Name, value: object) -> Evidence:
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


def _may_hold(document: object) -> bool:
    """Return whether any name in a document may be a count's: most documents have none.

    Takes a fraction of the time that it takes to see what each name says.
    """
    waiting = [document]
    left = MAX_VALUES
    known = _known.get
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            left -= len(node)
            for name, value in node.items() if left >= 0 else ():
                weight = known(name, -1)
                if weight and _weighs(name, value, weight):
                    return True
                kind = type(value)
                if kind is dict or kind is list:
                    waiting.append(value)
        elif type(node) is list:
            left -= len(node)
            if left >= 0:
                waiting += [each for each in node if type(each) is dict or type(each) is list]
        if left < 0:
            return True
    return False


#: What a name may be: nothing of interest, a text with an object in it, a count or what holds one.
_NOTHING, _TEXT, _COUNT = range(3)
_known: Final[dict[str, int]] = {}
_MAX_KNOWN: Final = 8192


def _weighs(name: str, value: object, weight: int) -> bool:
    """Return whether a name and its value may show a count; `weight` is -1 for a new name."""
    if weight < 0:
        weight = _learned(name)
    if weight == _TEXT:
        if type(value) is not str:
            return False
        return value[:1] in _BEGINS or (name in _PAIRS and may_count(value))
    return weight == _COUNT


def _learned(name: str) -> int:
    says = says_of(name) if len(name) <= MAX_NAME else Name()
    weight = _NOTHING
    if says.is_count or says.holds_usage:
        weight = _COUNT
    elif says.holds_answer or name in _PAIRS or name.lower() in _LINES:
        weight = _TEXT
    if len(name) <= MAX_NAME:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[name] = weight
    return weight


def is_ordinary(skipped: Skipped) -> bool:
    """Return whether a document seems ordinary, so that it is worth a look for unread usage."""
    return skipped.reason in _ORDINARY and not skipped.is_final


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
    if not isinstance(item, dict):
        return None
    value = item.get("value")
    if isinstance(item.get("name"), str) and isinstance(value, str | int | float):
        return item["name"], value
    if not isinstance(item.get("key"), str):
        return None
    if not isinstance(value, dict):
        return None
    return item["key"], next((value[kind] for kind in _OTLP_VALUES if kind in value), value)


def _inner(node: _Open, says: Name, value: dict[str, Any] | list[Any]) -> Name | None:
    """Return what a container's place says of its members; None for one that is not looked into."""
    if node.depth >= MAX_DEPTH or not value or says.is_other:
        return None
    if says.is_conversation and not node.inside.holds_usage:
        return None
    holds_usage = says.holds_usage or (node.inside.holds_usage and not says.is_other)
    # Items of an array, and attributes, are where the array is.
    holds_model = says.holds_model or (says == Name() and node.inside.holds_model)
    return Name(holds_usage=holds_usage, holds_model=holds_model)


def _is_by_name(value: Mapping[str, Any] | list[Any]) -> bool:
    """Return whether an object has an object under each name: the names are those of models."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(each, dict) for each in islice(value.values(), MAX_VALUES))
    )


def _is_model(inside: Name, says: Name, value: object) -> bool:
    if not (says.is_model or (inside.holds_model and says.is_model_end)):
        return False
    return isinstance(value, str) and value.strip().lower() not in _NO_MODEL


def _is_count(inside: Name, says: Name, value: object) -> bool:
    if not (says.is_count or (inside.holds_usage and says.is_side)):
        return False
    number = whole(value)
    return type(number) is int and 0 < number <= MAX_ROW_TOKENS


def _held(name: str, value: object, says: Name, node: _Open) -> object:
    """Return a value, or the object in a text whose name says that there may be one."""
    if not isinstance(value, str) or value[:1] not in _BEGINS:
        return value
    is_line = node.depth <= 1 and name.lower() in _LINES
    if not (says.holds_usage or says.holds_answer or is_line) or node.depth >= MAX_DEPTH:
        return value
    if not 2 < len(value) <= MAX_TEXT or not value.lstrip().startswith("{"):
        return value
    try:
        found = orjson.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, dict) else value
