"""Workers are killed, stopped, paused, added and robbed of their broker; every count stays exact.

    python tests/faults/run.py [--rounds 10] [--events 1000000] [--seed N] [--broker apache]

Each round sends its part of the events while faults happen at random moments, then lets the
workers finish and compares every (origin, language) cell of every level that is kept with the
truth, on every worker. A line a round; the last line says what was lost and what was doubled. The
seed is printed, so that a round that fails can be had again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))

from kafka.admin import KafkaAdminClient, NewTopic
from processes import WorkerProcess

from streams.demo import traffic
from streams.demo.broker import EmbeddedBroker
from streams.demo.send import Sender
from streams.report import counted_cells, differences, expected_cells

TOPIC, GROUP, PARTITIONS = "faults", "faults", 6
SETTLE_SECONDS = 120.0
#: Longer than the session, so that others take over before the paused worker goes on.
SESSION_SECONDS, PAUSE_SECONDS = 3, 7.0
AWAY_SECONDS = 8.0


class Cluster:
    """The workers of one group, and what may happen to them."""

    def __init__(self, broker, dice: random.Random, directory: Path) -> None:
        self.broker = broker
        self.dice = dice
        self.directory = directory
        self.workers: list[WorkerProcess] = []
        self.made = 0
        self.log: list[str] = []

    def add(self) -> None:
        self.made += 1
        environment = {
            "TOKENSHARE_BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "TOKENSHARE_TOPIC": TOPIC,
            "TOKENSHARE_GROUP": GROUP,
            "TOKENSHARE_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "4",
        }
        log = self.directory / f"worker-{self.made}.log"
        self.workers.append(WorkerProcess(environment, log).start())
        self.log.append("add")

    def pick(self) -> WorkerProcess:
        return self.dice.choice(self.workers)

    def kill(self) -> None:
        worker = self.pick()
        worker.kill()
        self.workers.remove(worker)
        self.log.append("kill -9")

    def stop(self) -> None:
        worker = self.pick()
        code = worker.stop(20)
        self.workers.remove(worker)
        self.log.append(f"SIGTERM={code}")

    def pause(self) -> None:
        worker = self.pick()
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        worker.process.send_signal(signal.SIGCONT)
        self.log.append("pause")

    def restart_broker(self) -> None:
        if isinstance(self.broker, EmbeddedBroker):
            return  # it would forget everything
        self.broker.stop(self.dice.choice([signal.SIGTERM, signal.SIGKILL]))
        time.sleep(AWAY_SECONDS)
        self.broker.start()
        self.log.append("broker away")

    def rewind(self) -> None:
        """Commit offset 0 for the group: what a tool does that rewinds it."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        async def commit() -> None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.broker.bootstrap, group_id=GROUP, enable_auto_commit=False
            )
            await consumer.start()
            try:
                tps = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
                consumer.assign(tps)
                await consumer.commit(dict.fromkeys(tps, 0))
            finally:
                await consumer.stop()

        # Kafka takes it only while the group has no members.
        while self.workers:
            self.kill()
        time.sleep(SESSION_SECONDS + 2)
        try:
            asyncio.run(commit())
            self.log.append("rewind")
        except Exception as error:  # noqa: BLE001 - a group that is still there is no finding
            self.log.append(f"rewind refused: {type(error).__name__}")

    def refuse_changelog(self) -> None:
        """Let the changelog take no records for a while."""
        if isinstance(self.broker, EmbeddedBroker):
            return  # it ignores the limit
        from kafka.admin import ConfigResource, ConfigResourceType

        admin = KafkaAdminClient(bootstrap_servers=self.broker.bootstrap)

        def limit(size: int) -> None:
            name = f"{GROUP}-panes-changelog"
            admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(size)})]
            )

        try:
            limit(10)
            time.sleep(3)
            limit(8 * 1024 * 1024)
            self.log.append("changelog refused")
        finally:
            admin.close()

    def faults(self) -> None:
        """One fault, at random."""
        if len(self.workers) < 2:
            self.add()
            return
        choices = [self.kill, self.stop, self.pause, self.add, self.kill, self.stop]
        if len(self.workers) >= 4:
            choices.remove(self.add)
        choices += [self.restart_broker, self.rewind, self.refuse_changelog]
        self.dice.choice(choices)()
        self.workers = [each for each in self.workers if each.process.poll() is None]


