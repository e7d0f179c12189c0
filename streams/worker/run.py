"""A worker as a process: from its settings to its exit code.

Exit codes: 0 stopped as asked, 1 settings, topics or state are not such that it can run, 3 no
Kafka, 4 the partitions changed under it, 70 it failed or hung. A supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NoReturn, Self

import orjson
from aiokafka.errors import KafkaError

from streams.classify.origin import overrides
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import CatalogError
from streams.counting.partition import SourceReplacedError
from streams.decode import reader
from streams.kafka import admin
from streams.kafka.admin import BrokerError, Topic, TopicError
from streams.settings import SettingsError, environment, unknown_variables
from streams.shifts import movers
from streams.state.codec import StateError
from streams.web import responses, server
from streams.web.access import Access
from streams.web.metrics import Exposition, ProcessFacts
from streams.worker import preflight
from streams.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from streams.settings import Settings
    from streams.web.query import Question, WhatMoved

log = logging.getLogger("tokenshare.process")

OK, MISCONFIGURED, NO_BROKER, PARTITIONS_CHANGED, FAILED = 0, 1, 3, 4, 70

#: After a failure the process has this long to end by itself. Stock Faust sometimes hangs for ever.
STOP_SECONDS = 8.0
#: An event loop that does not move for so long is hung. Recovery of a large state takes less.
HUNG_SECONDS = 60.0
#: Objects made before the collector looks at the young ones.
GC_OBJECTS = 100_000
#: A library's line is not written again for so long.
REPEAT_SECONDS = 60.0
#: How often the source topic is looked at: whether it is the same, with as many partitions.
SOURCE_CHECK_SECONDS = 30.0
#: How often the overrides file is read again.
OVERRIDES_CHECK_SECONDS = 5.0
#: What moved a share takes up to seconds to find, and is told again for so long.
MOVERS_SECONDS = 30.0


class PartitionsChangedError(Exception):
    """The source topic has another number of partitions than this process started with."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a log record."""
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def set_up_logging(settings: Settings) -> None:
    """Write log lines to standard error: ours at the level asked for, the libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter()
        if settings.log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    )
    handler.addFilter(_NotAgain())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if settings.log_level == "DEBUG" else logging.WARNING)
    logging.getLogger("tokenshare").setLevel(settings.log_level)
    # These say at length, at every start and rebalance, what is none of a user's business.
    for name in ("faust", "mode", "streams"):
        logging.getLogger(name).setLevel(root.level)
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.ERROR)
    if settings.log_level != "DEBUG":
        # The admin client of the start-up: what it has to say, our own error says with the remedy.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)


class _NotAgain(logging.Filter):
    """Lets a library say a thing once a minute.

    While Kafka is away, its clients say so dozens of times a second, and our own lines drown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("tokenshare"):
            return True
        # The template, not the text: addresses and numbers differ where the message does not.
        what = record.name, record.msg if record.args else str(record.msg)[:40]
        if record.created - self._said.get(what, 0.0) < REPEAT_SECONDS:
            return False
        if len(self._said) > 1000:
            self._said.clear()
        self._said[what] = record.created
        _calm(record)
        return True


def _calm(record: logging.LogRecord) -> None:
    """Make a library's record one line, and no error of what a first start always meets."""
    if record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = record.exc_text = None
    if "GroupCoordinatorNotAvailableError" in record.getMessage():
        record.levelno, record.levelname = logging.INFO, "INFO"


class Watchdog:
    """Ends a process whose event loop hangs, or that does not end after a failure."""

    def __init__(self) -> None:
        self._alive_at: Callable[[], float] = time.monotonic
        self._end_at = float("inf")
        self._code = FAILED
        self._done = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def watch(self, alive_at: Callable[[], float]) -> None:
        """Look at the moment (of `time.monotonic`) that an event loop moves on."""
        self._alive_at = alive_at

    def end_within(self, seconds: float, code: int) -> None:
        """End the process with `code` unless it has ended in so many seconds."""
        self._code = code
        self._end_at = time.monotonic() + seconds

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            now = time.monotonic()
            if now > self._end_at:
                log.critical("not stopped in time, ending the process")
                os._exit(self._code)
            if now - self._alive_at() > HUNG_SECONDS:
                log.critical("the event loop has not moved for %.0f s, ending", HUNG_SECONDS)
                os._exit(FAILED)


