"""A changelog that loses records is written again by its workers, or what is lost is reported."""

from __future__ import annotations

import re
import signal
import struct
import time

import orjson
import pytest
from apache import ApacheKafka
from kafka.admin import KafkaAdminClient
from processes import WorkerProcess, wait_until
from test_worker import GOOD, produce

pytestmark = [pytest.mark.kafka, pytest.mark.any_broker]

DAY = 86400
CHANGELOG = "lossy-panes-changelog"
#: A worker that starts waits 30 s for missing records.
REPAIR_SECONDS = 90


@pytest.fixture
def kafka(kafka_jars):
    """Apache Kafka of this test's own: it is killed, and its files are cut."""
    assert kafka_jars
    with ApacheKafka() as broker:
        yield broker


@pytest.fixture
def make(kafka, tmp_path):
    started = []

    def make():
        environment = {
            "TOKENSHARE_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "TOKENSHARE_TOPIC": "usage",
            "TOKENSHARE_GROUP": "lossy",
            "TOKENSHARE_PARTITIONS": "1",
            "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "2",
            "TOKENSHARE_SESSION_TIMEOUT_SECONDS": "6",
        }
        started.append(WorkerProcess(environment, tmp_path / f"worker-{len(started)}.log"))
        return started[-1].start()

    yield make
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()


def send(kafka, count, age):
    """Send events of one moment to the one partition."""
    value = orjson.dumps({**GOOD, "ts": time.time() - age})
    produce(kafka.bootstrap, "usage", [value] * count, partitions=1)


def shown(worker):
    """Return the requests that a worker shows of the last days, from each level."""
    return {
        step: sum(
            counts[1]
            for point in worker.get(f"/api/v1/history?dimension=origin&step={step}")["points"]
            for counts in point["cells"].values()
        )
        for step in ("5m", "1h", "1d")
    }


def log_of(kafka):
    (found,) = (kafka._directory / "data").glob(f"{CHANGELOG}-0/*.log")
    return found


def batches(data):
    """Return (start, end, records) of each record batch in a log segment."""
    at, found = 0, []
    while at + 61 <= len(data) and struct.unpack_from(">i", data, at + 8)[0] > 0:
        end = at + 12 + struct.unpack_from(">i", data, at + 8)[0]
        found.append((at, end, struct.unpack_from(">i", data, at + 57)[0]))
        at = end
    return found


def counted_by(kafka, make):
    """Return a worker that has counted events of three days ago, and later ones."""
    worker = make().wait_ready()
    send(kafka, 20, 3 * DAY)
    worker.wait_counted(20)
    send(kafka, 10, 2 * DAY)
    worker.wait_counted(30)
    send(kafka, 5, 60)
    worker.wait_counted(35)
    wait_until(lambda: shown(worker) == {"5m": 5, "1h": 35, "1d": 35}, "all of it is shown")
    return worker


def test_a_changelog_that_is_deleted_is_created_and_written_again(kafka, make):
    worker = counted_by(kafka, make)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.delete_topics([CHANGELOG])
    admin.close()
    wait_until(lambda: "has lost records" in worker.tail(), "the loss is noticed")
    send(kafka, 3, 50)

    fresh = make().wait_ready()
    fresh.wait_counted(38)
    assert shown(fresh) == shown(worker) == {"5m": 8, "1h": 38, "1d": 38}
    assert "are written again" in worker.tail()
    assert "lost counts" not in fresh.tail()


def test_a_changelog_that_lost_its_end_is_written_again_by_a_worker_that_runs(kafka, make):
    worker = counted_by(kafka, make)
    kafka.stop(signal.SIGKILL)
    data = log_of(kafka).read_bytes()
    # What a power loss does: the panes of the last two flushes and all behind them.
    first_panes = [start for start, _, records in batches(data) if records > 1]
    log_of(kafka).write_bytes(data[: first_panes[1]])
    kafka.start()
    wait_until(lambda: "has lost records" in worker.tail(), "the loss is noticed")
    worker.wait_ready()
    send(kafka, 3, 50)

    fresh = make().wait_ready()
    fresh.wait_counted(38)
    assert shown(fresh) == shown(worker) == {"5m": 8, "1h": 38, "1d": 38}


def test_what_no_worker_has_is_reported_with_its_numbers(kafka, make):
    worker = counted_by(kafka, make)
    worker.stop()
    kafka.stop(signal.SIGKILL)
    data = log_of(kafka).read_bytes()
    start, end, _ = next(each for each in batches(data) if each[2] > 1)
    log_of(kafka).write_bytes(data[:start] + data[end:])
    kafka.start()

    fresh = make()
    wait_until(lambda: any("partition 0 lacks" in reason for reason in fresh.ask("/readyz")[1]
                           .get("reasons", ())), "not ready\n" + fresh.tail())  # fmt: skip
    reasons = fresh.ask("/readyz")[1]["reasons"]
    assert "partition 0 lacks 1h: 1 panes, 20 requests; 1d: 1 panes, 20 requests" in reasons
    wait_until(lambda: fresh.try_get("/readyz"), "it goes on\n" + fresh.tail(), REPAIR_SECONDS)
    fresh.wait_counted(35)
    assert shown(fresh) == {"5m": 5, "1h": 15, "1d": 15}
    assert "lossy-panes-changelog[0] has lost counts, and no worker has them" in fresh.tail()
    for each in (fresh, make().wait_ready()):
        lost = re.findall(r'state_lost_requests\{level="(.+?)",partition="0"\} (\S+)',
                          each.get("/metrics"))  # fmt: skip
        assert dict(lost) == {"1h": "20.0", "1d": "20.0"}
        (partition,) = each.get("/api/v1/shares")["pipeline"]["partitions"]
        assert partition["lost"] == {"1h": 20, "1d": 20}
