"""What an operator does and meets: stops, crashes, hangs, rolling restarts, more workers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from textwrap import dedent

import pytest
from kafka.admin import KafkaAdminClient
from processes import WAIT_SECONDS, wait_until
from test_worker import found_differences, simulate

pytestmark = pytest.mark.kafka


def owned(worker):
    shares = worker.try_get("/api/v1/shares") or {"pipeline": {"partitions": []}}
    return {row["partition"] for row in shares["pipeline"]["partitions"] if row["owned"]}


def committed(bootstrap, worker):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        group = worker.environment["TOKENSHARE_GROUP"]
        answer = admin.list_group_offsets(group)
        found = answer.get(group, answer)
        return {tp.partition: each.offset for tp, each in found.items()}
    finally:
        admin.close()


def broken(worker, code):
    """Run a worker in which the given code has been at work first; returns its process."""
    program = dedent(code) + dedent(f"""
        import sys
        from streams.__main__ import main
        sys.argv[1:] = ["worker", "--port", "{worker.port}"]
        main()
    """)
    with worker.log.open("ab") as log:
        worker.process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | worker.environment,
            stdout=log,
            stderr=log,
        )
    return worker


def test_sigterm_under_load_writes_and_commits_what_is_counted(bootstrap, make_worker, broker_kind):
    if broker_kind == "embedded":
        pytest.skip("the embedded broker does not list a group's offsets: --broker apache")
    worker = make_worker().start().wait_ready()
    sending = threading.Thread(target=simulate, args=(bootstrap, make_worker.topic, 200_000))
    sending.start()
    wait_until(lambda: worker.records().get("counted/", 0) > 10_000, "first counts")
    assert worker.stop() == 0
    sending.join()
    stood = committed(bootstrap, worker)
    # A look at the table alone: a worker that owns nothing would be better still.
    again = make_worker().start().wait_ready()
    again.wait_counted(200_000)
    first = again.tail()
    taken_up = first[first.index("from {") + 6 : first.index("}", first.index("from {"))]
    pairs = (pair.split(": ") for pair in taken_up.split(", "))
    assert {int(partition): int(offset) for partition, offset in pairs} == stood
    assert "Traceback" not in worker.tail()


def test_a_crash_in_the_agent_ends_the_process_and_loses_nothing(bootstrap, make_worker):
    worker = broken(
        make_worker(),
        """
        from streams.worker.counter import Counter
        count, calls = Counter.count, []
        async def poisoned(self, batch):
            calls.append(batch)
            if len(calls) > 3:
                raise RuntimeError("poisoned")
            await count(self, batch)
        Counter.count = poisoned
        """,
    )
    worker.wait_ready()
    manifests = [simulate(bootstrap, make_worker.topic, 20_000, seed=seed) for seed in range(1, 5)]
    started = time.monotonic()
    assert worker.process.wait(WAIT_SECONDS) == 70
    assert time.monotonic() - started < 10
    assert "poisoned" in worker.tail()
    again = make_worker().start().wait_ready()
    again.wait_counted(80_000)
    assert found_differences(again, *manifests) == []


def test_a_hung_event_loop_is_ended_by_the_watchdog(make_worker):
    worker = broken(
        make_worker(),
        """
        import time
        from streams import process
        from streams.worker.publisher import Publisher
        process.HUNG_SECONDS = 2.0
        Publisher.take_snapshot = lambda self, now: time.sleep(60)
        """,
    )
    assert worker.process.wait(WAIT_SECONDS) == 70
    assert "the event loop has not moved for 2 s" in worker.tail()


def test_a_killed_worker_is_taken_over_within_ten_seconds(bootstrap, make_worker):
    default = {"session_timeout_seconds": "6", "rebalance_timeout_seconds": "6"}
    one, two = (make_worker(**default).start() for _ in range(2))
    one.wait_ready()
    two.wait_ready()
    wait_until(lambda: owned(one) | owned(two) == {0, 1, 2} and owned(one) and owned(two), "split")
    one.kill()
    started = time.monotonic()
    wait_until(lambda: owned(two) == {0, 1, 2}, "takeover")
    took = time.monotonic() - started
    print(f"takeover after kill -9: {took:.1f} s")
    # Ten seconds on an idle machine: tests run two at a time.
    assert took < 20


def test_a_third_worker_gets_partitions_and_all_show_the_same(bootstrap, make_worker):
    workers = [make_worker().start() for _ in range(2)]
    for worker in workers:
        worker.wait_ready()
    manifest = simulate(bootstrap, make_worker.topic, 20_000)
    workers.append(make_worker().start().wait_ready())
    wait_until(lambda: all(map(owned, workers)), "a partition for each")
    assert sum(len(owned(worker)) for worker in workers) == 3
    for worker in workers:
        worker.wait_counted(20_000)
        assert found_differences(worker, manifest) == []
    windows = [worker.get("/api/v1/shares")["windows"]["7d"]["origin"] for worker in workers]
    assert windows[0] == windows[1] == windows[2]


def test_a_rolling_restart_leaves_no_gap_in_metrics(bootstrap, make_worker):
    workers = [make_worker().start() for _ in range(2)]
    for worker in workers:
        worker.wait_ready()
    manifest = simulate(bootstrap, make_worker.topic, 20_000)
    for worker in workers:
        worker.wait_counted(20_000)
    gaps, stopping = [], threading.Event()

    def watch():
        while not stopping.is_set():
            answers = []
            for worker in list(workers):
                try:
                    answers.append(worker.get("/metrics"))
                except OSError:
                    continue
            if not any('result="counted"} 20000.0' in answer for answer in answers):
                gaps.append(time.monotonic())
            time.sleep(0.1)

    watching = threading.Thread(target=watch)
    watching.start()
    for number in range(2):
        assert workers[number].stop() == 0
        workers[number] = make_worker().start().wait_ready()
    stopping.set()
    watching.join()
    assert gaps == []
    for worker in workers:
        assert found_differences(worker, manifest) == []
