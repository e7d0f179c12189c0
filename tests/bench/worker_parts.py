"""Parts that run a worker or send to one: whole path, serve, latency.

Each runs in a process of its own and returns its figures.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import sys
import time
from typing import TYPE_CHECKING, Any

from generated_events import events
from measuring import PATIENCE_SECONDS, Clock, memory, print_figures, scrape, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.worker.worker import Worker


LATENCY_RATE = 20_000
LATENCY_SECONDS = 15.0
LATENCY_STEP_SECONDS = 0.05


def whole(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a worker over the full topic, from its first event to its last one shown."""
    figures: dict[str, Any] = {}

    async def beside(worker: Worker) -> None:
        # The first flush after a restore is due 0.5 s later; the first batch comes before that.
        while not worker.partitions:
            await asyncio.sleep(0.002)
        clock = Clock()
        figures["rss_mb_at_start"] = memory()["rss_mb"]
        while _counted(worker) < arguments.events:
            await asyncio.sleep(0.02)
        figures["wall_seconds_until_counted"] = clock.wall()
        figures["cpu_seconds_until_counted"] = clock.cpu()
        while not _is_shown(worker, arguments.events):
            await asyncio.sleep(0.02)
        figures.update(clock.figures(arguments.events))
        figures.update(memory())

    _work(arguments, beside)
    return figures


def serve(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a worker until the parent closes standard input; print its memory when it is asked."""

    async def beside(worker: Worker) -> None:
        while worker.readiness():
            await asyncio.sleep(0.01)
        print_figures({"ready": True} | memory())
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            wanted = int(line)
            while not _is_shown(worker, wanted):
                await asyncio.sleep(0.02)
            print_figures(memory() | {"cpu_seconds": time.process_time()})

    _work(arguments, beside)
    return {}


def _work(arguments: argparse.Namespace, beside: Callable[[Worker], Any]) -> None:
    from streams import process
    from streams.worker.run import run

    settings = settings_of(arguments)
    process.set_up_logging(settings)
    code = run(settings, beside)
    if code:
        raise SystemExit(code)


def _counted(worker: Worker) -> int:
    return sum(each.held.totals.records.get("counted/", 0) for each in worker.partitions.values())


def _is_shown(worker: Worker, number: int) -> bool:
    return worker.snapshot.records.get("counted/", 0) >= number


def latency(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send events at a steady rate and measure when /metrics has them."""
    return asyncio.run(_latency(arguments))


async def _latency(arguments: argparse.Namespace) -> dict[str, Any]:
    from streams.demo.sender import Sender

    sent: list[tuple[int, float]] = []
    seen: list[tuple[int, float]] = []
    step = round(LATENCY_RATE * LATENCY_STEP_SECONDS)
    number = round(LATENCY_SECONDS * LATENCY_RATE)
    source = events(number, time.time())
    stopping = asyncio.Event()

    def poll() -> tuple[int, float]:
        counted = scrape(arguments.port)[1]
        return counted, time.monotonic()

    async def watch() -> None:
        while not stopping.is_set():
            seen.append(await asyncio.to_thread(poll))
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    async with Sender(arguments.bootstrap, arguments.topic) as sender:
        begin = time.monotonic()
        for turn in range(number // step):
            chunk = list(itertools.islice(source, step))
            await asyncio.sleep(max(0.0, begin + turn * LATENCY_STEP_SECONDS - time.monotonic()))
            sent.append(((turn + 1) * step, time.monotonic()))
            await sender.send(chunk)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (not seen or seen[-1][0] < number) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    stopping.set()
    await watching
    # The first second has the worker's caches to fill and a quiet flush before it.
    waits = sorted(
        next(at for counted, at in seen if counted >= upto) - sent_at
        for upto, sent_at in sent
        if sent_at > begin + 1.0
    )
    return {
        "rate": LATENCY_RATE,
        "probes": len(waits),
        "p50_seconds": waits[len(waits) // 2],
        "p99_seconds": waits[math.ceil(len(waits) * 0.99) - 1],
    }
