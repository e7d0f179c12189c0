"""Record batches become rows: the events in them as columns of numbers, in the order of offsets.

Plain events are read by compiled code (scan.pyx) straight from the batch's bytes. What is not
plain, and everything where that code could not be built, is decoded in Python: the same events,
several times slower.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams import large_batch, record
from streams.event import EARLIEST_TIME, MILLISECONDS_FROM, Rejected, UsageEvent, event_time
from streams.formats import custom, litellm, native
from streams.formats.detect import NAMES
from streams.formats.found import request_id
from streams.formats.read import AUTO, Decoder, Options

try:
    from streams import scan
except ImportError:
    scan = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from streams.classify import Classifier
    from streams.event import SkipReason

#: Whether plain events are read by compiled code.
IS_COMPILED = scan is not None

#: What one piece holds, about: rows, and bytes of values that are decoded in Python.
MOST_ROWS, PIECE_BYTES = 32_768, 512 * 1024
#: New names take a tenth of a millisecond each, and more where somebody means harm.
MANY_NAMES = 500

#: The formats that events come in, by number: our own is 0.
FORMAT_NAMES = (native.NAME, *(name for name in NAMES if name != native.NAME), custom.NAME)
_FORMAT_NUMBERS: dict[str, int] = {name: at for at, name in enumerate(FORMAT_NAMES)}

_pair = attrgetter("model", "language")
_time = attrgetter("ts")
_tenant = attrgetter("tenant")
_prompt = attrgetter("prompt_tokens")
_completion = attrgetter("completion_tokens")

#: Offset, timestamp in milliseconds, value, headers.
Other = tuple[int, int | None, bytes | None, Sequence[tuple[str, bytes | None]]]

_NO_HEADERS = b"\0"


@dataclass(frozen=True, slots=True)
class Rows:
    """Events, a row each, ascending by offset.

    `ts` is in unix seconds, NaN where it cannot be read as a time. `pair` and `tenant` are the
    classifier's numbers of (model, language) and of the tenant, -1 for none. `format` is the
    place of a format's name in `FORMAT_NAMES`. `id` is a hash of the event's id, 0 for none and
    where ids are not asked for; hashes of different processes differ.
    """

    offsets: NDArray[np.int64]
    ts: NDArray[np.float64]
    prompt: NDArray[np.int64]
    completion: NDArray[np.int64]
    pair: NDArray[np.int64]
    tenant: NDArray[np.int64]
    format: NDArray[np.int64]
    id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
        return Rows(*(column[rows] for column in self.columns()))

    def columns(self) -> list[NDArray[Any]]:
        """Return the columns, in the order of the fields."""
        return [getattr(self, each.name) for each in fields(self)]

    @classmethod
    def empty(cls, size: int) -> Rows:
        """Return rows that are to be filled."""
        offsets, prompt, completion, pair, tenant = (
            np.empty(size, dtype=np.int64) for _ in range(5)
        )
        none = np.zeros(size, dtype=np.int64)
        ts = np.empty(size, dtype=np.float64)
        return cls(offsets, ts, prompt, completion, pair, tenant, none, none.copy())

    def grown(self, filled: int, size: int) -> Rows:
        """Return rows with room for `size`, of which the first `filled` are these."""
        rows = Rows.empty(size)
        for old, new in zip(self.columns(), rows.columns(), strict=True):
            new[:filled] = old[:filled]
        return rows

    def merged(self, other: Rows) -> Rows:
        """Return both, by offset; of one offset these first."""
        if not len(other):
            return self
        both = zip(self.columns(), other.columns(), strict=True)
        rows = Rows(*(np.concatenate(columns) for columns in both))
        return rows[np.argsort(rows.offsets, kind="stable")]


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands between two offsets of a partition, read.

    `start` is where the read began and `end` where the next one begins, so that readings chain
    without holes even where the log has some. Each item of a record is a row, rejected or skipped:
    `rejected` by offset, ascending, several of one offset where a record holds several bad items.
    `record_batches` are those that it was read from; a large one's place is taken by its parts.
    """

    start: int
    end: int
    rows: Rows
    rejected: Sequence[tuple[int, Rejected]] = ()
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)
    record_batches: Sequence[bytes | memoryview] = ()


