"""Nothing that Kafka takes makes a worker end or stand still, and every offset has an outcome."""

from __future__ import annotations

import os
import random
import time

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka.admin import KafkaAdminClient, NewTopic
from laws import examples
from processes import wait_until
from raw_produce import RawProducer, with_checksum
from test_corrupt_batch import DAMAGED, READABLE, mutated, with_deltas
from test_oversized_batch import batch, compressed, record_of
from test_sources import peak_of
from test_worker import GOOD, produce, read_all

pytestmark = pytest.mark.kafka

#: Batches of the law below; `HOSTILE_BATCHES=100000` for a long run.
BATCHES = int(os.environ.get("HOSTILE_BATCHES", examples(1000)))
#: Batches that are made of one that hypothesis draws.
VARIANTS = 10


def good(**more):
    return orjson.dumps(GOOD | {"ts": time.time()} | more)


def plain_batch(count=1, **more):
    return batch(0, [record_of(at, good(**more)) for at in range(count)])


class Topic:
    """A source topic with a worker on it; keeps account of the offsets that Kafka gave out."""

    def __init__(self, bootstrap, make_worker, **settings):
        self.name = make_worker.topic
        self.bootstrap = bootstrap
        self.make_worker = make_worker
        self.worker = make_worker(**settings).start().wait_ready()
        self.producer = RawProducer(bootstrap)
        self.offsets = 0
        self.good = 0

    def send(self, raw, count):
        """Send a batch of so many offsets; returns whether Kafka has taken it."""
        error, base = self.producer.send(self.name, 0, with_checksum(raw))
        if error == 0:
            assert base == self.offsets
            self.offsets += count
        return error == 0

    def send_good(self, count=1):
        assert self.send(plain_batch(count, model="gpt-4o-mini"), count)
        self.good += count

    def records(self):
        return self.worker.records()

    def wait_read(self, seconds=60.0):
        """Wait until all that was sent is read; returns the outcomes."""
        wait_until(
            lambda: sum(self.records().values()) >= self.offsets,
            f"{self.offsets} offsets in {self.worker.tail()}",
            seconds,
        )
        assert sum(self.records().values()) == self.offsets, self.records()
        models = self.worker.get("/api/v1/shares")["windows"]["7d"]["model"]
        found = {row["key"]: row["requests"] for row in models}
        assert found.get("gpt-4o-mini", 0) == self.good
        return self.records()

    def letters(self, count):
        return read_all(self.bootstrap, f"{self.name}-dead-letter", count)


def offsets_of(letters):
    """Return how many offsets letters are of; none has two, but one that was sent again."""
    found = {}
    for letter in letters:
        headers = dict(letter.headers)
        records = int(headers.get("tokenshare.rejected_records", b"1"))
        first = int(headers["tokenshare.offset"])
        assert found.get(first, records) == records
        found[first] = records
    return sum(found.values())


@pytest.fixture
def topic(bootstrap, make_worker):
    found = Topic(bootstrap, make_worker)
    yield found
    found.producer._socket.close()


def test_a_record_without_key_and_value_is_a_dead_letter(topic):
    topic.send_good()
    assert topic.send(batch(0, [record_of(0, None)]), 1)
    topic.send_good()

    assert topic.wait_read() == {"counted/": 2, "rejected/tombstone": 1}
    (letter,) = topic.letters(1)
    assert (letter.key, letter.value) == (None, None)
    assert dict(letter.headers)["tokenshare.reason"] == b"tombstone"


def test_what_kafka_takes_of_odd_compression_is_read(topic):
    for codec, body in READABLE.values():
        topic.send(batch(codec, body, count=3), 3)
        topic.send_good()

    assert "rejected/corrupt_batch" not in topic.wait_read()


def test_damaged_batches_beside_good_ones(topic):
    for bodies, count, _ in DAMAGED.values():
        for codec in range(5):
            topic.send(batch(codec, compressed(codec, b"".join(bodies)), count=count), count)
            topic.send_good()
    records = topic.wait_read()

    rejected = sum(count for key, count in records.items() if key.startswith("rejected/"))
    assert offsets_of(topic.letters(rejected)) == rejected
    assert topic.worker.get("/readyz")["ready"]


