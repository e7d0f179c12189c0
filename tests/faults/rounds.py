"""Workers are killed, stopped, paused, added and robbed of their Kafka; every count stays exact.

    python tests/faults/run.py [--rounds 4] [--events 1000000] [--seed N] [--beside REVISION]

Each round sends its part of the events, some of them late by hours or days, while faults happen at
moments that the seed decides. Then every fault comes to its end, the workers finish, and each
worker's every (origin, language) cell of every pane at every level is compared with what was sent.
A line a round; the last line says what was lost and what was doubled, at the worst worker and level
of the worst round. The exit code is 0 where that is nothing.

With `--beside` every other worker is of that git revision, as in a rolling upgrade that is undone
and done again: the old version takes partitions over from the new one, and the reverse.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))

from apache import ApacheKafka, MissingToolError
from cluster import FAULTS, PARTITIONS, TOPIC, Cluster, build
from kafka.admin import KafkaAdminClient, NewTopic
from truth import Gap, PaneTruth, gap

from streams.demo.bulk import plain_events
from streams.demo.sender import Sender
from streams.state.pane import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from processes import WorkerProcess

    from streams.demo.truth import Simulated

#: A round's events leave over so long, and its faults happen meanwhile.
ROUND_SECONDS = 8.0
FAULTS_A_ROUND = 4
SETTLE_SECONDS = 120.0
SEND_PATIENCE_SECONDS = 120.0

MINUTE, HOUR, DAY = 60, 3600, 86400
#: All rounds together span this much event time; it fits into what the finest level keeps.
SPAN_SECONDS = 50 * MINUTE
#: How late events are, in seconds before the span, and their part of all: for each level some that
#: it still keeps and some that it no longer does, none near the bound.
LATE = ((3 * HOUR, 20 * HOUR, 0.04), (2 * DAY, 6 * DAY, 0.03), (10 * DAY, 30 * DAY, 0.03))


def events_of_round(count: int, dice: Random, start: float, end: float) -> list[Simulated]:
    """Return a round's events in the order of their sending: `[start, end)` and the late ones."""
    streams = []
    for oldest, newest, part in ((0, 0, 0.0), *LATE):
        late = round(count * part)
        if late:
            streams.append(
                plain_events(late, dice.randrange(10**9), start - newest, start - oldest)
            )
    on_time = count - sum(round(count * part) for _, _, part in LATE)
    streams.append(plain_events(on_time, dice.randrange(10**9), start, end))
    weights = [*(part for _, _, part in LATE), 1 - sum(part for _, _, part in LATE)]
    events: list[Simulated] = []
    while streams:
        place = dice.choices(range(len(streams)), weights)[0]
        event = next(streams[place], None)
        if event is None:
            del streams[place], weights[place]
        else:
            events.append(event)
    return events


class Sending(threading.Thread):
    """Sends events evenly over the round, whatever happens to Kafka meanwhile."""

    def __init__(self, bootstrap: str, events: list[Simulated]) -> None:
        super().__init__(daemon=True)
        self._server = bootstrap
        self._events = events
        self.error: Exception | None = None

    def run(self) -> None:
        """Send all; what went wrong is in `error`."""
        try:
            asyncio.run(self._send())
        except Exception as error:  # noqa: BLE001 - told by whoever waits for it
            self.error = error

    async def _send(self) -> None:
        sender = Sender(
            self._server, TOPIC, idempotent=True, patience_seconds=SEND_PATIENCE_SECONDS
        )
        async with sender:
            await sender.send(self._events, rate=len(self._events) / ROUND_SECONDS)


