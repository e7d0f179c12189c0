"""What a tokenshare worker costs, beside the same job on Kafka Streams and on Flink.

    .venv/bin/python tests/bench/peers.py [--events 2000000] [--rounds 3] [--json FILE]

How to read the numbers

- All parts read the same topic of one Apache Kafka (from its jars, on a core of its own) in the same
  run and take turns, `rounds` times; the median counts, the single rounds stand in the JSON file.
  Each is pinned to one core, as `taskset` does it, and is one process with one counting thread.
- The measure is events per second of CPU time: user and system time of all threads of the process.
- "tokenshare" is the part "whole path, 4 partitions" of run.py, as it stands: it starts cold, and its
  clock goes on until every event is counted, written to Kafka, read back and shown. It counts more
  than the peers: developers, models and tenants as well, days, totals; and it checks every field.
- The peers do this job: read the JSON, find origin and language in a table (made here from the
  catalogue, so that they need not reason about names), and add requests, prompt tokens, completion
  tokens and squared tokens to panes of 10 s, 5 min and 1 h by origin and language, in event time, late
  events included, with state that outlives the process. They drop no old panes and answer no requests.
- The peers' clock starts when their first event reaches them and stops as soon as the last one is
  counted, before the last commit: start-up is not counted. With few events a peer is done before its
  first commit or checkpoint, so below a million its figure flatters it. "until counted" is tokenshare
  with its clock stopped at that point too; the ratios are of the whole path.
- A JVM gets faster while it compiles. So each process reads the whole topic several times, each time
  as a new application; "first" is the first time, and the figure that is compared is the best of the
  later ones. tokenshare reads it once a round.
- The sources are in peers/. "Processor API" adds up in memory and writes a pane to its store, with a
  changelog, before each commit, every 0.5 s, at least once: after a crash it may count twice what it
  had written and not committed. "exactly once" is the same with exactly_once_v2: that is the guarantee
  that tokenshare and Flink give. "DSL" is windowed aggregates as in the documentation, which write
  every event to a repartition topic. "Flink" adds up in the source's chain before it keys the sums,
  as Flink's SQL does; checkpoints every 0.5 s to a local directory, exactly once, state in memory.
  Its job manager is in the same process.
- Every pane of every part is compared with what was sent; tokenshare's are read from its changelog.
  One wrong count ends the run with exit code 1.
- Memory is the peak of the resident set; that of a JVM is what it was given more than what it needs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
import apache
import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.demo.truth import Simulated

SOURCES = Path(__file__).with_name("peers")
PARTITIONS = 4
TOPIC = f"bench-{PARTITIONS}"
#: The first reading of the topic and those after it, which are warm.
PASSES = 4
LEVELS = (10, 300, 3600)

#: One core: a second thread of the garbage collector has nowhere to run.
JVM = ("-XX:+UseSerialGC", "-Xms512m", "-Xmx512m", "-Xmn256m")
#: What Flink needs on Java 17, from the settings that it is distributed with.
JVM_FLINK = (
    "-XX:+UseSerialGC",
    *("-Xms768m", "-Xmx768m", "-Xmn256m"),
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
)
LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"

#: Jars whose versions belong to a figure.
JARS = (
    "kafka-streams",
    "flink-streaming-java",
    "flink-connector-kafka",
    "kafka-clients",
    "dsl-json",
)


class Peer(NamedTuple):
    """A Java application: the pom that builds it, its class, its flags and what it is told last."""

    pom: str
    main: str
    jvm: tuple[str, ...]
    argument: str = ""


OURS = "tokenshare"
PEERS = {
    "Kafka Streams, Processor API": Peer("streams", "StreamsProcessor", JVM, "at_least_once"),
    "Kafka Streams, exactly once": Peer("streams", "StreamsProcessor", JVM, "exactly_once_v2"),
    "Kafka Streams, DSL": Peer("streams", "StreamsDsl", JVM, str(PARTITIONS)),
    "Flink": Peer("flink", "FlinkJob", JVM_FLINK),
}
#: How many times a peer's events per CPU-second are aimed at.
TARGETS = {"Kafka Streams, Processor API": 2.0, "Flink": 1.5}

#: Length and start of a pane, origin and language.
Cell = tuple[int, int, str, str]
Counts = dict[Cell, list[int]]


class WrongCountError(Exception):
    """A part's panes are not what was sent."""


# --- Building ------------------------------------------------------------------------------------


