"""What a worker costs that has nothing to do: CPU time, memory and the size of /metrics.

    python tests/bench/idle.py [--part one|ten] [--before TREE] [--seconds 30] [--json FILE]

Each partition holds one event, which is counted before the clock starts; then nothing is sent.
`cpu`: CPU seconds a minute, of all threads. `rss` and `pss`: resident memory in MB; of PSS, pages
that processes share are divided by the number of processes. `metrics`: bytes of a scrape in the
text format, and `scrape` its milliseconds, median of nine. Part `ten` is of ten workers of one group,
their CPU seconds and memory added up; it replaces its own part of the file.

With `--before` the workers of another tree (a checkout with its compiled scanner) are measured in
the same run, on the same broker and each on topics of its own. The machine may be shared with other
work: CPU time then moves by a fifth, so compare figures of one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from bench_report import machine
from generated_events import events

if TYPE_CHECKING:
    from processes import WorkerProcess

RESULTS = Path(__file__).parent / "results" / "idle.json"
TREE = Path(__file__).parents[2]
#: Partitions and workers of each part.
PARTS = {"one": ((1, 1), (1000, 1)), "ten": ((100, 10),)}
#: After a start: the first snapshots and shifts, and the first release of memory.
SETTLE_SECONDS = 40.0
SCRAPES = 9
PATIENCE_SECONDS = 180.0
MB = 1e6


def worker(bootstrap: str, topic: str, partitions: int, tree: Path, log: Path) -> WorkerProcess:
    """Start a worker of a topic's group."""
    from processes import WorkerProcess

    settings = {
        "TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap,
        "TOKENSHARE_TOPIC": topic,
        "TOKENSHARE_GROUP": f"g-{topic}",
        "TOKENSHARE_PARTITIONS": str(partitions),
    }
    return WorkerProcess(settings, log, tree).start()


async def fill(bootstrap: str, topic: str, partitions: int) -> None:
    """Send one event to each partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="lz4")
    await producer.start()
    try:
        value = next(iter(events(1, time.time()))).value
        sent = [await producer.send(topic, value, partition=number) for number in range(partitions)]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def wait_counted(workers: list[WorkerProcess], count: int) -> None:
    """Wait until every worker shows that many counted records, and is ready."""
    until = time.monotonic() + PATIENCE_SECONDS
    waiting = list(workers)
    while waiting:
        if time.monotonic() > until:
            raise SystemExit(f"not counted in {PATIENCE_SECONDS:.0f} s:\n{waiting[0].tail()}")
        time.sleep(2)
        waiting = [
            each
            for each in waiting
            if each.try_get("/readyz") is None or each.records().get("counted/", 0) < count
        ]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all threads and both modes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """Return RSS and PSS of a process in MB."""
    kilobytes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        kilobytes[name] = int(value.split()[0])
    return {
        "rss, MB": round(kilobytes["Rss"] * 1024 / MB, 1),
        "pss, MB": round(kilobytes["Pss"] * 1024 / MB, 1),
    }


def idle_cpu(pids: list[int], seconds: float) -> float:
    """Return how many CPU seconds a minute processes take that are left alone."""
    before, started = sum(map(cpu_seconds, pids)), time.monotonic()
    time.sleep(seconds)
    taken = sum(map(cpu_seconds, pids)) - before
    return round(60 * taken / (time.monotonic() - started), 2)


def pid_of(each: WorkerProcess) -> int:
    """Return the process id of a running worker."""
    assert each.process is not None
    return each.process.pid


def alone(each: WorkerProcess, seconds: float) -> dict[str, float]:
    """Return the figures of one idle worker."""
    figures = {"cpu seconds a minute": idle_cpu([pid_of(each)], seconds)}
    figures |= memory(pid_of(each))
    times = []
    for _ in range(SCRAPES):
        started = time.monotonic()
        text = each.get("/metrics")
        times.append(1000 * (time.monotonic() - started))
    figures["/metrics, bytes"] = len(text.encode())
    figures["/metrics, ms"] = round(statistics.median(times), 1)
    return figures


def together(workers: list[WorkerProcess], seconds: float) -> dict[str, float]:
    """Return the figures of idle workers on one machine, added up."""
    figures = {"cpu seconds a minute": idle_cpu([*map(pid_of, workers)], seconds)}
    for each in workers:
        for name, value in memory(pid_of(each)).items():
            figures[name] = round(figures.get(name, 0.0) + value, 1)
    return figures


def commit(tree: Path) -> str:
    """Return the commit that a tree is at."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout[:-1]


def measured(
    bootstrap: str, tree: Path, name: str, arguments: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Return the figures of a tree's workers, by number of workers and partitions."""
    found = {}
    with tempfile.TemporaryDirectory() as logs:
        for partitions, number in PARTS[arguments.part]:
            topic = f"idle-{name}-{partitions}-{number}"
            workers: list[WorkerProcess] = []
            try:
                for index in range(number):
                    log = Path(logs) / f"{topic}-{index}"
                    workers.append(worker(bootstrap, topic, partitions, tree, log))
                    if not index:
                        # It creates the topics.
                        wait_counted(workers, 0)
                        asyncio.run(fill(bootstrap, topic, partitions))
                wait_counted(workers, partitions)
                time.sleep(SETTLE_SECONDS)
                what = f"{number} on {partitions} partition{'s' * (partitions > 1)}"
                figures = alone(workers[0], arguments.seconds) if number == 1 else {}
                found[what] = figures or together(workers, arguments.seconds)
                print(f"{name:7}{what:25}{found[what]}", file=sys.stderr)
            finally:
                for each in workers:
                    each.kill()
    return found


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="another tree, measured first")
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--part", choices=PARTS, default="one", help="one worker, or ten together")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
    import apache

    from streams.demo.broker import EmbeddedBroker

    trees = {"before": arguments.before, "now": TREE}
    figures: dict[str, Any] = {}
    for name, tree in trees.items():
        if tree is None:
            continue
        # A broker of its own: the first tree's topics must not slow down the second one's workers.
        with ExitStack() as stack:
            broker: Any = stack.enter_context(
                apache.ApacheKafka(is_short_lived=False)
                if arguments.broker == "apache"
                else EmbeddedBroker()
            )
            figures[name] = measured(broker.bootstrap, tree, name, arguments)
    before = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    document = before | {
        arguments.part: {
            "date": datetime.now(UTC).date().isoformat(),
            "command": f"tests/bench/idle.py --part {arguments.part}",
            "machine": machine(),
            "conditions": "shared with other work; each figure of CPU is of "
            f"{arguments.seconds:g} s after {SETTLE_SECONDS:g} s of rest",
            "load average": os.getloadavg()[0],
            "python": platform.python_version(),
            "tokenshare": version("tokenshare"),
            "broker": arguments.broker,
            "commits": {name: commit(tree) for name, tree in trees.items() if tree},
            "figures": figures,
        }
    }
    arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
