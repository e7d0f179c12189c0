"""Faults of what Kafka keeps: the changelog and the source are cut, or made again."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from log_files import cut
from stage import BEFORE, LATELY, LONG_AGO, START_SECONDS, lag_of, records_in, wait_for

if TYPE_CHECKING:
    from stage import Stage
    from verdict import Verdict

MANY, SOME, FEW = 8_000, 4_000, 1_000
#: A changelog that lacks what was counted: which words may name it. Each needs the thing and what
#: has happened to it.
CUT = r"\b(cut|shorter|truncat|lost|lack|miss|incomplete)"
RECREATED = r"\b(delet|recreat|replac)"
NO_CHANGELOG = rf"changelog.*({CUT}|{RECREATED})"
#: Workers find out about a topic that is not theirs.
NOTICE_SECONDS = 40.0
EAGER = {
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "0",
}
PAUSE_SECONDS = 6.0


def changelog_cut(stage: Stage) -> Verdict:
    """The broker dies, the changelog has lost its end, and the workers go on."""
    ends = _some_in_panes_that_nothing_writes_again(stage)
    _cut(stage, stage.changelog, ends)
    stage.send(SOME, LATELY)
    stage.supervise()
    return stage.judge(NO_CHANGELOG)


def changelog_cut_orphaned(stage: Stage) -> Verdict:
    """The changelog has lost its end, and all workers that held it die a little later."""
    ends = _some_in_panes_that_nothing_writes_again(stage)
    _cut(stage, stage.changelog, ends)
    stage.send(SOME, LATELY)
    wait_for(stage.have_counted, "all are counted", NOTICE_SECONDS)
    stage.end()
    stage.workers.clear()
    stage.send(FEW, LATELY)
    stage.new_worker()
    return stage.judge(NO_CHANGELOG)


def changelog_cut_unseen(stage: Stage) -> Verdict:
    """The changelog loses its end while no worker runs: what went with it is counted again."""
    ends = _some_in_panes_that_nothing_writes_again(stage)
    stage.stop_workers()
    _cut(stage, stage.changelog, ends)
    stage.send(SOME, LATELY)
    stage.new_worker()
    return stage.judge(NO_CHANGELOG)


def changelog_recreated(stage: Stage) -> Verdict:
    """The changelog is deleted and recreated under running workers."""
    _some_in_panes_that_nothing_writes_again(stage)
    stage.recreate(stage.changelog)
    # More than once: what is written to a topic that is not there yet fails.
    for _ in range(2):
        time.sleep(4.0)
        stage.send(SOME, LATELY)
    wait_for(lambda: stage.supervise() > 0, "a worker ends", NOTICE_SECONDS)
    return stage.judge(NO_CHANGELOG)


def _some_in_panes_that_nothing_writes_again(stage: Stage) -> dict[int, int]:
    """Let two workers count; return where the changelog ended before the second part of it."""
    stage.ready_workers(2)
    stage.send(MANY, BEFORE)
    stage.wait_counted()
    ends = stage.ends(stage.changelog)
    stage.send(SOME, LONG_AGO)
    stage.wait_counted()
    return ends


def source_cut(stage: Stage) -> Verdict:
    """The broker dies, and the source ends below what was counted."""
    _cut(stage, stage.topic, _counted_beyond(stage))
    stage.send(FEW, LATELY)
    with stage.watching():
        wait_for(lambda: stage.supervise() > 0, "a worker ends", NOTICE_SECONDS)
        running = stage.settled()
    return stage.judge(CUT, before=running)


def source_cut_regrown(stage: Stage) -> Verdict:
    """The source loses its end while no worker runs, and grows past what was counted."""
    ends = _counted_beyond(stage)
    stage.stop_workers()
    _cut(stage, stage.topic, ends)
    stage.send(2 * MANY, LATELY)
    for _ in range(2):
        stage.new_worker()
    return stage.judge(CUT)


def _counted_beyond(stage: Stage) -> dict[int, int]:
    """Let two workers count; return where the source ended before the second part of it."""
    stage.ready_workers(2)
    stage.send(MANY, LONG_AGO)
    ends = stage.ends(stage.topic)
    stage.send(MANY, BEFORE)
    stage.wait_counted()
    return ends


def expired_unread(stage: Stage) -> Verdict:
    """Records expire before they are read, all of one partition, and no new one comes."""
    stage.ready_workers(2)
    stage.send(SOME, BEFORE)
    stage.wait_counted()
    stage.stop_workers()
    counted = stage.ends(stage.topic)
    stage.send(SOME, LATELY)
    ends = stage.ends(stage.topic)
    gone = {number: (ends[number] + counted[number]) // 2 for number in ends} | {0: ends[0]}
    with stage.kafka.admin() as admin:
        admin.delete_records(
            {TopicPartition(stage.topic, number): offset for number, offset in gone.items()}
        )
    expired = sum(gone[number] - counted[number] for number in gone)
    stage.new_worker()
    (worker,) = stage.workers
    if not wait_for(lambda: worker.records().get("lost/expired") == expired, "said", START_SECONDS):
        stage.faults.append(f"not reported: {expired} expired, {worker.records()}")
    if not wait_for(lambda: lag_of(worker) == 0, "no lag", NOTICE_SECONDS):
        stage.faults.append(f"the lag stays: {lag_of(worker)}")
    return stage.judge()


def source_recreated(stage: Stage) -> Verdict:
    """The source is deleted and recreated, and grows past what was counted at once."""
    stage.ready_workers(2)
    stage.send(SOME, BEFORE)
    stage.wait_counted()
    counted = stage.truth.events
    with stage.watching() as watch:
        stage.recreate(stage.topic)
        stage.send(MANY, LATELY)
        running = [*stage.workers]
        wait_for(lambda: stage.supervise() > 0, "a worker ends", NOTICE_SECONDS)
    for worker in running:
        mixed = [
            look for look in watch.looks(worker) if look.status == 200 and look.counted > counted
        ]
        if mixed:
            stage.faults.append(
                f"{stage.names[worker.port]} was ready with both topics in its counts (up to "
                f"{max(look.counted for look in mixed)}) for {mixed[-1].at - mixed[0].at:.0f} s"
            )
    return stage.judge(RECREATED)


def eager_compaction(stage: Stage) -> Verdict:
    """Kafka compacts the changelog as early as it can, while workers are killed and paused."""
    stage.ready_workers(2)
    with stage.kafka.admin() as admin:
        topic = ConfigResource(ConfigResourceType.TOPIC, stage.changelog, EAGER)
        admin.alter_configs([topic])
    with stage.sending(rate=1_500, minutes=BEFORE):
        for turn in range(3):
            time.sleep(2.0)
            worker = stage.workers[turn % 2]
            if turn % 2:
                worker.process.send_signal(signal.SIGSTOP)
                time.sleep(PAUSE_SECONDS)
                worker.process.send_signal(signal.SIGCONT)
            else:
                worker.kill()
                worker.start()
                time.sleep(PAUSE_SECONDS)
    running = stage.settled()
    left, written = records_in(stage, stage.changelog), sum(stage.ends(stage.changelog).values())
    stage.note(f"{left} of {written} changelog records are left")
    if left == written:
        stage.faults.append("nothing was compacted")
    return stage.judge(before=running)


def recovery_interrupted(stage: Stage) -> Verdict:
    """Workers are stopped and killed while they read the changelog, then three start at once."""
    stage.ready_workers(1)
    stage.send(2 * MANY, BEFORE)
    stage.send(MANY, LONG_AGO)
    stage.wait_counted()
    stage.stop_workers()
    for turn in range(6):
        worker = stage.new_worker()
        if turn < 3:
            # The web server listens before the changelog is read, and after the signals' handlers.
            wait_for(lambda worker=worker: worker.ask("/healthz")[0], "it listens", 30)
            time.sleep(0.3 * turn)
            stage.stop_workers()
        else:
            time.sleep(1.0 * (turn - 2))
            worker.kill()
            stage.workers.clear()
    stage.send(SOME, LATELY)
    for _ in range(3):
        stage.new_worker()
    return stage.judge()


def _cut(stage: Stage, topic: str, ends: dict[int, int]) -> None:
    (node,) = stage.kafka.nodes
    node.stop(signal.SIGKILL)
    cut(node.data, topic, ends)
    node.start()
    found = stage.ends(topic)
    if any(found[number] > end for number, end in ends.items()):
        stage.note(f"cut to {ends}, and Kafka has {found} already")
