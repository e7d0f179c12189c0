"""The usage that a format finds in a document, as it is there and not yet validated.

Each format knows where its fields are; how strictly they are validated is decided here, in one
place.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from streams.classify.enrichment import attempt
from streams.classify.language.tags import UNDETERMINED
from streams.decode.event import (
    MAX_CHARACTERS,
    MAX_REQUESTS,
    MAX_ROW_TOKENS,
    MAX_TOKENS,
    AggregateEvent,
    Rejected,
    Skipped,
    UsageEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: A whole number in a text; some writers have one type for all numbers and add a fraction of zero.
_WHOLE_TEXT = re.compile(r"(-?[0-9]+)(?:\.0+)?")

#: Requests in one record; gateways batch hundreds, the OpenTelemetry Collector thousands.
MAX_ITEMS = 100_000
#: Values in one record. An empty object takes three bytes, and thirty times as much in memory.
MAX_VALUES = 1_000_000
TOO_MANY_ITEMS = Rejected("too_large", f"more than {MAX_ITEMS} items")
TOO_MANY_VALUES = Rejected("too_large", f"more than {MAX_VALUES} values")


class Found(NamedTuple):
    """One request. Every field is the document's value, of any type.

    `prompt` is all input and `completion` all output, None where absent. `text` is the prompt, in
    any structure, for detecting the language where none is declared. `failed` is a request that was
    not answered: without tokens there is nothing to count. `requests` is how many requests the
    counts are the sum of, None for one.

    `cached` is the part of the prompt that a cache has answered, `reasoning` the part of the
    completion that is reasoning, `cost` a price in US dollars, and `provider` who served, as
    `served_by` composes it. None is not known, and no value of theirs rejects a request.
    """

    model: object
    prompt: object
    completion: object
    ts: object = None
    language: object = None
    tenant: object = None
    id: object = None
    text: object = None
    failed: bool = False
    requests: object = None
    cached: object = None
    reasoning: object = None
    cost: object = None
    provider: object = None


class SharedId(str):
    """The id of a request that several records report, by what their writer is known to do.

    It counts once in a record and across records, also where ids are not compared.
    """

    __slots__ = ()


class PlacedId(str):
    """The own id of a request that lies inside a span, with the key of its place there."""

    __slots__ = ("key",)

    key: str

    @classmethod
    def at(cls, name: object, key: str) -> PlacedId:
        """Return an id with the key of its place."""
        found = cls(name)
        found.key = key
        return found


def place_of(name: object) -> object:
    """Return what places a request in a trace: the key of its place, or its id."""
    return name.key if type(name) is PlacedId else name


#: From here on, some decoders read numbers as integers and others as doubles.
_WHOLE = 2**63
#: Digits of the longest number in a text, with a sign and a fraction of zero.
_MAX_DIGITS = 24

#: What a format returns for one item.
Item = Found | Rejected | Skipped


def judge(
    found: Found, detect: Callable[[object], str] | None = None
) -> UsageEvent | Rejected | Skipped:
    """Return the event that was found, or why there is none.

    Tokens of only one kind are valid (an embedding has no completion); without any there is nothing
    to count. `detect` returns the language of `text`, and is called only where none is declared;
    where it fails the language is `und`.
    """
    prompt, completion = whole(found.prompt), whole(found.completion)
    if prompt is None and completion is None:
        return Skipped("no_usage")
    if found.failed and is_nothing(prompt, completion):
        return Skipped("no_usage", is_final=True)
    requests = 1 if found.requests is None else whole(found.requests)
    # Nearly all are two small numbers.
    if not (found.requests is None and _is_count(prompt) and _is_count(completion)):
        wrong = _wrong_counts(prompt, completion, requests)
        if wrong is not None:
            return wrong
    model = found.model
    if type(model) is not str:
        return (
            Rejected("missing_field", "no model")
            if model is None
            else Rejected("wrong_type", f"model is {json_type(model)}")
        )
    model = model[:MAX_CHARACTERS]
    if not model.strip():
        return Rejected("no_model", "model is empty")
    ts = found.ts
    if type(ts) is int:
        ts = _double(ts)
    elif ts is not None and type(ts) is not float and type(ts) is not str:
        return Rejected("wrong_type", f"the time is {json_type(ts)}")
    language = _text(found.language)
    if language is None and detect is not None and found.text is not None:
        language = attempt("language", detect, found.text, otherwise=UNDETERMINED)
    event = UsageEvent(
        model=model,
        prompt_tokens=cast("int", prompt or 0),
        completion_tokens=cast("int", completion or 0),
        ts=ts,
        language=language,
        tenant=_text(found.tenant),
        id=request_id(found.id),
        cached_tokens=whole(found.cached),
        reasoning_tokens=whole(found.reasoning),
        cost=found.cost,
        provider=found.provider if type(found.provider) is str else None,
    )
    return event if requests == 1 else AggregateEvent.of(event, cast("int", requests))


def _is_count(count: object) -> bool:
    return type(count) is int and 0 <= count <= MAX_TOKENS


def _wrong_counts(
    prompt: object, completion: object, requests: object
) -> Rejected | Skipped | None:
    """Return why counts do not count, None where they do."""
    if requests == 0 and is_nothing(prompt, completion):
        return Skipped("no_usage", is_final=True)
    wrong = wrong_count("requests", requests, MAX_REQUESTS)
    if wrong is not None:
        return wrong
    if requests == 0:
        return Rejected("bad_count", "tokens of no requests")
    limit = limit_of(cast("int", requests))
    for name, count in (("prompt_tokens", prompt), ("completion_tokens", completion)):
        wrong = None if count is None else wrong_count(name, count, limit)
        if wrong is not None:
            return wrong
    return None


def limit_of(requests: int) -> int:
    """Return the most tokens that so many requests may have."""
    return min(MAX_TOKENS * requests, MAX_ROW_TOKENS) if requests > 1 else MAX_TOKENS


def _double(number: int) -> float:
    """Return an integer as a double; beyond their range it is infinite, an invalid time."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def request_id(value: object) -> str | int | None:
    """Return the id of a request: a text or an integer, None for any other type."""
    if type(value) is str:
        return value[:MAX_CHARACTERS] or None
    if type(value) is SharedId:
        return SharedId(value[:MAX_CHARACTERS]) if value else None
    return value if type(value) is int and abs(value) < _WHOLE else None


