"""The contents of record batches: events as columns of numbers, and everything that is not one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.classify.classifier import StaleNumbersError
from streams.decode import compiled
from streams.decode.event import (
    EARLIEST_TIME,
    MAX_CHARACTERS,
    MILLISECONDS_FROM,
    NANOSECONDS_BELOW,
    NANOSECONDS_FROM,
    AggregateEvent,
    event_time,
)
from streams.decode.formats import custom, native, otlp
from streams.decode.formats.raw_usage import PlacedId, SharedId, place_of, request_id, tokens_of
from streams.decode.formats.registry import NAMES
from streams.decode.money import nano_dollars
from streams.kafka import record_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from streams.classify.classifier import Classifier
    from streams.decode.event import Rejected, SkipReason, UsageEvent
    from streams.decode.nesting import Node
    from streams.kafka.record_batch import Record

#: The formats that events come in, by number: our own is 0.
FORMAT_NAMES = (native.NAME, *(name for name in NAMES if name != native.NAME), custom.NAME)
FORMAT_NUMBERS: dict[str, int] = {name: at for at, name in enumerate(FORMAT_NAMES)}

_OTLP = FORMAT_NUMBERS[otlp.NAME]

_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")

_pair = attrgetter("model", "language")
_time = attrgetter("ts")
_tenant = attrgetter("tenant")
_prompt = attrgetter("prompt_tokens")
_completion = attrgetter("completion_tokens")
_cached = attrgetter("cached_tokens")
_reasoning = attrgetter("reasoning_tokens")
_cost = attrgetter("cost")


@dataclass(frozen=True, slots=True)
class Rows:
    """Events as columns, a row each, ascending by offset, and the generation of their numbers.

    `ts` is in unix seconds, NaN where it cannot be read as a time. `pair` and `tenant` are the
    classifier's numbers of (model, language) and of the tenant, -1 for none. `format` is the
    place of a format's name in `FORMAT_NAMES`. `id` is a hash of the event's id, 0 for none; where
    ids are not asked for, only spans and requests of a shared id have one. Hashes of different
    processes differ. `requests` is how many requests a row stands for: one, but where a custom
    format says otherwise. `cached` and `reasoning` (tokens) and `cost` (nano-dollars) are -1 where
    they are not known, and `provider` is the classifier's number of who served, -1 for none.
    `generation` is the classifier's when the numbers were assigned: in another one they are void.
    """

    generation: int
    offsets: NDArray[np.int64]
    ts: NDArray[np.float64]
    prompt: NDArray[np.int64]
    completion: NDArray[np.int64]
    pair: NDArray[np.int64]
    tenant: NDArray[np.int64]
    format: NDArray[np.int64]
    id: NDArray[np.int64]
    requests: NDArray[np.int64]
    cached: NDArray[np.int64]
    reasoning: NDArray[np.int64]
    cost: NDArray[np.int64]
    provider: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
        return Rows(self.generation, *(column[rows] for column in self.columns()))

    def columns(self) -> list[NDArray[Any]]:
        """Return the columns, in the order of the fields."""
        return list(_columns(self))

    @classmethod
    def empty(cls, size: int, generation: int) -> Rows:
        """Return rows to be filled."""
        offsets, prompt, completion, pair, tenant = (
            np.empty(size, dtype=np.int64) for _ in range(5)
        )
        none = np.zeros(size, dtype=np.int64)
        ts = np.empty(size, dtype=np.float64)
        one = np.ones(size, dtype=np.int64)
        unknown = (np.full(size, -1, dtype=np.int64) for _ in range(4))
        return cls(
            *(generation, offsets, ts, prompt, completion, pair, tenant, none, none.copy(), one),
            *unknown,
        )

    def grown(self, filled: int, size: int) -> Rows:
        """Return rows of capacity `size`, of which the first `filled` are these."""
        rows = Rows.empty(size, self.generation)
        for old, new in zip(self.columns(), rows.columns(), strict=True):
            new[:filled] = old[:filled]
        return rows

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of one or more parts, in their order.

        Raises StaleNumbersError where the parts are of several generations.
        """
        generation, *others = {part.generation for part in parts}
        if others:
            raise StaleNumbersError(
                f"rows of generations {sorted([generation, *others])} cannot be joined: the same "
                "number means different names"
            )
        columns = zip(*(part.columns() for part in parts), strict=True)
        return cls(generation, *map(np.concatenate, columns))

    def merged(self, other: Rows) -> Rows:
        """Return both, by offset; at the same offset these first. Raises StaleNumbersError."""
        if not len(other):
            return self
        rows = Rows.joined([self, other])
        return rows[np.argsort(rows.offsets, kind="stable")]


