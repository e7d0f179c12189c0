"""Faults of brokers: three of them, replication factor 3, two in sync at least."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stage import Stage
    from verdict import Verdict

DOWN_SECONDS = 6.0
BOTH_DOWN_SECONDS = 20.0
FROZEN_SECONDS = 35.0
#: Kafka has other leaders after some ten seconds; twice that where the frozen one was in control.
ELECTION_SECONDS = 25.0
MOVES, MOVE_SECONDS = 6, 3.0


def brokers_stopped_in_turn(stage: Stage) -> Verdict:
    """Each of three brokers is stopped in good order and comes back."""
    return _in_turn(stage, signal.SIGTERM)


def brokers_killed_in_turn(stage: Stage) -> Verdict:
    """Each of three brokers is killed and comes back."""
    return _in_turn(stage, signal.SIGKILL)


def _in_turn(stage: Stage, number: int) -> Verdict:
    stage.ready_workers(2)
    with stage.watching(), stage.sending():
        for node in stage.kafka.nodes:
            node.stop(number)
            time.sleep(DOWN_SECONDS)
            node.start()
            stage.kafka.wait_in_sync()
    stage.supervise()
    return stage.judge()


def two_brokers_down(stage: Stage) -> Verdict:
    """Two of three brokers are killed at once, and a worker meanwhile."""
    stage.ready_workers(2)
    with stage.watching(), stage.sending():
        time.sleep(2.0)
        for node in stage.kafka.nodes[:2]:
            node.stop(signal.SIGKILL)
        time.sleep(BOTH_DOWN_SECONDS / 2)
        stage.workers[0].kill()
        time.sleep(BOTH_DOWN_SECONDS / 2)
        stage.kafka.start()
        stage.supervise()
    stage.supervise()
    return stage.judge()


def empty_disk(stage: Stage) -> Verdict:
    """A broker is killed and comes back with an empty disk; then the next one dies."""
    stage.ready_workers(2)
    first, second, _ = stage.kafka.nodes
    with stage.watching(), stage.sending():
        first.stop(signal.SIGKILL)
        first.wipe()
        first.start()
        stage.kafka.wait_in_sync()
        second.stop(signal.SIGKILL)
        time.sleep(DOWN_SECONDS)
    try:
        stage.supervise()
        return stage.judge()
    finally:
        second.start()
        stage.kafka.wait_in_sync()


def frozen_broker(stage: Stage) -> Verdict:
    """A broker is frozen with its connections open, and goes on later."""
    stage.ready_workers(2)
    with stage.watching() as watch:
        with stage.sending():
            time.sleep(2.0)
            stage.kafka.nodes[0].freeze()
            time.sleep(FROZEN_SECONDS)
            stage.kafka.nodes[0].thaw()
        stage.supervise()
        running = stage.settled()
    for worker in stage.workers:
        if (seconds := watch.unready_seconds(worker)) > ELECTION_SECONDS:
            stage.faults.append(f"{stage.names[worker.port]} not ready for {seconds:.0f} s")
    stage.kafka.wait_in_sync()
    return stage.judge(before=running)


def moved_leaders(stage: Stage) -> Verdict:
    """Replicas are put into another order again and again, and the first ones lead."""
    stage.ready_workers(2)
    with stage.watching(), stage.sending(rate=1_500):
        for turn in range(MOVES):
            stage.kafka.move_leaders((stage.topic, stage.changelog), turn)
            time.sleep(MOVE_SECONDS)
    return stage.judge()