def send_in_background(broker, stream) -> tuple[threading.Thread, list]:
    result: list = []

    def run() -> None:
        async def send() -> traffic.Truth:
            truth = traffic.Truth()
            idempotent = not isinstance(broker, EmbeddedBroker)
            sender = Sender(
                broker.bootstrap, TOPIC, idempotent=idempotent, patience_seconds=SETTLE_SECONDS
            )
            async with sender:
                chunk = []
                for event in stream:
                    chunk.append(event)
                    if len(chunk) == 2_000:
                        truth.merge(await sender.send(chunk))
                        chunk = []
                        await asyncio.sleep(0.05)
                truth.merge(await sender.send(chunk))
            return truth

        try:
            result.append(asyncio.run(send()))
        except Exception as error:  # noqa: BLE001 - told by whoever waits for it
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def compare(cluster: Cluster, truth: traffic.Truth, start: float) -> list[str]:
    """Wait until every worker shows the truth; returns what differs after all patience."""
    manifest = truth.to_manifest(seed=0, start=start, end=start, topic=TOPIC)
    expected = expected_cells([manifest])
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        problems = []
        for worker in cluster.workers:
            for step in ("1h", "1d"):
                history = worker.try_get(f"/api/v1/history?dimension=joint&step={step}")
                if history is None:
                    problems.append(f"{worker.port} does not answer")
                    break
                found = differences(expected, counted_cells(history))
                lost = sum(max(0, each.expected - each.counted) for each in found)
                doubled = sum(max(0, each.counted - each.expected) for each in found)
                if found:
                    problems.append(f"{step}: {lost} too few, {doubled} too many")
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description="Exact under faults; see the top of this file.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--broker", choices=("embedded", "apache"), default="apache")
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.rounds} rounds, {asked.events:,} events", flush=True)
    dice = random.Random(asked.seed)
    if asked.broker == "apache":
        from apache import ApacheKafka

        broker = ApacheKafka()
    else:
        broker = EmbeddedBroker()
    truth = traffic.Truth()
    failures = 0
    start = (time.time() - 6 * 3600) // 3600 * 3600
    with broker, tempfile.TemporaryDirectory(prefix="tokenshare-faults-") as directory:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
        admin.close()
        cluster = Cluster(broker, dice, Path(directory))
        cluster.add()
        try:
            for number in range(asked.rounds):
                began = time.monotonic()
                cluster.log.clear()
                stream = traffic.plain_events(
                    asked.events // asked.rounds, dice.randrange(10**9), start, time.time()
                )
                thread, result = send_in_background(broker, stream)
                while thread.is_alive() or len(cluster.log) < 3:
                    time.sleep(dice.uniform(0.2, 2.0))
                    cluster.faults()
                thread.join()
                if isinstance(result[0], Exception):
                    raise result[0]
                truth.merge(result[0])
                if not cluster.workers:
                    cluster.add()
                problems = compare(cluster, truth, start)
                failures += bool(problems)
                print(
                    f"round {number + 1}: {truth.requests:,} events, {len(cluster.workers)} workers"
                    f", {time.monotonic() - began:.0f} s, {'; '.join(problems) or 'exact'}"
                    f"  [{', '.join(cluster.log)}]",
                    flush=True,
                )
                if problems:
                    for worker in cluster.workers:
                        print(worker.tail()[-2000:])
                    break
        finally:
            for worker in cluster.workers:
                if worker.process.poll() is None:
                    worker.process.send_signal(signal.SIGCONT)
                    worker.kill()
    print("0 events lost, 0 doubled" if not failures else "NOT EXACT", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    os._exit(main())
