"""An overrides file is taken up while a worker runs, and tells the past anew."""

from __future__ import annotations

import subprocess
import sys
import time

import orjson
import pytest
from kafka import KafkaProducer
from processes import wait_until

from streams.shares.history import STEPS

pytestmark = pytest.mark.kafka

GOOD = "tokenshare_overrides_last_reload_successful"


def send(bootstrap, topic, events):
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for event in events:
        producer.send(topic, orjson.dumps(event))
    producer.flush()
    producer.close()


def joint(worker, step):
    points = worker.get(f"/api/v1/history?dimension=joint&step={step}")["points"]
    totals = {}
    for point in points:
        for key, (tokens, *_) in point["cells"].items():
            totals[key] = totals.get(key, 0) + tokens
    return totals


def metric(worker, name):
    lines = [line for line in worker.get("/metrics").splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


def test_the_file_is_read_again_and_a_fault_in_it_keeps_the_old_one(
    bootstrap, make_worker, tmp_path
):
    path = tmp_path / "overrides.toml"
    path.write_text("# nothing yet\n")
    worker = make_worker(catalog_overrides=str(path)).start().wait_ready()
    event = {"model": "prod-chat", "prompt_tokens": 90, "completion_tokens": 10, "ts": time.time()}
    events = [event | {"language": language} for language in ("zh", "zh", "ru")]
    send(bootstrap, make_worker.topic, events)
    worker.wait_counted(3)
    wait_until(lambda: worker.get("/api/v1/unknown")["models"], "the unknown model")
    (unknown,) = worker.get("/api/v1/unknown?window=1h")["models"]
    assert (unknown["model"], unknown["tokens"], unknown["requests"]) == ("prod-chat", 300, 3)
    for step in STEPS:
        assert joint(worker, step) == {"unknown/zh-Hans": 200, "unknown/ru": 100}

    # What the report prints is put into the file, and its value written.
    report = subprocess.run(
        [sys.executable, "-m", "streams", "report", "--unknown", "--url", worker.url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert unknown["override"] in report.stdout
    provider = '\n[providers."vllm-berlin"]\njurisdiction = "self-hosted"\n'
    path.write_text(unknown["override"].replace('"unknown"', '"cn-open"', 1) + provider)

    wait_until(lambda: not worker.get("/api/v1/unknown")["models"], "the file to be read again")
    for step in STEPS:
        assert joint(worker, step) == {"cn-open/zh-Hans": 200, "cn-open/ru": 100}
    send(bootstrap, make_worker.topic, events[:1])
    worker.wait_counted(4)
    wait_until(lambda: joint(worker, "10s")["cn-open/zh-Hans"] == 300, "the next event")
    assert metric(worker, GOOD) == 1
    assert "is in force: 2 overrides" in worker.tail()

    path.write_text('[models."prod-chat"]\norigin = "mars"\n')
    wait_until(lambda: metric(worker, GOOD) == 0, "the fault to be found")
    assert joint(worker, "1h")["cn-open/zh-Hans"] == 300
    assert "line 2" in worker.tail()
    assert worker.tail().count("mars") == 1
    path.unlink()
    wait_until(lambda: "cannot be read" in worker.tail(), "the missing file to be told")

    path.write_text('[models."prod-*"]\norigin = "row-open"\n')
    wait_until(lambda: metric(worker, GOOD) == 1, "the mended file")
    # Counted as cn-open with that origin, it stays so; what was counted as unknown is told anew.
    wait_until(lambda: joint(worker, "1h").get("row-open/zh-Hans") == 200, "the new origin")
    assert joint(worker, "1h")["cn-open/zh-Hans"] == 100
    assert worker.stop() == 0
