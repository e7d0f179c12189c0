"""Faults of what is sent: thousands of records that are no events, beside good ones."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from kafka import KafkaProducer
from stage import BEFORE, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from stage import Stage
    from verdict import Verdict

BACKLOG, LIVE_RATE, LIVE_SECONDS = 10_000, 2_000, 12.0
GOOD = 5_000
DONE_SECONDS = 60.0


def bad_backlog(stage: Stage) -> Verdict:
    """10,000 bad records in one partition and good ones in all wait for a worker."""
    _send_bad(stage, lambda number: number < BACKLOG, rate=None)
    stage.send(GOOD, BEFORE)
    stage.new_worker()
    return _judge(stage, BACKLOG)


def bad_live(stage: Stage) -> Verdict:
    """2,000 bad records a second beside good ones, live; a worker dies meanwhile."""
    stage.ready_workers(2)
    until = time.monotonic() + LIVE_SECONDS
    sent: list[int] = []
    with stage.watching(), stage.sending(minutes=BEFORE):
        bad = threading.Thread(
            target=lambda: sent.append(
                _send_bad(stage, lambda _: time.monotonic() < until, LIVE_RATE)
            )
        )
        bad.start()
        time.sleep(LIVE_SECONDS / 2)
        stage.workers[0].kill()
        stage.supervise()
        bad.join()
    # What was counted but not written when the worker died is sent to the dead letters again.
    return _judge(stage, sent[0], repeats=LIVE_RATE * 2)


def _send_bad(stage: Stage, goes_on: Callable[[int], bool], rate: int | None) -> int:
    producer = KafkaProducer(bootstrap_servers=stage.kafka.bootstrap.split(","), linger_ms=20)
    began, number = time.monotonic(), 0
    while goes_on(number):
        producer.send(stage.topic, b"not json %d" % number, partition=0)
        number += 1
        if rate is not None:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
    producer.flush()
    producer.close()
    return number


def _judge(stage: Stage, bad: int, repeats: int = 0) -> Verdict:
    began = time.monotonic()

    def letters() -> int:
        return sum(stage.ends(stage.dead_letters).values())

    wait_for(lambda: letters() >= bad, "all dead letters", DONE_SECONDS)
    seconds = time.monotonic() - began
    found = stage.settled()
    count = letters()
    stage.note(f"{count} dead letters of {bad} bad records, after {seconds:.0f} s")
    if not bad <= count <= bad + repeats:
        stage.faults.append("the number of dead letters")
    return stage.judge(before=found)
