"""What a worker and its tools write has the compression that is set; each of them is read."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from kafka import KafkaProducer
from processes import wait_until

pytestmark = pytest.mark.kafka

NUMBERS = {"lz4": 3, "gzip": 1, "none": 0}
EVENTS = 500
#: Where a record batch has its attributes; the last three bits are the codec.
ATTRIBUTES, CODEC = 21, 0x07


async def codecs_in(bootstrap, topic, partitions, monkeypatch):
    """Return the codecs of all record batches of a topic."""
    found = set()

    class Noted(MemoryRecords):
        def __init__(self, data):
            super().__init__(data)
            at = 0
            while at + ATTRIBUTES + 2 <= len(data):
                (attributes,) = struct.unpack_from(">h", data, at + ATTRIBUTES)
                found.add(attributes & CODEC)
                (length,) = struct.unpack_from(">i", data, at + 8)
                at += 12 + length

    monkeypatch.setattr(fetcher, "MemoryRecords", Noted)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        for _ in range(3):
            await consumer.getmany(timeout_ms=2000)
    finally:
        await consumer.stop()
    return found


@pytest.mark.parametrize("compression", NUMBERS)
def test_the_compression_that_is_set_is_written(
    compression, bootstrap, make_worker, tmp_path, monkeypatch
):
    worker = make_worker(compression=compression).start().wait_ready()
    topic, group = make_worker.topic, f"g-{make_worker.topic}"
    command = [sys.executable, "-m", "streams", "simulate", "--events", str(EVENTS)]
    env = worker.environment | {"PATH": "", "TOKENSHARE_TOPIC": topic}
    subprocess.run(
        [*command, "--manifest", str(tmp_path / "manifest.json")], env=env, check=True, timeout=300
    )
    worker.wait_counted(EVENTS)
    codecs = [asyncio.run(codecs_in(bootstrap, topic, 3, monkeypatch))]
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for _ in range(20):
        producer.send(topic, b"not json " * 20, partition=0)
    producer.close()
    worker.wait_counted(EVENTS)
    wait_until(lambda: worker.records().get("rejected/not_json") == 20, "20 dead letters")
    assert worker.stop() == 0

    for name, partitions in ((f"{group}-panes-changelog", 3), (f"{topic}-dead-letter", 1)):
        codecs.append(asyncio.run(codecs_in(bootstrap, name, partitions, monkeypatch)))
    assert codecs == [{NUMBERS[compression]}] * 3