class _Scanned(NamedTuple):
    """What compiled code has read, what it has left over, and the record batches of both."""

    rows: Rows
    others: list[Other]
    record_batches: list[bytes | memoryview]


class _Ahead:
    """Record batches in their order, the next one to be seen before it is taken."""

    def __init__(self, record_batches: Iterable[bytes | memoryview]) -> None:
        self._whole = iter(record_batches)
        self._parts: Iterator[bytes] | None = None
        self._seen: bytes | memoryview | None = None

    @property
    def is_in_parts(self) -> bool:
        """Whether a large batch's parts come, each of which takes a while."""
        return self._parts is not None

    def peek(self) -> bytes | memoryview | None:
        """Return the next one without taking it."""
        if self._seen is None and self._parts is not None:
            self._seen = next(self._parts, None)
            if self._seen is None:
                self._parts = None
        if self._seen is None:
            self._seen = next(self._whole, None)
        return self._seen

    def take(self) -> None:
        """Go on behind the one that was seen."""
        self._seen = None

    def replace(self, parts: Iterator[bytes]) -> None:
        """Have parts in the place of the one that was seen."""
        self._seen, self._parts = None, parts


class Reader:
    """Reads record batches; the numbers in its rows are those of its classifier."""

    def __init__(self, classifier: Classifier, options: Options, *, with_ids: bool = False) -> None:
        self._classifier = classifier
        self._max_record_bytes = options.max_record_bytes
        # Compiled code reads plain events of our own, and must not where these are something else.
        self._may_scan = IS_COMPILED and options.format in {AUTO, native.NAME} and not options.paths
        self._decoder = Decoder(options)
        self._with_ids = with_ids
        self._detects = options.detect is not None
        self._space = record.Room()
        #: Rows that a reading is begun with: what the largest one so far has taken.
        self._room = 1024
        self._forget()

    def _forget(self) -> None:
        if IS_COMPILED:
            self._pairs, self._tenants = scan.Names(), scan.Names()
            self._pair_numbers = np.empty(0, dtype=np.int64)
            self._tenant_numbers = np.empty(0, dtype=np.int64)

    def read(self, start: int, end: int, record_batches: Sequence[bytes | memoryview]) -> Reading:
        """Read what lies between two offsets in one piece. Raises CorruptBatchError.

        The numbers hold until the next call.
        """
        pieces = [each for each in self.readings(start, end, record_batches) if each is not None]
        skipped: Counter[SkipReason] = Counter()
        for each in pieces:
            skipped.update(each.skipped)
        columns = zip(*(each.rows.columns() for each in pieces), strict=True)
        return Reading(
            start,
            end,
            Rows(*map(np.concatenate, columns)) if pieces else Rows.empty(0),
            [each for piece in pieces for each in piece.rejected],
            skipped,
        )

    def readings(
        self, start: int, end: int, record_batches: Sequence[bytes | memoryview]
    ) -> Iterator[Reading | None]:
        """Yield what lies between two offsets in pieces that chain. Raises CorruptBatchError.

        A piece takes some milliseconds, and holds no more than a piece's records uncompressed: of
        a record batch that becomes a large one, a part. None is yielded before a step that may take
        longer, for whoever has other things to do meanwhile. The numbers of a piece hold until the
        next.
        """
        ahead = _Ahead(record_batches)
        while start < end:
            if ahead.is_in_parts:
                yield None
            if self._classifier.make_room():
                self._forget()
            scanned = self._scan(start, ahead)
            following = ahead.peek()
            if following is not None and not scanned.record_batches:
                continue
            upto = end if following is None else record.first_offset(following)
            yield from self._pieces(start, upto, scanned)
            start = upto

    def _pieces(self, start: int, end: int, scanned: _Scanned) -> Iterator[Reading | None]:
        if IS_COMPILED and len(self._pairs) - len(self._pair_numbers) > MANY_NAMES:
            yield None
        rows = self._numbered(scanned.rows) if len(scanned.rows) else scanned.rows
        if not scanned.others:
            yield Reading(start, end, rows, record_batches=scanned.record_batches)
            return
        pieces = list(_in_pieces(scanned.others))
        for number, (others, size) in enumerate(pieces, 1):
            upto = end if number == len(pieces) else others[-1][0] + 1
            first, last = np.searchsorted(rows.offsets, (start, upto))
            if size > 2 * PIECE_BYTES:
                yield None
            more, rejected, skipped = self._decode(others)
            merged = rows[first:last].merged(more)
            yield Reading(start, upto, merged, rejected, skipped, scanned.record_batches)
            start = upto

    def _decode(
        self, others: list[Other]
    ) -> tuple[Rows, list[tuple[int, Rejected]], Mapping[SkipReason, int]]:
        offsets, times, values, headers = zip(*others, strict=True)
        decoded = self._decoder.decode_many(values, headers)
        events: list[UsageEvent] = []
        of: list[int] = []
        formats: list[int] = []
        rejected: list[tuple[int, Rejected]] = []
        skipped: Counter[SkipReason] = Counter()
        for index, each in enumerate(decoded):
            if isinstance(each, UsageEvent):
                events.append(each)
                of.append(index)
                formats.append(0)
                continue
            if each.events:
                events += each.events
                of += [index] * len(each.events)
                formats += map(_FORMAT_NUMBERS.__getitem__, each.formats)
            rejected += ((offsets[index], why) for why in each.rejected)
            skipped.update(what.reason for what in each.skipped)
        rows = rows_of(
            [offsets[index] for index in of],
            [times[index] for index in of],
            events,
            self._classifier,
            formats,
            with_ids=self._with_ids,
        )
        return rows, rejected, skipped

    def _scan(self, start: int, ahead: _Ahead) -> _Scanned:
        """Read record batches until there is enough for a piece, or the next one is large.

        Where it is the first one, its parts take its place, and nothing has been read.
        """
        others: list[Other] = []
        rows = Rows.empty(self._room)
        columns = rows.columns()[:6]
        row = held = 0
        scanned: list[bytes | memoryview] = []
        # One batch after the other, so that its bytes are still in the cache when they are read.
        while (raw := ahead.peek()) is not None:
            is_new = record.is_scannable(raw)
            # Older ones do not say where they begin.
            if is_new and (row >= MOST_ROWS or held >= PIECE_BYTES):
                break
            batch = record.unpack(raw, self._space) if is_new else None
            if is_new and batch is None:
                if not scanned:
                    # What might have been uncompressed in one go is whole here as well.
                    most = max(self._max_record_bytes, record.MOST_ROOM_BYTES)
                    ahead.replace(large_batch.parts(raw, most))
                break
            ahead.take()
            scanned.append(raw)
            if batch is None or not self._may_scan:
                plain = raw if batch is None else batch.without_compression(raw)
                left_over = [
                    (each.offset, each.timestamp, each.value, tuple(each.headers))
                    for each in record.read(plain)
                    if each.offset >= start
                ]
                others += left_over
                held += sum(len(value or b"") for _, _, value, _ in left_over)
                continue
            if row + batch.records > len(rows):
                self._room = 2 * (row + batch.records)
                rows = rows.grown(row, self._room)
                columns = rows.columns()[:6]
            try:
                row, left = scan.scan(
                    *batch,
                    start,
                    self._max_record_bytes,
                    self._pairs,
                    self._tenants,
                    columns,
                    rows.format,
                    _FORMAT_NUMBERS[litellm.NAME],
                    rows.id if self._with_ids else None,
                    self._detects,
                    row,
                )
            except ValueError as error:
                raise record.CorruptBatchError(str(error)) from None
            others += (
                (offset, at, value, () if raw == _NO_HEADERS else record.headers_of(raw))
                for offset, at, value, raw in left
            )
            held += sum(len(value or b"") for _, _, value, _ in left)
        return _Scanned(rows[:row], others, scanned)

    def _numbered(self, rows: Rows) -> Rows:
        """Put the classifier's numbers in the place of the scanner's."""
        classifier = self._classifier
        self._pair_numbers = _learn(
            self._pair_numbers,
            self._pairs.texts,
            lambda texts: classifier.pairs([_split(text) for text in texts]),
        )
        self._tenant_numbers = _learn(
            self._tenant_numbers,
            self._tenants.texts,
            lambda texts: classifier.tenants([text.decode() for text in texts]),
        )
        tenant = rows.tenant
        if len(self._tenant_numbers):
            tenant = np.where(tenant < 0, -1, self._tenant_numbers[tenant])
        return Rows(
            rows.offsets,
            rows.ts,
            rows.prompt,
            rows.completion,
            self._pair_numbers[rows.pair],
            tenant,
            rows.format,
            rows.id,
        )


