"""What the doctor says of good and of broken set-ups, and what simulate and report say together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from kafka.admin import KafkaAdminClient, NewTopic
from processes import wait_until
from test_worker import produce

from streams.settings import Settings
from streams.worker import preflight

pytestmark = pytest.mark.kafka


def tokenshare(worker, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env=os.environ | worker.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_doctor_names_what_is_missing_and_mends_it(make_worker):
    worker = make_worker()
    ill = tokenshare(worker, "doctor")
    mended = tokenshare(worker, "doctor", "--fix")
    well = tokenshare(worker, "doctor")

    assert ill.returncode == 1
    assert "does not exist" in ill.stdout
    assert "doctor --fix" in ill.stdout
    assert mended.returncode == 0, mended.stdout
    assert well.returncode == 0, well.stdout
    assert "✗" not in well.stdout


def test_the_doctor_names_unequal_partition_counts(bootstrap, make_worker):
    worker = make_worker()
    changelog = f"g-{make_worker.topic}-panes-changelog"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(make_worker.topic, 3, 1), NewTopic(changelog, 2, 1)])
    admin.close()
    done = tokenshare(worker, "doctor", "--fix")

    assert done.returncode == 1
    assert f"{changelog}: has 2 partitions" in done.stdout


def test_the_doctor_reads_the_state_of_a_worker_that_has_run(make_worker):
    worker = make_worker().start().wait_ready()
    assert worker.stop() == 0
    done = tokenshare(worker, "doctor")

    assert done.returncode == 0, done.stdout
    assert "state in" in done.stdout
    assert "readable" in done.stdout


def test_the_doctor_warns_of_usage_that_no_reader_takes(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    event = {"model": "gpt-4o", "prompt_tokens": 8, "completion_tokens": 2, "ts": time.time()}
    unread = {"remote_addr": "10.0.0.7", "upstream_model": "gpt-4o", "tokens_used": 48}
    produce(bootstrap, make_worker.topic, [json.dumps(each).encode() for each in (unread, event)])
    worker.wait_counted(1)
    wait_until(lambda: "skipped/unread_usage" in worker.records(), "the record to be skipped")
    assert worker.stop() == 0
    done = tokenshare(worker, "doctor")

    assert done.returncode == 0, done.stdout
    assert "! usage: 1 skipped items hold token counts that no reader takes" in done.stdout
    assert "access_log/tokens_used,upstream_model (1)" in done.stdout


def test_simulate_and_report_agree_to_the_token_also_over_a_kill(make_worker, tmp_path):
    worker = make_worker().start().wait_ready()
    manifest = tmp_path / "m.json"
    sent = tokenshare(
        worker, "simulate", "--events", "100000", "--seed", "7", "--manifest", str(manifest)
    )
    assert sent.returncode == 0, sent.stderr
    worker.kill()
    again = make_worker()
    again.port = worker.port
    # Not ready yet: the comparison waits for it.
    again.start()
    compared = tokenshare(
        worker, "report", "--url", worker.url, "--compare", str(manifest), "--json"
    )

    assert compared.returncode == 0, compared.stdout
    assert '"equal": true' in compared.stdout

    tokenshare(worker, "simulate", "--events", "10", "--seed", "8")
    again.wait_counted(100_010)
    differs = tokenshare(
        worker, "report", "--url", worker.url, "--compare", str(manifest), "--wait", "1"
    )
    assert differs.returncode == 1
    assert "differ" in differs.stdout


def test_with_a_rate_all_is_in_the_last_minutes_and_the_comparison_is_exact(make_worker, tmp_path):
    worker = make_worker().start().wait_ready()
    manifest = tmp_path / "m.json"
    begin = time.time()
    sent = tokenshare(
        worker, "simulate", "--events", "600", "--rate", "200", "--manifest", str(manifest)
    )
    assert sent.returncode == 0, sent.stderr
    worker.wait_counted(600)

    shares = worker.get("/api/v1/shares")
    assert shares["windows"]["5m"]["requests"] == 600
    assert begin + 2 < shares["as_of"] <= time.time() + 1
    compared = tokenshare(worker, "report", "--url", worker.url, "--compare", str(manifest))
    assert compared.returncode == 0, compared.stdout
    assert "600 requests" in compared.stdout


def test_an_interrupted_demo_is_gone_within_five_seconds_and_leaves_no_process(tmp_path):
    from streams.demo.broker import free_port

    port = free_port()
    with (tmp_path / "out").open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "streams", "demo", "--days", "2", "--port", str(port)],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    children = []
    try:
        wait_until(lambda: b"The page: http" in (tmp_path / "out").read_bytes(), "live table")
        children = [
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and parent_of(path.name) == demo.pid
        ]
        assert children
        demo.send_signal(signal.SIGINT)
        started = time.monotonic()
        assert demo.wait(10) == 0
        assert time.monotonic() - started < 5
    finally:
        if demo.poll() is None:
            demo.kill()
    wait_until(lambda: not any(parent_of(str(pid)) for pid in children), "no process left")
    assert b"Traceback" not in (tmp_path / "out").read_bytes()


def parent_of(pid: str) -> int | None:
    """Return the parent of a live process, None of one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[1])