_columns = attrgetter(*(each.name for each in fields(Rows) if each.name != "generation"))


@dataclass(frozen=True, slots=True)
class UnreadItem:
    """An item of the record at an offset whose usage no reader takes.

    `key` is the number of its span, 0 for none.
    """

    offset: int
    key: int
    format: str
    source: str


#: The spans of the record at an offset. Their keys are numbers, like those in a row's `id`.
Spans = tuple[int, "Sequence[Node]"]


@dataclass(frozen=True, slots=True)
class CorruptRange:
    """Offsets of a record batch that cannot be read: `first` to `last`, both included.

    `raw` is the whole batch. Records before `first` have been read.
    """

    first: int
    last: int
    why: str
    raw: bytes | memoryview

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Reading:
    """The contents of a partition between two offsets.

    `start` is where the read began and `end` where the next one begins, so that readings chain
    without holes even where the log has some. Each item of a record is a row, rejected or skipped:
    `rejected` by offset, ascending, several of one offset where a record holds several bad items.
    What cannot be read at all is `corrupt`. `spans` are those of each record that holds any, by
    offset. Of the skipped ones, those whose usage no reader takes are `unread`. `record_batches`
    are the source, with the parts of a large batch in its place; `others` are the records that were
    decoded in Python.
    """

    start: int
    end: int
    rows: Rows
    rejected: Sequence[tuple[int, Rejected]] = ()
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)
    record_batches: Sequence[bytes | memoryview] = ()
    others: Sequence[Record] = ()
    corrupt: Sequence[CorruptRange] = ()
    spans: Sequence[Spans] = ()
    unread: Sequence[UnreadItem] = ()

    def records_at(self, offsets: Iterable[int]) -> dict[int, Record]:
        """Return the records at these offsets; those that cannot be read again are left out."""
        wanted = set(offsets)
        found = {each.offset: each for each in self.others if each.offset in wanted}
        if len(found) < len(wanted):
            found |= record_batch.at_offsets(self.record_batches, wanted - found.keys())
        return found

    def counted_items(self, rejections: Sequence[tuple[int, Rejected]]) -> dict[int, int]:
        """Return how many items of each rejected record were not rejected, where there are any.

        `rejections` are all of this reading: those of event times, which are rows here, as well.
        """
        if not len(self.rows):
            return {}
        found = Counter(offset for offset, _ in self.rejected)
        found.subtract(offset for offset, _ in rejections)
        offsets = list(found)
        first, last = (np.searchsorted(self.rows.offsets, offsets, side) for side in _SIDES)
        found.update(dict(zip(offsets, (last - first).tolist(), strict=True)))
        return {offset: count for offset, count in found.items() if count}


