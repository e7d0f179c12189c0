"""Converts a post to Kafka records: usage only, never the content of prompts or responses.

Each event is decoded here and rewritten field by field, so prompts, responses and anything else in
a document end in this process; of a prompt only its language is kept, of a tenant its hash.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from streams.classify.language.tags import UNDETERMINED, canonical
from streams.classify.tenant import marked
from streams.decode.decoder import Decoded, Decoder
from streams.decode.event import (
    ALLOWED_CLOCK_SKEW_SECONDS,
    MAX_CHARACTERS,
    Rejected,
    Skipped,
    UsageEvent,
    event_time,
)
from streams.decode.formats import native, otlp
from streams.decode.formats.raw_usage import place_of, tokens_of
from streams.decode.money import dollars
from streams.decode.options import Options
from streams.decode.served_by import without_secrets
from streams.settings import ENV_PREFIX, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.decode.judged import Unread
    from streams.decode.nesting import Node
    from streams.kafka.record_batch import Headers
    from streams.settings import Settings

#: The signals of OTLP that carry usage; "" for any format.
Signal = Literal["", "traces", "logs"]

#: `Content-Encoding` -> zlib's name for it. A deflate body has zlib's own framing.
CODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}

# Parallel compressors send several members; each one costs a copy of the bytes after it.
_MAX_MEMBERS = 64
# Tenants whose hashes are cached: few use one gateway.
_TENANTS = 4096
#: Larger numbers are not ids, and cost more to write the larger they are.
_MAX_ID = 2**63

#: Rejections of a whole document, none of which could be examined.
_WHOLE: Final = frozenset(
    {
        *("empty", "too_large", "not_utf8", "not_json", "not_an_object", "not_protobuf"),
        *("bad_envelope", "other_format"),
    }
)


class InflateError(Exception):
    """A body cannot be decompressed completely; `is_too_large` if its size is the reason."""

    def __init__(self, message: str, *, is_too_large: bool = False) -> None:
        super().__init__(message)
        self.is_too_large = is_too_large


class Record(NamedTuple):
    """Key, value and headers of a Kafka record."""

    key: bytes | None
    value: bytes
    headers: Headers = ()


class Posted(NamedTuple):
    """The contents of one post: records for Kafka, their number of events, and everything else.

    `nodes` are its spans, and `keys` the ids of the records' events; both only where the records
    are to be compared with those of other posts. `unread` are the skipped items whose usage no
    reader takes.
    """

    records: Sequence[Record]
    events: int
    rejected: Sequence[Rejected]
    skipped: Sequence[Skipped]
    nodes: Sequence[Node] = ()
    keys: Sequence[object] = ()
    unread: Sequence[Unread] = ()

    @property
    def is_unreadable(self) -> bool:
        """Return whether nothing could be read, so that no single item can be reported."""
        return (
            not self.events
            and not self.skipped
            and any(each.reason in _WHOLE for each in self.rejected)
        )


def inflate(body: bytes, coding: str, limit: int) -> bytes:
    """Return the decompressed body, at most `limit` bytes; never decompress more than that.

    Raises InflateError for a body that is larger, truncated or not compressed like this.
    """
    pieces: list[bytes] = []
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(CODINGS[coding])
        try:
            piece = unpacker.decompress(body, limit + 1)
        except zlib.error:
            raise InflateError(f"the body is not {coding}") from None
        limit -= len(piece)
        if limit < 0:
            raise InflateError("the body is too large when decompressed", is_too_large=True)
        pieces.append(piece)
        if not unpacker.eof:
            raise InflateError(f"the {coding} body is truncated")
        body = unpacker.unused_data
        if not body:
            return b"".join(pieces)
    raise InflateError("the body has too many compressed members")


class Reader:
    """Reads posts. Use one per thread: a decoder caches its last input."""

    def __init__(self, settings: Settings, *, keep_bodies: bool = False) -> None:
        """Raise SettingsError for settings with which nothing could be read."""
        options = Options.of(settings)
        if "requests" in options.paths and not keep_bodies:
            raise SettingsError(
                f"{ENV_PREFIX}FIELDS: a bridge writes an event a request, so requests cannot be "
                "mapped"
            )
        self._decode = Decoder(options).decode_many
        # The path determines the format; a custom mapping does not apply to it.
        self._otlp = Decoder(replace(options, format=otlp.NAME, paths={})).decode_many
        self._keep_bodies = keep_bodies
        salt = settings.tenant_salt.get_secret_value().encode()
        self._tenant = lru_cache(_TENANTS)(lambda name: marked(name, salt))

    def read(self, body: bytes, headers: Headers, now: float, *, signal: Signal = "") -> Posted:
        """Return the contents of a body; `headers` are those that it would have as a record.

        `now` (unix seconds) is the time of an event without one. With a `signal` the body has to be
        an OTLP request.
        """
        if signal and body.strip() == b"{}":
            # An empty message, as JSON encodes protobuf.
            return Posted((), 0, (), (Skipped("empty_batch"),))
        relevant = [each for each in headers if _counts(*each)]
        decode = self._otlp if signal else self._decode
        found = decode((body,), (relevant,))[0]
        decoded = found if isinstance(found, Decoded) else Decoded(native.NAME, (found,))
        records: list[Record] = []
        keys: list[object] = []
        rejected = decoded.rejected
        for event in decoded.events:
            plain = self._stripped(event, now)
            if isinstance(plain, Rejected):
                rejected = [*rejected, plain]
            else:
                records.append(Record(_key(plain), native.encode(plain)))
                keys.append(place_of(event.id))
        events = len(records)
        if self._keep_bodies and records:
            # Workers read the same body, and compare its spans themselves.
            whole = [Record(records[0].key if events == 1 else None, body, headers)]
            return Posted(whole, events, rejected, decoded.skipped, unread=decoded.unread)
        return Posted(
            *(records, events, rejected, decoded.skipped, decoded.nodes, keys, decoded.unread)
        )

    def _stripped(self, event: UsageEvent, now: float) -> UsageEvent | Rejected:
        """Return an event without any field that could hold a user's text."""
        at = now
        if event.ts is not None:
            time = event_time(event.ts, None)
            if time is None:
                return Rejected("bad_time", "the time cannot be read, or lies before 2000")
            if time > now + ALLOWED_CLOCK_SKEW_SECONDS:
                return Rejected("future", f"{time - now:.0f} s ahead of the bridge's clock")
            at = time
        language = canonical(event.language) if event.language is not None else UNDETERMINED
        tenant = event.tenant
        return UsageEvent(
            model=event.model.strip()[:MAX_CHARACTERS],
            prompt_tokens=event.prompt_tokens,
            completion_tokens=event.completion_tokens,
            ts=at,
            language=None if language == UNDETERMINED else language,
            tenant=self._tenant(tenant[:MAX_CHARACTERS]) if tenant else None,
            id=_id(event.id),
            cached_tokens=tokens_of(event.cached_tokens, event.prompt_tokens),
            reasoning_tokens=tokens_of(event.reasoning_tokens, event.completion_tokens),
            cost=dollars(event.cost),
            provider=without_secrets(event.provider),
        )


def _counts(name: str, value: bytes | None) -> bool:
    """Return whether a header adds information to a document's own keys."""
    lower = name.lower()
    return lower.startswith("ce_") or (
        lower == "content-type" and value is not None and b"protobuf" in value.lower()
    )


def _id(given: object) -> str | int | None:
    # Drop a longer one: truncated, two different ids could become equal.
    if type(given) is str:
        return given if 0 < len(given) <= MAX_CHARACTERS else None
    return given if type(given) is int and abs(given) < _MAX_ID else None


def _key(event: UsageEvent) -> bytes | None:
    """Return the key that puts the records of one request in one partition; None without an id."""
    return None if event.id is None else str(event.id).encode(errors="replace")