def test_ten_thousand_bad_records_in_a_backlog_are_dead_letters_each(bootstrap, make_worker):
    make_worker().start().wait_ready().stop()
    produce(bootstrap, make_worker.topic, [b'{"model": %d}' % at for at in range(10_000)])
    produce(bootstrap, make_worker.topic, [good()])
    worker = make_worker().start().wait_ready()
    worker.wait_counted(1)
    wait_until(
        lambda: worker.records() == {"counted/": 1, "rejected/missing_field": 10_000}, "all read"
    )
    wait_until(
        lambda: (
            sum(
                each["position"] or 0
                for each in worker.get("/api/v1/shares")["pipeline"]["partitions"]
            )
            == 10_001
        ),
        "the position is written",
    )
    letters = read_all(bootstrap, f"{make_worker.topic}-dead-letter", 10_000)
    assert len({letter.value for letter in letters}) == 10_000


def test_very_many_tiny_records_cost_time_and_not_memory(topic):
    # As Python objects all at once, these took 2 GB.
    count = 250_000
    topic.send_good(100)
    topic.wait_read()
    before = peak_of(topic.worker)
    body = b"".join(record_of(at, b"x") for at in range(count))
    assert topic.send(batch(4, compressed(4, body), count=count), count)
    topic.send_good(100)
    records = topic.wait_read(240)

    assert records == {"counted/": 200, "rejected/not_json": count}
    assert peak_of(topic.worker) - before < 128 * 1024 * 1024
    told = 0
    for letter in topic.letters(65_536):
        told += int(dict(letter.headers).get("tokenshare.rejected_records", b"1"))
    assert told >= 65_536


def test_header_names_that_are_no_text_and_headers_that_are_large(topic):
    name = record_of(0, b"{", None, [("NAME", b"v")]).replace(b"NAME", b"\xff\xfe\x00\x80")
    many = record_of(0, b"{", b"k", [("n", b"v")] * 20_000)
    empty = record_of(0, b"{", b"", [("", b"")])
    for each in (name, many, empty):
        assert topic.send(batch(0, [each]), 1)
    topic.send_good()

    assert topic.wait_read() == {"counted/": 1, "rejected/not_json": 3}
    letters = topic.letters(3)
    assert [letter.headers[0] for letter in letters] == [
        ("\\xff\\xfe\0\\x80", b"v"),
        ("n", b"v"),
        ("", b""),
    ]
    assert len(letters[1].headers) > 20_000


def test_forged_offsets_take_nothing_away(topic):
    topic.send_good(3)
    is_taken = topic.send(batch(0, with_deltas(0, 0, 0)), 3)
    topic.send_good(3)
    topic.wait_read()
    assert topic.offsets == 6 + 3 * is_taken


def variants(raw, seed):
    """Yield a batch, and the same with some bytes behind its header cut, added or changed."""
    yield raw
    draw = random.Random(seed)
    for _ in range(VARIANTS - 1):
        body = bytearray(raw[61:])
        for _ in range(draw.randint(1, 3)):
            at = draw.randint(0, len(body))
            some = draw.randbytes(draw.randint(0, 5))
            body[at : at + draw.choice([0, 0, 1, len(some), len(body)])] = some
        yield raw[:61] + bytes(body)


def test_every_offset_has_an_outcome_whatever_the_bytes(topic, broker_kind):
    sent = taken = 0

    @settings(
        deadline=None,
        max_examples=max(1, BATCHES // VARIANTS),
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.data(), st.integers(0, 2**32))
    def law(data, seed):
        nonlocal sent, taken
        raw, count = mutated(data)
        for each in variants(raw, seed):
            sent += 1
            taken += topic.send(each, count)
            if sent % 5 == 0:
                topic.send_good()
            if sent % 1000 == 0:
                topic.wait_read()

    law()
    records = topic.wait_read()
    # Apache Kafka refuses most of what is damaged itself.
    assert taken > sent / (10 if broker_kind == "embedded" else 100)
    rejected = sum(count for key, count in records.items() if key.startswith("rejected/"))
    assert offsets_of(topic.letters(rejected)) == rejected
    print(f"\n{sent} batches, of which Kafka took {taken}: {records}")


def test_a_dead_letter_topic_that_wants_keys_holds_nothing_up(bootstrap, make_worker, broker_kind):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker takes records without a key anywhere: --broker apache")
    letters = f"{make_worker.topic}-dead-letter"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        compacted = NewTopic(letters, 1, 1, topic_configs={"cleanup.policy": "compact"})
        admin.create_topics([compacted])
    finally:
        admin.close()
    topic = Topic(bootstrap, make_worker)
    assert topic.send(batch(0, [record_of(0, b"{"), record_of(1, b"{", b"k")]), 2)
    topic.send_good()

    assert topic.wait_read() == {"counted/": 1, "rejected/not_json": 2}
    first, second = topic.letters(2)
    assert (first.key, first.value) == (f"{topic.name}/0/0".encode(), b"")
    assert (second.key, second.value) == (b"k", b"{")
    assert topic.worker.get("/readyz")["ready"]