def _in_pieces(others: list[Other]) -> Iterator[tuple[list[Other], int]]:
    """Yield records in their order, in pieces of about so many bytes, with how many they are."""
    piece: list[Other] = []
    size = 0
    for other in others:
        piece.append(other)
        size += len(other[2] or b"")
        if size >= PIECE_BYTES:
            yield piece, size
            piece, size = [], 0
    if piece:
        yield piece, size


def _learn(
    known: NDArray[np.int64],
    texts: list[bytes],
    numbers: Callable[[list[bytes]], NDArray[np.int64]],
) -> NDArray[np.int64]:
    if len(texts) == len(known):
        return known
    return np.concatenate([known, numbers(texts[len(known) :])])


def _split(text: bytes) -> tuple[str, str | None]:
    model, joint, language = text.partition(scan.JOINT)
    return model.decode(), language.decode() if joint else None


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

    `record_times` are Kafka's timestamps in milliseconds, which stand in where an event has none.
    `formats` are places in `FORMAT_NAMES`; without them all are native.
    """
    times = list(map(_time, events))
    if str in set(map(type, times)):
        # numpy would read a number out of a text, which is no time anywhere else.
        times = [None if isinstance(each, str) else each for each in times]
    ts = np.array(times, dtype=np.float64)
    # What is no plain number of seconds is looked at alone: another unit, a text, none.
    for row in np.flatnonzero(~((ts >= EARLIEST_TIME) & (ts < MILLISECONDS_FROM))).tolist():
        appended = record_times[row]
        record_time = appended / 1000 if appended is not None and appended >= 0 else None
        told = event_time(events[row].ts, record_time)
        ts[row] = np.nan if told is None else told
    return Rows(
        offsets=np.array(offsets, dtype=np.int64),
        ts=ts,
        prompt=np.array(list(map(_prompt, events)), dtype=np.int64),
        completion=np.array(list(map(_completion, events)), dtype=np.int64),
        pair=classifier.pairs(list(map(_pair, events))),
        tenant=classifier.tenants(list(map(_tenant, events))),
        format=np.array(formats or [0] * len(events), dtype=np.int64),
        id=np.array([_id_number(each.id) for each in events] if with_ids else [0] * len(events)),
    )


def _id_number(name: object) -> int:
    """Return the hash of an event's id as compiled code has it, 0 where it is none."""
    name = request_id(name)
    if name is None:
        return 0
    text = str(name).encode(errors="replace")
    return scan.hash_of(text) if IS_COMPILED else hash(text) or 1
