"""A worker whose clock is wrong says so, and counts like one whose clock is right."""

from __future__ import annotations

import os
import time

import orjson
import pytest
from processes import wait_until
from test_worker import GOOD, produce

pytestmark = pytest.mark.kafka

#: Read by Python at its start: shifts the clock of the process.
SHIFT = """
import os, time
_time, _off = time.time, float(os.environ["SHIFT_SECONDS"])
time.time = lambda: _time() + _off
"""


@pytest.fixture
def make_shifted(make_worker, tmp_path):
    """Return a function that makes a worker whose clock is so many seconds ahead."""
    (tmp_path / "sitecustomize.py").write_text(SHIFT)

    def make(seconds):
        worker = make_worker()
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        worker.environment |= {"PYTHONPATH": path, "SHIFT_SECONDS": str(seconds)}
        return worker

    return make


def offset(worker):
    lines = (worker.try_get("/metrics") or "").splitlines()
    found = [line for line in lines if line.startswith("tokenshare_clock_offset_seconds ")]
    return float(found[0].split()[1]) if found else None


def owns(worker):
    """Return whether a worker counts any partition: it may not be ready."""
    return any(
        line.startswith("tokenshare_partition_owned{") and line.endswith(" 1.0")
        for line in (worker.try_get("/metrics") or "").splitlines()
    )


def window(worker):
    return (worker.try_get("/api/v1/shares") or {"windows": {"5m": {}}})["windows"]["5m"].get(
        "requests"
    )


def live(bootstrap, topic, count):
    """Write live events, one batch in each partition at a time."""
    for _ in range(count):
        now = time.time()
        produce(bootstrap, topic, [orjson.dumps(GOOD | {"ts": now}) for _ in range(3)])
        time.sleep(0.4)
    return 3 * count


def is_learned(worker, seconds):
    return abs((offset(worker) or 0.0) - seconds) < 15


@pytest.mark.parametrize("seconds", [-600, 600])
def test_a_wrong_clock_changes_no_figure(bootstrap, make_worker, make_shifted, seconds):
    right, wrong = make_worker().start(), make_shifted(seconds).start()
    right.wait_ready()
    wait_until(lambda: wrong.ask("/readyz")[0], "a worker that answers")
    wait_until(lambda: owns(wrong), "a wrong worker that counts")
    sent = live(bootstrap, make_worker.topic, 40)
    # A busy machine leaves fewer chances to compare clocks than records.
    while not is_learned(wrong, seconds) and sent < 600:
        sent += live(bootstrap, make_worker.topic, 5)
    for worker in (right, wrong):
        wait_until(
            lambda worker=worker: worker.records().get("counted/", 0) == sent, f"{sent} counted"
        )
        assert "rejected/future" not in worker.records()
        wait_until(lambda worker=worker: window(worker) == sent, "the window of 5 minutes")
    assert offset(wrong) == pytest.approx(seconds, abs=15)
    status, body = wrong.ask("/readyz")
    assert status == 503
    assert "this worker's clock is" in " ".join(body["reasons"])
    assert "Check the time service" in wrong.log.read_text()
    assert right.ask("/readyz")[0] == 200
    assert abs(offset(right) or 0.0) < 15
    assert "Check the time service" not in right.log.read_text()


def test_a_worker_alone_whose_clock_is_behind_counts_all(bootstrap, make_worker, make_shifted):
    worker = make_shifted(-600).start()
    # A broker that puts its own time on the changelog shows it before the first event.
    wait_until(lambda: owns(worker), "a worker that counts")
    sent = live(bootstrap, make_worker.topic, 3)
    worker.wait_counted(sent)
    assert "rejected/future" not in worker.records()
    assert offset(worker) == pytest.approx(-600, abs=15)
    ahead = orjson.dumps(GOOD | {"ts": time.time() + 500})
    produce(bootstrap, make_worker.topic, [ahead])
    wait_until(lambda: worker.records().get("rejected/future") == 1, "an event that is rejected")
