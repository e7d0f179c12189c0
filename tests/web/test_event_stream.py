"""The stream that announces new snapshots."""

from __future__ import annotations

import asyncio

import aiohttp
from server_client import ask, sources

from streams.web import event_stream
from streams.web.server import make_app, serve


def test_the_stream_announces_new_snapshots_and_ends_with_the_server():
    moments = iter([{"as_of": 1.0}, {"as_of": 1.0}, *({"as_of": 2.0} for _ in range(100))])

    async def listen():
        app = make_app(sources(moment=lambda: next(moments)))
        runner = await serve(app, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/events"
        async with aiohttp.ClientSession() as session, session.get(url) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            head = await stream.content.readuntil(b"\n\n")
            events = [await stream.content.readuntil(b"\n\n") for _ in range(2)]
            ending = asyncio.create_task(runner.cleanup())
            rest = await asyncio.wait_for(stream.content.read(), 30)
            await ending
        return head, events, rest

    head, events, rest = asyncio.run(listen())
    assert head == b"retry: 2000\n\n"
    assert events == [
        b'event: picture\ndata: {"as_of":1.0}\n\n',
        b'event: picture\ndata: {"as_of":2.0}\n\n',
    ]
    assert rest == b""


def test_more_listeners_than_are_taken_are_given_a_remedy(monkeypatch):
    monkeypatch.setattr(event_stream, "MAX_LISTENERS", 0)
    answer = ask("/api/v1/events")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "30"
