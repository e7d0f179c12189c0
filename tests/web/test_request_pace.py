"""However many requests are there at once, the rest of the process runs in between."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web

from streams.web import runner as runner_module
from streams.web.request_pace import BUSY_SECONDS, RequestPace
from streams.web.runner import Runner

REQUESTS = 300
#: Each of them takes so long of the event loop.
SECONDS = BUSY_SECONDS / 4


def runs_between_heartbeats(requests):
    """Return how many requests ran at most from one iteration of the event loop to the next."""
    clock = SimpleNamespace(now=0.0)
    pace = RequestPace(lambda: clock.now)
    done: list[int] = []
    marks: list[int] = []

    async def answer(number):
        for _ in range(3):
            await pace.admit()
            clock.now += SECONDS
            done.append(number)

    async def beat():
        while len(done) < 3 * requests:
            marks.append(len(done))
            await asyncio.sleep(0)

    async def run():
        await asyncio.gather(beat(), *map(answer, range(requests)))

    asyncio.run(run())
    return max(after - before for before, after in zip(marks, [*marks[1:], len(done)], strict=True))


@pytest.mark.parametrize("requests", [1, 20, REQUESTS])
def test_the_rest_of_the_process_runs_after_a_few_requests(requests):
    assert runs_between_heartbeats(requests) <= BUSY_SECONDS / SECONDS + 1


def test_liveness_is_answered_before_those_that_wait():
    async def run():
        answered, done = [], asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            await asyncio.sleep(0)
            answered.append(request.path)
            done.set()
            return web.Response(text="ok")

        class Never(RequestPace):
            async def admit(self) -> None:
                await asyncio.Event().wait()

        app = web.Application()
        app.router.add_get("/{any}", answer)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner_module, "RequestPace", Never)
            runner = Runner(app)
            await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        for path in ("metrics", "healthz"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await asyncio.wait_for(done.wait(), 30)
        await runner.cleanup()
        return answered

    assert asyncio.run(run()) == ["/healthz"]


def test_requests_of_many_connections_are_not_answered_all_at_once(monkeypatch):
    monkeypatch.setattr("streams.web.request_pace.BUSY_SECONDS", 0.0001)
    spent, beats = [], []

    async def answer(_: web.Request) -> web.Response:
        # Far longer than a request may run without a pause.
        done = asyncio.get_running_loop().time() + 0.001
        while asyncio.get_running_loop().time() < done:
            pass
        spent.append(len(beats))
        return web.Response(text="ok")

    async def run():
        app = web.Application()
        app.router.add_get("/", answer)
        runner = Runner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for _, writer in opened:
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        while len(spent) < 60:
            beats.append(len(spent))
            await asyncio.sleep(0)
        for _, writer in opened:
            writer.close()
        await runner.cleanup()

    asyncio.run(run())
    # No iteration of the event loop has had more than one.
    assert len(set(spent)) == len(spent)
