"""Faults of what is sent: thousands of records that are no events, and events of the future."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, KafkaProducer
from stage import BEFORE, wait_for

from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.demo.bulk import plain_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from stage import Stage
    from verdict import Verdict

    from streams.demo.truth import Simulated

BACKLOG, LIVE_RATE, LIVE_SECONDS = 10_000, 2_000, 12.0
GOOD = 5_000
DONE_SECONDS = 60.0
#: How far beyond the bound events are when they are sent: less than a take-over needs.
AHEAD_SECONDS = 2.0
MANY, FUTURE_RATE = 200_000, 1_000.0
KILLS, PAUSE_SECONDS = 6, 5.0


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


def future_bound(stage: Stage) -> Verdict:
    """Events at the bound of the future: who takes over from a killed owner has a later clock."""
    for _ in range(2):
        stage.new_worker(TOKENSHARE_FLUSH_SECONDS="0.05")
    for worker in stage.workers:
        worker.wait_ready()
    sent = _send_at_the_bound(stage)
    judged = ("counted/", "rejected/future")
    (worker, _) = stage.workers
    wait_for(
        lambda: sum(worker.records().get(each, 0) for each in judged) == len(sent),
        "all are judged",
        DONE_SECONDS,
    )
    rejected = _letters(stage)
    for event in sent:
        if event.value not in rejected:
            stage.truth.add(event)
    stage.note(f"{len(sent)} sent, {len(rejected)} of them dead letters, {worker.records()}")
    if not 0 < len(rejected) < len(sent):
        stage.faults.append("no event at the bound")
    if worker.records().get("rejected/future") != len(rejected):
        stage.faults.append("not as many rejected as there are dead letters")
    return stage.judge()


def _send_at_the_bound(stage: Stage) -> list[Simulated]:
    """Send events while workers are killed in turn; return them."""
    first = time.time() + ALLOWED_CLOCK_SKEW_SECONDS + AHEAD_SECONDS
    # Their times go on as the clock does: each is rejected at once, and right a little later.
    events = plain_events(MANY, 1, first, first + MANY / FUTURE_RATE)
    with stage.flowing(events, FUTURE_RATE) as sent:
        for turn in range(KILLS):
            time.sleep(PAUSE_SECONDS + turn / 10)
            stage.workers[turn % 2].kill()
            stage.supervise()
    return sent


def _letters(stage: Stage) -> set[bytes]:
    """Return the records that are dead letters, each once."""
    consumer: Any = KafkaConsumer(
        stage.dead_letters,
        bootstrap_servers=stage.kafka.bootstrap.split(","),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=5_000,
    )
    try:
        return {record.value for record in consumer}
    finally:
        consumer.close()


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
