"""Read record batches into rows: their events as columns of numbers, in the order of offsets.

Plain events are read by compiled code (scan.pyx) directly from the batch's bytes. All other values,
and all values where that code could not be built, are decoded in Python: the same events, several
times slower. Of a damaged batch, the records before the damage are read, and the offsets from there
on are returned as corrupt. No sequence of bytes makes a reader raise.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.decode import compiled
from streams.decode.decoder import FAILED, Decoder
from streams.decode.event import Rejected, UsageEvent
from streams.decode.formats import litellm, native
from streams.decode.options import AUTO
from streams.decode.peekable_batches import PeekableBatches, reason_of
from streams.decode.prompt_language import from_json
from streams.decode.rows import (
    FORMAT_NUMBERS,
    CorruptRange,
    Reading,
    Rows,
    UnreadItem,
    id_number,
    learned,
    rows_of,
)
from streams.decode.scanned_names import pair_of, served_text_of
from streams.kafka import compression, oversized_batch, record_batch
from streams.kafka.compression import DecompressionBuffer
from streams.kafka.record_batch import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streams.classify.classifier import Classifier
    from streams.decode.decoder import Decoded
    from streams.decode.event import SkipReason
    from streams.decode.options import Options
    from streams.decode.rows import Spans

#: What one piece holds, about: rows, and bytes of values that are decoded in Python.
PIECE_ROWS, PIECE_BYTES = 32_768, 512 * 1024
#: Prompts whose language is detected for one piece: about 12 ms.
PIECE_PROMPTS = 1_024
#: The cost of a record besides its value until it is judged: objects, not bytes, fill the memory.
RECORD_BYTES = 256
#: A batch of more records is read in parts, even if it has few bytes.
MAX_RECORDS = 65_536
#: So many new names take long: a tenth of a millisecond each, and more in an attack.
MANY_NAMES = 500


log = logging.getLogger("tokenshare.reading")

_NO_HEADERS = b"\0"

#: The scanner's reasons for rejecting a record, by number.
CHECKSUM = "its checksum is wrong"
_DAMAGES = ("", record_batch.CUT_OFF, record_batch.OUT_OF_ORDER)


class _Read(NamedTuple):
    """The contents of one record batch: rows up to `row`, other records, and any damage after them.

    `last` is the offset of the last record.
    """

    row: int
    others: list[Record]
    last: int
    why: str


class _Others(NamedTuple):
    """The contents of records that were decoded in Python."""

    rows: Rows
    rejected: list[tuple[int, Rejected]]
    skipped: Mapping[SkipReason, int]
    spans: list[Spans]
    unread: list[UnreadItem]


class _Scanned:
    """What compiled code has read, what it has left over, and the record batches of both.

    `corrupt` follows all of it.
    """

    def __init__(self, size: int, generation: int, *, with_ids: bool) -> None:
        self._held = 0
        self._with_ids = with_ids
        self.row = 0
        self._set_rows(Rows.empty(size, generation))
        self.others: list[Record] = []
        self.record_batches: list[bytes | memoryview] = []
        self.corrupt: CorruptRange | None = None

    def _set_rows(self, rows: Rows) -> None:
        self.rows = rows
        if compiled.IS_COMPILED:
            ids = rows.id if self._with_ids else None
            self.columns = compiled.scan.Columns(
                rows.columns()[:6],
                [rows.cached, rows.reasoning, rows.cost, rows.provider],
                *(rows.format, FORMAT_NUMBERS[litellm.NAME], ids),
            )

    @property
    def is_empty(self) -> bool:
        """Return whether no batch has been processed, readable or not."""
        return not self.record_batches and self.corrupt is None

    @property
    def is_full(self) -> bool:
        """Return whether there is enough for a piece."""
        return self.row >= PIECE_ROWS or self._held >= PIECE_BYTES

    def reserve(self, records: int) -> int:
        """Grow the rows to hold this many more; return the total capacity."""
        size = len(self.rows)
        if self.row + records > size:
            size = 2 * (self.row + records)
            self._set_rows(self.rows.grown(self.row, size))
        return size

    def add(self, raw: bytes | memoryview, read: _Read) -> None:
        """Add the contents of a batch; its rows are in `rows` already."""
        self.record_batches.append(raw)
        self.row = read.row
        if read.others:
            self.others += read.others
            self._held += sum(len(each.value or b"") + RECORD_BYTES for each in read.others)


class Reader:
    """Reads record batches into rows with the numbers of its classifier."""

    def __init__(
        self,
        classifier: Classifier,
        options: Options,
        *,
        with_ids: bool = False,
        with_spans: bool = False,
    ) -> None:
        self._classifier = classifier
        self._with_spans = with_spans
        self._max_record_bytes = options.max_record_bytes
        # Compiled code reads native events and LiteLLM's, which a mapping or a pin may exclude.
        self._may_scan = (
            compiled.IS_COMPILED and options.format in {AUTO, native.NAME} and not options.paths
        )
        self._may_scan_litellm = options.format == AUTO
        self._decoder = Decoder(options)
        self._with_ids = with_ids
        self._detects = (
            () if options.detect is None else (from_json(options.detect), options.detect_last)
        )
        self._buffer = DecompressionBuffer()
        #: Initial capacity of the rows of a reading: the largest one so far.
        self._capacity = 1024
        self._forget()

    def _forget(self) -> None:
        self._generation = self._classifier.generation
        if compiled.IS_COMPILED:
            self._scanner = compiled.scan.Scanner(
                self._max_record_bytes, self._may_scan, self._may_scan_litellm, *self._detects
            )
            self._pair_numbers = np.empty(0, dtype=np.int64)
            self._tenant_numbers = np.empty(0, dtype=np.int64)
            self._provider_numbers = np.empty(0, dtype=np.int64)

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
            spans=[each for piece in pieces for each in piece.spans],
            unread=[each for piece in pieces for each in piece.unread],
        )

    def readings(
        self,
        start: int,
        end: int,
        record_batches: Sequence[bytes | memoryview],
        damaged: frozenset[int] = frozenset(),
    ) -> Iterator[Reading | None]:
        """Yield everything between two offsets in pieces that chain.

        A piece takes some milliseconds, and holds no more than a piece's records decompressed: of a
        record batch that decompresses to more, a part. None is yielded before a step that may take
        longer, so that the caller can run other tasks in between. The numbers of a piece hold until
        the next. `damaged` has the first offsets of batches whose checksum is wrong.
        """
        ahead = PeekableBatches(record_batches)
        while start < end:
            if ahead.is_in_parts:
                yield None
            self._make_room()
            scanned = self._scan(start, ahead, damaged)
            if ahead.is_in_parts and scanned.is_empty:
                # The first part has not been requested yet; the caller is warned first.
                continue
            following = ahead.begins()
            upto = end if following is None else min(max(start, following), end)
            if following is not None and upto == start and scanned.corrupt is None:
                continue
            yield from self._pieces(start, upto, scanned)
            start = upto

    def values(self, start: int, values: Sequence[bytes]) -> Iterator[Reading]:
        """Yield the contents of values without records around them, as `readings` does.

        They are lines of a file, for example: their offsets are consecutive, they have no headers
        and no timestamp, and empty ones are left out.
        """
        for first in range(0, len(values), PIECE_ROWS):
            some = list(values[first : first + PIECE_ROWS])
            self._make_room()
            scanned = self._scan_values(start + first, some)
            begin = start + first
            for piece in self._pieces(begin, begin + len(some), scanned):
                if piece is not None:
                    yield piece

    def _make_room(self) -> None:
        """Make room for new names; the numbers of earlier readings may become void."""
        self._classifier.make_room()
        if self._generation != self._classifier.generation:
            self._forget()

    def _pieces(self, start: int, end: int, scanned: _Scanned) -> Iterator[Reading | None]:
        if compiled.IS_COMPILED and len(self._scanner.pairs) - len(self._pair_numbers) > MANY_NAMES:
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
            more = self._decode_safely(others)
            yield Reading(
                *(start, upto, rows[first:last].merged(more.rows), more.rejected, more.skipped),
                *(batches, others),
                corrupt=corrupt if is_last else (),
                spans=more.spans,
                unread=more.unread,
            )
            start = upto

    def _decode_safely(self, others: list[Record]) -> _Others:
        try:
            return self._decode(others)
        except Exception as error:  # noqa: BLE001 - the other records of the batch count
            if len(others) == 1:
                # Only the type: the error's message may quote a prompt.
                kind = type(error).__name__
                log.error("the record at offset %s cannot be decoded: %s", others[0].offset, kind)  # noqa: TRY400
                none = Rows.empty(0, self._generation)
                failed = Rejected("wrong_type", FAILED)
                return _Others(none, [(others[0].offset, failed)], {}, [], [])
        # Bisection finds the record that fails; its neighbours count.
        half = len(others) // 2
        some, more = self._decode_safely(others[:half]), self._decode_safely(others[half:])
        return _Others(
            some.rows.merged(more.rows) if len(some.rows) else more.rows,
            [*some.rejected, *more.rejected],
            Counter(some.skipped) + Counter(more.skipped),
            [*some.spans, *more.spans],
            [*some.unread, *more.unread],
        )

    def _decode(self, others: list[Record]) -> _Others:
        offsets, times, _, values, headers = zip(*others, strict=True)
        decoded = self._decoder.decode_many(values, headers)
        events: list[UsageEvent] = []
        of: list[int] = []
        formats: list[int] = []
        rejected: list[tuple[int, Rejected]] = []
        skipped: Counter[SkipReason] = Counter()
        spans: list[Spans] = []
        unread: list[UnreadItem] = []
        for index, each in enumerate(decoded):
            if isinstance(each, UsageEvent):
                events.append(each)
                of.append(index)
                formats.append(0)
                continue
            if each.events:
                events += each.events
                of += [index] * len(each.events)
                formats += map(FORMAT_NUMBERS.__getitem__, each.formats)
            rejected += ((offsets[index], why) for why in each.rejected)
            skipped.update(what.reason for what in each.skipped)
            unread += _unread(offsets[index], each)
            if each.nodes and self._with_spans:
                spans.append((offsets[index], [node.keyed(id_number) for node in each.nodes]))
        rows = rows_of(
            [offsets[index] for index in of],
            [times[index] for index in of],
            events,
            self._classifier,
            formats,
            with_ids=self._with_ids,
        )
        return _Others(rows, rejected, skipped, spans, unread)

    def _scan(self, start: int, ahead: PeekableBatches, damaged: frozenset[int]) -> _Scanned:
        """Read record batches until there is enough for a piece, or the next one is large.

        A large first batch is replaced by its parts. Everything after damage is left to the next
        call.
        """
        scanned = _Scanned(self._capacity, self._generation, with_ids=self._with_ids)
        prompts = self._scanner.prompts if compiled.IS_COMPILED else 0
        # Each batch is read right after it is decompressed, while its bytes are in the cache.
        while scanned.corrupt is None:
            try:
                raw = ahead.peek()
                # Older batches do not have their first offset in the header.
                if raw is None or (scanned.is_full and record_batch.is_scannable(raw)):
                    break
                if compiled.IS_COMPILED and self._scanner.prompts - prompts >= PIECE_PROMPTS:
                    break
                read = self._read_next(raw, start, ahead, scanned, damaged)
            except Exception as error:  # noqa: BLE001 - whatever the bytes make it raise
                scanned.corrupt = ahead.drop(start, reason_of(error))
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
        ahead: PeekableBatches,
        scanned: _Scanned,
        damaged: frozenset[int],
    ) -> _Read | None:
        """Read a batch; None where it has to be read in parts. Raises where it cannot be read.

        Parts are read by another decompressor, which detects damage as well.
        """
        if not record_batch.is_scannable(raw):
            return _read_older(raw, start, scanned.row)
        is_whole = not ahead.is_in_parts
        if damaged and is_whole and record_batch.base_offset(raw) in damaged:
            raise record_batch.CorruptBatchError(CHECKSUM)
        if is_whole and record_batch.records_in(raw) > MAX_RECORDS:
            return None
        batch = record_batch.unpack(raw, self._buffer)
        if batch is None:
            return None
        self._capacity = scanned.reserve(batch.records)
        read = self._read_batch(batch, raw, start, ahead, scanned)
        return None if read.why and is_whole and record_batch.codec_of(raw) else read

    def _read_batch(
        self,
        batch: record_batch.RecordBatch,
        raw: bytes | memoryview,
        start: int,
        ahead: PeekableBatches,
        scanned: _Scanned,
    ) -> _Read:
        row, after, dense = scanned.row, ahead.after, ahead.is_dense
        if not compiled.IS_COMPILED:
            records, why = record_batch.sound_records(batch, raw, after, dense=dense)
            last = records[-1].offset if records else after
            found = [each for each in records if each.offset >= start]
        else:
            row, left, last, damage = self._scanner.records(
                *batch, after, dense, start, scanned.columns, row
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

    def _scan_values(self, start: int, values: list[bytes]) -> _Scanned:
        scanned = _Scanned(self._capacity, self._generation, with_ids=self._with_ids)
        self._capacity = scanned.reserve(len(values))
        if compiled.IS_COMPILED:
            scanned.row, left = self._scanner.values(values, start, scanned.columns, 0)
        else:
            left = [place for place, value in enumerate(values) if value]
        scanned.others = [Record(start + place, -1, None, values[place], ()) for place in left]
        return scanned

    def _numbered(self, rows: Rows) -> Rows:
        """Replace the scanner's numbers by the classifier's."""
        classifier = self._classifier
        self._pair_numbers = learned(
            self._pair_numbers,
            self._scanner.pairs.texts,
            lambda texts: classifier.pairs([pair_of(text) for text in texts]),
        )
        self._tenant_numbers = learned(
            self._tenant_numbers,
            self._scanner.tenants.texts,
            lambda texts: classifier.tenants([text.decode() for text in texts]),
        )
        self._provider_numbers = learned(
            self._provider_numbers,
            self._scanner.providers.texts,
            lambda texts: classifier.providers([served_text_of(text) for text in texts]),
        )
        return replace(
            rows,
            pair=self._pair_numbers[rows.pair],
            tenant=_known(self._tenant_numbers, rows.tenant),
            provider=_known(self._provider_numbers, rows.provider),
        )


def _known(numbers: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.int64]:
    # Number -1 is that of the last one: it stays as it is.
    return np.append(numbers, -1).take(found) if len(numbers) else found


def _unread(offset: int, decoded: Decoded) -> Iterator[UnreadItem]:
    for key, format_, source in decoded.unread:
        yield UnreadItem(offset, 0 if key is None else id_number(key), format_, source)


def _read_older(raw: bytes | memoryview, start: int, row: int) -> _Read:
    found = [
        Record(each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
        for each in record_batch.read(raw)
        if each.offset >= start
    ]
    return _Read(row, found, found[-1].offset if found else record_batch.last_offset(raw), "")


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
