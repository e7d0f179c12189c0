"""Random rounds: faults at moments that a seed decides, and every count compared after each.

Each round sends its part of the events, some of them late by hours or days, while faults happen.
Then every fault comes to its end, the workers finish, and each worker's every (origin, language)
cell of every pane at every level is compared with what was sent. So is each one of a fresh worker,
which has nothing but what the changelog holds.
"""

from __future__ import annotations

import asyncio
import threading
import time
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from cluster import FAULTS, FAULTS_OF_THREE, TOPIC, Cluster
from truth import Gap, PaneTruth, gap, gap_of_providers

from streams.demo.bulk import plain_events
from streams.demo.sender import Sender
from streams.state.pane import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from processes import WorkerProcess

    from streams.demo.truth import Simulated

    Fault = Callable[[Cluster, int], str]

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
    """Sends events to a topic, `rate` a second, whatever happens to Kafka meanwhile."""

    def __init__(
        self, bootstrap: str, topic: str, events: Iterable[Simulated], rate: float | None
    ) -> None:
        super().__init__(daemon=True)
        self._server = bootstrap
        self._topic = topic
        self._events = events
        self._rate = rate
        self.error: Exception | None = None

    def run(self) -> None:
        """Send all; what went wrong is in `error`."""
        try:
            asyncio.run(self._send())
        except Exception as error:  # noqa: BLE001 - raised by whoever waits for it
            self.error = error

    async def _send(self) -> None:
        sender = Sender(
            self._server, self._topic, idempotent=True, patience_seconds=SEND_PATIENCE_SECONDS
        )
        async with sender:
            await sender.send(self._events, rate=self._rate)

    def finish(self) -> None:
        """Wait until all is acknowledged. Raises what went wrong."""
        self.join()
        if self.error is not None:
            raise self.error


def compare(workers: Iterable[WorkerProcess], truth: PaneTruth) -> Gap:
    """Wait until every worker shows the truth; returns the worst gap after all patience."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        worst = Gap()
        for worker in workers:
            worst = worst.worst(gap_of(worker, truth))
            if worst:
                break
        if not worst or time.monotonic() > deadline:
            return worst
        time.sleep(0.5)


def gap_of(worker: WorkerProcess, truth: PaneTruth) -> Gap:
    """Return how far a worker is from the truth now: in its sums, and in each pane it shows."""
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
    served = worker.try_get("/api/v1/history?dimension=provider&step=1d")
    return (
        Gap(lost=truth.events) if served is None else worst.worst(gap_of_providers(truth, served))
    )


class Round:
    """One round: what befalls the workers, and when."""

    def __init__(self, dice: Random, deck: list[Fault], faults: tuple[Fault, ...] = FAULTS) -> None:
        moments = sorted(dice.uniform(0.0, ROUND_SECONDS) for _ in range(FAULTS_A_ROUND))
        self.plan = []
        for moment in moments:
            if not deck:
                deck += faults
                dice.shuffle(deck)
            self.plan.append((moment, deck.pop(), dice.randrange(10**6)))

    def play(self, cluster: Cluster, events: list[Simulated]) -> list[str]:
        """Send the events while the faults happen; returns what happened, with its moment."""
        said = []
        rate = len(events) / ROUND_SECONDS
        sending = Sending(cluster.kafka.bootstrap, TOPIC, events, rate)
        began = time.monotonic()
        sending.start()
        for moment, fault, dice in self.plan:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            cluster.look()
            at = time.monotonic() - began
            said.append(f"{fault(cluster, dice)} at {at:.1f}")
        sending.finish()
        cluster.settle()
        return said


class Plan(NamedTuple):
    """How many rounds and events, and the seed of all that is random in them."""

    rounds: int
    events: int
    seed: int


def play(plan: Plan, cluster: Cluster) -> Gap:
    """Play all rounds, a line each, until one goes wrong; return the worst gap."""
    dice = Random(plan.seed)
    deck: list[Fault] = []
    faults = FAULTS if len(cluster.kafka.nodes) == 1 else FAULTS_OF_THREE
    truth, worst = PaneTruth(), Gap()
    start = time.time() - SPAN_SECONDS
    share = -(-plan.events // plan.rounds)
    for number in range(plan.rounds):
        began = time.monotonic()
        bounds = [start + SPAN_SECONDS * at / plan.rounds for at in (number, number + 1)]
        count = min(share, plan.events - truth.events)
        events = events_of_round(count, dice, *bounds)
        said = Round(dice, deck, faults).play(cluster, events)
        for event in events:
            truth.add(event)
        running, fresh = _compare_all(cluster, truth)
        worst = worst.worst(running).worst(fresh)
        print(
            f"round {number + 1}: {truth.events:,} events, {len(cluster.workers)} workers, "
            f"{time.monotonic() - began:.0f} s, {running or 'exact'}, "
            f"fresh worker {fresh or 'exact'}: {'; '.join(said)}",
            flush=True,
        )
        for death in cluster.unasked:
            print(f"  {death}", flush=True)
        if worst or cluster.unasked:
            for worker in cluster.workers:
                print(f"  worker on port {worker.port}: {worker.tail()[-2000:]}", flush=True)
            return worst
    return worst


def _compare_all(cluster: Cluster, truth: PaneTruth) -> tuple[Gap, Gap]:
    """Return the gap of those that ran, and then of a fresh one beside them."""
    running = compare(cluster.workers, truth)
    with cluster.fresh() as worker:
        return running, compare([*cluster.workers, worker], truth)
