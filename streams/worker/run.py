"""A worker as a process: from its settings to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from kafka.errors import KafkaError as AdminError

from streams.classify.language.tags import display_name
from streams.classify.toml_file import FaultsError
from streams.counting.partition import SourceReplacedError
from streams.decode import compiled
from streams.decode.options import Options
from streams.kafka import batch_fetch, silence
from streams.kafka.admin import BrokerError, Topic, TopicError
from streams.kafka.group_join import JoinRefusedError
from streams.kafka.login_watch import LoginRefusedError
from streams.process import (
    FAILED,
    MISCONFIGURED,
    NO_BROKER,
    OK,
    PARTITIONS_CHANGED,
    STOP_SECONDS,
    Watchdog,
    warn_of_misspelt,
)
from streams.settings import SettingsError
from streams.state.codec import StateError
from streams.web import server
from streams.web.access import Access
from streams.web.hosts import authority
from streams.worker import memory, preflight, reloading
from streams.worker.changelog_watch import ChangelogWatch
from streams.worker.prices import prices_of
from streams.worker.source_log import check_source, find_source
from streams.worker.web_sources import sources
from streams.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from streams.settings import Settings
    from streams.worker.reloading import Files

log = logging.getLogger("tokenshare.process")

#: Objects created before the collector visits the young ones.
GC_OBJECTS = 100_000
#: How often the source topic is checked: the same topic, with as many partitions.
SOURCE_CHECK_SECONDS = 30.0
#: It is checked within this time of an answer of Kafka that does not fit what is known of it.
SURPRISE_SECONDS = 1.0
#: A check without an answer is made again after this time, whatever Kafka answers meanwhile.
FAILED_CHECK_SECONDS = 5.0


class PartitionsChangedError(Exception):
    """The source topic has another number of partitions than this process started with."""


def run(
    settings: Settings,
    beside: Callable[[Worker], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Run a worker until a signal stops it; return the exit code.

    `beside` runs beside the worker and stops it when it returns: the demo's live table.
    """
    warn_of_misspelt()
    # Until the event loop runs: process 1 of a container gets no signal that it does not ask for.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        files = reloading.read(settings)
        # Before the first connection: the changelog is read in large responses as well.
        batch_fetch.install()
        silence.install()
        # Before any topic is created: with these settings nothing could be read.
        Options.of(settings)
        prices_of(settings)
        source = preflight.prepare(settings)
        # Until the event loop is closed: tasks of stock Faust may refuse to end with it.
        with Watchdog() as watchdog:
            return asyncio.run(_run(settings, files, source, watchdog, beside))
    except server.WebPortError as error:
        log.error("%s", error.strerror)  # noqa: TRY400
        return MISCONFIGURED
    except FaultsError as error:
        reloading.log_faults(error)
        return MISCONFIGURED
    except (SettingsError, TopicError, StateError) as error:
        log.error("%s", error)  # noqa: TRY400
        return MISCONFIGURED
    except BrokerError as error:
        log.error("%s", error)  # noqa: TRY400
        return NO_BROKER
    except KeyboardInterrupt:
        return OK


async def _run(
    settings: Settings,
    files: Files,
    source: Topic,
    watchdog: Watchdog,
    beside: Callable[[Worker], Coroutine[Any, Any, None]] | None,
) -> int:
    worker = Worker(settings, files.catalog, source)
    worker.publisher.use_notes(files.notes)
    worker.tenant_names = files.tenant_names
    worker.publisher.use_policy(files.policy)
    # A batch is thousands of short-lived objects without cycles. By default each few hundred of
    # them start a collection that visits all others again: half of the CPU time of a backlog.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 50)
    memory.keep_freed()
    # The names of languages take a twentieth of a second to read: not in the first snapshot.
    display_name("en")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    watchdog.watch(lambda: worker.alive_at)
    token = settings.web_token.get_secret_value().strip()
    access = Access(
        *(token, settings.web_cors_origins, settings.web_host, settings.web_hosts),
        settings.web_frame_ancestors,
    )
    app = server.make_app(sources(worker), access)
    web = await server.serve(app, settings.web_host, settings.web_port)
    if not compiled.IS_COMPILED:
        log.warning(
            "events are read without compiled code, several times slower: install a C compiler and "
            "Python's headers, then reinstall tokenshare"
        )
    log.info("page and metrics on http://%s/", authority(settings.web_host, settings.web_port))
    tasks = [
        asyncio.create_task(worker.start()),
        asyncio.create_task(stopping.wait()),
        asyncio.create_task(_watch_source(worker)),
        asyncio.create_task(ChangelogWatch(settings, source.partitions, worker.integrity).run()),
    ]
    tasks += map(asyncio.create_task, reloading.watching(worker))
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
        case StateError() | SourceReplacedError() | JoinRefusedError() | SettingsError():
            log.error("%s", failure)
            return MISCONFIGURED
        case LoginRefusedError():
            log.error("%s", failure)
            return NO_BROKER
        case KafkaError():
            log.error("Kafka failed: %s", failure)
            return NO_BROKER
        case _:
            log.error("failed, what was not written is counted again", exc_info=failure)
            return FAILED


async def _watch_source(worker: Worker) -> None:
    settings, known = worker.settings, worker.source
    surprises = 0
    is_due = False
    while True:
        deadline = time.monotonic() + (0.0 if is_due else SOURCE_CHECK_SECONDS)
        while worker.surprises == surprises and time.monotonic() < deadline:  # noqa: ASYNC110 - noted by another thread
            await asyncio.sleep(SURPRISE_SECONDS)
        surprises, is_due = worker.surprises, False
        try:
            now = await asyncio.to_thread(find_source, settings)
            if now is None:
                # A broker that has just started may not know its topics yet.
                await asyncio.sleep(SURPRISE_SECONDS)
                now = await asyncio.to_thread(find_source, settings)
        except (BrokerError, AdminError, OSError, SettingsError):
            # One broker of several may be away, and be the one that is asked; a file of the login
            # may be just about to be replaced. What was to be looked into still is.
            await asyncio.sleep(FAILED_CHECK_SECONDS)
            is_due = True
            continue
        found = check_source(settings, known, now)
        if found.partitions != known.partitions:
            raise PartitionsChangedError(
                f"{settings.topic} has {found.partitions} partitions now, "
                f"{settings.changelog_topic} has {known.partitions}. Give the changelog "
                f"{found.partitions} as well, then start the workers again; nothing is lost."
            )