def is_nothing(*counts: object) -> bool:
    """Return whether counts are all absent or zero."""
    return all(
        count is None or (type(number := whole(count)) is int and number == 0) for count in counts
    )


def _text(value: object) -> str | None:
    if type(value) is str:
        return value[:MAX_CHARACTERS] or None
    return str(value) if type(value) is int else None


def wrong_count(name: str, count: object, limit: int = MAX_TOKENS) -> Rejected | None:
    """Return what is wrong with a token count, or None; `whole` says how one may be written."""
    count = whole(count)
    if type(count) is int:
        if 0 <= count <= limit:
            return None
        return Rejected("bad_count", f"{name} is not between 0 and {limit}")
    if type(count) is float:
        return Rejected("bad_count", f"{name} is not an integer")
    return Rejected("wrong_type", f"{name} is {json_type(count)}, expected an integer")


def is_error(status: object) -> bool:
    """Return whether an HTTP status is an error's; it may be a string."""
    status = whole(status)
    return type(status) is int and status >= 400


def add(*counts: object, limit: int = MAX_TOKENS) -> object:
    """Return the sum of counts, None if there are none, or the first invalid count.

    A bad count is returned unchanged so that `judge` rejects it: in a sum it could look valid.
    """
    total: int | None = None
    for count in counts:
        if count is None:
            continue
        number = whole(count)
        if type(number) is not int or not 0 <= number <= limit:
            return count
        total = (total or 0) + number
    return total


def whole(value: object) -> object:
    """Return a whole number that is written as 812, 812.0 or "812" as an integer.

    Any other value is returned unchanged. This is how a count may be written in every format.
    """
    # Most values are one of these.
    if value is None or type(value) is int:
        return value
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    if type(value) is str and len(value) <= _MAX_DIGITS:
        if value.isdecimal() and value.isascii():
            return int(value)
        number = _WHOLE_TEXT.fullmatch(value)
        return value if number is None else int(number[1])
    return value


def is_same(value: object, other: object) -> bool:
    """Return whether two values of a document are equal; an array or an object equals nothing.

    Python compares two of those by recursion, and fails where both are nested deeply.
    """
    return type(value) not in {list, dict} and value == other


def tokens_of(part: object, count: int) -> int | None:
    """Return the tokens that are a part of a count; None where it is none, or more than that."""
    number = whole(part)
    return number if type(number) is int and 0 <= number <= count else None


def part(document: object, *names: str) -> Any:
    """Return the value at a path of names in a document, None where the path breaks off."""
    for name in names:
        if type(document) is not dict:
            return None
        document = document.get(name)
    return document


def first(document: Mapping[str, Any], *names: str) -> Any:
    """Return the first of several fields that is present and not null."""
    for name in names:
        value = document.get(name)
        if value is not None:
            return value
    return None


def first_text(*values: object) -> str | None:
    """Return the first value that is a non-empty text."""
    for value in values:
        if type(value) is str and value.strip():
            return value
    return None


def json_type(value: object) -> str:
    """Return JSON's name of a value's type, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
