"""Topics as other people's producers leave them: compressed, in transactions, compacted."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from processes import wait_until
from test_worker import GOOD, produce, read_all

pytestmark = pytest.mark.kafka


def value(**more):
    return orjson.dumps(GOOD | {"ts": time.time()} | more)


async def sent(producer, topic, values):
    for each in values:
        await producer.send(topic, each, partition=0)
    await producer.flush()


@pytest.mark.parametrize("kind", ["gzip", "snappy", "lz4", "zstd"])
def test_a_topic_of_each_compression_is_read(bootstrap, make_worker, kind):
    worker = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, [value()] * 3000, compression=kind)
    worker.wait_counted(3000)


def test_what_was_aborted_does_not_count_and_what_was_committed_does(
    bootstrap, make_worker, broker_kind
):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker has no transactions: --broker apache")
    topic = make_worker.topic
    worker = make_worker().start().wait_ready()

    async def run():
        producers = [
            AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-{n}")
            for n in range(3)
        ]
        for each in producers:
            await each.start()
        keeps, drops, dies = producers
        try:
            for turn in range(4):
                # Interleaved in one partition, so that commit and abort meet in one fetch.
                await keeps.begin_transaction()
                await drops.begin_transaction()
                for _ in range(5):
                    await sent(drops, topic, [value()] * 50)
                    await sent(keeps, topic, [value()] * 50)
                if turn % 2:
                    await drops.abort_transaction()
                    await keeps.commit_transaction()
                else:
                    await keeps.commit_transaction()
                    await drops.abort_transaction()
            await dies.begin_transaction()
            await sent(dies, topic, [value()] * 70)
            await dies.abort_transaction()
            await keeps.begin_transaction()
            await sent(keeps, topic, [value()] * 11)
            await keeps.commit_transaction()
        finally:
            for each in producers:
                await each.stop()

    asyncio.run(run())
    worker.wait_counted(4 * 250 + 11)
    assert worker.stop() == 0
    again = make_worker().start().wait_ready()
    again.wait_counted(4 * 250 + 11)


def test_a_compacted_source_counts_what_kafka_still_has(bootstrap, make_worker, broker_kind):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker does not compact: --broker apache")
    topic = make_worker.topic
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics(
        [
            NewTopic(
                *(topic, 3, 1),
                topic_configs={
                    "cleanup.policy": "compact",
                    "segment.bytes": "1048576",
                    "min.cleanable.dirty.ratio": "0.01",
                    "max.compaction.lag.ms": "1000",
                    "segment.ms": "1000",
                },
            )
        ]
    )
    admin.close()

    async def run():
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        try:
            for _ in range(4):
                for number in range(500):
                    key = b"%d" % (number % 100)
                    await producer.send(topic, value(), key=key, partition=0)
                await producer.flush()
                await asyncio.sleep(1.1)
        finally:
            await producer.stop()

    asyncio.run(run())
    worker = make_worker().start().wait_ready()
    # Whether the cleaner has come by is Kafka's affair: the position reaches the end either way.
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        partition = worker.get("/api/v1/shares")["pipeline"]["partitions"][0]
        if partition["lag"] == 0 and (partition["position"] or 0) >= 2000:
            break
        time.sleep(0.2)
    assert partition["position"] == 2000
    assert 100 <= worker.records()["counted/"] <= 2000


def test_records_beyond_the_fetch_size_count_and_those_beyond_the_setting_are_rejected(
    bootstrap, make_worker
):
    worker = make_worker(max_record_bytes=str(4 * 1024 * 1024)).start().wait_ready()
    large, huge = value(note="x" * 3_000_000), value(note="x" * 5_000_000)
    produce(bootstrap, make_worker.topic, [value(), large, huge, value(), large, value()])
    worker.wait_counted(5)
    worker.wait_records({"counted/": 5, "rejected/too_large": 1})


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_megabytes_in_kilobytes_are_read_in_little_memory(bootstrap, make_worker, kind):
    worker = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, [value()] * 3000)
    worker.wait_counted(3000)
    before = peak_of(worker)
    large = bytes(100 * 1024 * 1024)
    produce(
        bootstrap,
        make_worker.topic,
        [value(), value(), value(), large, b'{"model": 7}', value()],
        compression=kind,
        most=2 * len(large),
    )
    worker.wait_counted(3004)
    expected = {"counted/": 3004, "rejected/too_large": 1, "rejected/missing_field": 1}
    wait_until(lambda: worker.records() == expected, "the large one is rejected")
    letters = read_all(bootstrap, f"{make_worker.topic}-dead-letter", 2)
    sizes = [dict(letter.headers).get("tokenshare.truncated_bytes") for letter in letters]
    assert set(sizes) == {b"%d" % len(large), None}
    assert peak_of(worker) - before < 64 * 1024 * 1024


def peak_of(worker):
    """Return the most memory that a worker's process has had, in bytes."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024
