"""The way back from the dead letters, on a real broker: listed, decoded, sent again once."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from textwrap import dedent

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from kafka.admin import KafkaAdminClient, NewTopic
from processes import wait_until
from raw_produce import with_checksum
from test_oversized_batch import batch, record_of
from test_worker import GOOD, produce, read_all

from streams.decode.dead_letter import Source, shorter
from streams.decode.decoder import Decoder
from streams.decode.event import Rejected
from streams.decode.rows import CorruptRange
from streams.kafka.record_batch import Record
from streams.settings import load
from streams.worker.dead_letter_sender import LetterSender
from streams.worker.dead_letters import run
from streams.worker.dead_letters.resend import Resender, ResendError
from streams.worker.dead_letters.store import topics_of

pytestmark = pytest.mark.kafka

OLD = int(time.time() * 1000) - 3_600_000


@pytest.fixture
def needs_transactions(broker_kind):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker has no transactions: --broker apache")


class Pair:
    """A source topic and its dead-letter topic, made without a worker."""

    def __init__(self, bootstrap, topic, letters=None, **configs):
        self.bootstrap, self.topic = bootstrap, topic
        self.source = Source(topic, 0)
        self.settings = load(bootstrap_servers=bootstrap, topic=topic)
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            admin.create_topics(
                [
                    NewTopic(topic, 3, 1, topic_configs=configs),
                    NewTopic(f"{topic}-dead-letter", 1, 1, topic_configs=letters or {}),
                ]
            )
        finally:
            admin.close()

    def write(self, *letters):
        async def work():
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=1 << 25)
            await producer.start()
            try:
                for each in letters:
                    builder = producer.create_batch()
                    builder.append(
                        timestamp=None, key=each.key, value=each.value, headers=each.headers
                    )
                    await (
                        await producer.send_batch(builder, f"{self.topic}-dead-letter", partition=0)
                    )
            finally:
                await producer.stop()

        asyncio.run(work())

    def letter(self, offset, value=None, key=b"k", headers=(("trace", b"1"),), **more):
        value = orjson.dumps(GOOD) if value is None else value
        record = Record(offset, OLD + offset, key, value, headers)
        return self.source.letter(record, Rejected("other_format", "not of the format x"), **more)

    def cli(self, *arguments, **settings):
        environment = {
            "TOKENSHARE_BOOTSTRAP_SERVERS": self.bootstrap,
            "TOKENSHARE_TOPIC": self.topic,
        } | {f"TOKENSHARE_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "streams", "dead-letters", *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def listed(self, *arguments):
        done = self.cli("list", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return [orjson.loads(line) for line in done.stdout.splitlines()]

    def resend(self, *arguments, code=0):
        done = self.cli("resend", "--json", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return orjson.loads(done.stdout)

    def arrived(self, count, partition=0):
        return read_all(self.bootstrap, self.topic, count + 1, partition)


def committed(pair, count):
    """Return the source's records as a worker reads them; waits for one more than `count`."""

    async def work():
        consumer = AIOKafkaConsumer(
            bootstrap_servers=pair.bootstrap,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            tp = TopicPartition(pair.topic, 0)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            found = []
            deadline = time.monotonic() + 4
            while len(found) <= count and time.monotonic() < deadline:
                for some in (await consumer.getmany(timeout_ms=500)).values():
                    found += some
            return found
        finally:
            await consumer.stop()

    return asyncio.run(work())


@pytest.fixture
def pair(bootstrap, make_worker):
    return Pair(bootstrap, make_worker.topic)


def test_letters_are_listed_without_their_contents(pair):
    pair.write(
        pair.letter(5, b'{"model": "SECRET"}', counted=0),
        pair.letter(6),
        pair.source.letter_of_range([8, 9], Rejected("not_json", "char 1")),
    )
    done = pair.cli("list")

    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert f"{pair.topic}[0]@5  other_format  native  not of the format x" in first
    assert f"{pair.topic}[0]@8-9  not_json  -  char 1  (2 records)" in third
    assert "SECRET" not in done.stdout
    assert "3 dead letters" in done.stderr
    assert second.startswith("20")


def test_letters_are_chosen_and_decoded(pair):
    pair.write(
        pair.letter(5, b"{"),
        pair.letter(6),
        pair.source.letter_of_range([8, 9], Rejected("not_json", "char 1")),
    )
    assert [each["offset"] for each in pair.listed("--reason", "not_json")] == [8]
    assert [each["offset"] for each in pair.listed("--offset", "9")] == [8]
    assert [each["offset"] for each in pair.listed("--limit", "2")] == [5, 6]
    recent = pair.listed("--since", "1h", "--partition", "0")
    assert [each["offset"] for each in recent] == [5, 6, 8]
    assert pair.listed("--until", "1h") == pair.listed("--partition", "1") == []
    broken, good, gone = pair.listed("--decode", "--show")
    assert broken["originals"][0]["rejected"][0]["reason"] == "not_json"
    assert good["originals"][0]["events"][0]["model"] == "gpt-4o"
    assert good["originals"][0]["headers"] == [["trace", "1"]]
    assert gone["missing"] == f"{pair.topic} no longer holds it"
    assert gone["originals"] == []


def test_what_a_letter_has_not_is_read_from_the_source(pair):
    for at in range(3):
        # A batch each: the embedded broker says wrongly where a larger one ends.
        produce(pair.bootstrap, pair.topic, [orjson.dumps(GOOD | {"id": at})])
    times = {each.offset: each.timestamp for each in read_all(pair.bootstrap, pair.topic, 3)}
    cut = pair.source.letter(
        Record(1, times[1], b"k", b"large", ()), Rejected("too_large", ""), counted=0
    )
    other = pair.source.letter(
        Record(2, times[2] - 7, b"k", b"large", ()), Rejected("too_large", ""), counted=0
    )
    pair.write(
        shorter(cut)[-1],
        shorter(other)[0],
        pair.source.letter_of_range([0, 1, 2], Rejected("not_json", "")),
        pair.source.letter_of_range([0, 2], Rejected("not_json", "")),
    )
    first, second, third, fourth = pair.listed("--decode", "--show")
    assert first["missing"] is None
    assert orjson.loads(first["originals"][0]["value"])["id"] == 1
    assert second["missing"] == f"{pair.topic} holds another record there"
    assert [each["offset"] for each in third["originals"]] == [0, 1, 2]
    assert "does not say which" in fourth["missing"]
    outcome = pair.resend()
    assert outcome["due"] == {"too_large": 1, "not_json": 2}
    assert outcome["not_sent"]["another letter is of the same record"] == 1


def test_a_broker_without_transactions_is_an_error_that_sends_nothing(pair, broker_kind):
    if broker_kind != "embedded":
        pytest.skip("it has them")
    pair.write(pair.letter(5))
    assert pair.resend()["due"] == {"other_format": 1}
    done = pair.cli("resend", "--yes")
    assert done.returncode in {1, 3}
    assert "ransaction" in done.stderr
    assert "Traceback" not in done.stderr
    assert pair.arrived(0) == []


@pytest.mark.usefixtures("needs_transactions")
def test_a_mended_format_is_counted_once_however_often_it_is_sent(bootstrap, make_worker):
    pair = Pair(bootstrap, make_worker.topic)
    worker = make_worker(format="litellm").start().wait_ready()
    values = [orjson.dumps(GOOD | {"tenant": f"t{at}"}) for at in range(1000)]
    produce(bootstrap, make_worker.topic, values, headers=[("trace", b"1")], key=b"k")
    wait_until(lambda: worker.records().get("rejected/other_format") == 1000, "rejected")
    assert worker.stop() == 0

    assert pair.resend()["due"] == {"other_format": 1000}
    assert pair.resend("--yes", "--limit", "300")["sent"] == 300
    assert pair.resend("--yes")["sent"] == 700
    assert pair.resend("--yes")["not_sent"] == {"it was sent again already": 1000}
    assert all(each["sent_again"] for each in pair.listed())
    worker = make_worker().start().wait_ready()
    worker.wait_counted(1000)
    wait_until(lambda: worker.get("/api/v1/shares")["pipeline"]["lag"] in {0, None}, "no lag")
    for partition in range(3):
        found = pair.arrived(667, partition)
        before = {each.value: each for each in found if len(each.headers) == 1}
        after = {each.value: each for each in found if len(each.headers) == 2}
        assert before.keys() == after.keys()
        for value, each in after.items():
            assert (each.key, each.timestamp) == (b"k", before[value].timestamp)
            place = f"{pair.topic}/{partition}/{before[value].offset}/{each.timestamp}"
            assert each.headers[1] == ("tokenshare.resent_from", place.encode())


@pytest.mark.usefixtures("needs_transactions")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_killed_sends_nothing_twice(pair, when):
    pair.write(*(pair.letter(at, counted=0) for at in range(30)))
    program = f"""
        import os, sys
        from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
        from streams.__main__ import main
        from streams.worker.dead_letters import resend
        resend.GROUP_RECORDS = 7
        commit, calls = AIOKafkaProducer.commit_transaction, []
        async def killed(self):
            calls.append(self)
            if len(calls) < 3:
                return await commit(self)
            if {when!r} == "after":
                await commit(self)
            os._exit(9)
        AIOKafkaProducer.commit_transaction = killed
        sys.argv[1:] = ["dead-letters", "resend", "--yes"]
        main()
    """
    environment = {
        "TOKENSHARE_BOOTSTRAP_SERVERS": pair.bootstrap,
        "TOKENSHARE_TOPIC": pair.topic,
    }
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], env=os.environ | environment, check=False
    )
    assert done.returncode == 9
    left = 30 - 7 * (3 if when == "after" else 2)
    assert pair.resend("--yes")["sent"] == left
    places = [dict(each.headers)["tokenshare.resent_from"] for each in committed(pair, 30)]
    assert len(places) == len(set(places)) == 30


