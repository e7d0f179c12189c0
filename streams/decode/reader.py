"""Read record batches into rows: their events as columns of numbers, in the order of offsets.

Plain events are read by compiled code (scan.pyx) directly from the batch's bytes. All other values,
and all values where that code could not be built, are decoded in Python: the same events, several
times slower. Of a damaged batch, the records before the damage are read, and the offsets from there
on are returned as corrupt. No sequence of bytes makes a reader raise.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.classify.classifier import StaleNumbersError
from streams.decode.decoder import AUTO, FAILED, Decoder, Options
from streams.decode.event import EARLIEST_TIME, MILLISECONDS_FROM, Rejected, UsageEvent, event_time
from streams.decode.formats import custom, litellm, native
from streams.decode.formats.raw_usage import request_id
from streams.decode.formats.registry import NAMES
from streams.kafka import compression, oversized_batch, record_batch
from streams.kafka.compression import DecompressionBuffer
from streams.kafka.record_batch import Record

try:
    from streams.decode import scan
except ImportError:
    scan = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streams.classify.classifier import Classifier
    from streams.decode.event import SkipReason

#: Whether plain events are read by compiled code.
IS_COMPILED = scan is not None

#: Approximate size of one piece: rows, and bytes of values that are decoded in Python.
MOST_ROWS, PIECE_BYTES = 32_768, 512 * 1024
#: The cost of a record besides its value until it is judged: objects, not bytes, fill the memory.
RECORD_BYTES = 256
#: A batch of more records is read in parts, even if it has few bytes.
MAX_RECORDS = 65_536
#: New names take a tenth of a millisecond each, and more in an attack.
MANY_NAMES = 500

#: The formats of events, by number: our own is 0.
FORMAT_NAMES = (native.NAME, *(name for name in NAMES if name != native.NAME), custom.NAME)
_FORMAT_NUMBERS: dict[str, int] = {name: at for at, name in enumerate(FORMAT_NAMES)}

_pair = attrgetter("model", "language")
_time = attrgetter("ts")
_tenant = attrgetter("tenant")
_prompt = attrgetter("prompt_tokens")
_completion = attrgetter("completion_tokens")

log = logging.getLogger("tokenshare.reading")

_NO_HEADERS = b"\0"

#: The scanner's reasons for rejecting a record, by number.
CHECKSUM = "its checksum is wrong"
_DAMAGES = ("", record_batch.CUT_OFF, record_batch.OUT_OF_ORDER)


@dataclass(frozen=True, slots=True)
class Rows:
    """Events, a row each, ascending by offset: columns, and the generation of their numbers.

    `ts` is in unix seconds, NaN where it cannot be read as a time. `pair` and `tenant` are the
    classifier's numbers of (model, language) and of the tenant, -1 for none. `format` is the index
    of a format's name in `FORMAT_NAMES`. `id` is a hash of the event's id, 0 for none and where ids
    are not requested; hashes of different processes differ. `generation` is the classifier's when
    it assigned the numbers: in any other generation they are void.
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

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
        return Rows(self.generation, *(column[rows] for column in self.columns()))

    def columns(self) -> list[NDArray[Any]]:
        """Return the columns, in the order of the fields."""
        return list(_columns(self))

    @classmethod
    def empty(cls, size: int, generation: int) -> Rows:
        """Return uninitialised rows, to be filled."""
        offsets, prompt, completion, pair, tenant = (
            np.empty(size, dtype=np.int64) for _ in range(5)
        )
        none = np.zeros(size, dtype=np.int64)
        ts = np.empty(size, dtype=np.float64)
        return cls(generation, offsets, ts, prompt, completion, pair, tenant, none, none.copy())

    def grown(self, filled: int, size: int) -> Rows:
        """Return rows of capacity `size`, the first `filled` of which are copied from these."""
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
                "number stands for different names"
            )
        columns = zip(*(part.columns() for part in parts), strict=True)
        return cls(generation, *map(np.concatenate, columns))

    def merged(self, other: Rows) -> Rows:
        """Return both, by offset; for equal offsets these first. Raises StaleNumbersError."""
        if not len(other):
            return self
        rows = Rows.joined([self, other])
        return rows[np.argsort(rows.offsets, kind="stable")]


