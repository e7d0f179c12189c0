"""tokenshare's own flat event: one JSON object a record, one request an object.

A flat record of somebody else's is one too, where its fields have the names that people use.

Values are decoded one by one by a typed decoder. Joining a batch into one array is not faster
(msgspec 0.22: 0.51 us an event one by one, 0.58 us joined with a separator that cannot be forged)
and would let two broken values swallow a good one between them.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any

import msgspec

from streams.decode.event import MAX_TOKENS, Rejected, UsageEvent, event_time
from streams.decode.formats import markers
from streams.decode.formats.markers import BEFORE_NATIVE, TIMES, Never
from streams.decode.formats.provider_usage import camel_cache
from streams.decode.formats.raw_usage import add, first, first_text, json_type, whole, wrong_count
from streams.decode.money import MAX_DOLLARS
from streams.decode.served_by import served_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.kafka.record_batch import Headers

NAME = "native"

#: The names of fields, the first that is there counts: the event's own, and what flat records use.
_MODELS = ("model", "model_name", "model_id", "modelName", "modelId")
_PROMPTS = ("prompt_tokens", "input_tokens", "promptTokens", "inputTokens")
_COMPLETIONS = ("completion_tokens", "output_tokens", "completionTokens", "outputTokens")
#: LiteLLM's payload has it as well, so it is looked at last and by Python only.
_LAST_TIME = "startTime"
#: Anthropic's, which lie beside its `input_tokens`.
_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")
#: Those, and Bedrock's, which lie beside its `inputTokens`.
_CACHES = frozenset(
    (
        *_CACHE,
        *("cacheReadInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokens"),
        *("cacheWriteInputTokenCount", "cacheCreationInputTokens"),
    )
)

#: What else an event may say, by the names of others as well.
_CACHED = ("cached_tokens", *markers.CACHED)
_REASONING = ("reasoning_tokens", *markers.REASONING)
_COSTS = ("cost", *markers.COST, *markers.LITELLM_COST)
_PROVIDERS = ("provider", *markers.PROVIDER, *markers.LITELLM_PROVIDER)
_PLACES = (*markers.PLACE, *markers.LITELLM_PLACE)
_DOLLARS = ("USD", "US$", "$")
#: A region says where a request was served only of what has one: of clouds.
_CLOUDS = ("aws", "bedrock", "amazon", "azure", "gcp", "vertex", "google", "sagemaker")

#: The typed decoder reads only the event's own names.
_NOT_PLAIN = (
    *(*BEFORE_NATIVE, *TIMES, _LAST_TIME),
    *(*markers.LITELLM_COST, *markers.LITELLM_PROVIDER, *markers.LITELLM_PLACE),
)

#: Decodes a value that is exactly one event; raises one of `UNREADABLE` for every other.
decode: Callable[[bytes | None], UsageEvent] = msgspec.json.Decoder(
    msgspec.defstruct(
        "PlainEvent",
        [
            (f"not_{number}", Never | msgspec.UnsetType, msgspec.UNSET)
            for number in range(len(_NOT_PLAIN))
        ],
        bases=(UsageEvent,),
        rename={f"not_{number}": key for number, key in enumerate(_NOT_PLAIN)},
        frozen=True,
        gc=False,
    )
).decode  # type: ignore[assignment]
#: An id may be a text that says more (see `streams.decode.formats.raw_usage`).
_encode = msgspec.json.Encoder(enc_hook=str).encode
#: The number of values in a larger record is checked before it is decoded.
MANY_BYTES = 1024 * 1024
#: Envoy AI Gateway's keys are chosen by the deployment, but all have this prefix.
MAY_BE_ENVOY = b'"gen'
#: The order of the fields on the wire.
_MORE = ("cached_tokens", "reasoning_tokens", "cost", "provider")
_WRITTEN = (
    *("id", "ts", "model", "prompt_tokens", "completion_tokens", "language", "tenant"),
    *_MORE,
)
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
_NAMELESS = Rejected("no_model", "model is empty")


def readable(
    values: Sequence[bytes | None], headers: Sequence[Headers], max_record_bytes: int
) -> Sequence[bytes | None]:
    """Return the values that the typed decoder may be given, None in the place of the others.

    Excluded are values that are not UTF-8 (the decoder skips fields that it does not need, and
    would accept invalid bytes there), large values, values that may have one of Envoy's keys, and
    values with headers that specify how they are to be read.
    """
    # One search of the whole batch shows whether any value has to be checked alone.
    joined = b"".join(filter(None, values))
    limit = min(max_record_bytes, MANY_BYTES)
    if (
        joined.isascii()
        and len(joined) <= limit
        and MAY_BE_ENVOY not in joined
        and not any(headers)
    ):
        return values
    return [
        None
        if value is None
        or len(value) > limit
        or MAY_BE_ENVOY in value
        or _may_change_format(each)
        or not _is_utf8(value)
        else value
        for value, each in zip(values, headers, strict=True)
    ]


def _is_utf8(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _may_change_format(headers: Headers) -> bool:
    """Return whether headers may decide how a value is read: a CloudEvent, a content type."""
    return any(name.lower().startswith(("ce_", "content-type")) for name, _ in headers)


def nameless(events: Sequence[object]) -> list[int]:
    """Return the indices of events whose model is only white space."""
    models = [event.model if isinstance(event, UsageEvent) else "-" for event in events]
    # Names repeat, so the few distinct ones are checked first.
    if all(map(str.strip, set(models))):
        return []
    return [index for index, model in enumerate(models) if not model.strip()]


def encode(event: UsageEvent) -> bytes:
    """Return an event as the value of a record, without its absent fields."""
    return _encode(
        {name: value for name in _WRITTEN if (value := getattr(event, name)) is not None}
    )


def is_native(document: Mapping[str, Any]) -> bool:
    """Return whether a document is an event: it names a model and a pair of token counts."""
    return all(
        any(name in document for name in names) for names in (_MODELS, _PROMPTS, _COMPLETIONS)
    )


def read(document: Mapping[str, Any]) -> UsageEvent | Rejected:
    """Return the event of a parsed document, or what is wrong with it."""
    prompt = first(document, *_PROMPTS)
    if not _CACHES.isdisjoint(document):
        prompt = add(prompt, *_beside(document))
    fields = {
        "model": model_of(document),
        "prompt_tokens": whole(prompt),
        "completion_tokens": whole(first(document, *_COMPLETIONS)),
        "ts": time_of(document),
        "language": document.get("language"),
        "tenant": document.get("tenant"),
    }
    more = {
        "id": document.get("id"),
        "cached_tokens": first(document, *_CACHED),
        "reasoning_tokens": first(document, *_REASONING),
        "cost": price_of(document),
        "provider": served(document),
    }
    try:
        event = msgspec.convert(fields | more, UsageEvent)
    except (msgspec.ValidationError, OverflowError):
        return _explain(document, fields)
    return event if event.model.strip() else _NAMELESS


def _beside(document: Mapping[str, Any]) -> Iterable[object]:
    """Return the cache that lies beside the input, by the name of the input."""
    name = next((each for each in _PROMPTS if document.get(each) is not None), "")
    if name == "input_tokens":
        return map(document.get, _CACHE)
    return camel_cache(document) if name == "inputTokens" else ()


def price_of(document: Mapping[str, Any]) -> Any:
    """Return the price of a flat record in dollars; one in another currency is not known."""
    currency = first(document, *markers.CURRENCY)
    if currency is not None and (
        type(currency) is not str or currency.strip().upper() not in _DOLLARS
    ):
        return None
    return first(document, *_COSTS)


def served(document: Mapping[str, Any]) -> Any:
    """Return who served a flat record: as it is written, or with the place that is beside it."""
    name = first(document, *_PROVIDERS)
    if name is not None and type(name) is not str:
        return name
    place = first_text(*map(document.get, _PLACES))
    if place is None and is_cloud(name):
        place = first_text(*map(document.get, markers.REGION))
    if place is None or (name is not None and "@" in name):
        return name
    return served_by(name, place)


def is_cloud(name: object) -> bool:
    """Return whether a provider is a cloud, whose endpoints have regions, by its name."""
    return type(name) is str and any(each in name.lower() for each in _CLOUDS)


def has_part(document: Mapping[str, Any]) -> bool:
    """Return whether a document has any field that an event must have."""
    return any(name in document for names in (_MODELS, _PROMPTS, _COMPLETIONS) for name in names)


def model_of(document: Mapping[str, Any]) -> Any:
    """Return the model of a flat record, by the first name of one that has a value."""
    return first(document, *_MODELS)


def time_of(document: Mapping[str, Any]) -> Any:
    """Return the time of a flat record: `ts`, or the first field that is one by its name and value.

    A number that is too small, or no number and no text, is something else: a duration, a counter.
    Where only a text is left, it is returned: a time that cannot be read.
    """
    ts = document.get("ts")
    if ts is not None:
        return ts
    unreadable = None
    for name in (*TIMES, _LAST_TIME):
        value = document.get(name)
        if type(value) in {int, float, str}:
            if event_time(value, None) is not None:
                return value
            if type(value) is str and value.strip() and unreadable is None:
                unreadable = value
    return unreadable


def _explain(document: Mapping[str, Any], fields: Mapping[str, Any]) -> Rejected:
    for names in (_MODELS, _PROMPTS, _COMPLETIONS):
        if not any(name in document for name in names):
            return Rejected("missing_field", f"no {names[0]}")
    for name in ("prompt_tokens", "completion_tokens"):
        wrong = wrong_count(name, fields[name])
        if wrong is not None:
            return wrong
    for name, types in _TYPES.items():
        value = fields[name]
        if isinstance(value, bool) or not isinstance(value, types):
            return Rejected("wrong_type", f"{name} is {json_type(value)}")
    return Rejected("wrong_type", "a field occurs twice, or has an unexpected type")


_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "language": (str, NoneType),
    "tenant": (str, NoneType),
    "ts": (int, float, str, NoneType),
}


#: JSON Schema of the event, printed by `tokenshare schema`.
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "tokenshare usage event",
    "description": "The tokens of one request to an LLM: the value of one Kafka record.",
    "type": "object",
    "required": ["model", "prompt_tokens", "completion_tokens"],
    "properties": {
        "id": {
            "type": "string",
            "description": "The request's id: where ids are compared, two events of one are one.",
        },
        "ts": {
            "description": (
                "Start of the request: unix seconds or milliseconds as a number, or a text, best "
                "ISO 8601 (UTC where it names no offset). Without it the record's Kafka timestamp "
                "counts."
            ),
            "anyOf": [
                {"type": "number", "minimum": 946684800},
                {"type": "string"},
                {"type": "null"},
            ],
        },
        "model": {
            "type": "string",
            "minLength": 1,
            "description": "The model that answered, as the gateway names it, not an alias of it.",
        },
        "prompt_tokens": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_TOKENS,
            "description": ("All input tokens, cache reads and writes included: a whole number."),
        },
        "completion_tokens": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_TOKENS,
            "description": "All output tokens, reasoning included: a whole number.",
        },
        "language": {
            "type": ["string", "null"],
            "description": "Language of the prompt, BCP 47 (en, zh-Hans, ru). Without it: und.",
        },
        "tenant": {
            "type": ["string", "null"],
            "description": "Who asked. Hashed before it is counted; never shown.",
        },
        "cached_tokens": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": MAX_TOKENS,
            "description": (
                "The part of the prompt tokens that was read from a cache, where it is known."
            ),
        },
        "reasoning_tokens": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": MAX_TOKENS,
            "description": (
                "The part of the completion tokens that was reasoning, where it is known."
            ),
        },
        "cost": {
            "description": (
                "What the request cost, in US dollars, as the gateway says. Kept to a nano-dollar; "
                "without it the cost is not known, which is not zero."
            ),
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MAX_DOLLARS},
                {"type": "string"},
                {"type": "null"},
            ],
        },
        "provider": {
            "type": ["string", "null"],
            "description": (
                "Who served the request, as the gateway writes it, and after an @ the host of the "
                "endpoint or the region of the cloud, where they are known."
            ),
        },
    },
    "additionalProperties": True,
    "examples": [
        {
            "id": "req-1",
            "ts": 1763900000.123,
            "model": "qwen/qwen3-32b",
            "prompt_tokens": 812,
            "completion_tokens": 64,
            "language": "zh",
            "tenant": "team-7",
            "cached_tokens": 640,
            "reasoning_tokens": 0,
            "cost": 0.000151,
            "provider": "bedrock@eu-central-1",
        }
    ],
}
