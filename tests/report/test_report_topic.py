"""A report of the records of a topic."""

from __future__ import annotations

import orjson
import pytest
from report_inputs import run


@pytest.mark.kafka
def test_a_topic_and_a_file_of_its_records_give_the_same_report(traffic):
    from kafka import KafkaProducer
    from kafka.admin import NewTopic

    from streams.demo.broker import EmbeddedBroker
    from streams.kafka import admin
    from streams.settings import load

    values = traffic.read_bytes().splitlines()
    of_file = orjson.loads(run(traffic, "--json").stdout)
    with EmbeddedBroker() as broker:
        client = admin.connect(load(bootstrap_servers=broker.bootstrap), wait_seconds=10)
        client.create_topics([NewTopic("usage", 3, 1), NewTopic("empty", 1, 1)])
        client.close()
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        for number, value in enumerate(values):
            producer.send("usage", value, partition=number % 2)
        producer.close()
        kafka = ["--bootstrap", broker.bootstrap, "--json"]
        done = run("--topic", "usage", *kafka)
        empty = run("--topic", "empty", *kafka)
        missing = run("--topic", "none", *kafka)

    of_topic = orjson.loads(done.stdout)
    read, expected = of_topic.pop("read"), of_file.pop("read")
    assert of_topic == of_file
    assert (
        (read["records"], read["counted"]) == (expected["records"], expected["counted"]) == (91, 90)
    )
    assert read["rejected"]["not_json"]["first"] == [{"file": "usage[0]", "line": 45}]
    assert orjson.loads(empty.stdout)["weeks"] == 0
    assert (missing.exit_code, "Topic none does not exist" in missing.stderr) == (1, True)


@pytest.mark.slow
def test_a_broker_that_does_not_answer_is_named():
    done = run("--topic", "usage", "--bootstrap", "127.0.0.1:1")

    assert done.exit_code == 3
    assert "No Kafka at 127.0.0.1:1" in done.stderr
