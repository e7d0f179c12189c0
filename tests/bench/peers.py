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
import contextlib
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
import apache
from bench_report import PACKAGES, broker_version, machine, rounded
from peer_build import build, jar_versions
from peer_counts import PARTITIONS, WrongCountError
from peer_runs import OURS, PASSES, PEERS, Peers

#: How many times a peer's events per CPU-second are aimed at.
TARGETS = {"Kafka Streams, Processor API": 2.0, "Flink": 1.5}


def _pin(cores: set[int]) -> None:
    """Run what is started from now on on these cores alone."""
    os.sched_setaffinity(0, cores)


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


def _java_version() -> str:
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[1].strip()


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
        broker = stack.enter_context(
            apache.ApacheKafka({"log.retention.ms": "-1"}, is_short_lived=False)
        )
        _pin({cores[-1]})
        try:
            peers = Peers(arguments, broker.bootstrap, built, home)
            figures = rounded(peers.run())
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
        "machine": machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "java": _java_version(),
        "jars": jar_versions(built.values()),
        "jvm": {name: " ".join(peer.jvm) for name, peer in PEERS.items()},
        "broker": f"apache ({broker_version('apache')}), lz4, {PARTITIONS} partitions",
        "passes": PASSES,
        "targets": {f"tokenshare, times {name}": f">= {each:g}" for name, each in TARGETS.items()},
        "figures": figures,
    }


if __name__ == "__main__":
    main()