@pytest.mark.usefixtures("needs_transactions")
def test_of_two_runs_at_once_the_later_one_sends_the_rest(pair, monkeypatch):
    pair.write(*(pair.letter(at, counted=0) for at in range(20)))
    topics = topics_of(pair.settings)

    async def work():
        one, two = (run.Resending(pair.settings, Decoder(), run.Choice()) for _ in range(2))
        flush = Resender.flush
        went = asyncio.Event()

        async def overtaken(self):
            await flush(self)
            if not went.is_set():
                went.set()
                await two.run(topics, is_dry=False)

        monkeypatch.setattr(Resender, "flush", overtaken)
        add = Resender.add

        async def each_alone(self, rejection):
            await add(self, rejection)
            if rejection.place.offset in {4, 9}:
                await self.flush()

        monkeypatch.setattr(Resender, "add", each_alone)
        with pytest.raises(ResendError, match="Another run"):
            await one.run(topics, is_dry=False)
        return one.outcome.written, two.outcome.written

    assert asyncio.run(work()) == (5, 15)
    # aiokafka leaves errors that it logs when they are collected: not while pytest parses a module,
    # which CPython 3.11 does not survive.
    gc.collect()
    places = [dict(each.headers)["tokenshare.resent_from"] for each in committed(pair, 20)]
    assert len(places) == len(set(places)) == 20