def build(pom: str) -> Path:
    """Return the directory with a pom's jars and classes, built on first use.

    Raises apache.MissingToolError.
    """
    if shutil.which("javac") is None:
        raise apache.MissingToolError(
            "javac is not installed (Debian package openjdk-17-jdk-headless)"
        )
    files = [*sorted(SOURCES.glob("*.java")), SOURCES / f"{pom}.xml"]
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    # Where Kafka's jars are too: never in the tree.
    cache = apache.jars().parent
    target = cache / f"peers-{pom}-{content[:16]}"
    with (cache / f"peers-{pom}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _build(pom, target)
    return target


def _build(pom: str, target: Path) -> None:
    for stale in target.parent.glob(f"peers-{pom}-*"):
        shutil.rmtree(stale)
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        fresh = Path(directory) / "build"
        (fresh / "src").mkdir(parents=True)
        shutil.copy(SOURCES / f"{pom}.xml", fresh / "pom.xml")
        for source in SOURCES.glob("*.java"):
            # What only the other one's jars can compile is left out.
            if source.stem.lower().startswith(pom) or not source.stem.startswith(
                ("Streams", "Flink")
            ):
                shutil.copy(source, fresh / "src")
        command = ["mvn", "-q", "-B", "-Dstyle.color=never", "compile"]
        subprocess.run(
            [*command, "dependency:copy-dependencies", "-DoutputDirectory=libs"],
            cwd=fresh,
            check=True,
            # What stdout gets is the report.
            stdout=sys.stderr,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        fresh.rename(target)


def _versions(built: Iterable[Path]) -> dict[str, str]:
    """Return the versions of the jars that matter, by artifact; Flink's client is another one."""
    libraries = [directory / "libs" for directory in built]
    return {
        name: ", ".join(
            sorted(
                {
                    jar.stem.removeprefix(f"{name}-")
                    for libs in libraries
                    for jar in libs.glob(f"{name}-[0-9]*.jar")
                }
            )
        )
        for name in JARS
    }


# --- What is sent, and what must be counted ------------------------------------------------------


class Naming:
    """Origins of the models and tags of the languages that are sent, by the catalogue."""

    def __init__(self) -> None:
        from streams.classify.language.tags import canonical
        from streams.classify.origin.catalog import Catalog
        from streams.classify.origin.values import ORIGINS

        catalog = Catalog.load()
        self.origins = {model: catalog.classify(model).origin for model in run.MODELS}
        self.tags = {language: canonical(language) for language in run.LANGUAGES}
        self._origins = ORIGINS
        self._tags = sorted({"und", *self.tags.values()})

    def write(self, path: Path) -> None:
        """Write the table that the peers look names up in; see Event.java."""
        rows: list[tuple[str, str, int]] = [
            ("origins", "", len(self._origins)),
            ("languages", "", len(self._tags)),
            ("model", "", self._origins.index("unknown")),
            ("language", "", self._tags.index("und")),
        ]
        rows += [("model", name, self._origins.index(each)) for name, each in self.origins.items()]
        rows += [("language", name, self._tags.index(each)) for name, each in self.tags.items()]
        path.write_text("".join(f"{kind}\t{name}\t{number}\n" for kind, name, number in rows))

    def counts(self, rows: list[list[int]]) -> Counts:
        """Return what a peer has counted, over its partitions."""
        counts: Counts = {}
        for seconds, start, cell, *numbers in rows:
            origin, tag = divmod(cell, len(self._tags))
            _add(counts, (seconds, start, self._origins[origin], self._tags[tag]), numbers)
        return counts


class Sent:
    """The events that are sent, with what every pane of them must hold."""

    def __init__(self, naming: Naming, count: int) -> None:
        self._naming = naming
        self._count = count
        self._finest: dict[tuple[int, str, str], list[int]] = {}
        self.bytes = 0

    def events(self) -> Iterator[Simulated]:
        import orjson

        start = time.time() - self._count / run.EVENTS_PER_SECOND
        finest = self._finest
        for event in run.events(self._count, start):
            said = orjson.loads(event.value)
            key = int(said["ts"] // LEVELS[0]) * LEVELS[0], said["model"], said["language"]
            counts = finest.get(key)
            if counts is None:
                counts = finest[key] = [0, 0, 0, 0]
            prompt, completion = said["prompt_tokens"], said["completion_tokens"]
            counts[0] += 1
            counts[1] += prompt
            counts[2] += completion
            counts[3] += (prompt + completion) ** 2
            self.bytes += len(event.value)
            yield event

    def counts(self) -> Counts:
        """Return what must be counted."""
        counts: Counts = {}
        for (start, model, language), numbers in self._finest.items():
            origin, tag = self._naming.origins[model], self._naming.tags[language]
            for seconds in LEVELS:
                _add(counts, (seconds, start // seconds * seconds, origin, tag), numbers)
        return counts


def _add(counts: Counts, key: Cell, numbers: Iterable[int]) -> None:
    counts[key] = [a + b for a, b in zip(counts.get(key, (0, 0, 0, 0)), numbers, strict=True)]


def _compare(name: str, counted: Counts, sent: Counts) -> None:
    wrong = [key for key in counted.keys() | sent.keys() if counted.get(key) != sent.get(key)]
    if wrong:
        key = min(wrong)
        raise WrongCountError(
            f"{name}: {len(wrong)} of {len(sent)} cells are wrong, the first is {key}: "
            f"{counted.get(key)}, sent were {sent.get(key)}"
        )


async def _written(bootstrap: str, group: str) -> Counts:
    """Return what the changelog of a tokenshare group holds, over its partitions."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from streams.classify.keys import split_cell
    from streams.state.codec import decode_pane, parse_key

    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    values: dict[str, bytes | None] = {}
    await consumer.start()
    try:
        tps = [TopicPartition(f"{group}-panes-changelog", number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        for tp, end in (await consumer.end_offsets(tps)).items():
            while await consumer.position(tp) < end:
                for record in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, ()):
                    # One worker has written them, so the last of a key is the one that counts.
                    values[record.key.decode()] = record.value
    finally:
        await consumer.stop()
    counts: Counts = {}
    for key, value in values.items():
        pane = parse_key(key)[1]
        if pane is None or value is None:
            continue
        if pane.level.of_tenants or pane.level.seconds not in LEVELS:
            continue
        for cell, numbers in decode_pane(value).cells.items():
            origin, tag, _ = split_cell(cell)
            _add(counts, (pane.level.seconds, pane.start, origin, tag), numbers)
    return counts


# --- The run -------------------------------------------------------------------------------------


class Peers:
    """Runs tokenshare and its peers in turn on one broker."""

    def __init__(
        self, arguments: argparse.Namespace, bootstrap: str, built: dict[str, Path], home: Path
    ) -> None:
        self._arguments = arguments
        self._bootstrap = bootstrap
        self._built = built
        self._home = home
        self._naming = Naming()
        self._sent: Counts = {}
        self._bench = run.Bench(
            argparse.Namespace(events=arguments.events, rounds=arguments.rounds, only=None),
            bootstrap,
            lambda _topic: 0.0,
        )

    def run(self) -> dict[str, Any]:
        """Return all figures by part. Raises WrongCountError."""
        sent = self._fill()
        self._sent = sent.counts()
        self._naming.write(self._home / "names")
        compared: dict[str, list[dict[str, Any]]] = {}
        for turn in range(self._arguments.rounds):
            for name in (OURS, *PEERS):
                print(f"round {turn + 1}/{self._arguments.rounds}: {name}", file=sys.stderr)
                part = self._ours(turn) if name == OURS else self._peer(name, turn)
                compared.setdefault(name, []).append(part)
        result = {name: _summary(rounds) for name, rounds in compared.items()}
        for name in PEERS:
            result[name]["tokenshare_times"] = (
                result[OURS]["events_per_cpu_second"] / result[name]["events_per_cpu_second"]
            )
        return result | {"bytes_per_event": sent.bytes / self._arguments.events}

    def _fill(self) -> Sent:
        from streams.demo.sender import send

        self._bench._prepare({"partitions": PARTITIONS})
        sent = Sent(self._naming, self._arguments.events)
        asyncio.run(send(self._bootstrap, TOPIC, sent.events()))
        return sent

    def _ours(self, turn: int) -> dict[str, Any]:
        group = f"peers-{turn}"
        figures = self._bench.part("whole", partitions=PARTITIONS, group=group)
        figures["events_per_cpu_second_until_counted"] = (
            self._arguments.events / figures["cpu_seconds_until_counted"]
        )
        _compare(OURS, asyncio.run(_written(self._bootstrap, group)), self._sent)
        return figures

    def _peer(self, name: str, turn: int) -> dict[str, Any]:
        """Run a peer to its end: its best warm pass, with the speed of its first one."""
        peer = PEERS[name]
        directory = self._built[peer.pom]
        home = self._home / f"{peer.main}-{peer.argument}-{turn}"
        home.mkdir()
        command = [
            *("java", *peer.jvm, LOGGING),
            *("-cp", f"{directory}/target/classes:{directory}/libs/*", f"peers.{peer.main}"),
            *(self._bootstrap, TOPIC, str(self._arguments.events), str(self._home / "names")),
            *(str(home), str(PASSES), f"{home.name}", peer.argument),
        ]
        with (home / "stderr").open("w+") as errors:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                timeout=2 * run.PATIENCE_SECONDS,
                check=False,
            )
            errors.seek(0)
            if done.returncode:
                raise RuntimeError(f"{name} ended with {done.returncode}:\n{errors.read()[-3000:]}")
        passes = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        assert len(passes) == PASSES
        for each in passes:
            _compare(name, self._naming.counts(each.pop("panes")), self._sent)
            each["events_per_cpu_second"] = self._arguments.events / each["cpu_seconds"]
        # A JVM's memory only grows from pass to pass.
        peak = passes[-1]["peak_rss_mb"]
        speeds = [each["events_per_cpu_second"] for each in passes]
        best = max(passes[1:], key=lambda each: each["events_per_cpu_second"])
        return best | {
            "peak_rss_mb": peak,
            "first_events_per_cpu_second": speeds[0],
            "passes": [round(speed) for speed in speeds],
        }


def _summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    passes = [each.pop("passes") for each in rounds if "passes" in each]
    summary = run._medians(rounds) | {
        "rounds": [round(each["events_per_cpu_second"]) for each in rounds]
    }
    return summary | ({"passes": passes} if passes else {})


def _pin(cores: set[int]) -> None:
    """Run what is started from now on on these cores alone."""
    os.sched_setaffinity(0, cores)


def _java_version() -> str:
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[1].strip()


def _report(figures: dict[str, Any]) -> str:
    ours = figures[OURS]
    lines = [
        f"{'':30}{'events/CPU-s':>13}{'first':>10}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}"
        f"{'tokenshare':>12}"
    ]
    for name in (OURS, *PEERS):
        each = figures[name]
        first = each.get("first_events_per_cpu_second", each["events_per_cpu_second"])
        times = ours["events_per_cpu_second"] / each["events_per_cpu_second"]
        lines.append(
            f"{name:30}{each['events_per_cpu_second']:13,.0f}{first:10,.0f}"
            f"{each['cpu_seconds']:8.2f}{each['wall_seconds']:8.2f}{each['peak_rss_mb']:9.0f}"
            f"{times:10.2f} x"
        )
        if name == OURS:
            lines.append(
                f"{'  until counted':30}{each['events_per_cpu_second_until_counted']:13,.0f}{'':10}"
                f"{each['cpu_seconds_until_counted']:8.2f}{each['wall_seconds_until_counted']:8.2f}"
            )
    lines.append("")
    for name, target in TARGETS.items():
        times = figures[name]["tokenshare_times"]
        met = "met   " if times >= target else "MISSED"
        lines.append(f"{met} tokenshare, times {name}: {times:.2f} (aim >= {target:g})")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure tokenshare beside its peers.")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    if not hasattr(os, "sched_setaffinity"):
        sys.exit("peers.py pins processes to cores and reads /proc: it needs Linux.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("peers.py needs two cores: one for Kafka, one for what is measured.")
    try:
        built = {pom: build(pom) for pom in sorted({peer.pom for peer in PEERS.values()})}
    except apache.MissingToolError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"mvn could not build the peers (exit code {error.returncode}); see above.")
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokenshare-peers-")))
        _pin({cores[0]})
        # The events are older than Kafka would keep by default.
        broker = stack.enter_context(apache.ApacheKafka({"log.retention.ms": "-1"}))
        _pin({cores[-1]})
        try:
            peers = Peers(arguments, broker.bootstrap, built, home)
            figures = run._rounded(peers.run())
        except WrongCountError as error:
            sys.exit(str(error))
    print(_report(figures))
    if arguments.json is not None:
        document = _document(arguments, figures, built)
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


def _document(
    arguments: argparse.Namespace, figures: dict[str, Any], built: dict[str, Path]
) -> dict[str, Any]:
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": f"tests/bench/peers.py --events {arguments.events} --rounds {arguments.rounds}",
        "machine": run._machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in run.PACKAGES},
        "java": _java_version(),
        "jars": _versions(built.values()),
        "jvm": {name: " ".join(peer.jvm) for name, peer in PEERS.items()},
        "broker": f"apache ({run._broker_version('apache')}), lz4, {PARTITIONS} partitions",
        "passes": PASSES,
        "targets": {f"tokenshare, times {name}": f">= {each:g}" for name, each in TARGETS.items()},
        "figures": figures,
    }


if __name__ == "__main__":
    main()
