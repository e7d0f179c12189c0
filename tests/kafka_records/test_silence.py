"""Connections to a broker that goes silent, over a socket of this test's own."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import weakref

import pytest
from aiokafka import client, conn
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest

from streams.kafka import silence

VERSIONS = {0: 3, 3: 1, 10: 1, 11: 1, 12: 1, 14: 1, 18: 0}
API_VERSIONS = 18


class Broker:
    """Says which requests it knows, and answers no other one until it is asked to."""

    def __init__(self):
        self.connections = 0
        self.is_frozen = False
        self.writers = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.writers:
            writer.close()

    async def serve(self, reader, writer):
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                api, _, number = struct.unpack_from(">hhi", request)
                if api == API_VERSIONS and not self.is_frozen:
                    known = b"".join(struct.pack(">hhh", key, 0, v) for key, v in VERSIONS.items())
                    answer(writer, number, struct.pack(">hi", 0, len(VERSIONS)) + known)


def answer(writer, number, body):
    writer.write(struct.pack(">ii", len(body) + 4, number) + body)


def join(rebalance_ms=0):
    return JoinGroupRequest("group", 6000, rebalance_ms, "", None, "consumer", [("faust", b"")])


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(silence, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(silence, "LOOK_SECONDS", 0.05)
    for owner, name in ((conn, "AIOKafkaProtocol"), (client, "create_conn")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(AIOKafkaConnection, "send", AIOKafkaConnection.send)
    silence.install()


@contextlib.asynccontextmanager
async def connected():
    async with Broker() as broker:
        connection = AIOKafkaConnection("127.0.0.1", broker.port)
        await connection.connect()
        try:
            yield broker, connection
        finally:
            connection.close()


@pytest.mark.parametrize(
    "request_",
    [MetadataRequest([]), HeartbeatRequest("g", 1, "m"), FindCoordinatorRequest("g", 0), join()],
    ids=["metadata", "heartbeat", "coordinator", "join"],
)
def test_a_connection_that_owes_an_answer_is_closed(request_, caplog):
    async def ask():
        async with connected() as (_, connection):
            with pytest.raises(KafkaConnectionError):
                await asyncio.wait_for(connection.send(request_), 20)
            assert not connection.connected()

    asyncio.run(ask())
    assert "is silent" in caplog.text


@pytest.mark.parametrize(
    "request_",
    [join(60_000), SyncGroupRequest("g", 1, "m", None, [])],
    ids=["join", "sync"],
)
def test_what_waits_for_other_members_is_waited_for(request_):
    async def ask():
        async with connected() as (_, connection):
            waiting = asyncio.ensure_future(connection.send(request_))
            await asyncio.sleep(0.6)
            assert connection.connected()
            waiting.cancel()

    asyncio.run(ask())


def test_an_answer_that_comes_slowly_is_waited_for():
    async def ask():
        async with connected() as (broker, connection):
            waiting = asyncio.ensure_future(connection.send(MetadataRequest([])))
            ((number, _, _),) = connection._requests
            body = struct.pack(">iii", 0, 0, 0)
            for byte in struct.pack(">ii", len(body) + 4, number) + body:
                await asyncio.sleep(0.05)
                broker.writers[-1].write(bytes([byte]))
            assert (await asyncio.wait_for(waiting, 20)).brokers == []

    asyncio.run(ask())


def test_a_connection_without_requests_is_left_alone_and_looked_at_again():
    async def ask():
        async with connected() as (_, connection):
            await asyncio.sleep(0.6)
            assert connection.connected()
            with pytest.raises(KafkaConnectionError):
                await asyncio.wait_for(connection.send(MetadataRequest([])), 20)

    asyncio.run(ask())


def test_a_quota_explains_silence():
    async def ask():
        async with connected() as (_, connection):
            answered = asyncio.get_running_loop().create_future()
            answered.set_result(type("Answer", (), {"throttle_time_ms": 60_000}))
            silence._mute_of(weakref.ref(connection))(answered)
            waiting = asyncio.ensure_future(connection.send(MetadataRequest([])))
            await asyncio.sleep(0.6)
            assert connection.connected()
            waiting.cancel()

    asyncio.run(ask())


def test_clients_of_a_frozen_broker_do_not_wait_for_it_one_after_the_other(monkeypatch):
    monkeypatch.setattr(silence, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(silence, "PAUSE_SECONDS", 60.0)

    async def ask():
        async with Broker() as broker:
            broker.is_frozen = True
            asking = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
            asking.cluster._brokers = {1: type("B", (), {"host": "127.0.0.1", "port": broker.port})}
            assert await asyncio.gather(*(asking.ready(1) for _ in range(50))) == [False] * 50
            assert broker.connections == 1
            await asking.close()

    asyncio.run(ask())


@pytest.mark.parametrize("is_first", [True, False])
def test_a_first_connection_has_all_the_time_of_a_request(monkeypatch, is_first):
    monkeypatch.setattr(silence, "CONNECT_SECONDS", 0.0)

    async def connect():
        async with Broker() as broker:
            asking = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
            asking.cluster._brokers = {1: type("B", (), {"host": "127.0.0.1", "port": broker.port})}
            if not is_first:
                assert not await asking.ready(1)
                return
            made = await client.create_conn("127.0.0.1", broker.port, request_timeout_ms=20_000)
            await made.send(ApiVersionRequest())
            made.close()

    asyncio.run(connect())


def test_a_connection_that_is_made_has_all_the_time_of_a_request():
    async def connect():
        async with Broker() as broker:
            asking = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
            asking.cluster._brokers = {1: type("B", (), {"host": "127.0.0.1", "port": broker.port})}
            made = await asking._get_conn(1)
            assert made._request_timeout == asking._request_timeout_ms / 1000
            await asking.close()

    asyncio.run(connect())