@pytest.mark.usefixtures("needs_transactions")
def test_what_kafka_refuses_takes_nothing_else_along(bootstrap, make_worker):
    pair = Pair(bootstrap, make_worker.topic, **{"max.message.bytes": "20000"})
    large = orjson.dumps(GOOD | {"note": os.urandom(40_000).hex()})
    pair.write(
        *(pair.letter(at, large if at == 3 else None, counted=0) for at in range(9)),
    )
    outcome = pair.resend("--yes", code=1)
    assert outcome["sent"] == 8
    assert [each["offset"] for each in outcome["refused"]] == [3]
    assert len(committed(pair, 8)) == 8
    assert pair.resend("--yes", code=1)["sent"] == 0


@pytest.mark.usefixtures("needs_transactions")
def test_an_event_without_a_time_is_not_moved_to_today(bootstrap, make_worker):
    pair = Pair(bootstrap, make_worker.topic, **{"message.timestamp.type": "LogAppendTime"})
    pair.write(
        pair.letter(1, counted=0),
        pair.letter(2, orjson.dumps(GOOD | {"ts": time.time()}), counted=0),
    )
    outcome = pair.resend("--yes", code=1)
    assert outcome["sent"] == 1
    assert "no time of its own" in outcome["refused"][0]["why"]


