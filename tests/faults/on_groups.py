"""Faults of the consumer group: a join that Kafka refuses, and two deployments in one group."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafka import KafkaConsumer
from stage import Stage, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processes import WorkerProcess
    from verdict import Verdict

EVENTS = 4_000
#: A refused worker says so within this time, and takes a place that has become free.
SAYS_SECONDS, JOINS_SECONDS = 20.0, 45.0
SESSION = r"session.?timeout"
FOREIGN = r"(member|protocol|foreign)"
FULL = r"\b(full|max|places?)\b"
OTHER_DEPLOYMENT = r"(deployment|another)"
#: The biggest group that the broker of these scenarios takes, and Kafka's own least session.
PROPERTIES = {
    "group.min.session.timeout.ms": "6000",
    "group.initial.rebalance.delay.ms": "3000",
    "group.max.size": "2",
}
SETTINGS = {"TOKENSHARE_SESSION_TIMEOUT_SECONDS": "6"}


def session_too_short(stage: Stage) -> Verdict:
    """A session timeout below the least of the broker."""
    stage.send(EVENTS)
    worker = stage.new_worker(TOKENSHARE_SESSION_TIMEOUT_SECONDS="3")
    is_refused(stage, worker, SESSION)
    return stage.judge(SESSION, fresh=False)


def foreign_member(stage: Stage) -> Verdict:
    """A consumer that is not ours is in the group when a worker starts, and leaves later."""
    stage.send(EVENTS)
    with _foreign_consumer(stage):
        worker = stage.new_worker()
        if not is_refused(stage, worker, FOREIGN):
            stage.faults.append("nothing names the foreign member while it is there")
    joins_later(stage, worker)
    return stage.judge()


def full_group(stage: Stage) -> Verdict:
    """The group is full when a third worker starts; then one of the others dies."""
    stage.send(EVENTS)
    stage.ready_workers(2)
    third = stage.new_worker()
    if not is_refused(stage, third, FULL):
        stage.faults.append("nothing names the full group while it is full")
    stage.workers.pop(0).kill()
    joins_later(stage, third)
    return stage.judge(fresh=False)


def two_deployments(stage: Stage) -> Verdict:
    """Two deployments with different topics, in one group, start at once on an empty changelog."""
    return _one_deployment_wins(stage, workers=1)


def two_deployments_of_two(stage: Stage) -> Verdict:
    """Two deployments of two workers each, in one group, start at once on an empty changelog."""
    return _one_deployment_wins(stage, workers=2)


def _one_deployment_wins(stage: Stage, workers: int) -> Verdict:
    other = Stage(stage.kafka, f"{stage.topic}-other", stage.directory, SETTINGS)
    other.group = stage.group
    both = [
        each.new_worker(f"{name} {number}")
        for number in range(workers)
        for each, name in ((stage, "first"), (other, "second"))
    ]
    try:
        wait_for(lambda: all(map(_is_decided, both)), "all are ready or refused", JOINS_SECONDS)
        stage.send(EVENTS)
        other.send(EVENTS)
        ours, theirs = stage.settled(), other.settled()
    finally:
        other.end()
    right = [state for state in (*ours, *theirs) if state.is_exact]
    wrong = [state for state in (*ours, *theirs) if state.is_ready and not state.is_exact]
    stage.faults += [f"both count into one state: {state}" for state in wrong]
    # All of one deployment, and none of the other one.
    winners = [states for states in (ours, theirs) if all(state.is_exact for state in states)]
    if len(winners) != 1 or len(right) != workers:
        stage.faults.append(f"{len(right)} workers of {workers} count")
    # The one that counts is judged by what it counts, the other one by what it says.
    refused = [state for state in (*ours, *theirs) if not state.is_ready]
    return stage.verdict([*right, *refused], OTHER_DEPLOYMENT)


def _names(stage: Stage, worker: WorkerProcess, explained: str) -> bool:
    return bool(re.search(explained, stage.state(worker).words, re.IGNORECASE))


def _is_decided(worker: WorkerProcess) -> bool:
    return worker.process.poll() is not None or worker.ask("/readyz")[0] == 200


def is_refused(
    stage: Stage, worker: WorkerProcess, explained: str, seconds: float = SAYS_SECONDS
) -> bool:
    """Wait until the worker names the cause, in /readyz or as it ends; return whether it did."""
    said = wait_for(lambda: _names(stage, worker, explained), "a cause", seconds)
    stage.note(f"while refused: {stage.state(worker)}")
    return said


def joins_later(stage: Stage, worker: WorkerProcess) -> None:
    """Wait until a worker that was refused is ready, started again where it has ended."""
    stage.supervise()
    if not wait_for(lambda: worker.ask("/readyz")[0] == 200, "ready", JOINS_SECONDS):
        stage.faults.append(f"not ready {JOINS_SECONDS:.0f} s after it could have joined")


@contextmanager
def _foreign_consumer(stage: Stage) -> Iterator[None]:
    joined, ended = threading.Event(), threading.Event()

    def consume() -> None:
        consumer = KafkaConsumer(
            stage.topic,
            bootstrap_servers=stage.kafka.bootstrap.split(","),
            group_id=stage.group,
            enable_auto_commit=False,
        )
        while not ended.is_set():
            consumer.poll(500)
            if consumer.assignment():
                joined.set()
        consumer.close()

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    joined.wait(30)
    try:
        yield
    finally:
        ended.set()
        thread.join()
