"""A record with every text replaced and its shape kept: to be shown to somebody else.

What is printed of a text is never the text itself but a placeholder, the same one for the same
text, or a word of our own: a name that the readers compare values with. Models are named where a
field names one. What is left is read as the same requests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.contents import Packed, UnreadableError, contents_of, leaves, written
from streams.decode.decoder import Decoded, Decoder
from streams.decode.event import EARLIEST_TIME, MAX_ROW_TOKENS, event_time
from streams.decode.field_names import (
    holds_counts,
    is_count,
    is_field_name,
    is_model,
    is_time,
    known_texts,
    words,
)
from streams.decode.formats import change_rows, jaeger, otlp_snake
from streams.decode.formats import otlp_names as names
from streams.decode.formats.apisix import is_anthropic_route, is_bedrock_route
from streams.decode.formats.model_name import is_opaque
from streams.decode.formats.otlp_log import TWICE
from streams.decode.formats.paths import alternatives
from streams.decode.formats.raw_usage import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.decode.options import Options
    from streams.kafka.record_batch import Headers

#: Fields whose values readers compare with names: what kind of a document this is.
_SWITCHES: Final = frozenset(
    (
        *("op", "__op", "messageType", "schemaType", "call_type", "object", "object_type"),
        *("type", "Type", "kind", "category", "event", "eventName", "event.name", "event.kind"),
        *("status", "code", "unit", "cache_status", "usage_semantic", "datacontenttype", "body"),
        *("$ai_provider", "$ai_framework", "otel.status_code", names.MLFLOW_PROVIDER),
        names.MLFLOW_SHAPE,
        *(names.OPERATION, names.AI_OPERATION, *names.KIND, *names.PROVIDER),
        *change_rows.OPERATIONS,
    )
)
#: Fields that name who wrote a span.
_SOURCES: Final = ("service.name", "scope.name", "otel.scope.name", "otel.library.name")
#: Words in the names of fields whose numbers are names.
_NAMES: Final = ("id", "ids", "account", "user", "key", "phone")
#: Texts that say nothing.
_NOTHING: Final = frozenset(
    ("-", "true", "false", "True", "False", "None", "null", "UNSPECIFIED", "*")
)
_KINDS_OF_CALLS: Final = ("call_type", "object", "object_type")
#: What readers look for inside a value, by the field: the longest first.
_INSIDE: Final = {
    **dict.fromkeys(
        _KINDS_OF_CALLS,
        (
            *("count_tokens", "list_models", "list.models", "fine_tuning"),
            *("retrieve", "delete", "cancel", "batch", "list", "file", "mcp"),
        ),
    ),
    **dict.fromkeys(_SOURCES[1:], names.USAGE_BY_SCOPE),
    "datacontenttype": ("protobuf", "json"),
}
#: Ends of values that readers look for, and beginnings.
_ENDS: Final = {
    **dict.fromkeys(_KINDS_OF_CALLS, ("retrieve_batch", ".chunk")),
    **dict.fromkeys(
        ("eventName", "event.name", "body"), ("api_request", "api_response", "sse_event")
    ),
    "read_method": (change_rows.BACKFILL,),
}
_BEGINNINGS: Final = {
    "type": ("response.",),
    "event": ("$",),
    names.AI_OPERATION: ("ai.",),
    "resourceId": ("/",),
}
_STEP: Final = ".do"
_MAKERS: Final = ("claude", "anthropic")
_ANTHROPIC_ROUTE: Final = "/v1/messages"
_BEDROCK_ROUTE: Final = "/converse"
_BATCH_COST: Final = "_batch_cost"
#: Ids that are equal in any case.
_HEXADECIMAL: Final = frozenset(("traceId", "spanId", "parentSpanId"))
#: OTLP's values lie in objects of these names; the attribute's name is that of the value.
_VALUES: Final = frozenset(
    (
        *("value", "stringValue", "intValue", "doubleValue", "boolValue", "bytesValue"),
        *("arrayValue", "values", "kvlistValue", *otlp_snake.VALUES),
        *jaeger.VALUES,
    )
)

_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]+(?:Z| UTC|[+-][0-9:]+)?)?")
_DAY_SECONDS: Final = 86_400
#: Times below which -> the units in a second.
_UNITS: Final = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000))
_FIRST: Final = 1000
#: How a key begins that is printed for another one; its number follows.
_KEY: Final = "k"
#: More tokens than any row has.
_GIGANTIC: Final = 10**15


class Redacted(NamedTuple):
    """The text to print, and what has to be said about it."""

    text: str
    notes: tuple[str, ...] = ()


def redacted(
    value: bytes | None,
    headers: Headers,
    options: Options,
    is_known_model: Callable[[str], bool] = lambda _: False,
) -> Redacted:
    """Return a record's value redacted. Raises UnreadableError for what cannot be parsed.

    A model stays where a field names it and it is counted under that name; of a record without
    counts, one that `is_known_model`.
    """
    try:
        return _redacted(value, headers, options, is_known_model)
    except RecursionError:
        raise UnreadableError("nested too deeply") from None


def _redacted(
    value: bytes | None, headers: Headers, options: Options, is_known_model: Callable[[str], bool]
) -> Redacted:
    contents = contents_of(value, headers, options.max_record_bytes)
    before = Decoder(options).decode(value, headers)
    models = frozenset(event.model for event in before.events)
    # Of a record that is not read, the models that everybody knows help to see what it is.
    is_named = (
        models.__contains__
        if models
        else lambda name: _MODEL.fullmatch(name) is not None and is_known_model(name)
    )
    redactor = _Redactor(is_named, _Mapped.of(options), options)
    redactor.see_times(contents.packed)
    redactor.see_keys(contents.packed)
    packed = redactor.packed(contents.packed, _Field())
    text = written(packed)
    notes = []
    if contents.packed.broken:
        notes.append(f"lines that are not JSON are left out: {contents.packed.broken}")
    # What is printed is longer than what was compressed.
    limit = max(options.max_record_bytes, len(text.encode(errors="replace")))
    after = Decoder(replace(options, max_record_bytes=limit)).decode(
        text.encode(errors="replace"), _without_content_type(headers)
    )
    if _counts(before) != _counts(after):
        notes.append(
            "it is not read as the same requests: say what decode prints of the record itself"
        )
    return Redacted(text, tuple(notes))


def _without_content_type(headers: Headers) -> list[tuple[str, bytes | None]]:
    return [(name, value) for name, value in headers if name.lower() != "content-type"]


def _counts(decoded: Decoded) -> list[tuple[str, int, int]]:
    return [(each.model, each.prompt_tokens, each.completion_tokens) for each in decoded.events]


@dataclass(frozen=True, slots=True)
class _Mapped:
    """The paths that a mapping of fields leads along, and those to counts, models and times."""

    all: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    times: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Options) -> _Mapped:
        """Return the paths of a mapping."""

        def to(*fields: str) -> tuple[str, ...]:
            found = (options.paths[each] for each in fields if each in options.paths)
            return tuple(path for each in found for part in alternatives(each) for path in part)

        counts = to("prompt_tokens", "completion_tokens", "requests")
        return cls(to(*options.paths), counts, to("model"), to("ts"))


def _ends(paths: Sequence[str], key: str) -> bool:
    """Return whether one of the paths ends with a key."""
    for path in paths:
        for each in (path, path.removesuffix("]"), path[:-2]):
            if each.endswith(key) and each[-len(key) - 1 : -len(key)] in {"", ".", "[", '"', "'"}:
                return True
    return False


class _Field(NamedTuple):
    """The field that a value is in: its own key, and whether it lies in a usage object.

    `in_list` if it is an item of a list: numbers there are a text, by its tokens or its bytes.
    """

    key: str = ""
    in_usage: bool = False
    in_list: bool = False

    def inside(self, key: str, parent: str) -> _Field:
        """Return the field of a key in this one; `parent` is the key of the object around it."""
        if key in _VALUES and self.key:
            return self
        own = "scope.name" if key == "name" and parent == "scope" else key
        if key in {"name", "id"} and is_model(parent):
            own = f"{parent}.{key}"
        return _Field(own, self.in_usage or holds_counts(key))


@dataclass(slots=True)
class _Redactor:
    """Replaces the texts of one record; what is equal before is equal afterwards."""

    is_model_name: Callable[[str], bool]
    mapped: _Mapped
    options: Options
    texts: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    free_keys: Iterator[str] = field(default_factory=lambda: map(f"{_KEY}{{}}".format, count(1)))
    numbers: dict[int | float, int] = field(default_factory=dict)
    times: dict[int | float, int | float] = field(default_factory=dict)

    # -- structures

    def packed(self, packed: Packed, around: _Field) -> Packed:
        """Return packed documents redacted."""
        return Packed(packed.how, [self.node(each, around) for each in packed.documents])

    def node(self, node: Any, around: _Field) -> Any:
        """Return a value redacted, which lies in a field."""
        if isinstance(node, Packed):
            return self.packed(node, around)
        if isinstance(node, dict):
            return self._object(node, around)
        if isinstance(node, list):
            inside = _Field(around.key, in_list=True)
            return [self.node(each, inside) for each in node]
        if isinstance(node, str):
            return self.text(node, around)
        if isinstance(node, bool) or node is None:
            return node
        return self._number(node, around)

    def _object(self, node: dict[str, Any], around: _Field) -> dict[str, Any]:
        name = _name_beside_value(node)
        if name is not None:
            inside = _Field(node[name], holds_counts(node[name]))
            return {
                self.key(key): self.key(each) if key == name else self.node(each, inside)
                for key, each in node.items()
            }
        columns = change_rows.columns_of(node)
        if columns is not None:
            # Names and values are two lists.
            named, held = change_rows.COLUMNS
            values = [self.node(value, _Field(name)) for name, value in columns]
            node = node | {named: [], held: []}
            return self._object(node, around) | {
                named: [self.key(name) for name, _ in columns],
                held: values,
            }
        return {
            self.key(key): self.node(each, around.inside(key, around.key))
            for key, each in node.items()
        }

    def key(self, key: str) -> str:
        """Return a key that names a field as it is, any other one replaced."""
        if is_field_name(key) or any(key in path for path in self.mapped.all):
            return key
        found = self.keys.get(key)
        if found is None:
            found = self.keys[key] = next(each for each in self.free_keys if each not in self.taken)
        return found

    def see_keys(self, node: Any) -> None:
        """Remember the record's keys that look like ours, of which none may get another's name."""
        if isinstance(node, Packed):
            node = node.documents
        if isinstance(node, dict):
            self.taken.update(key for key in node if key[:1] == _KEY)
            named = (node.get("key"), node.get("name"))
            self.taken.update(each for each in named if type(each) is str and each[:1] == _KEY)
            node = [*node.values()]
        for each in node if isinstance(node, list) else ():
            self.see_keys(each)

    # -- texts

    def text(self, text: str, around: _Field) -> str:
        """Return what is printed in the place of a text."""
        key = around.key
        if not text.strip() or text in _NOTHING:
            return text
        if self._names_model(key):
            return self._model(text)
        if _NUMBER.fullmatch(text):
            number = self._digits(text, around)
            if number is not None:
                return number
        if self._is_time(key) and event_time(text, None) is not None:
            return self._day(text)
        known = self._known(text, key)
        if key in _HEXADECIMAL:
            text = text.lower()
        return self._placeholder(text) if known is None else known

    def _placeholder(self, text: str) -> str:
        stem = text.removesuffix(_BATCH_COST)
        found = self.texts.setdefault(stem, f"x{len(self.texts) + 1}")
        return found if stem == text else found + _BATCH_COST

    def _names_model(self, key: str) -> bool:
        return _ends(self.mapped.models, key) or (is_model(key) and not is_count(key))

    def _model(self, text: str) -> str:
        if self.is_model_name(text):
            return text
        held = self._placeholder(text)
        if is_opaque(text):
            return f"arn:aws:bedrock:::{held}"
        maker = next((each for each in _MAKERS if each in text.lower()), None)
        return held if maker is None else f"{maker}-{held}"

    def _known(self, text: str, key: str) -> str | None:
        """Return the word of our own that a text is or holds, None where it holds none."""
        if is_anthropic_route(text):
            return _ANTHROPIC_ROUTE
        if is_bedrock_route(text):
            return _BEDROCK_ROUTE
        if text in self.options.ignored_sources or (key in _SOURCES and text in TWICE):
            return text
        is_provider = not words(key).isdisjoint(("provider", "system", "framework"))
        if is_provider or key in _SWITCHES:
            for each in (text, text.lower(), text.upper()):
                if each in known_texts():
                    return each
        if is_provider:
            return next((each for each in _MAKERS if each in text.lower()), None)
        return _held(text, key)

    # -- numbers and times

    def _digits(self, text: str, around: _Field) -> str | None:
        """Return a number in a text as one is printed that stays, None for any other."""
        number: int | float = float(text) if "." in text else int(text[:32])
        is_status = not words(around.key).isdisjoint(("status", "code"))
        if number == 0 and around.key == "spend":
            return text
        if (
            self._is_count(around)
            or is_status
            or (self._is_time(around.key) and number in self.times)
            or len(text) == 1
        ):
            found = self._number(number, around)
            return text if found == number else str(found)
        return None

    def _is_count(self, around: _Field) -> bool:
        key = around.key
        if around.in_list:
            return bool(key) and any(key in path for path in self.mapped.counts)
        in_usage = around.in_usage and words(key).isdisjoint(_NAMES)
        return in_usage or is_count(key) or _ends(self.mapped.counts, key)

    def _is_time(self, key: str) -> bool:
        return _ends(self.mapped.times, key) or is_time(key)

    def _number(self, number: int | float, around: _Field) -> int | float:  # noqa: PYI041
        is_whole = type(whole(number)) is int
        if self._is_count(around) and is_whole:
            return number if abs(number) <= MAX_ROW_TOKENS else _GIGANTIC
        is_short = isinstance(number, int) and abs(number) < 10
        if number == 0 or (is_short and not around.in_list):
            return number
        if not words(around.key).isdisjoint(("status", "code")) and 100 <= number < 600:
            return int(number) // 100 * 100
        if self._is_time(around.key) and number in self.times:
            return self.times[number]
        # Which ones of a list are equal would show the letters of a text.
        other = (
            _FIRST
            if around.in_list
            else self.numbers.setdefault(number, _FIRST + len(self.numbers) + 1)
        )
        signed = other if number > 0 else -other
        if isinstance(number, int):
            return signed
        return float(signed) if is_whole else signed + 0.5

    def see_times(self, packed: Packed) -> None:
        """Remember the record's times: they keep their day and their order."""
        found = {number for place, leaf in leaves(packed) for number in self._time(place, leaf)}
        last: dict[tuple[int, int], int] = {}
        for number in sorted(found):
            units = next(units for below, units in _UNITS if number < below)
            day = int(number // (units * _DAY_SECONDS))
            last[units, day] = rank = last.get((units, day), -1) + 1
            begin = day * units * _DAY_SECONDS
            self.times[number] = (
                begin + rank if isinstance(number, int) else float(begin + rank / 1000)
            )

    def _time(self, place: tuple[Any, ...], leaf: Any) -> list[int | float]:
        if isinstance(leaf, str) and _NUMBER.fullmatch(leaf) and len(leaf) < 32:
            leaf = float(leaf) if "." in leaf else int(leaf)
        if isinstance(leaf, bool) or not isinstance(leaf, int | float):
            return []
        if not EARLIEST_TIME <= leaf < _UNITS[-1][0]:
            return []
        return (
            [leaf] if any(isinstance(each, str) and self._is_time(each) for each in place) else []
        )

    def _day(self, text: str) -> str:
        """Return the day of a time: the day itself is data of nobody."""
        if _ISO.fullmatch(text):
            zeros = text[:10] + re.sub(r"[0-9]", "0", text[10:])
            return zeros if event_time(zeros, None) is not None else text[:10]
        seconds = event_time(text, None)
        if seconds is None:
            return self._placeholder(text)
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _held(text: str, key: str) -> str | None:
    """Return the part of a text that readers look for in a field, None where it has none."""
    for each in _ENDS.get(key, ()):
        if text.endswith(each):
            return each
    for each in _INSIDE.get(key, ()):
        if each in text:
            return each
    begins = next((each for each in _BEGINNINGS.get(key, ()) if text.startswith(each)), None)
    return None if begins is None else f"{begins}x{_STEP if _STEP in text else ''}"


def _name_beside_value(node: dict[str, Any]) -> str | None:
    """Return the key of what names the value in a pair: an attribute, a tag, or a metric."""
    if type(node.get("key")) is str and _is_value_of_attribute(node):
        return "key"
    if "value" not in node:
        return None
    # Of names only those that readers know are names of fields for sure, or that say so.
    name = node.get("name")
    if type(name) is not str or not is_field_name(name):
        return None
    return "name" if name in known_texts() or is_count(name) or is_model(name) else None


def _is_value_of_attribute(node: dict[str, Any]) -> bool:
    """Return whether the value beside a key is that of an attribute, or of a tag of Jaeger's."""
    held = node.get("value")
    if isinstance(held, dict):
        return not _VALUES.isdisjoint(held)
    is_tag = "value" in node and node.get("type") in jaeger.TYPES
    return is_tag or any(name in node for name in jaeger.VALUES[1:])
