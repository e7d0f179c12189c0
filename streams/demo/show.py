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
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from streams import process
from streams.classify.keys import name_of
from streams.demo.broker import EmbeddedBroker
from streams.demo.live_gateway import Gateway, gateway_events
from streams.demo.sender import Sender
from streams.demo.study_year import study_events
from streams.report import data, formatting, text
from streams.report.summary import summary_of_worker
from streams.settings import load
from streams.shares.windows import WINDOWS
from streams.worker.run import run as run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.classify.keys import Dimension
    from streams.demo.truth import Simulated
    from streams.report.summary import Summary
    from streams.web.snapshot import Snapshot
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
            self._console.print(_screen(worker, live=False))
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
                    console.print(_screen(worker))

            yield print_now_and_then
            return
        with Live(_screen(worker), console=console, auto_refresh=False) as live:
            yield lambda: live.update(_screen(worker), refresh=True)


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


def _screen(worker: Worker, *, live: bool = True) -> Group:
    snapshot = worker.snapshot
    hour = snapshot.windows.get("1h")
    lag = sum(status.lag or 0 for status in snapshot.partitions)
    as_of = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(snapshot.as_of))
    requests = hour.requests if hour is not None else 0
    tokens = hour.tokens if hour is not None else 0
    address = _address(worker)
    where = Text(f"The page: {address}   metrics: {address}metrics   Ctrl-C ends it.")
    ending = [where] if live else []
    return Group(
        Text(f"tokenshare, simulated traffic   as of {as_of} UTC   lag {lag} records"),
        Text(f"last hour: {requests:,} requests, {formatting.amount(tokens)} tokens"),
        _shares_table(snapshot, "origin"),
        _shares_table(snapshot, "language", rows=8),
        *ending,
    )


def _shares_table(snapshot: Snapshot, dimension: Dimension, rows: int = 10) -> Table:
    """Return a table of token shares by window: one key per row, sorted by the longest window."""
    table = Table(title=f"tokens by {dimension}", title_justify="left", expand=False)
    table.add_column(dimension)
    for window in WINDOWS:
        table.add_column(window.name, justify="right")
    ratios = {
        name: {share.key: share.tokens_ratio for share in window.dimensions[dimension]}
        for name, window in snapshot.windows.items()
    }
    longest = snapshot.windows.get(WINDOWS[-1].name)
    for share in longest.dimensions[dimension][:rows] if longest is not None else ():
        table.add_row(
            name_of(dimension, share.key),
            *(formatting.percent(ratios[window.name].get(share.key)) for window in WINDOWS),
        )
    return table
