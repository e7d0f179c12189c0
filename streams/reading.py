"""Record batches become rows: the events in them as columns of numbers, in the order of offsets.

Plain events are read by compiled code (scan.pyx) straight from the batch's bytes. What is not
plain, and everything where that code could not be built, is decoded in Python: the same events,
several times slower.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from streams import record
from streams.event import EARLIEST_TIME, MILLISECONDS_FROM, Rejected, UsageEvent, event_time
from streams.formats import native

try:
    from streams import scan
except ImportError:
    scan = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from streams.classify import Classifier

#: Whether plain events are read by compiled code.
IS_COMPILED = scan is not None

_pair = attrgetter("model", "language")
_time = attrgetter("ts")
_tenant = attrgetter("tenant")
_prompt = attrgetter("prompt_tokens")
_completion = attrgetter("completion_tokens")

#: Offset, timestamp in milliseconds, value.
Other = tuple[int, int | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Rows:
    """Events, a row each, ascending by offset.

    `ts` is in unix seconds, NaN where it cannot be read as a time. `pair` and `tenant` are the
    classifier's numbers of (model, language) and of the tenant, -1 for none.
    """

    offsets: NDArray[np.int64]
    ts: NDArray[np.float64]
    prompt: NDArray[np.int64]
    completion: NDArray[np.int64]
    pair: NDArray[np.int64]
    tenant: NDArray[np.int64]

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
        numbers = [np.empty(size, dtype=np.int64) for _ in range(5)]
        return cls(numbers[0], np.empty(size, dtype=np.float64), *numbers[1:])

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
    without holes even where the log has some. Each record is one or more rows, or is rejected:
    by offset, ascending.
    """

    start: int
    end: int
    rows: Rows
    rejected: Sequence[tuple[int, Rejected]] = ()
    format: str = "native"


class Reader:
    """Reads record batches; the numbers in its rows are those of its classifier."""

    def __init__(self, classifier: Classifier, max_record_bytes: int) -> None:
        self._classifier = classifier
        self._max_record_bytes = max_record_bytes
        self._forget()

    def _forget(self) -> None:
        if IS_COMPILED:
            self._pairs, self._tenants = scan.Names(), scan.Names()
            self._pair_numbers = np.empty(0, dtype=np.int64)
            self._tenant_numbers = np.empty(0, dtype=np.int64)

    def read(self, start: int, end: int, record_batches: Sequence[bytes | memoryview]) -> Reading:
        """Read what lies between two offsets. Raises CorruptBatchError.

        The numbers hold until the next call.
        """
        if self._classifier.make_room():
            self._forget()
        rows, others = self._scan(start, record_batches)
        if not others:
            return Reading(start, end, rows)
        offsets, times, values = zip(*others, strict=True)
        events, rejected = native.decode(values, self._max_record_bytes)
        rows = rows.merged(rows_of(offsets, times, events, self._classifier))
        return Reading(
            start, end, rows, [(offsets[index], why) for index, why in sorted(rejected.items())]
        )

    def _scan(
        self, start: int, record_batches: Sequence[bytes | memoryview]
    ) -> tuple[Rows, list[Other]]:
        others: list[Other] = []
        plain = []
        for raw in record_batches:
            if IS_COMPILED and record.is_scannable(raw):
                plain.append(record.unpack(raw))
            else:
                others += (
                    (each.offset, each.timestamp, each.value)
                    for each in record.read(raw)
                    if each.offset >= start
                )
        rows = Rows.empty(sum(batch.records for batch in plain))
        row = 0
        for batch in plain:
            try:
                row, left = scan.scan(
                    *batch,
                    start,
                    self._max_record_bytes,
                    self._pairs,
                    self._tenants,
                    rows.columns(),
                    row,
                )
            except ValueError as error:
                raise record.CorruptBatchError(str(error)) from None
            others += left
        if not row:
            return rows[:0], others
        return self._numbered(rows[:row]), others

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
        )


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
    events: Sequence[UsageEvent | None],
    classifier: Classifier,
) -> Rows:
    """Return decoded events as rows, without those that are None.

    `record_times` are Kafka's timestamps in milliseconds, which stand in where an event has none.
    """
    places = [index for index, event in enumerate(events) if event is not None]
    good = [event for event in events if event is not None]
    times = list(map(_time, good))
    if str in set(map(type, times)):
        # numpy would read a number out of a text, which is no time anywhere else.
        times = [None if isinstance(each, str) else each for each in times]
    ts = np.array(times, dtype=np.float64)
    # What is no plain number of seconds is looked at alone: another unit, a text, none.
    for row in np.flatnonzero(~((ts >= EARLIEST_TIME) & (ts < MILLISECONDS_FROM))).tolist():
        appended = record_times[places[row]]
        record_time = appended / 1000 if appended is not None and appended >= 0 else None
        told = event_time(good[row].ts, record_time)
        ts[row] = np.nan if told is None else told
    return Rows(
        offsets=np.array(offsets, dtype=np.int64)[places],
        ts=ts,
        prompt=np.array(list(map(_prompt, good)), dtype=np.int64),
        completion=np.array(list(map(_completion, good)), dtype=np.int64),
        pair=classifier.pairs(list(map(_pair, good))),
        tenant=classifier.tenants(list(map(_tenant, good))),
    )
