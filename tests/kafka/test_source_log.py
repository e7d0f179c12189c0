"""A source whose log loses its end, on Apache Kafka: nothing that comes next is left out."""

from __future__ import annotations

import signal

import orjson
import pytest
from apache import ApacheKafka
from processes import wait_until
from test_worker import GOOD, produce

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("kafka_jars")]

VALUE = orjson.dumps(GOOD)


@pytest.fixture(scope="module")
def broker():
    with ApacheKafka() as broker:
        yield broker


@pytest.fixture
def bootstrap(broker):
    return broker.bootstrap


def position(worker, number=0):
    return worker.get("/api/v1/shares")["pipeline"]["partitions"][number]


@pytest.mark.parametrize("runs", [True, False], ids=["running", "down"])
@pytest.mark.parametrize("more", [30, 900, 1800], ids=["shorter", "as-long", "grown"])
def test_a_cut_source_is_counted_on_from_the_cut(broker, make_worker, runs, more):
    topic = make_worker.topic
    worker = make_worker().start().wait_ready()
    for _ in range(6):
        # Batches that the log can be cut between; the worker dates them all by Kafka's time.
        produce(broker.bootstrap, topic, [VALUE] * 300)
    worker.wait_counted(1800)
    wait_until(lambda: position(worker)["position"] == 600, "the position is written")
    if not runs:
        assert worker.stop() == 0
    broker.stop(signal.SIGKILL)
    end = broker.cut(topic, 0, 250)
    assert end == 300
    broker.start()
    produce(broker.bootstrap, topic, [VALUE] * more)
    if not runs:
        worker = make_worker().start().wait_ready()

    worker.wait_counted(1800 + more, 60)
    records = {"counted/": 1800 + more, "lost/truncated": 600 - end}
    wait_until(lambda: worker.records() == records, "the loss is reported")
    wait_until(lambda: position(worker)["position"] == end + more // 3, "the position follows")
    assert position(worker)["lag"] == 0
    assert f"was cut at {end}: Kafka has lost records {end} to 599" in worker.log.read_text()
    # So it stays, and a fresh worker shows the same.
    worker.kill()
    again = make_worker().start().wait_ready()
    produce(broker.bootstrap, topic, [VALUE] * 30)
    again.wait_counted(1830 + more)
    assert again.records() == records | {"counted/": 1830 + more}