def run(
    settings: Settings,
    beside: Callable[[Worker], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Run a worker until it is told to stop; returns the exit code.

    `beside` runs next to it and ends the worker when it returns: the demo's live table.
    """
    warn_of_misspelt()
    try:
        catalog = Catalog.load(settings.catalog_overrides)
        source = preflight.prepare(settings)
        # Until the event loop is closed: tasks of stock Faust may refuse to end with it.
        with Watchdog() as watchdog:
            return asyncio.run(_run(settings, catalog, source, watchdog, beside))
    except server.WebPortError as error:
        log.error("%s", error.strerror)  # noqa: TRY400
        return MISCONFIGURED
    except CatalogError as error:
        _log_faults(error)
        return MISCONFIGURED
    except (SettingsError, TopicError, StateError) as error:
        log.error("%s", error)  # noqa: TRY400
        return MISCONFIGURED
    except BrokerError as error:
        log.error("%s", error)  # noqa: TRY400
        return NO_BROKER
    except KeyboardInterrupt:
        return OK


def warn_of_misspelt() -> None:
    """Log each TOKENSHARE_ variable that is no setting, with the one that it resembles."""
    for name, close in unknown_variables(environment()):
        log.warning("%s is no setting%s", name, f"; did you mean {close}?" if close else "")


def end(code: int) -> NoReturn:
    """End the process with a code, whatever threads of the libraries are still there."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


async def _run(
    settings: Settings,
    catalog: Catalog,
    source: Topic,
    watchdog: Watchdog,
    beside: Callable[[Worker], Coroutine[Any, Any, None]] | None,
) -> int:
    worker = Worker(settings, catalog, source)
    # A batch is thousands of short-lived objects without cycles. By default each few hundred of
    # them start a collection that looks at all others again: half of the CPU time of a backlog.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 50)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    watchdog.watch(lambda: worker.alive_at)
    token = settings.web_token.get_secret_value().strip()
    access = Access(token, settings.web_cors_origins, settings.web_host)
    app = server.make_app(sources(worker), access)
    web = await server.serve(app, settings.web_host, settings.web_port)
    if not reader.IS_COMPILED:
        log.warning(
            "events are read without compiled code, several times slower: install a C compiler and "
            "Python's headers, then tokenshare anew"
        )
    log.info("page and metrics on http://%s:%s/", settings.web_host, settings.web_port)
    tasks = [
        asyncio.create_task(worker.start()),
        asyncio.create_task(stopping.wait()),
        asyncio.create_task(_watch_source(worker)),
    ]
    if settings.catalog_overrides is not None:
        tasks.append(asyncio.create_task(_watch_overrides(worker, settings.catalog_overrides)))
    if beside is not None:
        tasks.append(asyncio.create_task(beside(worker)))
    code = OK
    try:
        code = await _until_end(worker, tasks)
    finally:
        watchdog.end_within(STOP_SECONDS, code)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await worker.stop()
        await web.cleanup()
        await asyncio.gather(*tasks, return_exceptions=True)
    log.info("stopped")
    return code


async def _until_end(worker: Worker, tasks: list[asyncio.Task[Any]]) -> int:
    _starting, *ending = tasks
    waiting: set[asyncio.Future[Any]] = {worker.fatal, *tasks}
    while True:
        done, waiting = await asyncio.wait(
            waiting, timeout=0.5, return_when=asyncio.FIRST_COMPLETED
        )
        failures: list[BaseException | None] = [
            task.exception() for task in done & {*tasks} if not task.cancelled()
        ]
        if worker.fatal.done():
            failures.append(worker.fatal.result())
        if worker.app.crashed:
            failures.append(worker.app.crash_reason)
        failure = next((each for each in failures if each is not None), None)
        if failure is not None or worker.app.crashed:
            return _exit_code(failure)
        if any(task.done() for task in ending):
            return OK


def _exit_code(failure: BaseException | None) -> int:
    match failure:
        case PartitionsChangedError():
            log.error("%s", failure)
            return PARTITIONS_CHANGED
        case StateError() | SourceReplacedError():
            log.error("%s", failure)
            return MISCONFIGURED
        case KafkaError():
            log.error("Kafka failed: %s", failure)
            return NO_BROKER
        case _:
            log.error("failed, what was not written is counted again", exc_info=failure)
            return FAILED


async def _watch_source(worker: Worker) -> None:
    settings, known = worker.settings, worker.source
    while True:
        await asyncio.sleep(SOURCE_CHECK_SECONDS)
        try:
            found = await asyncio.to_thread(_source_now, settings)
        except (BrokerError, KafkaError):
            continue
        if found is None or found.topic_id != known.topic_id:
            raise SourceReplacedError(
                f"{settings.topic} was deleted{' and made anew' if found else ''}. Set "
                "TOKENSHARE_GROUP to a new name to count a new one from its beginning."
            )
        if found.partitions != known.partitions:
            raise PartitionsChangedError(
                f"{settings.topic} has {found.partitions} partitions now, "
                f"{settings.changelog_topic} has {known.partitions}. Give the changelog "
                f"{found.partitions} as well, then start the workers again; nothing is lost."
            )


async def _watch_overrides(worker: Worker, path: Path) -> None:
    """Take up the overrides file whenever it changes; where it has a fault, the old ones stay."""
    told = ""
    while True:
        await asyncio.sleep(OVERRIDES_CHECK_SECONDS)
        try:
            found = await asyncio.to_thread(overrides.read, path, worker.catalog.overrides)
        except CatalogError as error:
            worker.overrides_are_good = False
            if str(error) != told:
                _log_faults(error)
                log.warning("the overrides read before stay in force")
            told = str(error)
            continue
        if found.text != worker.catalog.overrides.text:
            worker.use(worker.catalog.overridden_by(found))
            worker.overrides_loaded_at = time.time()
            log.info("%s is in force: %s overrides", path, len(list(found.entries())))
        told, worker.overrides_are_good = "", True


def _log_faults(error: CatalogError) -> None:
    for fault in error.faults:
        log.error("%s", fault)


def _source_now(settings: Settings) -> Topic | None:
    client = admin.connect(settings)
    try:
        return admin.find(client, settings.topic).get(settings.topic)
    finally:
        client.close()


def sources(worker: Worker) -> server.Sources:
    """Return what the web server reads of a worker."""
    running = version("tokenshare")
    exposition = Exposition(
        lambda: worker.snapshot,
        lambda: ProcessFacts(
            running,
            worker.flush_seconds,
            worker.flush_failures,
            worker.rebalances,
            worker.follower.recovery_seconds,
            worker.overrides_are_good,
            worker.overrides_loaded_at,
            dead_letters_lost=worker.letter_sender.lost,
        ),
    )
    return server.Sources(
        shares=lambda dimensions: responses.shares(
            worker.snapshot, dimensions, simulated=worker.settings.simulated
        ),
        history=lambda asked: _history(worker, asked),
        unknown=lambda window: responses.unknown(worker.snapshot, window),
        shifts=lambda: responses.shifts(worker.snapshot),
        movers=_Movers(worker).of,
        moment=lambda: responses.moment(worker.snapshot),
        readiness=worker.readiness,
        metrics=exposition,
    )


async def _history(worker: Worker, asked: Question) -> dict[str, Any]:
    # In a thread: two years that nobody has asked for before take seconds.
    work = worker.history.ask(
        *(asked.dimension, asked.step, asked.start, asked.end, worker.snapshot.as_of)
    )
    body, found = await asyncio.to_thread(work)
    worker.history.keep(found)
    return body


class _Movers:
    """What moved a share: one question at a time, and an answer for everybody who asks the same."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._turn = asyncio.Lock()
        self._answers: dict[WhatMoved, tuple[float, dict[str, Any]]] = {}

    async def of(self, asked: WhatMoved) -> dict[str, Any] | None:
        async with self._turn:
            now = time.monotonic()
            self._answers = {
                each: answer
                for each, answer in self._answers.items()
                if now - answer[0] < MOVERS_SECONDS
            }
            if asked not in self._answers:
                body = await self._work(asked)
                if body is None:
                    return None
                self._answers[asked] = now, body
            return self._answers[asked][1]

    async def _work(self, asked: WhatMoved) -> dict[str, Any] | None:
        worker = self._worker
        shift = movers.find(
            worker.snapshot, asked.dimension, asked.key, asked.measure, asked.window
        )
        if shift is None:
            return None
        work = movers.ask(worker.view, worker.history, worker.catalog, shift)
        answer = await asyncio.to_thread(work)
        for found in answer.found:
            worker.history.keep(found)
        return responses.moved(shift, answer)
