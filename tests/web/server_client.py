"""A server with little in it on a loopback port, and requests to it."""

from __future__ import annotations

import asyncio
import dataclasses

import aiohttp
import orjson

from streams.web.server import Sources, make_app, serve

ROUTES = [
    "/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/shares",
    "/api/v1/history",
    "/api/v1/unknown",
]
GOOD_QUESTION = "/api/v1/history?dimension=origin&step=1h"


def answered(work):
    """Return a source that answers later, as the history does."""

    async def answer(*asked):
        return work(*asked)

    return answer


def sources(**changes):
    """Return sources with little in them; a test changes what it is about."""
    return Sources(
        **{
            "shares": lambda dimensions: {"as_of": 1.5, "ready": True},
            "history": answered(lambda asked: {"asked": dataclasses.astuple(asked)[:4]}),
            "unknown": lambda window: {"window": window},
            "shifts": lambda: {"shifts": []},
            "movers": answered(lambda asked: {"key": asked.key}),
            "moment": lambda: {"as_of": 1.5, "generated_at": 2.0, "ready": True},
            "readiness": list,
            "metrics": lambda accept: (b"up 1\n", "text/plain; version=0.0.4; charset=utf-8"),
        }
        | changes
    )


class Answer:
    """What came over the wire, with the body as it was sent."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return orjson.loads(self.body)


async def asked(paths, method="GET", headers=None, access=None, **changes):
    runner = await serve(make_app(sources(**changes), access), "127.0.0.1", 0)
    try:
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        plain = {"Accept-Encoding": "identity"} | (headers or {})
        answers = []
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            for path in paths:
                url = f"{base}{path}"
                async with session.request(method, url, headers=plain) as response:
                    answer = Answer(response.status, response.headers, await response.read())
                    answers.append(answer)
        return answers
    finally:
        await runner.cleanup()


def ask(path, method="GET", headers=None, access=None, **changes):
    return asyncio.run(asked([path], method, headers, access, **changes))[0]
