"""A source whose log loses its end, on Apache Kafka: nothing that comes next is left out."""

from __future__ import annotations

import signal

import orjson
import pytest
from aiokafka import TopicPartition
from apache import ApacheKafka
from kafka.admin import KafkaAdminClient
from laws import some
from processes import WAIT_SECONDS, wait_until
from test_worker import GOOD, produce

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.any_broker,
    pytest.mark.usefixtures("kafka_jars"),
]

VALUE = orjson.dumps(GOOD)


@pytest.fixture(scope="module")
def broker():
    # Workers that start together join in one rebalance, as with Kafka's default of 3 s.
    with ApacheKafka({"group.initial.rebalance.delay.ms": "2000"}) as broker:
        yield broker


@pytest.fixture
def bootstrap(broker):
    return broker.bootstrap


def position(worker, number=0):
    return worker.get("/api/v1/shares")["pipeline"]["partitions"][number]


#: How many come after the cut, and whether a worker runs meanwhile; all of them in `.ci/run`.
CUT = [(900, False), (900, True), (1800, False), (30, False), (30, True), (1800, True)]


@pytest.mark.parametrize(("more", "runs"), some(CUT))
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

    worker.wait_counted(1800 + more)
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
    again.wait_records(records | {"counted/": 1830 + more})


def test_records_that_expired_unread_are_reported_without_a_new_one(broker, make_worker):
    topic = make_worker.topic
    worker = make_worker().start().wait_ready()
    produce(broker.bootstrap, topic, [VALUE] * 90)
    worker.wait_counted(90)
    assert worker.stop() == 0
    produce(broker.bootstrap, topic, [VALUE] * 60)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.delete_records({TopicPartition(topic, number): 50 for number in range(3)})
    admin.close()
    again = make_worker().start().wait_ready()

    records = {"counted/": 90, "lost/expired": 60}
    wait_until(lambda: again.records() == records, "the loss is reported")
    wait_until(lambda: position(again)["lag"] == 0, "no lag is left")
    assert "records 30 to 49 expired before they were read" in again.log.read_text()


def test_a_second_deployment_in_the_group_is_refused_and_the_first_goes_on(broker, make_worker):
    topic = make_worker.topic
    first = make_worker().start().wait_ready()
    produce(broker.bootstrap, topic, [VALUE] * 90)
    first.wait_counted(90)
    wait_until(lambda: position(first)["position"] == 30, "the position is written")
    second = make_worker(topic=f"{topic}-2").start()

    assert second.process.wait(WAIT_SECONDS) == 1
    assert "another deployment uses this group" in second.log.read_text()
    produce(broker.bootstrap, topic, [VALUE] * 90)
    first.wait_counted(180)
    first.kill()
    assert make_worker().start().wait_ready().records() == {"counted/": 180}


def test_of_two_deployments_that_start_together_in_a_group_one_is_refused(broker, make_worker):
    topics = [make_worker.topic, f"{make_worker.topic}-2"]
    workers = [make_worker(topic=topic, group="shared").start() for topic in topics]
    wait_until(lambda: any(each.process.poll() is not None for each in workers), "one ends")
    ((kept, topic),) = [
        pair for pair in zip(workers, topics, strict=True) if pair[0].process.poll() is None
    ]
    (refused,) = [each for each in workers if each is not kept]

    assert refused.process.wait() == 1
    assert "another deployment uses this group" in refused.log.read_text()
    for each in topics:
        produce(broker.bootstrap, each, [VALUE] * 90)
    kept.wait_ready().wait_counted(90)
    assert kept.stop() == 0
    again = make_worker(topic=topic, group="shared").start().wait_ready()
    again.wait_records({"counted/": 90})
