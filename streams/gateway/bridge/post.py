"""What somebody posts -> the records that Kafka gets of it: usage, and nothing that was said.

Each event is decoded here and written anew, field by field, so prompts, answers and whatever else a
document holds end in this process; of a prompt only its language goes on, of a tenant its hash.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from streams.classify.language.tags import UNDETERMINED, canonical
from streams.classify.tenant import marked
from streams.decode.decoder import Decoded, Decoder, Options
from streams.decode.event import (
    ALLOWED_CLOCK_SKEW_SECONDS,
    Rejected,
    Skipped,
    UsageEvent,
    event_time,
)
from streams.decode.formats import native, otlp
from streams.decode.formats.raw_usage import MOST_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.kafka.record_batch import Headers
    from streams.settings import Settings

#: `Content-Encoding` -> what zlib calls it. A deflate body has zlib's own frame around it.
CODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}

# Some compress in parallel and send several members; each one costs a copy of what comes behind it.
_MAX_MEMBERS = 64
# Tenants whose hashes are remembered: few are behind one gateway.
_TENANTS = 4096
#: Numbers that are larger are no ids, and cost more to write the larger they are.
_LARGEST_ID = 2**63

#: Rejections of a whole document: nothing in it could be looked at.
_WHOLE: Final = frozenset(
    {
        *("empty", "too_large", "not_utf8", "not_json", "not_an_object", "not_protobuf"),
        *("bad_envelope", "other_format"),
    }
)


class InflateError(Exception):
    """A compressed body cannot be had whole; `is_too_large` where that is for its size."""

    def __init__(self, message: str, *, is_too_large: bool = False) -> None:
        super().__init__(message)
        self.is_too_large = is_too_large


class Record(NamedTuple):
    """Key, value and headers of a Kafka record."""

    key: bytes | None
    value: bytes
    headers: Headers = ()


class Posted(NamedTuple):
    """What one post holds: records for Kafka with so many events in them, and the rest of it."""

    records: Sequence[Record]
    events: int
    rejected: Sequence[Rejected]
    skipped: Sequence[Skipped]

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing could be read, so that there is nothing to say of single items."""
        return (
            not self.events
            and not self.skipped
            and any(each.reason in _WHOLE for each in self.rejected)
        )


def inflate(body: bytes, coding: str, most: int) -> bytes:
    """Return what a body says uncompressed, at most `most` bytes; no more are ever made of it.

    Raises InflateError for a body that holds more, is cut off or is not compressed like this.
    """
    pieces: list[bytes] = []
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(CODINGS[coding])
        try:
            piece = unpacker.decompress(body, most + 1)
        except zlib.error:
            raise InflateError(f"the body is not {coding}") from None
        most -= len(piece)
        if most < 0:
            raise InflateError("the body is too large uncompressed", is_too_large=True)
        pieces.append(piece)
        if not unpacker.eof:
            raise InflateError(f"the {coding} body is cut off")
        body = unpacker.unused_data
        if not body:
            return b"".join(pieces)
    raise InflateError("the body is compressed in too many pieces")


class Reader:
    """Reads posts. One for each thread: a decoder remembers what it saw last."""

    def __init__(self, settings: Settings, *, keep_bodies: bool = False) -> None:
        """Raise SettingsError where the settings say nothing that can be read."""
        options = Options.of(settings)
        self._decode = Decoder(options).decode_many
        # Its path says what it is; and a mapping of one's own has no say in it.
        self._traces = Decoder(replace(options, format=otlp.NAME, paths={})).decode_many
        self._keep_bodies = keep_bodies
        salt = settings.tenant_salt.get_secret_value().encode()
        self._tenant = lru_cache(_TENANTS)(lambda name: marked(name, salt))

    def read(
        self, body: bytes, headers: Headers, now: float, *, only_traces: bool = False
    ) -> Posted:
        """Return what a body holds; `headers` are those of the record that it would be.

        `now` (unix seconds) is the time of an event that has none. With `only_traces` it is an
        OTLP request of traces, or nothing.
        """
        if only_traces and body.strip() == b"{}":
            # A message without fields, as JSON writes protobuf.
            return Posted((), 0, (), (Skipped("empty_batch"),))
        said = [each for each in headers if _counts(*each)]
        decode = self._traces if only_traces else self._decode
        found = decode((body,), (said,))[0]
        decoded = found if isinstance(found, Decoded) else Decoded(native.NAME, (found,))
        records: list[Record] = []
        rejected = decoded.rejected
        for event in decoded.events:
            plain = self._stripped(event, now)
            if isinstance(plain, Rejected):
                rejected = [*rejected, plain]
            else:
                records.append(Record(_key(plain), native.encode(plain)))
        events = len(records)
        if self._keep_bodies and records:
            records = [Record(records[0].key if events == 1 else None, body, headers)]
        return Posted(records, events, rejected, decoded.skipped)

    def _stripped(self, event: UsageEvent, now: float) -> UsageEvent | Rejected:
        """Return an event without anything that could be a text of somebody's."""
        at = now
        if event.ts is not None:
            told = event_time(event.ts, None)
            if told is None:
                return Rejected("bad_time", "the time cannot be read, or lies before 2000")
            if told > now + ALLOWED_CLOCK_SKEW_SECONDS:
                return Rejected("future", f"{told - now:.0f} s ahead of the bridge's clock")
            at = told
        language = canonical(event.language) if event.language is not None else UNDETERMINED
        tenant = event.tenant
        return UsageEvent(
            model=event.model.strip()[:MOST_CHARACTERS],
            prompt_tokens=event.prompt_tokens,
            completion_tokens=event.completion_tokens,
            ts=at,
            language=None if language == UNDETERMINED else language,
            tenant=self._tenant(tenant[:MOST_CHARACTERS]) if tenant else None,
            id=_id(event.id),
        )


def _counts(name: str, value: bytes | None) -> bool:
    """Return whether a header says more of a document than its own keys do."""
    lower = name.lower()
    return lower.startswith("ce_") or (
        lower == "content-type" and value is not None and b"protobuf" in value.lower()
    )


def _id(given: object) -> str | int | None:
    # A longer one is none: cut, two could be one.
    if type(given) is str:
        return given if 0 < len(given) <= MOST_CHARACTERS else None
    return given if type(given) is int and abs(given) < _LARGEST_ID else None


def _key(event: UsageEvent) -> bytes | None:
    """The records of one request meet in one partition, where they can be told to be one."""
    return None if event.id is None else str(event.id).encode(errors="replace")
