"""Connections whose login ends: replaced in time, and a refused token is seen."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import SaslAuthenticationFailed

from streams.kafka import aio_login

KEY = (1, 0)


class Connection:
    """As much of aiokafka's connection as its client looks at here."""

    _request_timeout = 5.0
    _sasl_oauth_token_provider = None

    def __init__(self, renew_at):
        self.renew_at = renew_at
        self._requests = deque()
        self.is_open = True
        self.closed = asyncio.Event()

    def connected(self):
        return self.is_open

    def close(self):
        self.is_open = False
        self.closed.set()


@pytest.fixture
def ask(monkeypatch):
    """A function that asks a client with one connection for it; a new one would be `fresh`."""

    async def ask(old, fresh):
        client = object.__new__(AIOKafkaClient)
        client._conns = {KEY: old}

        async def stock(self, node_id, *, group, no_hint):
            if KEY not in self._conns and fresh is not None:
                self._conns[KEY] = fresh
            return self._conns.get(KEY)

        monkeypatch.setattr(aio_login, "_get_conn", stock)
        return await aio_login._get_renewed_conn(client, 1, group=0), client._conns

    return ask


def test_a_connection_is_kept_while_its_login_lasts(ask):
    old = Connection(float("inf"))
    found, _ = asyncio.run(ask(old, Connection(0)))
    assert found is old
    assert old.is_open


def test_it_is_replaced_before_its_login_ends_and_closed_once_answered(ask):
    async def check():
        old, fresh = Connection(0.0), Connection(float("inf"))
        old._requests.append("in flight")
        found, connections = await ask(old, fresh)
        assert found is fresh
        assert connections == {KEY: fresh}
        await asyncio.sleep(2 * aio_login.DRAIN_STEP_SECONDS)
        assert old.is_open
        old._requests.clear()
        await old.closed.wait()

    asyncio.run(check())


def test_the_old_one_goes_on_where_there_is_no_new_one(ask):
    old = Connection(0.0)
    found, connections = asyncio.run(ask(old, None))
    assert found is old
    assert connections == {KEY: old}
    assert old.is_open
    assert old.renew_at > 0


def test_a_refused_token_is_an_error_even_from_a_broker_that_goes_on():
    class Provider:
        async def token(self):
            return "a.b.c"

        def extensions(self):
            return {}

    async def check():
        aio_login.install()
        login = OAuthAuthenticator(sasl_oauth_token_provider=Provider())
        assert await login.step(None) == (b"n,,\x01auth=Bearer a.b.c\x01\x01", True)
        assert await login.step(b'{"status":"invalid_token"}') == (b"\x01", True)
        with pytest.raises(SaslAuthenticationFailed):
            await login.step(b"{}")

        accepted = OAuthAuthenticator(sasl_oauth_token_provider=Provider())
        await accepted.step(None)
        assert await accepted.step(b"") is None

    asyncio.run(check())