_columns = attrgetter(*(each.name for each in fields(Rows) if each.name != "generation"))


@dataclass(frozen=True, slots=True)
class CorruptRange:
    """Unreadable offsets of a record batch: `first` to `last`, both included.

    `raw` are the bytes of the whole batch. Records before `first` have been read.
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
    without gaps even where the log has some. Each item of a record is a row, rejected or skipped.
    `rejected` is ascending by offset, with several of one offset where a record holds several bad
    items. Unreadable offsets are in `corrupt`. `record_batches` are those that it was read from,
    with the parts of a large one in its place; `others` are the records that were decoded in
    Python.
    """

    start: int
    end: int
    rows: Rows
    rejected: Sequence[tuple[int, Rejected]] = ()
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)
    record_batches: Sequence[bytes | memoryview] = ()
    others: Sequence[Record] = ()
    corrupt: Sequence[CorruptRange] = ()

    def records_at(self, offsets: Iterable[int]) -> dict[int, Record]:
        """Return the records at these offsets; unavailable ones are left out."""
        wanted = set(offsets)
        found = {each.offset: each for each in self.others if each.offset in wanted}
        if len(found) < len(wanted):
            found |= record_batch.at_offsets(self.record_batches, wanted - found.keys())
        return found


class _Read(NamedTuple):
    """The contents of one record batch: rows up to `row`, other records, and any damage after them.

    `last` is the offset of the last record.
    """

    row: int
    others: list[Record]
    last: int
    why: str


class _Scanned:
    """What compiled code has read, what it has left over, and the record batches of both.

    `corrupt` follows all of it.
    """

    def __init__(self, size: int, generation: int) -> None:
        self._held = 0
        self.row = 0
        self.rows = Rows.empty(size, generation)
        self.columns = self.rows.columns()[:6]
        self.others: list[Record] = []
        self.record_batches: list[bytes | memoryview] = []
        self.corrupt: CorruptRange | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether no batch has been processed, readable or not."""
        return not self.record_batches and self.corrupt is None

    @property
    def is_full(self) -> bool:
        """Return whether there is enough for a piece."""
        return self.row >= MOST_ROWS or self._held >= PIECE_BYTES

    def make_room(self, records: int) -> int:
        """Grow the rows to hold this many more; return the total capacity."""
        size = len(self.rows)
        if self.row + records > size:
            size = 2 * (self.row + records)
            self.rows = self.rows.grown(self.row, size)
            self.columns = self.rows.columns()[:6]
        return size

    def add(self, raw: bytes | memoryview, read: _Read) -> None:
        """Add the contents of a batch; its rows are in `rows` already."""
        self.record_batches.append(raw)
        self.row = read.row
        self.others += read.others
        self._held += sum(len(each.value or b"") + RECORD_BYTES for each in read.others)


class _Ahead:
    """Record batches in their order, with a peek at the next one.

    A batch that is read in parts is replaced by its parts.
    """

    def __init__(self, record_batches: Iterable[bytes | memoryview]) -> None:
        self._batches = iter(record_batches)
        self._whole: bytes | memoryview = b""
        self._parts: Iterator[bytes] | None = None
        self._seen: bytes | memoryview | None = None
        self._damage: record_batch.CorruptBatchError | None = None
        #: The offset of the last record that was read; initially the one before the batch.
        self.after = -1
        #: Whether the batch has a record for each offset.
        self.is_dense = False

    @property
    def is_in_parts(self) -> bool:
        """Return whether a large batch's parts follow, each of which takes a while."""
        return self._parts is not None

    def peek(self) -> bytes | memoryview | None:
        """Return the next one without taking it. Raises CorruptBatchError where a part is damaged.

        Raises again at each call, until `drop` skips the batch.
        """
        if self._damage is not None:
            raise self._damage
        if self._seen is None and self._parts is not None:
            try:
                self._seen = next(self._parts, None)
            except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise
                self._damage = record_batch.CorruptBatchError(_why(error))
                raise self._damage from None
            if self._seen is None:
                self._parts = None
        if self._seen is None:
            self._seen = next(self._batches, None)
            if self._seen is not None:
                self._whole = self._seen
                self.after = record_batch.base_offset(self._seen) - 1
                self.is_dense = record_batch.is_dense(self._seen)
        return self._seen

    def begins(self) -> int | None:
        """Return the first offset of the next batch, None where there is none."""
        try:
            following = self.peek()
        except record_batch.CorruptBatchError:
            # The next reading encounters it again.
            return self.after + 1
        if following is None:
            return None
        return self.after + 1 if self.is_in_parts else record_batch.base_offset(following)

    def take(self, last: int) -> None:
        """Advance past the peeked batch, whose last record has the offset `last`."""
        self._seen, self.after = None, last

    def replace(self, parts: Iterator[bytes]) -> None:
        """Replace the peeked batch by parts."""
        self._seen, self._parts = None, parts

    def drop(self, start: int, why: str) -> CorruptRange | None:
        """Skip and return the rest of a batch; None where all of it is before `start`."""
        self._seen = self._parts = self._damage = None
        first, last = max(start, self.after + 1), record_batch.last_offset(self._whole)
        return CorruptRange(first, last, why, self._whole) if first <= last else None


