"""A real worker on a real broker counts what was sent, whatever is in between."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from processes import WAIT_SECONDS, wait_until

from streams.demo.bulk import plain_events
from streams.demo.sender import send
from streams.report.compare import counted_cells, differences, expected_cells
from streams.state.codec import decode_pane

pytestmark = pytest.mark.kafka


GOOD = {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 5, "language": "en"}


def produce(
    bootstrap, topic, values, headers=(), key=None, compression="zstd", most=1 << 25, partitions=3
):
    async def run():
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            max_request_size=most,
            compression_type=compression,
            linger_ms=5,
        )
        await producer.start()
        try:
            futures = [
                await producer.send(
                    topic, value, key=key, headers=list(headers), partition=n % partitions
                )
                for n, value in enumerate(values)
            ]
            return [await future for future in futures]
        finally:
            await producer.stop()

    return asyncio.run(run())


def read_all(bootstrap, topic, count, partition=0):
    async def run():
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            records = []
            deadline = time.monotonic() + 20
            while len(records) < count and time.monotonic() < deadline:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    records += batch
            return records
        finally:
            await consumer.stop()

    return asyncio.run(run())


def simulate(bootstrap, topic, events, seed=7):
    end = time.time()
    start = (end - 24 * 3600) // 3600 * 3600
    stream = plain_events(events, seed, start, end)
    truth = asyncio.run(send(bootstrap, topic, stream))
    return truth.to_manifest(seed=seed, start=start, end=end, topic=topic)


def found_differences(worker, *manifests, step="1h"):
    history = worker.get(f"/api/v1/history?dimension=joint&step={step}")
    return differences(expected_cells(manifests), counted_cells(history))


def test_every_cell_is_counted_to_the_token_at_every_level(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    manifest = simulate(bootstrap, make_worker.topic, 60_000)
    worker.wait_counted(60_000)

    assert found_differences(worker, manifest, step="1h") == []
    assert found_differences(worker, manifest, step="1d") == []
    assert worker.stop() == 0


def test_a_killed_worker_is_taken_up_where_its_table_stands(bootstrap, make_worker):
    first = make_worker().start().wait_ready()
    manifest = simulate(bootstrap, make_worker.topic, 250_000)
    # Somewhere in the middle: after the first flushes, before the last.
    wait_until(lambda: first.records().get("counted/", 0) > 10_000, "first flushes")
    first.kill()
    assert first.last_counted < 250_000
    second = make_worker().start().wait_ready()
    second.wait_counted(250_000)

    assert found_differences(second, manifest) == []
    assert found_differences(second, manifest, step="1d") == []


def test_a_stopped_worker_has_written_everything_and_a_second_one_knows_it(bootstrap, make_worker):
    first = make_worker().start().wait_ready()
    manifest = simulate(bootstrap, make_worker.topic, 20_000)
    first.wait_counted(20_000)
    assert first.stop() == 0
    second = make_worker().start().wait_ready()

    second.wait_records({"counted/": 20_000})
    assert found_differences(second, manifest) == []


def test_two_workers_share_the_partitions_and_show_the_same(bootstrap, make_worker):
    one = make_worker().start()
    two = make_worker().start()
    one.wait_ready()
    two.wait_ready()
    manifest = simulate(bootstrap, make_worker.topic, 60_000)
    one.wait_counted(60_000)
    two.wait_counted(60_000)

    assert found_differences(one, manifest) == []
    assert found_differences(two, manifest) == []
    owned = [
        {row["partition"] for row in each.get("/api/v1/shares")["pipeline"]["partitions"]
         if row["owned"]}
        for each in (one, two)
    ]  # fmt: skip
    assert owned[0] | owned[1] == {0, 1, 2}
    assert not owned[0] & owned[1]

    one.kill()
    more = simulate(bootstrap, make_worker.topic, 5_000, seed=8)
    two.wait_counted(65_000)
    history = two.get("/api/v1/history?dimension=joint&step=1h")
    assert differences(expected_cells([manifest, more]), counted_cells(history)) == []


def test_bad_records_are_dead_letters_byte_for_byte_and_good_ones_count(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    bad = [
        None,
        b"",
        b"17",
        b"{",
        b"\xff{",
        b"null",
        orjson.dumps(GOOD | {"prompt_tokens": -1}),
        orjson.dumps(GOOD | {"prompt_tokens": 1.5}),
        orjson.dumps(GOOD | {"completion_tokens": 10**12}),
        b'{"model":"a","prompt_tokens":NaN,"completion_tokens":1}',
        orjson.dumps(GOOD | {"model": 7}),
        orjson.dumps(GOOD | {"ts": "never"}),
        orjson.dumps(GOOD | {"ts": time.time() + 3600}),
        b"x" * 10_000_000,
        b'{"a":' * 2_000,
    ]
    good = [orjson.dumps(GOOD | {"ts": ts}) for ts in (time.time(), time.time() * 1000, None)]
    values = [value for pair in zip(bad * 20, good * 100, strict=True) for value in pair]
    sent = produce(
        bootstrap, make_worker.topic, values, headers=[("trace", b"\x00\x01"), ("trace", b"2")],
        key=b"key",
    )  # fmt: skip
    worker.wait_counted(300)
    letters = read_all(bootstrap, f"{make_worker.topic}-dead-letter", 300)

    records = worker.records()
    assert sum(count for key, count in records.items() if key.startswith("rejected/")) == 300
    assert records["rejected/not_utf8"] == 20
    assert records["rejected/future"] == 20
    assert len(letters) == 300
    place = {(made.partition, made.offset): value for made, value in zip(sent, values, strict=True)}
    for letter in letters:
        headers = dict(letter.headers)
        at = (int(headers["tokenshare.partition"]), int(headers["tokenshare.offset"]))
        original = place.pop(at)
        assert (letter.value or b"") == (original or b"")
        assert letter.key == b"key"
        assert letter.headers[:2] == (("trace", b"\x00\x01"), ("trace", b"2"))
        assert headers["tokenshare.topic"] == make_worker.topic.encode()
    assert all(value in good for value in place.values())
    assert worker.get("/readyz") == {"ready": True, "reasons": []}


def test_a_dead_letter_that_its_topic_refuses_goes_without_what_is_too_large(
    bootstrap, make_worker, broker_kind
):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker takes batches of any size: --broker apache")
    # The topic takes batches of 64 kB more than the largest record that is read, compressed.
    worker = make_worker(max_record_bytes="2048").start().wait_ready()
    large = random.Random(1).randbytes(3_000_000)
    produce(bootstrap, make_worker.topic, [large], headers=[("trace", b"1")])
    produce(bootstrap, make_worker.topic, [b"{"], headers=[("trace", large)], key=large)
    produce(bootstrap, make_worker.topic, [orjson.dumps(GOOD | {"ts": time.time()})])
    worker.wait_counted(1)
    letters = read_all(bootstrap, f"{make_worker.topic}-dead-letter", 2)

    headers = sorted((dict(letter.headers) for letter in letters), key=len)
    assert [letter.value for letter in letters] == [b"", b""]
    assert headers[0]["tokenshare.reason"] == b"not_json"
    assert "trace" not in headers[0]
    assert headers[1]["tokenshare.reason"] == b"too_large"
    assert headers[1]["tokenshare.truncated_bytes"] == b"3000000"
    assert headers[1]["trace"] == b"1"
    worker.wait_records({"counted/": 1, "rejected/not_json": 1, "rejected/too_large": 1})


def test_a_source_topic_that_was_recreated_is_not_taken_for_the_old_one(bootstrap, make_worker):
    # Offsets of the old topic say nothing about the new one.
    from kafka.admin import KafkaAdminClient

    worker = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, [orjson.dumps(GOOD | {"ts": time.time()})] * 9)
    worker.wait_counted(9)
    worker.kill()
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_topics([make_worker.topic])
    time.sleep(1)
    admin.close()
    again = make_worker().start()

    assert again.process.wait(WAIT_SECONDS) == 1
    assert "recreated" in again.tail()
    assert "Traceback" not in again.tail()


def test_metrics_show_shares_and_answer_openmetrics(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    produce(bootstrap, make_worker.topic, [orjson.dumps(GOOD | {"ts": time.time()})] * 10)
    worker.wait_counted(10)
    metrics = worker.get("/metrics")

    assert (
        'llm_share_ratio{dimension="origin",key="row-proprietary",measure="tokens",window="1h"} 1.0'
        in metrics
    )
    assert 'llm_share_ratio{dimension="language",key="en"' in metrics
    assert 'tokenshare_records_total{reason="",result="counted"} 10.0' in metrics


def test_prompts_tenants_and_secrets_appear_nowhere(bootstrap, make_worker):
    worker = make_worker(tenant_salt="pepper-and-salt").start().wait_ready()
    secret = "my secret prompt"
    event = GOOD | {"prompt": secret, "tenant": "Example Ltd", "ts": time.time()}
    produce(
        bootstrap,
        make_worker.topic,
        [orjson.dumps(event), orjson.dumps(event | {"prompt_tokens": secret})],
    )
    worker.wait_counted(1)
    values = [
        record.value
        for number in range(3)
        for record in read_all(
            bootstrap, f"g-{make_worker.topic}-panes-changelog", 1, partition=number
        )
    ]
    # A position is JSON; a pane is packed, and would hide what it holds.
    changelog = b"".join(value for value in values if value.startswith(b"{")).decode()
    changelog += "".join(repr(decode_pane(value)) for value in values if not value.startswith(b"{"))
    assert "gpt-4o" in changelog

    for text in (worker.get("/metrics"), worker.tail(), changelog):
        for hidden in (secret, "Example Ltd", "pepper-and-salt"):
            assert hidden not in text
    assert orjson.dumps(worker.get("/api/v1/shares")).find(b"Example") == -1


def run_worker(**settings):
    environment = {f"TOKENSHARE_{key.upper()}": value for key, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "streams", "worker", "--port", "0"],
        env={"PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        timeout=300,
        check=False,
    )


def test_without_a_broker_a_worker_waits_says_so_and_gives_up_with_its_own_code():
    done = run_worker(bootstrap_servers="127.0.0.1:1", broker_wait_seconds="1")

    assert done.returncode == 3
    said = done.stderr.decode()
    assert "No Kafka at 127.0.0.1:1" in said
    assert "TOKENSHARE_BOOTSTRAP_SERVERS" in said
    assert "Traceback" not in said


def test_a_changelog_of_another_version_is_refused_by_name(bootstrap, make_worker):
    worker = make_worker()
    worker.start().wait_ready()
    assert worker.stop() == 0
    group = f"g-{make_worker.topic}"

    async def poison():
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        await producer.send_and_wait(
            f"{group}-panes-changelog", b'{"v":99,"g":1,"s":1}', key=b"0/position", partition=0
        )
        await producer.stop()

    asyncio.run(poison())
    done = run_worker(
        bootstrap_servers=bootstrap, topic=make_worker.topic, group=group, partitions="3"
    )

    assert done.returncode == 1
    assert "state version 99" in done.stderr.decode()
    assert "TOKENSHARE_GROUP" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_unequal_partition_counts_are_refused_with_the_remedy(bootstrap, make_worker):
    group = f"g-{make_worker.topic}"
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics(
        [NewTopic(make_worker.topic, 3, 1), NewTopic(f"{group}-panes-changelog", 2, 1)]
    )
    admin.close()
    done = run_worker(bootstrap_servers=bootstrap, topic=make_worker.topic, group=group)

    assert done.returncode == 1
    assert f"{group}-panes-changelog has 2 partitions" in done.stderr.decode()


def test_a_taken_web_port_is_named(bootstrap, make_worker):
    first = make_worker().start().wait_ready()
    second = make_worker()
    second.port = first.port
    second.start()

    assert second.process.wait(WAIT_SECONDS) == 1
    assert "TOKENSHARE_WEB_PORT" in second.tail()
    assert "Traceback" not in second.tail()


def test_ready_says_why_not(make_worker):
    worker = make_worker().start()
    reasons = set()

    def is_ready():
        status, body = worker.ask("/readyz")
        reasons.update(body.get("reasons", ()))
        assert status in {None, 200, 503}
        assert (status == 200) == (body.get("ready") is True)
        return status == 200

    wait_until(is_ready, "ready worker")
    assert "partitions are being assigned" in reasons
