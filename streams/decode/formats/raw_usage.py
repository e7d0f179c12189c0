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
from streams.decode.event import MAX_CHARACTERS, MAX_TOKENS, Rejected, Skipped, UsageEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DECIMAL = re.compile("-?[0-9]+")

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
    not answered: without tokens there is nothing to count.
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


class SharedId(str):
    """The id of a request that several records report, by what their writer is known to do.

    It counts once in a record, also where ids are not compared.
    """

    __slots__ = ()


#: From here on, some decoders read numbers as integers and others as doubles.
_WHOLE = 2**63

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
    prompt, completion = found.prompt, found.completion
    if prompt is None and completion is None:
        return Skipped("no_usage")
    if found.failed and is_nothing(prompt, completion):
        return Skipped("no_usage")
    for name, count in (("prompt_tokens", prompt), ("completion_tokens", completion)):
        wrong = None if count is None else wrong_count(name, count)
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
    return UsageEvent(
        model=model,
        prompt_tokens=cast("int", prompt or 0),
        completion_tokens=cast("int", completion or 0),
        ts=ts,
        language=language,
        tenant=_text(found.tenant),
        id=request_id(found.id),
    )


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
        return SharedId(value[:MAX_CHARACTERS])
    return value if type(value) is int and abs(value) < _WHOLE else None


def is_nothing(*counts: object) -> bool:
    """Return whether counts are all absent or zero."""
    return all(count is None or (type(count) is int and count == 0) for count in counts)


def _text(value: object) -> str | None:
    if type(value) is str:
        return value[:MAX_CHARACTERS] or None
    return str(value) if type(value) is int else None


def wrong_count(name: str, count: object) -> Rejected | None:
    """Return what is wrong with a token count, or None."""
    if type(count) is int:
        if 0 <= count <= MAX_TOKENS:
            return None
        return Rejected("bad_count", f"{name} is not between 0 and {MAX_TOKENS}")
    if type(count) is float:
        return Rejected("bad_count", f"{name} is not an integer")
    return Rejected("wrong_type", f"{name} is {json_type(count)}, expected an integer")


def is_error(status: object) -> bool:
    """Return whether an HTTP status is an error's; it may be a string."""
    status = decimal(status)
    return type(status) is int and status >= 400


def add(*counts: object) -> object:
    """Return the sum of counts, None if there are none, or the first invalid count.

    A bad count is returned unchanged so that `judge` rejects it: in a sum it could look valid.
    """
    total: int | None = None
    for count in counts:
        if count is None:
            continue
        if wrong_count("", count) is not None:
            return count
        total = (total or 0) + count  # type: ignore[operator]
    return total


def decimal(value: object) -> object:
    """Return an integer that is written as text as a number; any other value unchanged."""
    if type(value) is str and len(value) <= 20 and _DECIMAL.fullmatch(value):
        return int(value)
    return value


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
