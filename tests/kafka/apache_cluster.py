"""Apache Kafka as a cluster: brokers that each are a controller as well, or one alone."""

from __future__ import annotations

import contextlib
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from apache import ApacheKafka, new_cluster_id
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError
from kafka.protocol.admin import ElectionType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What a deployment of three brokers has.
REPLICAS, MIN_IN_SYNC = 3, 2
IN_SYNC_SECONDS = 120.0


class ApacheCluster:
    """`count` brokers; topics have three replicas, of which two must be in sync, or one replica.

    `properties` are added to the settings of each broker. Three fit into the memory of one by
    smaller heaps.
    """

    def __init__(self, count: int = 1, properties: Mapping[str, str] | None = None) -> None:
        cluster = new_cluster_id()
        heap = "1g" if count == 1 else "256m"
        self.replicas = min(count, REPLICAS)
        in_sync = str(min(self.replicas, MIN_IN_SYNC))
        replicas = {
            "default.replication.factor": str(self.replicas),
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": str(self.replicas),
            "transaction.state.log.replication.factor": str(self.replicas),
            "transaction.state.log.min.isr": in_sync,
        }
        self._own = [replicas | dict(properties or {}) for _ in range(count)]
        self.nodes = [ApacheKafka(each, cluster_id=cluster, heap=heap) for each in self._own]
        voters = ",".join(
            f"{number}@127.0.0.1:{node.controller_port}"
            for number, node in enumerate(self.nodes, 1)
        )
        for number, node in enumerate(self.nodes, 1):
            node.properties |= {"node.id": str(number), "controller.quorum.voters": voters}

    @property
    def bootstrap(self) -> str:
        """Where clients connect, all brokers."""
        return ",".join(node.bootstrap for node in self.nodes)

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.configure()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The last ones of a cluster cannot stop in good order: there is no controller any more.
        self.stop(signal.SIGKILL)
        for node in self.nodes:
            node.__exit__()

    def start(self) -> None:
        """Start the brokers that do not run; wait until all answer and all replicas are in sync."""
        for node in self.nodes:
            if not node.is_running:
                node.launch()
        for node in self.nodes:
            node.wait_up()
        self.wait_in_sync()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop all brokers; their data stay."""
        for node in self.nodes:
            node.stop(number)

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """Give an administrator's connection."""
        client = KafkaAdminClient(bootstrap_servers=self.bootstrap.split(","))
        try:
            yield client
        finally:
            client.close()

    def create(self, topic: str, partitions: int, configs: Mapping[str, str] | None = None) -> None:
        """Create a topic, also in place of one that is just being deleted."""
        new = NewTopic(topic, partitions, self.replicas, topic_configs=dict(configs or {}))
        deadline = time.monotonic() + IN_SYNC_SECONDS
        with self.admin() as admin:
            while True:
                try:
                    admin.create_topics([new])
                except KafkaError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)
                else:
                    return

    def is_in_sync(self) -> bool:
        """Return whether each replica of each topic is in sync; no where nobody answers."""
        try:
            with self.admin() as admin:
                return all(
                    len(partition["isr_nodes"]) == len(partition["replica_nodes"])
                    for topic in admin.describe_topics()
                    for partition in topic["partitions"]
                )
        except KafkaError:
            return False

    def wait_in_sync(self) -> None:
        """Wait until all replicas are in sync, as whoever restarts brokers in turn does."""
        deadline = time.monotonic() + IN_SYNC_SECONDS
        while not self.is_in_sync():
            if time.monotonic() > deadline:
                raise RuntimeError("the replicas do not come into sync")
            time.sleep(0.5)

    def move_leaders(self, topics: tuple[str, ...], by: int) -> None:
        """Order the replicas of topics anew, rotated by `by`, and let the first ones lead."""
        with self.admin() as admin, contextlib.suppress(KafkaError):
            moved = {}
            for topic in admin.describe_topics(list(topics)):
                for partition in topic["partitions"]:
                    replicas = sorted(partition["replica_nodes"])
                    number = partition["partition_index"]
                    turn = (number + by) % len(replicas)
                    place = TopicPartition(topic["name"], number)
                    moved[place] = replicas[turn:] + replicas[:turn]
            admin.alter_partition_reassignments(moved)
            # Partitions that are led by the right one already are refused one by one.
            admin.elect_leaders(ElectionType.PREFERRED, raise_errors=False)
