"""One request's tokens as a gateway reports them, and the other two outcomes: Rejected, Skipped.

A record is decoded into events. What cannot be read is `Rejected` with a reason from a closed set,
so that the reason can be a label and a dead letter can carry it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

import msgspec

from streams.decode.text_time import seconds_of

#: Why a record is not counted. The values are label values of `tokenshare_records_total`.
Reason = Literal[
    "tombstone",  # no value: the deletion marker of a compacted topic
    "empty",  # a value of zero bytes or only white space
    "too_large",  # more than TOKENSHARE_MAX_RECORD_BYTES, or more items or values than the limits
    "not_utf8",
    "not_json",
    "not_an_object",  # JSON, but an array, a string, a number, true, false or null
    "not_protobuf",  # declared as protobuf, or binary, but not OTLP traces or logs
    "bad_envelope",  # an envelope or an encoding whose contents cannot be unwrapped
    "other_format",  # not in the format that TOKENSHARE_FORMAT pins
    "missing_field",
    "wrong_type",
    "no_model",  # the model name is empty
    "bad_count",  # negative, fractional or absurd
    "bad_time",  # not readable as a time, or before the year 2000
    "future",  # further ahead of the clock than the allowed clock skew
    "too_old",  # older than the longest retention
    "corrupt_batch",  # an offset of an unreadable record batch
]
REASONS: tuple[Reason, ...] = get_args(Reason)

#: More tokens than any request can have: no model's context comes near 1,000,000,000.
MAX_TOKENS = 1_000_000_000

#: The most requests, and the most tokens of one kind, of a row that stands for many requests: so
#: many rows of one reading as there can be stay far below 64 bits.
MAX_REQUESTS = 1_000_000_000
MAX_ROW_TOKENS = 10_000_000_000_000

#: Kept length of the name of a model or tenant and of a request id: real ones are short.
MAX_CHARACTERS = 512

#: An event this far ahead comes from a wrong clock; it is not early.
ALLOWED_CLOCK_SKEW_SECONDS = 300.0

#: 2000-01-01T00:00:00Z. Nothing was served before it; zeros and small counters are not times.
EARLIEST_TIME = 946_684_800.0

#: The unit of a number follows from its size: seconds until the year 5138, then milliseconds,
#: microseconds and nanoseconds, each a factor of 1000 above the one before.
MILLISECONDS_FROM = 1e11
_MILLISECONDS_BELOW = 1e14
NANOSECONDS_FROM = 1e17
NANOSECONDS_BELOW = 1e20

#: Digits that are no date, which has eight: the earliest time in seconds has nine.
_NUMBER = re.compile(
    r"[0-9]{9,20}(?:\.[0-9]{1,9})?|[1-9]\.[0-9]{1,17}E\+?[0-9]{1,2}", re.IGNORECASE
)

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]


class UsageEvent(msgspec.Struct, frozen=True, gc=False):
    """The tokens of one request as the record reports them, before normalisation.

    `prompt_tokens` is all input with cache reads and writes, `completion_tokens` all output with
    reasoning. `ts` is the start of the request: unix seconds or milliseconds, a text such as ISO
    8601 (`text_time.py` has the others), or None for "when Kafka got the record". `id` identifies
    the request for deduplication: a text or a number;
    any other type counts as none.

    The rest is optional, as the gateway reports it, and never makes an event unreadable: a value of
    another type, or out of range, is not known. `cached_tokens` is the part of the prompt that was
    read from a cache, `reasoning_tokens` the part of the completion that was reasoning, `cost` the
    price in US dollars (see `money.py`), and `provider` who served the request, with the host or
    region of the endpoint where the record names it (see `served_by.py`).
    """

    model: str
    prompt_tokens: Count
    completion_tokens: Count
    ts: float | str | None = None
    language: str | None = None
    tenant: str | None = None
    id: Any = None
    cached_tokens: Any = None
    reasoning_tokens: Any = None
    cost: Any = None
    provider: Any = None


class AggregateEvent(UsageEvent, frozen=True, gc=False):
    """The tokens of several requests in one row, as a custom format declares them."""

    requests: int = 1

    @classmethod
    def of(cls, event: UsageEvent, requests: int) -> AggregateEvent:
        """Return an event as the sum of so many requests."""
        return cls(**msgspec.structs.asdict(event), requests=requests)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be counted: `reason` becomes a label, `detail` a dead-letter header.

    `detail` names fields and types and never repeats a value: a value may be part of a prompt.
    """

    reason: Reason
    detail: str


#: Why a well-formed record, or one item of it, has nothing to count.
SkipReason = Literal[
    "cache_hit",  # answered from the gateway's own cache: the tokens were counted the first time
    "no_usage",  # a request without token counts: a failure, a stream without usage
    "stream_chunk",  # a chunk of a streamed response
    "not_a_request",  # a span, an event or a log line of something other than a model request
    "no_llm",  # ordinary traffic of a gateway that also serves other things
    "empty_batch",  # a batch without items, as sent by a connection test
    "duplicate",  # an id that was counted recently (TOKENSHARE_DEDUPE_RECORDS)
    "unread_usage",  # it visibly holds a model and token counts, and no reader takes them
]
SKIP_REASONS: tuple[SkipReason, ...] = get_args(SkipReason)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A well-formed record, or an item of one, with nothing to count.

    It is ordinary traffic, except `unread_usage`: `source` then says where it comes from. With
    `is_final` a reader knows that there is nothing to count, and nobody has to look for more.
    """

    reason: SkipReason
    source: str = field(default="", compare=False)
    is_final: bool = field(default=False, compare=False)


def event_time(ts: float | str | None, record_time: float | None) -> float | None:
    """Return the time of an event in unix seconds, or None when it cannot be determined.

    `record_time` (unix seconds) is used when the event itself has no time.
    """
    if ts is None:
        seconds = -1.0 if record_time is None else record_time
    elif isinstance(ts, str):
        text = ts.strip()
        # Where all fields are texts, so is a number of seconds, milliseconds and so on.
        found = event_time(float(text), None) if _NUMBER.fullmatch(text) else seconds_of(text)
        if found is None:
            return None
        seconds = found
    elif ts < MILLISECONDS_FROM:
        seconds = ts
    elif ts < _MILLISECONDS_BELOW:
        seconds = ts / 1e3
    elif ts < NANOSECONDS_FROM:
        seconds = ts / 1e6
    elif ts < NANOSECONDS_BELOW:
        seconds = ts / 1e9
    else:
        return None
    return seconds if seconds >= EARLIEST_TIME else None
