"""Clients that are many, slow or odd, and what they cost the server."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import orjson
import pytest
from server_client import GOOD_QUESTION, asked, sources

from streams.web import query_limit, runner
from streams.web.server import make_app, serve


async def raw(port, *parts, until=b""):
    """Send bytes as they are; returns what comes, to its end or to `until`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    async with asyncio.timeout(60):
        came = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    return came


def sent(*parts, until=b"", **changes):
    async def send():
        server = await serve(make_app(sources(**changes)), "127.0.0.1", 0)
        try:
            return await raw(server.addresses[0][1], *parts, until=until)
        finally:
            await server.cleanup()

    return asyncio.run(send())


SECRET = b"Bearer s3cret"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"get / HTTP/1.1\r\nHost: a\r\nAuthorization: " + SECRET, 400),
        (b"GET / HTTP/1.1\r\nAuthorization: " + SECRET, 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: " + SECRET + b"\x01", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + SECRET * 900, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: s3cret", 417),
        (b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: s3cret", 417),
    ],
)
def test_what_is_not_a_request_is_a_problem_like_others_and_is_not_logged(
    caplog, request_head, status
):
    head, _, body = sent(request_head + b"\r\n\r\n").partition(b"\r\n\r\n")

    assert head.split()[1] == b"%d" % status
    assert b"Content-Type: application/problem+json" in head
    assert b"Server: tokenshare" in head
    assert b"nosniff" in head
    assert orjson.loads(body)["remedy"]
    assert b"s3cret" not in body.replace(b"Unknown Expect: s3cret", b"")
    assert caplog.text == ""


def test_questions_that_take_long_are_worked_on_two_at_a_time_and_only_so_many_wait(monkeypatch):
    monkeypatch.setattr(query_limit, "MAX_WAITING", 3)
    now = most = 0

    async def history(_):
        nonlocal now, most
        now += 1
        most = max(now, most)
        await asyncio.sleep(0.2)
        now -= 1
        return {}

    async def ask_at_once():
        server = await serve(make_app(sources(history=history)), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.addresses[0][1]}{GOOD_QUESTION}"
        async with aiohttp.ClientSession() as session:

            async def once():
                async with session.get(url) as response:
                    return response.status, response.headers.get("Retry-After")

            answers = await asyncio.gather(*(once() for _ in range(9)))
        await server.cleanup()
        return answers

    answers = asyncio.run(ask_at_once())

    assert most == 2
    assert sorted(answers) == [(200, None)] * 5 + [(503, "5")] * 4


def test_nothing_is_worked_out_for_who_has_gone():
    steps = []

    async def history(question):
        steps.append(question.step)
        await asyncio.sleep(0.3)
        return {}

    async def go_away():
        server = await serve(make_app(sources(history=history)), "127.0.0.1", 0)
        port = server.addresses[0][1]
        writers = []
        for step in ("1h", "1h", "1d", "1d"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            path = f"/api/v1/history?dimension=origin&step={step}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            writers.append(writer)
            await asyncio.sleep(0.02)
        for writer in writers[2:]:
            writer.close()
        await asyncio.sleep(0.5)
        await server.cleanup()

    asyncio.run(go_away())

    assert steps == ["1h", "1h"]


def test_many_who_ask_for_the_shares_of_one_snapshot_get_the_same_bytes():
    made, moments = [], iter([1.0, 1.0, 1.0, 2.0])

    def shares(dimensions):
        made.append(dimensions)
        return {"as_of": len(made)}

    paths = ["/api/v1/shares?dimensions=origin", "/api/v1/shares", *["/api/v1/shares"] * 2]

    def moment():
        return {"generated_at": next(moments)}

    answers = asyncio.run(asked(paths, shares=shares, moment=moment))

    assert [answer.json["as_of"] for answer in answers] == [1, 2, 2, 3]


def test_whoever_takes_no_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(runner, "SEND_SECONDS", 0.3)
    body = {"reasons": ["x" * 1000] * 20_000}

    async def take_nothing():
        server = await serve(make_app(sources(shares=lambda _: body)), "127.0.0.1", 0)
        listening = socket.create_connection(("127.0.0.1", server.addresses[0][1]))
        listening.sendall(b"GET /api/v1/shares HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(1)
        # A machine under load takes its time for 20 MB.
        listening.settimeout(30)
        length = 0
        try:
            while part := await asyncio.to_thread(listening.recv, 1 << 20):
                length += len(part)
        except ConnectionResetError:
            pass
        listening.close()
        await server.cleanup()
        return length

    assert 0 < asyncio.run(take_nothing()) < 20_000_000


def test_of_too_many_connections_the_idlest_is_closed(monkeypatch):
    monkeypatch.setattr(runner, "max_connections", lambda: 2)
    question = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

    async def crowd():
        server = await serve(make_app(sources()), "127.0.0.1", 0)
        port = server.addresses[0][1]
        first, half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        half[1].write(question[:20])
        await asyncio.sleep(0.05)
        first[1].write(question)
        await first[0].readuntil(b'"ok"}')
        third = await asyncio.open_connection("127.0.0.1", port)
        assert await half[0].read() == b""
        for reader, writer in (first, third):
            writer.write(question)
            assert b"200" in await reader.readuntil(b'"ok"}')
        await server.cleanup()

    asyncio.run(crowd())
