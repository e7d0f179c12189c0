"""A real broker process and real worker processes."""

from __future__ import annotations

import os

import pytest
from apache import ApacheKafka, MissingToolError, jars
from bridge_posts import make_bridge, shared, topic
from processes import WorkerProcess

from streams.demo.broker import EmbeddedBroker

# Fixtures of a bridge process.
__all__ = ["make_bridge", "shared", "topic"]


def pytest_collection_modifyitems(config, items):
    """Leave out on Apache Kafka what shows nothing else there than on the embedded broker."""
    if config.getoption("--broker") == "embedded":
        return
    again = [each for each in items if each.get_closest_marker("any_broker")]
    config.hook.pytest_deselected(items=again)
    items[:] = [each for each in items if each not in again]


@pytest.fixture(scope="session")
def broker_kind(request):
    return request.config.getoption("--broker")


@pytest.fixture(scope="session")
def kafka_jars():
    """Kafka's jars; without Java or Maven a skip for a user, and a failure in CI."""
    try:
        return jars()
    except MissingToolError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bootstrap(broker_kind, request):
    if broker_kind == "embedded":
        with EmbeddedBroker() as broker:
            yield broker.bootstrap
        return
    request.getfixturevalue("kafka_jars")
    with ApacheKafka() as broker:
        yield broker.bootstrap


@pytest.fixture
def make_worker(bootstrap, tmp_path, request):
    """Return a function that makes workers of one group on a topic of this test's own."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60] + f"-{os.getpid()}"
    started: list[WorkerProcess] = []

    def make(**settings: str) -> WorkerProcess:
        environment = {
            "TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap,
            "TOKENSHARE_TOPIC": name,
            "TOKENSHARE_GROUP": f"g-{name}",
            "TOKENSHARE_PARTITIONS": "3",
            # The embedded broker waits half of it for more members.
            "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "2",
            # How long a killed worker is missed before its partitions are given away.
            "TOKENSHARE_SESSION_TIMEOUT_SECONDS": "3",
        } | {f"TOKENSHARE_{key.upper()}": value for key, value in settings.items()}
        worker = WorkerProcess(environment, tmp_path / f"worker-{len(started)}.log")
        started.append(worker)
        return worker

    make.topic = name
    yield make
    for worker in started:
        if worker.process is not None and worker.process.poll() is None:
            worker.kill()
