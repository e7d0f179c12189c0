"""A fetch becomes batches that chain, of the bytes of whole record batches; aiokafka's patches."""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, errors
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.record import memory_records
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

import streams
from streams.kafka import batch_fetch, record_batch
from streams.kafka.batch_fetch import BATCH_RECORDS, _BatchedResults, _Batches, _KeptRecords
from streams.kafka.errors import InvalidRecordError

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
def test_a_header_whose_name_is_not_text_makes_nothing_unreadable(compression):
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


# -- aiokafka's patches

#: Compares all of aiokafka before and after every module of ours is imported.
COMPARE = """
import importlib, inspect, pkgutil, sys

import aiokafka

for each in pkgutil.walk_packages(aiokafka.__path__, "aiokafka."):
    importlib.import_module(each.name)


def parts():
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] != "aiokafka":
            continue
        for key, value in list(vars(module).items()):
            found[name, key] = id(value)
            if isinstance(value, dict) and not key.startswith("__"):
                found[name, key, "items"] = sorted(map(repr, value.items()))
            if inspect.isclass(value) and value.__module__.split(".")[0] == "aiokafka":
                for member, each in list(vars(value).items()):
                    # Python itself fills in the lists of subclasses and the like.
                    if not member.startswith("__") and not member.startswith("_abc_"):
                        found[name, key, member] = id(each)
    return found


before = parts()
for name in sys.argv[1:]:
    importlib.import_module(name)
changed = [key for key, value in parts().items() if before.get(key) != value]
print(*changed, sep="\\n")
sys.exit(bool(changed))
"""


def modules():
    root = Path(streams.__file__).parent
    names = (path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py"))
    # The callback needs a proxy around it.
    return [
        ".".join(each.parts)
        for each in sorted(names)
        if each.name not in {"__main__", "litellm"} or "formats" in each.parts
    ]


@pytest.mark.slow
def test_importing_any_module_changes_nothing_in_aiokafka():
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, *modules()],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def unpatched(monkeypatch):
    """Undo `install` after the test, whatever was installed before it."""
    plain = batch_fetch._create_reader_task
    monkeypatch.setattr(AIOKafkaConnection, "_create_reader_task", plain)
    monkeypatch.setattr(fetcher, "MemoryRecords", memory_records.MemoryRecords)
    monkeypatch.setattr(errors, "kafka_errors", dict(errors.kafka_errors))
    errors.kafka_errors.pop(InvalidRecordError.errno, None)
    return plain


def test_patches_are_applied_once_however_often_they_are_asked_for(unpatched):
    batch_fetch.install()
    batch_fetch.install()

    assert AIOKafkaConnection._create_reader_task is batch_fetch._create_whole_reader_task
    assert batch_fetch._create_reader_task is unpatched
    assert fetcher.MemoryRecords is _KeptRecords
    assert errors.for_code(InvalidRecordError.errno) is InvalidRecordError


def test_a_connection_of_aiokafka_reads_with_the_reader_that_is_installed(unpatched):
    # A server that accepts and says nothing: the reader is created before the first request.
    async def reader_of_a_connection():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        connection = AIOKafkaConnection(*server.sockets[0].getsockname())
        connecting = asyncio.create_task(connection.connect())
        try:
            while connection._reader is None:  # noqa: ASYNC110 - no event of it
                await asyncio.sleep(0)
            return type(connection._reader)
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            connection.close()
            server.close()

    assert asyncio.run(reader_of_a_connection()) is asyncio.StreamReader
    batch_fetch.install()
    assert asyncio.run(reader_of_a_connection()) is batch_fetch._WholeReader


def test_a_fetch_of_aiokafka_creates_its_records_by_the_name_that_is_patched():
    functions = [each for _, each in inspect.getmembers(fetcher.Fetcher, inspect.isfunction)]

    assert any("MemoryRecords" in each.__code__.co_names for each in functions)


def test_aiokafka_has_no_error_class_of_its_own_for_a_refused_record():
    # Once it has, ours can go: `install` leaves aiokafka's in place, which nobody would expect.
    codes = {
        getattr(each, "errno", None)
        for each in vars(errors).values()
        if inspect.isclass(each) and issubclass(each, errors.BrokerResponseError)
    }

    assert errors.MessageSizeTooLargeError.errno in codes
    assert InvalidRecordError.errno not in codes


def test_what_is_set_of_a_consumer_has_been_there_before():
    async def before_and_after():
        consumer = AIOKafkaConsumer()
        consumer._fetcher = fetcher.Fetcher(AIOKafkaClient(), consumer._subscription)
        try:
            before = vars(consumer) | vars(consumer._fetcher)
            batch_fetch.read_in_batches(consumer, [TP.topic])
            return before, vars(consumer) | vars(consumer._fetcher)
        finally:
            await consumer.stop()

    before, after = asyncio.run(before_and_after())

    # Methods of aiokafka's that this consumer has its own for.
    assert after.keys() - before.keys() == {"_get_actions_per_node", "close"}
    assert hasattr(fetcher.Fetcher, "_get_actions_per_node")
    assert hasattr(fetcher.Fetcher, "close")
    changed = {each for each in before if type(after[each]) is not type(before[each])}
    assert changed == {"_records"}
    assert isinstance(before["_records"], dict)
    assert {each for each in before if before[each] != after[each]} == {
        "_isolation_level",
        "_fetch_max_wait_ms",
        "_fetch_max_bytes",
    }


def test_what_is_used_of_fetched_data_is_there():
    fetched = PartitionRecords(TP, _KeptRecords(b""), None, 0, None, None, False, READ_COMMITTED)
    result = FetchResult(TP, assignment=None, partition_records=fetched, backoff=0.0)

    assert result._partition_records is fetched
    assert {*dir(fetched)} >= {
        "_tp",
        "_records",
        "_aborted_transactions",
        "_aborted_producers",
        "_check_crcs",
        "_isolation_level",
        "_records_iterator",
        "next_fetch_offset",
        "_unpack_records",
        "_consume_aborted_up_to",
        "_contains_abort_marker",
    }


def test_what_is_used_of_asyncios_reader_is_there():
    async def parts():
        return {*dir(asyncio.StreamReader())}

    assert asyncio.run(parts()) >= {
        "_buffer",
        "_eof",
        "_exception",
        "_wakeup_waiter",
        "_wait_for_data",
    }