class Reader:
    """Reads record batches; the numbers in its rows are those of its classifier."""

    def __init__(self, classifier: Classifier, options: Options, *, with_ids: bool = False) -> None:
        self._classifier = classifier
        self._max_record_bytes = options.max_record_bytes
        # Compiled code reads our own plain events; it must not where a setting gives them another
        # format.
        self._may_scan = IS_COMPILED and options.format in {AUTO, native.NAME} and not options.paths
        self._decoder = Decoder(options)
        self._with_ids = with_ids
        self._detects = options.detect is not None
        self._buffer = DecompressionBuffer()
        #: Initial capacity of the rows of a reading: the largest one so far.
        self._room = 1024
        self._forget()

    def _forget(self) -> None:
        self._generation = self._classifier.generation
        if IS_COMPILED:
            self._pairs, self._tenants = scan.Names(), scan.Names()
            self._pair_numbers = np.empty(0, dtype=np.int64)
            self._tenant_numbers = np.empty(0, dtype=np.int64)

    def read(self, start: int, end: int, record_batches: Sequence[bytes | memoryview]) -> Reading:
        """Read everything between two offsets in one piece; its numbers hold until the next call.

        Raises StaleNumbersError where it has more names than the classifier's tables hold.
        """
        pieces = [each for each in self.readings(start, end, record_batches) if each is not None]
        skipped: Counter[SkipReason] = Counter()
        for each in pieces:
            skipped.update(each.skipped)
        rows = [each.rows for each in pieces] or [Rows.empty(0, self._generation)]
        return Reading(
            start,
            end,
            Rows.joined(rows),
            [each for piece in pieces for each in piece.rejected],
            skipped,
            corrupt=[each for piece in pieces for each in piece.corrupt],
        )

    def readings(
        self,
        start: int,
        end: int,
        record_batches: Sequence[bytes | memoryview],
        damaged: Container[int] = (),
    ) -> Iterator[Reading | None]:
        """Yield everything between two offsets in pieces that chain.

        A piece takes some milliseconds, and holds no more than a piece's records decompressed: of a
        record batch that decompresses to more, a part. None is yielded before a step that may take
        longer, so that the caller can run other tasks in between. The numbers of a piece hold until
        the next. `damaged` has the first offsets of batches whose checksum is wrong.
        """
        ahead = _Ahead(record_batches)
        while start < end:
            if ahead.is_in_parts:
                yield None
            self._classifier.make_room()
            if self._generation != self._classifier.generation:
                self._forget()
            scanned = self._scan(start, ahead, damaged)
            if ahead.is_in_parts and scanned.is_empty:
                # The first part takes a while, and has not been requested yet.
                continue
            following = ahead.begins()
            upto = end if following is None else min(max(start, following), end)
            if following is not None and upto == start and scanned.corrupt is None:
                continue
            yield from self._pieces(start, upto, scanned)
            start = upto

    def _pieces(self, start: int, end: int, scanned: _Scanned) -> Iterator[Reading | None]:
        if IS_COMPILED and len(self._pairs) - len(self._pair_numbers) > MANY_NAMES:
            yield None
        rows = scanned.rows[: scanned.row]
        rows = self._numbered(rows) if len(rows) else rows
        corrupt = () if scanned.corrupt is None else (scanned.corrupt,)
        batches = scanned.record_batches
        if not scanned.others:
            yield Reading(start, end, rows, record_batches=batches, corrupt=corrupt)
            return
        pieces = list(_in_pieces(scanned.others))
        for number, (others, size) in enumerate(pieces, 1):
            is_last = number == len(pieces)
            upto = end if is_last else others[-1].offset + 1
            first, last = np.searchsorted(rows.offsets, (start, upto))
            if size > 2 * PIECE_BYTES:
                yield None
            more, rejected, skipped = self._decode_safely(others)
            merged = rows[first:last].merged(more)
            yield Reading(
                *(start, upto, merged, rejected, skipped, batches, others),
                corrupt=corrupt if is_last else (),
            )
            start = upto

    def _decode_safely(
        self, others: list[Record]
    ) -> tuple[Rows, list[tuple[int, Rejected]], Mapping[SkipReason, int]]:
        try:
            return self._decode(others)
        except Exception:
            if len(others) == 1:
                log.exception("a record cannot be decoded, offset %s", others[0].offset)
                none = Rows.empty(0, self._generation)
                return none, [(others[0].offset, Rejected("wrong_type", FAILED))], {}
        # Bisection finds the record that fails; its neighbours count.
        half = len(others) // 2
        rows, rejected, skipped = self._decode_safely(others[:half])
        more, more_rejected, more_skipped = self._decode_safely(others[half:])
        return (
            rows.merged(more) if len(rows) else more,
            [*rejected, *more_rejected],
            Counter(skipped) + Counter(more_skipped),
        )

    def _decode(
        self, others: list[Record]
    ) -> tuple[Rows, list[tuple[int, Rejected]], Mapping[SkipReason, int]]:
        offsets, times, _, values, headers = zip(*others, strict=True)
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

    def _scan(self, start: int, ahead: _Ahead, damaged: Container[int]) -> _Scanned:
        """Read record batches until there is enough for a piece, or the next one is large.

        A large first batch is replaced by its parts. Everything after damage is left to the next
        call.
        """
        scanned = _Scanned(self._room, self._generation)
        # One batch after the other, so that its bytes are still in the cache when they are read.
        while scanned.corrupt is None:
            try:
                raw = ahead.peek()
                # Older batches do not have their first offset in the header.
                if raw is None or (scanned.is_full and record_batch.is_scannable(raw)):
                    break
                read = self._read_next(raw, start, ahead, scanned, damaged)
            except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise
                scanned.corrupt = ahead.drop(start, _why(error))
                continue
            if read is None:
                if not scanned.record_batches:
                    # A batch that could have been decompressed in one go is kept whole here as
                    # well.
                    limit = max(self._max_record_bytes, compression.MAX_BUFFER_BYTES)
                    ahead.replace(oversized_batch.parts(raw, limit))
                break
            ahead.take(read.last)
            scanned.add(raw, read)
            if read.why:
                scanned.corrupt = ahead.drop(start, read.why)
        return scanned

    def _read_next(
        self,
        raw: bytes | memoryview,
        start: int,
        ahead: _Ahead,
        scanned: _Scanned,
        damaged: Container[int],
    ) -> _Read | None:
        """Read a batch; None where it has to be read in parts. Raises where it cannot be read.

        Parts are read by another decompressor, which detects damage as well.
        """
        if not record_batch.is_scannable(raw):
            return _read_older(raw, start, scanned.row)
        is_whole = not ahead.is_in_parts
        if is_whole and record_batch.base_offset(raw) in damaged:
            raise record_batch.CorruptBatchError(CHECKSUM)
        if is_whole and record_batch.records_in(raw) > MAX_RECORDS:
            return None
        batch = record_batch.unpack(raw, self._buffer)
        if batch is None:
            return None
        self._room = scanned.make_room(batch.records)
        read = self._read_batch(batch, raw, start, ahead, scanned)
        return None if read.why and is_whole and record_batch.codec_of(raw) else read

    def _read_batch(
        self,
        batch: record_batch.RecordBatch,
        raw: bytes | memoryview,
        start: int,
        ahead: _Ahead,
        scanned: _Scanned,
    ) -> _Read:
        row, after, dense = scanned.row, ahead.after, ahead.is_dense
        if not IS_COMPILED:
            records, why = record_batch.sound_records(batch, raw, after, dense=dense)
            last = records[-1].offset if records else after
            found = [each for each in records if each.offset >= start]
        else:
            row, left, last, damage = scan.scan(
                *batch,
                after,
                dense,
                self._may_scan,
                start,
                self._max_record_bytes,
                self._pairs,
                self._tenants,
                scanned.columns,
                scanned.rows.format,
                _FORMAT_NUMBERS[litellm.NAME],
                scanned.rows.id if self._with_ids else None,
                self._detects,
                row,
            )
            why = _DAMAGES[damage]
            found = [
                Record(
                    offset,
                    timestamp,
                    key,
                    value,
                    () if headers == _NO_HEADERS else record_batch.headers_of(headers),
                )
                for offset, timestamp, key, value, headers in left
            ]
        if not why and batch.records < record_batch.records_in(raw):
            why = record_batch.CUT_OFF
        return _Read(row, found, last, why)

    def _numbered(self, rows: Rows) -> Rows:
        """Replace the scanner's numbers by the classifier's."""
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
            rows.generation,
            rows.offsets,
            rows.ts,
            rows.prompt,
            rows.completion,
            self._pair_numbers[rows.pair],
            tenant,
            rows.format,
            rows.id,
        )


