"""What one event costs in each stage of a worker, in one process and without Kafka."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from generated_events import EVENTS_PER_SECOND, events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUDGET_EVENTS, BATCH_RECORDS = 400_000, 4_000
#: A fetch hands out about so many batches of a partition at once.
BATCHES_AT_A_TIME = 8
#: Batches between two flushes, as half a second of a busy core is.
BATCHES_A_FLUSH = 160
#: The codec's number in a record batch.
_LZ4 = 3

#: The stages, and what each does.
STAGES = {
    "checksum": "checksum",
    "decompress": "decompress, lz4",
    "scan": "scan, to rows",
    "count": "count, to sums by time and key",
    "flush": "put into panes, and encode them",
}


class _Spent:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def of(self, stage: str, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        started = time.process_time()
        found = work(*given, **named)
        self.seconds[stage] += time.process_time() - started
        return found


def budget(_: argparse.Namespace) -> dict[str, Any]:
    """Return microseconds of CPU time per event by stage; reading is split by doing parts alone."""
    from streams.classify.classifier import Classifier
    from streams.classify.origin.catalog import Catalog
    from streams.counting.partition import Partition
    from streams.decode.options import Options
    from streams.decode.reader import Reader

    batches = list(_batches())
    classifier = Classifier(Catalog.load(), "salt")
    spent = _Spent()
    # The first time fills the tables of names, and is not counted.
    for each in (_Spent(), spent):
        reader, partition = Reader(classifier, Options()), Partition.restore(0, 1, {})
        _count(batches, reader, classifier, partition, each)
        _parts_of_reading(batches, each)
    number = BUDGET_EVENTS
    found = {stage: 1e6 * seconds / number for stage, seconds in spent.seconds.items()}
    found["scan"] -= found["decompress"]
    return {f"{stage}_us": found[stage] for stage in STAGES} | {
        "sum_us": sum(found[stage] for stage in STAGES)
    }


def _count(
    batches: list[tuple[int, bytes]],
    reader: Any,
    classifier: Any,
    partition: Any,
    spent: _Spent,
) -> None:
    for begin in range(0, len(batches), BATCHES_AT_A_TIME):
        some = batches[begin : begin + BATCHES_AT_A_TIME]
        end = some[-1][0] + BATCH_RECORDS
        pieces: Iterator[Any] = reader.readings(some[0][0], end, [raw for _, raw in some])
        while (piece := spent.of("scan", next, pieces, False)) is not False:
            if piece is not None:
                spent.of("count", partition.apply, piece, classifier, time.time())
        if begin // BATCHES_A_FLUSH != (begin + len(some)) // BATCHES_A_FLUSH:
            flush = spent.of("flush", partition.begin_flush)
            spent.of("flush", partition.end_flush, flush, written=True)
    spent.of("flush", partition.begin_flush)


def _parts_of_reading(batches: list[tuple[int, bytes]], spent: _Spent) -> None:
    from aiokafka.record.default_records import DefaultRecordBatch

    from streams.kafka.compression import DecompressionBuffer
    from streams.kafka.record_batch import HEADER

    buffer = DecompressionBuffer()
    for _, raw in batches:
        spent.of("checksum", DefaultRecordBatch(raw).validate_crc)
        spent.of("decompress", buffer.decompress, _LZ4, memoryview(raw)[HEADER.size :])


def _batches() -> Iterator[tuple[int, bytes]]:
    """Yield (first offset, record batch) of the events, compressed with lz4."""
    now = time.time()
    source = events(BUDGET_EVENTS, now - BUDGET_EVENTS / EVENTS_PER_SECOND)
    for first in range(0, BUDGET_EVENTS, BATCH_RECORDS):
        raw = bytearray(batch([next(source).value for _ in range(BATCH_RECORDS)]))
        raw[:8] = first.to_bytes(8, "big")
        yield first, bytes(raw)


def batch(values: list[bytes]) -> bytes:
    """Return values as a record batch from offset 0 on, compressed with lz4."""
    from aiokafka.record.default_records import DefaultRecordBatchBuilder

    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=_LZ4,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**24,
    )
    for place, value in enumerate(values):
        builder.append(place, 0, None, value, [])
    return bytes(builder.build())
