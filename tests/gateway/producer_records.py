"""What a producer has written, and where it writes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition

from streams.decode.event import MAX_TOKENS, UsageEvent
from streams.demo.broker import EmbeddedBroker, free_port
from streams.gateway.producer import UsageProducer

CHINESE = "请用简单的话解释一下量子计算机是怎么工作的，谢谢。"
#: Far more than anything takes here; a machine that others use may need it.
PATIENCE_SECONDS = 40.0


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def topic(request):
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:100]


@pytest.fixture
def producer(broker, topic):
    with UsageProducer(broker.bootstrap, topic, tenant_salt="pepper") as made:
        yield made


@pytest.fixture
def absent():
    """The address of a broker that is not there, or not yet."""
    return f"127.0.0.1:{free_port()}"


def records(bootstrap, topic):
    """All records of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(consumer.position(each) < end for each, end in ends.items()):
            assert time.monotonic() < deadline
            for batch in consumer.poll(timeout_ms=100).values():
                found.extend(batch)
        return found
    finally:
        consumer.close()


def events(bootstrap, topic):
    return [msgspec.json.decode(each.value, type=UsageEvent) for each in records(bootstrap, topic)]


def send(producer, **other):
    return producer.send(**{"model": "m", "prompt_tokens": 1, "completion_tokens": 2} | other)


class Hostile:
    """Raises at every touch."""

    def _no(self, *_):
        raise ZeroDivisionError

    __str__ = __repr__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __int__ = _no
    __float__ = __index__ = __getitem__ = __getattr__ = __lt__ = __contains__ = _no


class HostileDict(dict):
    get = __getitem__ = __contains__ = __iter__ = Hostile._no


class HostileText(str):
    __slots__ = ()
    __getitem__ = strip = __str__ = __len__ = Hostile._no


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.builds(Hostile)
    | st.builds(HostileDict)
    | st.builds(HostileText, st.text())
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "messages", "text", "type"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
arguments = given(
    positional=st.tuples(
        anything | st.text(min_size=1),
        anything | st.integers(0, MAX_TOKENS),
        anything | st.integers(0, MAX_TOKENS),
    ),
    named=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("ts", "language", "prompt", "tenant", "id"), anything),
    ),
)


def run(code, *arguments, seconds=PATIENCE_SECONDS):
    """Run a script, and return what it printed and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done, time.monotonic() - began
