"""Run tokenshare and its peers in turn on one broker."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench import Bench, medians
from measuring import PATIENCE_SECONDS
from peer_counts import PARTITIONS, Counts, Naming, Sent, compare, written

TOPIC = f"bench-{PARTITIONS}"

#: The first reading of the topic and those after it, which are warm.
PASSES = 4
OURS = "tokenshare"

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


class Peer(NamedTuple):
    """A Java application: the pom that builds it, its class, its flags and its last argument."""

    pom: str
    main: str
    jvm: tuple[str, ...]
    argument: str = ""


PEERS = {
    "Kafka Streams, Processor API": Peer("streams", "StreamsProcessor", JVM, "at_least_once"),
    "Kafka Streams, exactly once": Peer("streams", "StreamsProcessor", JVM, "exactly_once_v2"),
    "Kafka Streams, DSL": Peer("streams", "StreamsDsl", JVM, str(PARTITIONS)),
    "Flink": Peer("flink", "FlinkJob", JVM_FLINK),
}


class Peers:
    """Run tokenshare and its peers in turn on one broker."""

    def __init__(
        self, arguments: argparse.Namespace, bootstrap: str, built: dict[str, Path], home: Path
    ) -> None:
        self._arguments = arguments
        self._bootstrap = bootstrap
        self._built = built
        self._home = home
        self._naming = Naming()
        self._sent: Counts = {}
        self._bench = Bench(
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

        self._bench.prepare({"partitions": PARTITIONS})
        sent = Sent(self._naming, self._arguments.events)
        asyncio.run(send(self._bootstrap, TOPIC, sent.events()))
        return sent

    def _ours(self, turn: int) -> dict[str, Any]:
        group = f"peers-{turn}"
        figures = self._bench.part("whole", partitions=PARTITIONS, group=group)
        figures["events_per_cpu_second_until_counted"] = (
            self._arguments.events / figures["cpu_seconds_until_counted"]
        )
        compare(OURS, asyncio.run(written(self._bootstrap, group)), self._sent)
        return figures

    def _peer(self, name: str, turn: int) -> dict[str, Any]:
        """Run a peer to its end; return its best warm pass, with the speed of its first one."""
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
                timeout=2 * PATIENCE_SECONDS,
                check=False,
            )
            errors.seek(0)
            if done.returncode:
                raise RuntimeError(f"{name} ended with {done.returncode}:\n{errors.read()[-3000:]}")
        passes = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        assert len(passes) == PASSES
        for each in passes:
            compare(name, self._naming.counts(each.pop("panes")), self._sent)
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
    summary = medians(rounds) | {
        "rounds": [round(each["events_per_cpu_second"]) for each in rounds]
    }
    return summary | ({"passes": passes} if passes else {})
