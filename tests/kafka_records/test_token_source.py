"""The token of a login: kept while it is good, fetched once for all, replaced before its end."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.kafka.aio_login import TokenProvider
from streams.kafka.token_source import FIRST_PAUSE_SECONDS, Token, TokenError, TokenSource


class Endpoint:
    """Fetches tokens 1, 2, … of a lifetime, after a wait; or fails."""

    def __init__(self, lifetime=3600.0):
        self.lifetime = lifetime
        self.fails = False
        self.count = 0
        self.open = threading.Event()
        self.open.set()

    def __call__(self):
        began = time.monotonic()
        assert self.open.wait(20)
        self.count += 1
        if self.fails:
            raise TokenError("no", "do", is_final=True)
        return Token(f"token-{self.count}", began, self.lifetime)


def expire(source, *, part):
    """Move a source's token to a part of its life."""
    token = source._token
    source._token = Token(token.value, time.monotonic() - part * token.lifetime, token.lifetime)


def test_a_token_is_fetched_once_for_all_who_ask():
    endpoint = Endpoint()
    endpoint.open.clear()
    source = TokenSource(endpoint)
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(source.token) for _ in range(8)]
        endpoint.open.set()
        found = {each.result().value for each in asking}

    assert found == {"token-1"}
    assert endpoint.count == 1
    assert source.problem == ""


def test_it_is_replaced_before_it_expires():
    endpoint = Endpoint()
    source = TokenSource(endpoint)
    source.token()
    expire(source, part=0.79)
    assert source.token().value == "token-1"
    expire(source, part=0.81)
    assert source.token().value == "token-2"


def test_the_old_one_is_used_as_long_as_it_lasts_while_the_endpoint_is_away(caplog):
    endpoint = Endpoint()
    source = TokenSource(endpoint)
    source.token()
    endpoint.fails = True
    expire(source, part=0.9)
    assert source.token().value == "token-1"
    assert source.token().value == "token-1"
    assert source.problem == ""
    assert endpoint.count == 2, "a second attempt at once"
    assert [line.levelno for line in caplog.records] == [logging.WARNING]
    expire(source, part=0.999)
    with pytest.raises(TokenError, match=r"no\. do"):
        source.token()
    assert source.problem == "no. do"


def test_an_endpoint_that_fails_is_not_asked_at_each_connection():
    endpoint = Endpoint()
    endpoint.fails = True
    source = TokenSource(endpoint)
    for _ in range(50):
        with pytest.raises(TokenError) as caught:
            source.token()
        assert caught.value.is_final
    assert endpoint.count == 1

    endpoint.fails = False
    time.sleep(FIRST_PAUSE_SECONDS)
    assert source.token().value == "token-2"


def test_a_slow_endpoint_holds_up_nobody_who_has_a_token(monkeypatch):
    monkeypatch.setattr("streams.kafka.token_source.PATIENCE_SECONDS", 0.05)
    endpoint = Endpoint()
    source = TokenSource(endpoint)
    source.token()
    expire(source, part=0.9)
    endpoint.open.clear()
    assert source.token().value == "token-1"
    assert asyncio.run(TokenProvider(source, ()).token()) == "token-1"
    endpoint.open.set()


def test_a_wait_ends_with_an_error(monkeypatch):
    monkeypatch.setattr("streams.kafka.token_source.WAIT_SECONDS", 0.05)
    endpoint = Endpoint()
    endpoint.open.clear()
    source = TokenSource(endpoint)
    with pytest.raises(TokenError, match="too long"):
        source.token()
    with pytest.raises(TokenError, match="too long"):
        asyncio.run(TokenProvider(source, ()).token())
    endpoint.open.set()


def test_who_waits_for_a_token_while_the_old_one_expires_gets_the_new_one():
    endpoint = Endpoint(lifetime=1.0)
    source = TokenSource(endpoint)
    source.token()
    expire(source, part=0.85)
    endpoint.open.clear()
    with ThreadPoolExecutor(2) as pool:
        asking = [
            pool.submit(lambda: source.token().value),
            pool.submit(lambda: asyncio.run(TokenProvider(source, ()).token())),
        ]
        while source.usable() is not None:
            time.sleep(0.01)
        endpoint.lifetime = 3600.0
        endpoint.open.set()
        assert [each.result() for each in asking] == ["token-2", "token-2"]


def test_event_loops_share_it():
    endpoint = Endpoint()
    source = TokenSource(endpoint)
    provider = TokenProvider(source, (("one", "1"),))

    async def ask():
        return await asyncio.gather(*(provider.token() for _ in range(5)))

    assert set(asyncio.run(ask()) + asyncio.run(ask())) == {"token-1"}
    assert provider.extensions() == {"one": "1"}
    endpoint.fails = True
    expire(source, part=0.999)
    with pytest.raises(TokenError, match=r"no\. do"):
        asyncio.run(provider.token())


def test_an_error_of_another_kind_shows_its_type_only():
    def fetch():
        raise RuntimeError("hush")

    with pytest.raises(TokenError, match="RuntimeError") as caught:
        TokenSource(fetch).token()
    assert "hush" not in str(caught.value)


def test_no_token_is_in_a_representation():
    assert "hush" not in repr(Token("hush", 0.0, 1.0))


def test_a_child_of_a_fork_fetches_its_own():
    endpoint = Endpoint()
    source = TokenSource(endpoint)
    source.token()
    # As if another thread held it at the fork.
    source._lock.acquire()
    child = os.fork()
    if not child:
        os._exit(0 if source.token().value == "token-2" else 1)
    source._lock.release()
    assert os.waitpid(child, 0)[1] == 0