def changelog_of(worker):
    return f"{worker.environment['TOKENSHARE_GROUP']}-panes-changelog"


def test_the_doctor_names_a_broker_that_is_not_there(make_worker):
    worker = make_worker(bootstrap_servers="127.0.0.1:1")
    done = tokenshare(worker, "doctor")

    assert done.returncode == 1
    assert "not reached" in done.stdout
    assert "TOKENSHARE_BOOTSTRAP_SERVERS" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_doctor_names_a_changelog_that_would_lose_its_records(
    bootstrap, make_worker, broker_kind
):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker does not tell a topic's configuration")
    worker = make_worker()
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(make_worker.topic, 3, 1), NewTopic(changelog_of(worker), 3, 1)])
    admin.close()
    done = tokenshare(worker, "doctor", "--fix")

    assert done.returncode == 1
    assert "has cleanup.policy=delete" in done.stdout
    assert "cleanup.policy=compact" in done.stdout


def test_the_doctor_names_a_source_that_was_recreated(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    assert tokenshare(worker, "simulate", "--events", "1000").returncode == 0
    worker.wait_counted(1000)
    assert worker.stop() == 0
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_topics([make_worker.topic])
    time.sleep(1)
    admin.create_topics([NewTopic(make_worker.topic, 3, 1)])
    admin.close()
    done = tokenshare(worker, "doctor")

    assert done.returncode == 1
    assert "was recreated" in done.stdout
    assert "TOKENSHARE_GROUP" in done.stdout


def test_the_doctor_names_a_state_of_another_version(bootstrap, make_worker):
    worker = make_worker()
    assert tokenshare(worker, "doctor", "--fix").returncode == 0

    async def poison():
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        value, key = b'{"v":99,"g":1,"s":1}', b"0/position"
        await producer.send_and_wait(changelog_of(worker), value, key=key, partition=0)
        await producer.stop()

    asyncio.run(poison())
    done = tokenshare(worker, "doctor")

    assert done.returncode == 1
    assert "state version 99" in done.stdout


def test_a_broker_that_goes_away_while_the_state_is_read_is_waited_for(
    bootstrap, make_worker, monkeypatch
):
    # aiokafka calls a timeout not retriable.
    settings = Settings(bootstrap_servers=[bootstrap], topic=make_worker.topic, group="away")
    read, tries = preflight._read_some, []

    async def away_at_first(*arguments):
        tries.append(arguments)
        if len(tries) == 1:
            raise KafkaTimeoutError
        return await read(*arguments)

    monkeypatch.setattr(preflight, "_read_some", away_at_first)

    assert preflight.prepare(settings).partitions == settings.partitions
    assert len(tries) == 2