def _read_older(raw: bytes | memoryview, start: int, row: int) -> _Read:
    found = [
        Record(each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
        for each in record_batch.read(raw)
        if each.offset >= start
    ]
    return _Read(row, found, found[-1].offset if found else record_batch.last_offset(raw), "")


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, record_batch.CorruptBatchError) else type(error).__name__


def _in_pieces(others: list[Record]) -> Iterator[tuple[list[Record], int]]:
    """Yield records in order, in pieces of about `PIECE_BYTES`, each with its size in bytes."""
    piece: list[Record] = []
    size = 0
    for other in others:
        piece.append(other)
        size += len(other.value or b"") + RECORD_BYTES
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

    `record_times` are Kafka's timestamps in milliseconds, used where an event has no time.
    `formats` are indices in `FORMAT_NAMES`; without them all are native.
    """
    times = list(map(_time, events))
    if str in set(map(type, times)):
        # numpy would parse a number from a text, which is not a valid time elsewhere.
        times = [None if isinstance(each, str) else each for each in times]
    ts = np.array(times, dtype=np.float64)
    # Times that are not plain numbers of seconds are converted alone: another unit, a text, none.
    for row in np.flatnonzero(~((ts >= EARLIEST_TIME) & (ts < MILLISECONDS_FROM))).tolist():
        appended = record_times[row]
        record_time = appended / 1000 if appended is not None and appended >= 0 else None
        told = event_time(events[row].ts, record_time)
        ts[row] = np.nan if told is None else told
    return Rows(
        generation=classifier.generation,
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
    """Return the hash of an event's id as compiled code computes it, 0 where it has none."""
    name = request_id(name)
    if name is None:
        return 0
    text = str(name).encode(errors="replace")
    return scan.hash_of(text) if IS_COMPILED else hash(text) or 1
