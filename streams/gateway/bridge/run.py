"""HTTP to Kafka, for clients that can only post: a post is answered once its events are in Kafka.

The response is 202 when Kafka has acknowledged (OTLP requires 200), and 429 or 503 with Retry-After
where the client should retry. A post that is retried may be in Kafka twice, in whole or in part:
its events have the same ids, by which TOKENSHARE_DEDUPE_RECORDS skips them.

post -> read (post) -> written (writer) -> answered (http)
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import gc
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

from streams import process
from streams.classify.enrichment import attempt
from streams.classify.language.tags import UNDETERMINED
from streams.decode.formats import native
from streams.decode.options import AUTO, language_of
from streams.gateway.bridge.http import Bridge
from streams.gateway.bridge.server import Listening, listen
from streams.kafka import admin, diagnosis
from streams.kafka.admin import BrokerError, TopicError
from streams.kafka.login_watch import LoginRefusedError, LoginWatch
from streams.settings import ENV_PREFIX, SettingsError
from streams.web.hosts import authority, is_loopback

if TYPE_CHECKING:
    from streams.settings import Settings

log = logging.getLogger("tokenshare.bridge")

#: Time for posts in progress to finish after SIGTERM.
DRAIN_SECONDS = 5.0
#: How often a refused login is looked for.
LOGIN_SECONDS = 1.0
#: Allocations between collections of the youngest generation.
GC_OBJECTS = 50_000
#: Parameters of glibc's mallopt: blocks of at least this many bytes are returned once freed.
_MMAP_THRESHOLD, _MMAP_BYTES = -3, 256 * 1024


def run(settings: Settings) -> int:
    """Run a bridge until it is stopped; return the exit code, one of a worker's."""
    process.warn_of_misspelt()
    _give_memory_back()
    try:
        with process.Watchdog() as watchdog:
            return asyncio.run(_run(settings, watchdog))
    except (SettingsError, TopicError) as error:
        log.error("%s", error)  # noqa: TRY400
        return process.MISCONFIGURED
    except (BrokerError, LoginRefusedError) as error:
        log.error("%s", error)  # noqa: TRY400
        return process.NO_BROKER
    except KeyboardInterrupt:
        return process.OK


def _give_memory_back() -> None:
    """Return the memory of large bodies to the system; glibc's threshold would grow with them."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _MMAP_BYTES)


def _check(settings: Settings) -> None:
    if not settings.bridge_token.get_secret_value().strip() and not is_loopback(
        settings.bridge_host
    ):
        raise SettingsError(
            f"Anyone could post to {settings.bridge_host}: set {ENV_PREFIX}BRIDGE_TOKEN to a long "
            f"random text that clients send as bearer token, or {ENV_PREFIX}BRIDGE_HOST to "
            "127.0.0.1."
        )
    if settings.bridge_buffer_bytes < 2 * settings.bridge_max_body_bytes:
        raise SettingsError(
            f"{ENV_PREFIX}BRIDGE_BUFFER_BYTES must be at least twice "
            f"{ENV_PREFIX}BRIDGE_MAX_BODY_BYTES: a body may be held in both its forms, "
            "compressed and decompressed."
        )
    if settings.format not in {AUTO, native.NAME} and not settings.bridge_keep_bodies:
        log.warning(
            "%sFORMAT=%s applies to posts only; Kafka gets plain events, which a worker with the "
            "same setting rejects",
            ENV_PREFIX,
            settings.format,
        )


async def _run(settings: Settings, watchdog: process.Watchdog) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (SIGTERM, SIGINT):
        loop.add_signal_handler(number, stopping.set)
    _check(settings)
    bridge = Bridge(settings)
    listening = await _listening(bridge)
    log.info(
        "posts, metrics and health on http://%s/",
        authority(settings.bridge_host, settings.bridge_port),
    )
    ending = asyncio.create_task(stopping.wait())
    tasks = [
        asyncio.create_task(_work(bridge)),
        asyncio.create_task(_watch_login(bridge)),
        asyncio.create_task(_live(watchdog)),
        ending,
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {ending}:
            task.result()
    finally:
        watchdog.end_within(DRAIN_SECONDS + process.STOP_SECONDS, process.OK)
        await listening.end(DRAIN_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    log.info("stopped")
    return process.OK


async def _listening(bridge: Bridge) -> Listening:
    host, port = bridge.settings.bridge_host, bridge.settings.bridge_port
    try:
        return await listen(bridge, host, port)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {port} on {host} is taken by another process. Stop that one, or set "
                f"{ENV_PREFIX}BRIDGE_PORT to a free port."
            ) from None
        raise SettingsError(
            f"Cannot listen on {host} port {port}. {ENV_PREFIX}BRIDGE_HOST must be an address of "
            f"this machine (0.0.0.0 is all of them), {ENV_PREFIX}BRIDGE_PORT one that this user "
            "may listen on, from 1024 on."
        ) from None


async def _work(bridge: Bridge) -> None:
    """Wait for Kafka and the topic, then keep a connection open permanently."""
    loop = asyncio.get_running_loop()
    # Not one of asyncio's own threads, which would be joined at exit.
    await loop.run_in_executor(ThreadPoolExecutor(1, "bridge-start"), _prepare, bridge.settings)
    # Objects created so far are permanent; scanning them repeatedly would slow down posts.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 50)
    await bridge.writer.run()


def _prepare(settings: Settings) -> None:
    """Wait for Kafka and check that the topic exists. Raises BrokerError or TopicError."""
    if settings.detect_language:
        # Its models take time to load, and no post should wait for them.
        attempt("language", language_of, "Is this thing on?", otherwise=UNDETERMINED)
    deadline = time.monotonic() + settings.broker_wait_seconds
    while True:
        try:
            return _prepare_topic(settings, max(0.0, deadline - time.monotonic()))
        except (BrokerError, SettingsError, TopicError):
            raise
        except Exception as error:  # noqa: BLE001
            # Errors of Kafka's admin client are handled in `topics` only.
            if time.monotonic() >= deadline:
                name = type(error).__name__
                raise BrokerError(f"Kafka failed during the check of the topic: {name}") from None
            time.sleep(1.0)


def _prepare_topic(settings: Settings, wait_seconds: float) -> None:
    client = admin.connect(settings, wait_seconds)
    try:
        if settings.topic in admin.find(client, settings.topic):
            return
        if not settings.create_topics:
            raise TopicError(
                f"Topic {settings.topic} does not exist, or this login may not see it. Create it "
                f"(`tokenshare doctor --fix`), or set {ENV_PREFIX}TOPIC."
            )
        for name in admin.create_missing(client, settings):
            log.info("created topic %s", name)
    finally:
        client.close()


async def _watch_login(bridge: Bridge) -> None:
    """Report a refused login. Raises LoginRefusedError where it stays refused."""

    def hindrances() -> tuple[str, ...]:
        return (diagnosis.refused(bridge.settings),) if bridge.writer.trouble else ()

    def fail(error: BaseException) -> None:
        raise error

    watch = LoginWatch(bridge.settings, hindrances, fail)
    while True:
        await asyncio.sleep(LOGIN_SECONDS)
        watch.look()


async def _live(watchdog: process.Watchdog) -> None:
    """Report to the watchdog that the event loop is running."""
    alive_at = time.monotonic()
    watchdog.watch(lambda: alive_at)
    while True:
        alive_at = time.monotonic()
        await asyncio.sleep(1.0)
