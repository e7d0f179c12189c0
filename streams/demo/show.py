"""The demo: a broker, a simulated gateway and a worker in one process, shown in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.live import Live

from streams import process
from streams.demo.broker import EmbeddedBroker
from streams.demo.live_gateway import Gateway, gateway_events
from streams.demo.screen import screen
from streams.demo.sender import Sender
from streams.demo.study_year import study_events
from streams.report import data, formatting, text
from streams.report.summary import summary_of_worker
from streams.settings import load
from streams.worker.run import run as run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Group

    from streams.demo.truth import Simulated
    from streams.report.summary import Summary
    from streams.worker.worker import Worker

DAY_SECONDS = 86_400

#: Requests per second of the live part, averaged over a week: enough to show movement.
LIVE_RATE = 2.0
#: The history has fewer, so that a month of it is sent within seconds.
HISTORY_EVENTS_PER_DAY = 15_000
#: With --speed the last day is replayed at that speed, until it reaches the current time.
REPLAYED_SECONDS = DAY_SECONDS

PLAIN_SCREEN_SECONDS = 60.0

_STUDY_EVENTS = 400_000


@dataclass(frozen=True, slots=True)
class Options:
    """The command line options."""

    study: bool
    once: bool
    as_json: bool
    speed: float
    days: int
    seed: int
    web_host: str
    web_port: int


def run(options: Options) -> int:
    """Run the demo until it is done or interrupted; return the exit code.

    Raises BrokerError where the embedded broker is not installed or does not start.
    """
    with EmbeddedBroker() as broker:
        settings = load(
            bootstrap_servers=broker.bootstrap,
            security_protocol="PLAINTEXT",
            topic="llm-usage",
            group="tokenshare-demo",
            dead_letter_topic="llm-usage-dead-letter",
            partitions=4,
            create_topics=True,
            # With --once nobody views the page, and the port may be in use.
            web_host=options.web_host,
            web_port=0 if options.once else options.web_port,
            # The embedded broker waits half of it for other members of the group.
            rebalance_timeout_seconds=3.0,
            simulated=True,
        )
        process.set_up_logging(settings)
        logging.getLogger("tokenshare").setLevel(logging.WARNING)
        console = Console(stderr=options.as_json)
        demo = _Demo(options, broker.bootstrap, settings.topic, console)
        return run_worker(settings, demo.beside)


class _Demo:
    def __init__(self, options: Options, bootstrap: str, topic: str, console: Console) -> None:
        self._options = options
        self._bootstrap = bootstrap
        self._topic = topic
        self._console = console

    async def beside(self, worker: Worker) -> None:
        """Run the tasks beside the worker."""
        await _until_ready(worker)
        async with Sender(self._bootstrap, self._topic) as sender:
            if self._options.study:
                await self._replay_study(worker, sender)
            else:
                await self._live(worker, sender)

    async def _seed(
        self, worker: Worker, sender: Sender, events: Iterable[Simulated], about: int, what: str
    ) -> None:
        """Send events and wait until the worker has counted them all."""
        with formatting.progress_bar(self._console) as progress:
            sending = progress.add_task(f"sending {what}", total=about)
            truth = await sender.send(
                events, progress=lambda sent: progress.update(sending, completed=sent)
            )
            progress.update(sending, total=truth.requests, completed=truth.requests)
            counting = progress.add_task("counting", total=truth.requests)
            while (counted := worker.snapshot.records.get("counted/", 0)) < truth.requests:
                progress.update(counting, completed=counted)
                await asyncio.sleep(0.1)
            progress.update(counting, completed=counted)

    async def _replay_study(self, worker: Worker, sender: Sender) -> None:
        events = study_events(self._options.seed)
        await self._seed(worker, sender, events, _STUDY_EVENTS, "the 56 weeks of the study")
        found = _weeks(worker)
        if self._options.as_json:
            body = orjson.dumps(data.as_json(found), option=orjson.OPT_INDENT_2)
            sys.stdout.write(body.decode() + "\n")
            sys.stdout.flush()
        else:
            for each in text.for_terminal(found, self._console.width):
                self._console.print(each)
        if not self._options.once:
            self._console.print(f"The page: {_address(worker)}   Ctrl-C ends it.")
            await asyncio.Event().wait()

    async def _live(self, worker: Worker, sender: Sender) -> None:
        options = self._options
        now = time.time()
        behind = 0.0 if options.speed <= 1 else REPLAYED_SECONDS
        begin = now - behind
        count = options.days * HISTORY_EVENTS_PER_DAY
        history = gateway_events(options.seed, now - options.days * DAY_SECONDS, begin, count=count)
        await self._seed(worker, sender, history, count, f"{options.days} days of history")
        if options.once:
            self._console.print(_screen(worker, self._console, live=False))
            return
        gateway = Gateway(options.seed, begin, LIVE_RATE)
        started = time.monotonic()
        with self._screen_of(worker) as show:
            while True:
                # Faster than real time, but never ahead of it.
                until = time.time()
                if options.speed > 1:
                    until = min(until, begin + (time.monotonic() - started) * options.speed)
                await sender.send(gateway.until(until))
                show()
                await asyncio.sleep(0.5)

    @contextlib.contextmanager
    def _screen_of(self, worker: Worker) -> Iterator[Callable[[], None]]:
        """Return a live screen on a terminal; elsewhere one screen a minute."""
        console = self._console
        if not console.is_terminal:
            shown_at = -1e9

            def print_now_and_then() -> None:
                nonlocal shown_at
                if time.monotonic() - shown_at > PLAIN_SCREEN_SECONDS:
                    shown_at = time.monotonic()
                    console.print(_screen(worker, console))

            yield print_now_and_then
            return
        with Live(_screen(worker, console), console=console, auto_refresh=False) as live:
            yield lambda: live.update(_screen(worker, console), refresh=True)


def _weeks(worker: Worker) -> Summary:
    as_of = worker.snapshot.as_of
    return summary_of_worker(
        lambda dimension, step: worker.history.read(dimension, step, None, None, as_of),
        "week",
        simulated=True,
    )


async def _until_ready(worker: Worker) -> None:
    while worker.readiness():  # noqa: ASYNC110 - readiness is polled, not an event
        await asyncio.sleep(0.05)


def _address(worker: Worker) -> str:
    return f"http://{worker.settings.web_host}:{worker.settings.web_port}/"


def _screen(worker: Worker, console: Console, *, live: bool = True) -> Group:
    return screen(worker.snapshot, _address(worker) if live else "", *console.size)