def compare(workers: Iterable[WorkerProcess], truth: PaneTruth) -> Gap:
    """Wait until every worker shows the truth; returns the worst gap after all patience."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        worst = Gap()
        for worker in workers:
            worst = worst.worst(_gap_of(worker, truth))
            if worst:
                break
        if not worst or time.monotonic() > deadline:
            return worst
        time.sleep(0.5)


def _gap_of(worker: WorkerProcess, truth: PaneTruth) -> Gap:
    worst = Gap()
    counted = worker.records()
    if counted != {"counted/": truth.events}:
        number = counted.get("counted/", 0)
        worst = Gap(max(0, truth.events - number), max(0, number - truth.events))
    for level in LEVELS:
        history = worker.try_get(f"/api/v1/history?dimension=joint&step={level.name}")
        if history is None:
            return Gap(lost=truth.events)
        worst = worst.worst(gap(truth, level, history))
    return worst


class Round:
    """One round: what befalls the workers, and when."""

    def __init__(self, dice: Random, deck: list[Callable[[Cluster, int], str]]) -> None:
        moments = sorted(dice.uniform(0.0, ROUND_SECONDS) for _ in range(FAULTS_A_ROUND))
        self.plan = []
        for moment in moments:
            if not deck:
                deck += FAULTS
                dice.shuffle(deck)
            self.plan.append((moment, deck.pop(), dice.randrange(10**6)))

    def play(self, cluster: Cluster, events: list[Simulated]) -> list[str]:
        """Send the events while the faults happen; returns what happened, with its moment."""
        said = []
        sending = Sending(cluster.broker.bootstrap, events)
        began = time.monotonic()
        sending.start()
        for moment, fault, dice in self.plan:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            cluster.look()
            at = time.monotonic() - began
            said.append(f"{fault(cluster, dice)} at {at:.1f}")
        sending.join()
        if sending.error is not None:
            raise sending.error
        cluster.settle()
        return said


def main() -> int:
    parser = argparse.ArgumentParser(description="Exact under faults; see the top of this file.")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--events", type=int, default=1_000_000, help="of all rounds together")
    parser.add_argument("--beside", metavar="REVISION", help="version of every other worker")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    # That Kafka is away is no news here.
    logging.disable(logging.CRITICAL)
    try:
        broker = ApacheKafka()
    except MissingToolError as error:
        print(f"The fault suite runs on Apache Kafka, and {error}.", file=sys.stderr)
        return 1
    print(
        f"seed {asked.seed}: {asked.rounds} rounds, {asked.events:,} events, {PARTITIONS} "
        f"partitions; each worker compared pane by pane at {len(LEVELS)} levels",
        flush=True,
    )
    with broker, tempfile.TemporaryDirectory(prefix="tokenshare-faults-") as directory:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
        admin.close()
        other = build(asked.beside, Path(directory)) if asked.beside else None
        cluster = Cluster(broker, Path(directory), other)
        cluster.add()
        cluster.workers[0].wait_ready()
        try:
            worst = _play(asked, cluster)
        finally:
            cluster.end()
    ended = f", {len(cluster.unasked)} workers ended by themselves" if cluster.unasked else ""
    print(
        f"{worst.lost} events lost, {worst.doubled} doubled{ended} (seed {asked.seed})", flush=True
    )
    return 1 if worst or ended else 0


def _play(asked: argparse.Namespace, cluster: Cluster) -> Gap:
    dice = Random(asked.seed)
    deck: list[Callable[[Cluster, int], str]] = []
    truth, worst = PaneTruth(), Gap()
    start = time.time() - SPAN_SECONDS
    share = -(-asked.events // asked.rounds)
    for number in range(asked.rounds):
        began = time.monotonic()
        bounds = [start + SPAN_SECONDS * at / asked.rounds for at in (number, number + 1)]
        count = min(share, asked.events - truth.events)
        events = events_of_round(count, dice, *bounds)
        said = Round(dice, deck).play(cluster, events)
        for event in events:
            truth.add(event)
        worst = worst.worst(found := compare(cluster.workers, truth))
        print(
            f"round {number + 1}: {truth.events:,} events, {len(cluster.workers)} workers, "
            f"{time.monotonic() - began:.0f} s, {found or 'exact'}: {'; '.join(said)}",
            flush=True,
        )
        for death in cluster.unasked:
            print(f"  {death}", flush=True)
        if found or cluster.unasked:
            for worker in cluster.workers:
                print(f"  worker on port {worker.port}: {worker.tail()[-2000:]}", flush=True)
            return worst
    return worst


if __name__ == "__main__":
    os._exit(main())