def rows_of(
    offsets: Sequence[int],
    record_times: Sequence[int | None],
    events: Sequence[UsageEvent],
    classifier: Classifier,
    formats: Sequence[int] | None = None,
    *,
    with_ids: bool = False,
) -> Rows:
    """Return decoded events as rows.

    `record_times` are Kafka's timestamps in milliseconds, used where an event has no time.
    `formats` are places in `FORMAT_NAMES`; without them all are native.
    """
    times = list(map(_time, events))
    if str in set(map(type, times)):
        # numpy would parse a text as a number, which is not a valid time.
        times = [None if isinstance(each, str) else each for each in times]
    ts = np.array(times, dtype=np.float64)
    # The times of spans are in nanoseconds.
    is_nano = (ts >= NANOSECONDS_FROM) & (ts < NANOSECONDS_BELOW)
    np.divide(ts, 1e9, out=ts, where=is_nano)
    # Every other time is converted alone: another unit, a text, none.
    for row in np.flatnonzero(~((ts >= EARLIEST_TIME) & (ts < MILLISECONDS_FROM))).tolist():
        appended = record_times[row]
        record_time = appended / 1000 if appended is not None and appended >= 0 else None
        seconds = event_time(events[row].ts, record_time)
        ts[row] = np.nan if seconds is None else seconds
    prompts, completions = list(map(_prompt, events)), list(map(_completion, events))
    return Rows(
        generation=classifier.generation,
        offsets=np.array(offsets, dtype=np.int64),
        ts=ts,
        prompt=np.array(prompts, dtype=np.int64),
        completion=np.array(completions, dtype=np.int64),
        pair=classifier.pairs(list(map(_pair, events))),
        tenant=classifier.tenants(list(map(_tenant, events))),
        format=np.array(formats or [0] * len(events), dtype=np.int64),
        id=np.array(_ids(events, formats, with_ids=with_ids), dtype=np.int64),
        requests=_requests_of(events),
        cached=_known(tokens_of, map(_cached, events), prompts),
        reasoning=_known(tokens_of, map(_reasoning, events), completions),
        cost=_known(nano_dollars, map(_cost, events)),
        provider=classifier.providers([text_or_none(each.provider) for each in events]),
    )


def _known(
    known: Callable[..., int | None], values: Iterable[object], *more: Iterable[int]
) -> NDArray[np.int64]:
    """Return optional numbers, -1 where they are not known."""
    return np.array(
        [
            -1 if each is None or (number := known(each, *rest)) is None else number
            for each, *rest in zip(values, *more, strict=True)
        ],
        dtype=np.int64,
    )


def text_or_none(name: object) -> str | None:
    """Return the name of who served; None where it is empty, or no text."""
    return name if type(name) is str and name else None


def _requests_of(events: Sequence[UsageEvent]) -> NDArray[np.int64]:
    requests = np.ones(len(events), dtype=np.int64)
    if AggregateEvent in set(map(type, events)):
        for row, event in enumerate(events):
            if isinstance(event, AggregateEvent):
                requests[row] = event.requests
    return requests


#: Ids by which a request is found again, whether or not ids are compared.
_PLACED = frozenset((SharedId, PlacedId))


def _ids(
    events: Sequence[UsageEvent], formats: Sequence[int] | None, *, with_ids: bool
) -> list[int]:
    if with_ids:
        return [id_number(each.id) for each in events]
    if formats is None:
        return [0] * len(events)
    return [
        id_number(place_of(each.id)) if number == _OTLP or type(each.id) in _PLACED else 0
        for each, number in zip(events, formats, strict=True)
    ]


def id_number(name: object) -> int:
    """Return the hash of an event's id, the same as in compiled code; 0 for none."""
    if type(name) is PlacedId:
        name = str(name)
    if type(name) is not str or not 0 < len(name) <= MAX_CHARACTERS:
        name = request_id(name)
    if name is None:
        return 0
    text = str(name).encode(errors="replace")
    return compiled.scan.hash_of(text) if compiled.IS_COMPILED else hash(text) or 1


def learned(
    known: NDArray[np.int64],
    texts: list[bytes],
    numbers: Callable[[list[bytes]], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Return the numbers that are known, with those of the texts after them."""
    if len(texts) == len(known):
        return known
    return np.concatenate([known, numbers(texts[len(known) :])])
