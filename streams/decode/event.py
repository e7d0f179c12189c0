"""One request's tokens as a gateway reports them, and the two other ends a record can come to.

A record is decoded into events; what cannot be read is `Rejected` with a reason from a closed
set, so that the reason can be a label and a dead letter can say why it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

import msgspec

#: Why a record is not counted. The values are label values of `tokenshare_records_total`.
Reason = Literal[
    "tombstone",  # no value: a compacted topic's deletion marker
    "empty",  # a value of no bytes, or of white space alone
    "too_large",  # more bytes than TOKENSHARE_MAX_RECORD_BYTES, or more in it than is read
    "not_utf8",
    "not_json",
    "not_an_object",  # JSON, but an array, a string, a number, true, false or null
    "not_protobuf",  # said to be protobuf, or binary, and no OTLP traces
    "bad_envelope",  # a CloudEvent whose data cannot be unwrapped
    "other_format",  # not of the format that TOKENSHARE_FORMAT pins
    "missing_field",
    "wrong_type",
    "no_model",  # the model's name is empty
    "bad_count",  # negative, fractional or absurd
    "bad_time",  # cannot be read as a time, or lies before the year 2000
    "future",  # further ahead of the clock than the clock skew that is allowed
    "too_old",  # older than the longest history that is kept
    "corrupt_batch",  # an offset of a record batch that nobody can read
]
REASONS: tuple[Reason, ...] = get_args(Reason)

#: More tokens than any request can have: no model's context comes near a thousand million.
MAX_TOKENS = 1_000_000_000

#: A clock this far ahead is a wrong clock, not an early event.
ALLOWED_CLOCK_SKEW_SECONDS = 300.0

#: 2000-01-01T00:00:00Z. Nothing was served before; zeros and small counters are no times.
EARLIEST_TIME = 946_684_800.0

#: A number is read by its size: seconds until the year 5138, then milliseconds, microseconds
#: and nanoseconds, each a thousand times the one before.
MILLISECONDS_FROM = 1e11
_MILLISECONDS_BELOW = 1e14
_MICROSECONDS_BELOW = 1e17
_NANOSECONDS_BELOW = 1e20

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]


class UsageEvent(msgspec.Struct, frozen=True, gc=False):
    """The tokens of one request, as the record says them: nothing is normalised yet.

    `prompt_tokens` is all input with cache reads and writes, `completion_tokens` all output with
    reasoning. `ts` is the start of the request: unix seconds or milliseconds, ISO 8601, or None
    for "when Kafka got the record". `id` (a text or a number; anything
    else is none) tells whether two events are one request.
    """

    model: str
    prompt_tokens: Count
    completion_tokens: Count
    ts: float | str | None = None
    language: str | None = None
    tenant: str | None = None
    id: Any = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be counted: `reason` becomes a label, `detail` a dead letter's header.

    `detail` names fields and types and never repeats a value: a value may be somebody's prompt.
    """

    reason: Reason
    detail: str


#: Why there was nothing to count in a record, or in one item of it, though it is well-formed.
SkipReason = Literal[
    "cache_hit",  # answered from the gateway's own cache: the tokens were counted the first time
    "no_usage",  # a request that says no tokens: a failure, a stream without usage
    "stream_chunk",  # a piece of a streamed answer
    "not_a_request",  # a span, an event or a log line of something else than a request to a model
    "no_llm",  # ordinary traffic of a gateway that serves other things as well
    "empty_batch",  # a batch without items, as a connection test sends it
    "duplicate",  # an id that was counted a short while ago (TOKENSHARE_DEDUPE_RECORDS)
]
SKIP_REASONS: tuple[SkipReason, ...] = get_args(SkipReason)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A well-formed record, or an item of one, with nothing to count: ordinary traffic."""

    reason: SkipReason


def event_time(ts: float | str | None, record_time: float | None) -> float | None:
    """Return the time of an event in unix seconds, or None when it cannot be told.

    `record_time` (unix seconds) stands in when the event itself has no time.
    """
    if ts is None:
        seconds = -1.0 if record_time is None else record_time
    elif isinstance(ts, str):
        try:
            moment = datetime.fromisoformat(ts.strip())
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        try:
            seconds = moment.timestamp()
        except (OverflowError, ValueError):
            return None
    elif ts < MILLISECONDS_FROM:
        seconds = ts
    elif ts < _MILLISECONDS_BELOW:
        seconds = ts / 1e3
    elif ts < _MICROSECONDS_BELOW:
        seconds = ts / 1e6
    elif ts < _NANOSECONDS_BELOW:
        seconds = ts / 1e9
    else:
        return None
    return seconds if seconds >= EARLIEST_TIME else None