@pytest.mark.usefixtures("needs_transactions")
def test_the_records_of_a_batch_that_can_now_be_read_are_sent(pair):
    raw = batch(0, [record_of(at, orjson.dumps(GOOD | {"ts": time.time()})) for at in range(4)])
    raw = with_checksum(raw)
    pair.write(
        pair.source.letter_of_batch(CorruptRange(1, 3, "it is cut off", raw)),
        pair.source.letter_of_batch(CorruptRange(9, 9, "it is cut off", raw[:90])),
        pair.source.letter_of_batch(CorruptRange(20, 23, "it is cut off", b"bytes")),
    )
    outcome = pair.resend("--yes")
    assert outcome["due"] == {"corrupt_batch": 3}
    assert outcome["not_sent"] == {
        "the checksum of its batch is wrong": 1,
        "its batch still cannot be read": 4,
    }
    assert len(committed(pair, 3)) == 3


def test_what_was_counted_in_part_is_not_sent(pair):
    good, bad = GOOD | {"id": "a"}, GOOD | {"id": "b"}
    both = orjson.dumps([good, bad])
    pair.write(
        pair.letter(1, both, items=1, counted=1),
        pair.letter(2, both, items=1),
        pair.letter(3, both, items=2, counted=0),
        pair.letter(4, b'{"model": 7}', counted=0),
        pair.letter(5, None, counted=0),
    )
    outcome = pair.resend()
    assert outcome["due"] == {"other_format": 2}
    assert outcome["not_sent"] == {
        "some of its items were counted": 1,
        "some of its items may have been counted": 1,
        "it is still rejected": 1,
    }
    assert pair.resend("--all")["due"] == {"other_format": 3}


@pytest.mark.usefixtures("needs_transactions")
def test_what_arrived_is_not_written_again_when_the_rest_fails(bootstrap, make_worker):
    """The letters are halved to find the one that is refused, and Kafka goes in between."""
    pair = Pair(bootstrap, make_worker.topic, letters={"max.message.bytes": "20000"})
    letters = [
        pair.letter(at, os.urandom(40_000).hex().encode() if at == 6 else None) for at in range(8)
    ]

    class Interrupted(AIOKafkaProducer):
        calls = 0

        async def send_batch(self, *arguments, **more):
            self.calls += 1
            if self.calls == 3:
                raise KafkaConnectionError
            return await super().send_batch(*arguments, **more)

    async def work():
        producer = Interrupted(bootstrap_servers=bootstrap, max_request_size=1 << 25)
        await producer.start()
        try:
            sender = LetterSender(pair.settings.dead_letters)
            with pytest.raises(KafkaConnectionError):
                await sender.send(producer, 0, letters)
            left = len(letters)
            await sender.send(producer, 0, letters)
            return left, sender.lost
        finally:
            await producer.stop()

    # The first call is refused, the second writes four letters, the third fails.
    assert asyncio.run(work()) == (4, 0)
    assert letters == []
    found = read_all(bootstrap, pair.settings.dead_letters, 9)
    assert [dict(each.headers)["tokenshare.offset"] for each in found] == [
        b"%d" % at for at in range(8)
    ]
