"""What a fetch brings becomes batches that chain, of the bytes of whole record batches."""

from __future__ import annotations

import gc
import weakref

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.kafka import record_batch
from streams.kafka.faust_transport import BATCH_RECORDS, _BatchedResults, _Batches, _KeptRecords

TP = TopicPartition("usage", 0)
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)


def batch_of(values, base=0, compression=NONE, headers=()):
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 24,
    )
    for number, value in enumerate(values):
        builder.append(number, 1_000 + number, b"k%d" % number, value, list(headers))
    data = bytearray(builder.build())
    data[:8] = base.to_bytes(8, "big")
    return bytes(data)


def records(batch):
    found = [each for raw in batch.record_batches for each in record_batch.read(raw)]
    return [each for each in found if each.offset >= batch.start]


def batches(data, asked=0, check_crcs=False):
    fetched = _Batches(TP, _KeptRecords(data), None, asked, None, None, check_crcs, READ_COMMITTED)
    return list(fetched), fetched


@pytest.mark.parametrize("compression", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_records_come_whole_with_every_compression(compression):
    values = [b"one", None, b"", b"x" * 5000]
    (batch,), _ = batches(batch_of(values, 7, compression), 7)

    assert (batch.start, batch.end) == (7, 11)
    assert [each.value for each in records(batch)] == values
    assert [each.offset for each in records(batch)] == [7, 8, 9, 10]
    assert [each.timestamp for each in records(batch)] == [1000, 1001, 1002, 1003]


def test_batches_chain_and_are_not_much_longer_than_their_bound():
    data = b"".join(batch_of([b"x"] * 1500, base) for base in range(0, 120_000, 1500))
    found, fetched = batches(data)

    assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]
    assert found[-1].end == fetched.next_fetch_offset == 120_000
    assert max(len(records(each)) for each in found) < BATCH_RECORDS + 1500


def test_records_before_the_one_that_was_asked_for_are_left_out():
    (batch,), _ = batches(batch_of([b"a", b"b", b"c"], 10), 11)

    assert (batch.start, batch.end) == (11, 13)
    assert [each.value for each in records(batch)] == [b"b", b"c"]


@pytest.mark.parametrize("compression", [NONE, LZ4])
def test_a_header_whose_name_is_no_text_makes_nothing_unreadable(compression):
    plain = batch_of([b"one", None, b"three"], 5, NONE, [("NAME", b"v"), ("empty", None)])
    data = bytearray(plain.replace(b"NAME", b"\xff\xfe\xfdE"))
    if compression == LZ4:
        from aiokafka.codec import lz4_encode

        data[22] |= LZ4
        data[61:] = lz4_encode(bytes(data[61:]))
        data[8:12] = (len(data) - 12).to_bytes(4, "big")
    after = batch_of([b"four"], 8)
    (batch,), _ = batches(bytes(data) + after, 5)

    assert [each.value for each in records(batch)] == [b"one", None, b"three", b"four"]
    assert [each.offset for each in records(batch)] == [5, 6, 7, 8]
    assert [each.timestamp for each in records(batch)] == [1000, 1001, 1002, 1000]
    assert records(batch)[0].headers == (("\\xff\\xfe\\xfdE", b"v"), ("empty", None))
    assert records(batch)[0].key == b"k0"


def test_a_wrong_checksum_is_noted_and_what_follows_is_read():
    data = bytearray(batch_of([b"a", b"b"]))
    data[70] ^= 1
    (batch,), fetched = batches(bytes(data) + batch_of([b"c"], 2), check_crcs=True)

    assert (batch.start, batch.end, batch.damaged) == (0, 3, {0})
    assert fetched.next_fetch_offset == 3


@pytest.mark.parametrize("size", [17, 30, 60])
def test_a_batch_that_ends_in_its_header_is_handed_out(size):
    data = bytearray(batch_of([b"a", b"b"])[:size])
    data[8:12] = (len(data) - 12).to_bytes(4, "big")
    (batch,), fetched = batches(bytes(data) + batch_of([b"c"], 2), check_crcs=True)

    assert bytes(batch.record_batches[0]) == bytes(data)
    assert batch.damaged == {0}
    assert fetched.next_fetch_offset > 0


def test_a_batch_that_ends_before_it_begins_does_not_hold_the_reader():
    data = bytearray(batch_of([b"a", b"b"], 5))
    data[23:27] = (-7).to_bytes(4, "big", signed=True)
    (batch,), fetched = batches(bytes(data), 5)

    assert fetched.next_fetch_offset == batch.end == 6


def test_fetched_bytes_go_as_soon_as_they_are_handed_out():
    # Without waiting for the garbage collector, which looks at old objects once in 100 million.
    class Assignment:
        active = True
        paused = False
        position = 0

        def state_value(self, _tp):
            return self

        def consumed_to(self, position):
            self.position = position

    kept = _KeptRecords(batch_of([b"x"] * 10))
    gone = weakref.ref(kept)
    fetched = PartitionRecords(TP, kept, None, 0, None, None, False, READ_COMMITTED)
    results = _BatchedResults(frozenset([TP.topic]))
    gc.disable()
    try:
        results[TP] = FetchResult(
            TP, assignment=Assignment(), partition_records=fetched, backoff=0.0
        )
        del kept, fetched
        assert len(results[TP].getall()) == 1
        results.clear()
        assert gone() is None
    finally:
        gc.enable()
