"""A group of workers and its Kafka, and what befalls them in a bad night."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import NoError
from processes import TREE, WorkerProcess, wait_until

from streams.process import NO_BROKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from apache import ApacheKafka
    from apache_cluster import ApacheCluster
    from kafka.admin import KafkaAdminClient

TOPIC, GROUP, PARTITIONS = "faults", "faults", 6
CHANGELOG = f"{GROUP}-panes-changelog"
#: A worker paused for longer than its session finds its partitions given away.
SESSION_SECONDS, PAUSE_SECONDS = 3, 7.0
AWAY_SECONDS = 20.0
BACK_SECONDS = 150.0
REFUSE_SECONDS = 4.0
MAX_WORKERS = 4
#: How long a group that is left without members may keep a dead one: its session at the latest.
GROUP_EMPTY_SECONDS = 30.0


class Version(NamedTuple):
    """A tree of ours, and the Python that has its dependencies."""

    tree: Path
    python: str


THIS = Version(TREE, sys.executable)


def build(revision: str, directory: Path) -> Version:
    """Check a revision out beside this tree and install it there.

    Raises subprocess.CalledProcessError where git does not know it or it cannot be installed.
    """
    tree = directory / "other-version"
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
    run(["git", "clone", "--quiet", "--no-checkout", TREE, tree])
    run(["git", "-C", tree, "checkout", "--quiet", revision])
    run([sys.executable, "-m", "venv", tree / ".venv"])
    python = str(tree / ".venv" / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", "--editable", f"{tree}[language]"])
    return Version(tree, python)


class Cluster:
    """The workers that should be alive, and the faults that are still going on."""

    def __init__(self, kafka: ApacheCluster, directory: Path, other: Version | None = None) -> None:
        self.kafka = kafka
        self._versions = (THIS,) if other is None else (other, THIS)
        self.directory = directory
        self.workers: list[WorkerProcess] = []
        self.unasked: list[str] = []
        self._made = 0
        self._ongoing: list[threading.Thread] = []
        self._paused: set[int] = set()
        self._is_away = threading.Event()

    # -- what may happen: each returns what it did, for the round's line

    def add(self, _dice: int = 0) -> str:
        """One more worker, or one fewer where there are many."""
        if len(self.workers) >= MAX_WORKERS:
            return self.stop(_dice)
        version = self._versions[self._made % len(self._versions)]
        self.workers.append(self._new_worker(version).start())
        return "worker added"

    def _new_worker(self, version: Version) -> WorkerProcess:
        self._made += 1
        environment = {
            "TOKENSHARE_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "TOKENSHARE_TOPIC": TOPIC,
            "TOKENSHARE_GROUP": GROUP,
            "TOKENSHARE_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "4",
        }
        log = self.directory / f"worker-{self._made}.log"
        return WorkerProcess(environment, log, tree=version.tree, python=version.python)

    def kill(self, dice: int) -> str:
        """Kill -9."""
        self._pick(dice).kill()
        return "kill -9"

    def stop(self, dice: int) -> str:
        """SIGTERM; the worker may finish what it is at."""
        worker = self._pick(dice)
        self._resume(worker)
        code = worker.stop(30)
        # -15: it was stopped before it had started to listen.
        if code not in {0, -signal.SIGTERM} and not self._is_away.is_set():
            self.unasked.append(f"exit code {code} after SIGTERM\n{worker.tail()[-1500:]}")
        return f"SIGTERM ({code})"

    def pause(self, dice: int) -> str:
        """SIGSTOP, and SIGCONT after the others have taken its partitions."""
        while len(self.workers) < 2:
            self.add()
        worker = self.workers[dice % len(self.workers)]
        worker.process.send_signal(signal.SIGSTOP)
        self._paused.add(worker.port)
        self._later(PAUSE_SECONDS, lambda: self._resume(worker))
        return f"paused {PAUSE_SECONDS:.0f} s"

    def restart_broker(self, dice: int) -> str:
        """A broker goes, in good order or killed, and comes back on its data."""
        if self._is_away.is_set():
            return "broker is away already"
        number = (signal.SIGTERM, signal.SIGKILL)[dice % 2]
        self._take_away([self._node(dice // 2)], number)
        return f"broker away {AWAY_SECONDS:.0f} s ({signal.Signals(number).name})"

    def kill_two_brokers(self, dice: int) -> str:
        """Two of three brokers are killed: what is left takes no writes."""
        if self._is_away.is_set():
            return "broker is away already"
        self._take_away([self._node(dice), self._node(dice + 1)], signal.SIGKILL)
        return f"two brokers away {AWAY_SECONDS:.0f} s"

    def freeze_broker(self, dice: int) -> str:
        """A broker does nothing for a while, and goes on."""
        if self._is_away.is_set():
            return "broker is away already"
        node = self._node(dice)
        self._is_away.set()
        node.freeze()

        def thaw() -> None:
            node.thaw()
            self.kafka.wait_in_sync()
            self._is_away.clear()

        self._later(AWAY_SECONDS, thaw)
        return f"broker frozen {AWAY_SECONDS:.0f} s"

    def empty_disk(self, dice: int) -> str:
        """A broker is killed and comes back with an empty disk: the others have its data."""
        if self._is_away.is_set():
            return "broker is away already"
        self.kafka.wait_in_sync()
        node = self._node(dice)
        self._take_away([node], signal.SIGKILL)
        node.wipe()
        return f"broker away {AWAY_SECONDS:.0f} s, its disk empty"

    def move_leaders(self, dice: int) -> str:
        """The replicas of all partitions are put into another order, and the first ones lead."""
        self.kafka.move_leaders((TOPIC, CHANGELOG), dice)
        return "leaders moved"

    def refuse_changelog(self, _dice: int = 0) -> str:
        """Kafka takes no changelog records for a while."""
        self._wait_for_broker()

        def limit(size: int) -> None:
            limits = {"max.message.bytes": str(size)}
            with self.kafka.admin() as admin:
                admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, CHANGELOG, limits)])

        limit(10)
        time.sleep(REFUSE_SECONDS)
        limit(8 * 1024 * 1024)
        return f"changelog refused {REFUSE_SECONDS:.0f} s"

    def rewind(self, _dice: int = 0) -> str:
        """The group's offsets are set to the beginning, as a tool does that reads all again."""

        beginning = {
            TopicPartition(TOPIC, number): OffsetAndMetadata(0, "", -1)
            for number in range(PARTITIONS)
        }
        self._while_empty(
            lambda admin: set(admin.alter_group_offsets(GROUP, beginning).values()) == {NoError}
        )
        return "offsets rewound"

    def forget(self, _dice: int = 0) -> str:
        """The group is deleted, with its offsets."""

        self._while_empty(lambda admin: admin.delete_groups([GROUP]) == {GROUP: "OK"})
        return "offsets deleted"

    # -- how

    def _pick(self, dice: int) -> WorkerProcess:
        if not self.workers:
            self.add()
        return self.workers.pop(dice % len(self.workers))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def wait_and_act() -> None:
            time.sleep(seconds)
            act()

        thread = threading.Thread(target=wait_and_act, daemon=True)
        thread.start()
        self._ongoing.append(thread)

    def _node(self, dice: int) -> ApacheKafka:
        return self.kafka.nodes[dice % len(self.kafka.nodes)]

    def _take_away(self, nodes: list[ApacheKafka], number: int) -> None:
        self._is_away.set()
        for node in nodes:
            node.stop(number)

        def come_back() -> None:
            for node in nodes:
                node.launch()
            for node in nodes:
                node.wait_up()
            self.kafka.wait_in_sync()
            self._is_away.clear()

        self._later(AWAY_SECONDS, come_back)

    def _resume(self, worker: WorkerProcess) -> None:
        if worker.port in self._paused:
            self._paused.discard(worker.port)
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)

    def _wait_for_broker(self) -> None:
        wait_until(lambda: not self._is_away.is_set(), "Kafka is back", BACK_SECONDS)

    def _while_empty(self, act: Callable[[KafkaAdminClient], bool]) -> None:
        """Kafka changes a group's offsets only while it has no members: end all, act, begin."""
        self._wait_for_broker()
        while self.workers:
            self.kill(0)
        deadline = time.monotonic() + GROUP_EMPTY_SECONDS
        with self.kafka.admin() as admin:
            while not act(admin):
                if time.monotonic() > deadline:
                    raise RuntimeError("Kafka does not let the group's offsets be changed")
                time.sleep(0.5)
        self.add()
        self.add()

    def look(self) -> None:
        """Note the workers that have ended by themselves, and replace them as a supervisor does."""
        for worker in [each for each in self.workers if each.process.poll() is not None]:
            self.workers.remove(worker)
            code = worker.process.poll()
            # Without Kafka at its start a worker may give up, and says so by this code.
            if code != NO_BROKER:
                self.unasked.append(
                    f"a worker ended by itself with {code}\n{worker.tail()[-1500:]}"
                )
            self.add()

    def settle(self) -> None:
        """Let every fault that is still going on come to its end."""
        for thread in self._ongoing:
            thread.join()
        self._ongoing.clear()
        self.look()
        while len(self.workers) < 2:
            self.add()

    @contextmanager
    def fresh(self) -> Iterator[WorkerProcess]:
        """Give one more worker, which has nothing but what the changelog holds, for a while."""
        worker = self._new_worker(THIS).start()
        try:
            yield worker
            code = worker.stop(30)
        finally:
            if worker.process.poll() is None:
                worker.kill()
        if code:
            self.unasked.append(f"exit code {code} of a fresh worker\n{worker.tail()[-1500:]}")

    def end(self) -> None:
        """End all workers."""
        for thread in self._ongoing:
            thread.join()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
                worker.kill()


#: Twice what happens most.
FAULTS = (
    Cluster.kill,
    Cluster.kill,
    Cluster.stop,
    Cluster.stop,
    Cluster.pause,
    Cluster.add,
    Cluster.add,
    Cluster.restart_broker,
    Cluster.refuse_changelog,
    Cluster.rewind,
    Cluster.forget,
)
#: Those that take more than one broker.
FAULTS_OF_THREE = (
    *FAULTS,
    Cluster.restart_broker,
    Cluster.kill_two_brokers,
    Cluster.freeze_broker,
    Cluster.empty_disk,
    Cluster.move_leaders,
    Cluster.move_leaders,
)
