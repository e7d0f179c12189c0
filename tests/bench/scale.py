"""What a group of workers costs at a rate that this machine cannot send, from the parts of a worker.

    .venv/bin/python tests/bench/scale.py [--rate 1000000] [--partitions 100] [--seconds 90] [--json FILE]

All partitions of a topic are counted in one process, half a second of events at a time, flushed, and
followed as each worker of a group follows them all: the same code as in a worker, without Kafka and
the event loop. Seconds are CPU time. What Kafka's client takes for an event and for a byte of the
changelog is not in it; `make bench` measures the first (its budget). The table divides counting and
flushes by the workers of a group, and gives each of them all of the following.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import platform
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_report import machine
from budget import batch
from generated_events import events
from measuring import memory

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.counting.partition import Partition
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.shares.sums import SumsCache
from streams.shares.windows import Windows
from streams.state.view import View
from streams.web.snapshot import take
from streams.worker.run import GC_OBJECTS

if TYPE_CHECKING:
    from streams.web.snapshot import Snapshot

RESULTS = Path(__file__).parent / "results" / "scale.json"
FLUSH_SECONDS = 0.5
#: Batches with events of their own; partitions get them in turn.
KINDS = 20
#: A worker reads no faster than this part of a core: the rest is for peaks and rebalances.
FULL = 0.7
WORKERS = (1, 2, 4, 8, 16, 32, 64, 100)
_TIMES = slice(27, 43)


class Group:
    """All partitions of a topic and one follower of them, with CPU seconds by kind of work."""

    def __init__(self, partitions: int, batch_events: int) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.values = self.bytes = 0
        self._events = batch_events
        self._catalog = Catalog.load()
        self._classifier = Classifier(self._catalog, "salt")
        self._reader = Reader(self._classifier, Options())
        self._partitions = [Partition.restore(each, 1, {}) for each in range(partitions)]
        self._view = View()
        self._windows = Windows(self._view, SumsCache(self._view, self._catalog))
        self._picture: Snapshot | None = None
        source = events(KINDS * batch_events, 0.0)
        self._batches = [
            batch([_without_time(next(source).value) for _ in range(batch_events)])
            for _ in range(KINDS)
        ]

    def run(self, now: float) -> None:
        """Count half a second of events in each partition, flush and follow."""
        for partition, raw in zip(self._partitions, itertools.cycle(self._batches), strict=False):
            start = partition.position
            some = stamped(raw, start, now)
            began = time.process_time()
            for reading in self._reader.readings(start, start + self._events, [some]):
                if reading is not None:
                    partition.apply(reading, self._classifier, now)
            counted = time.process_time()
            flush = partition.begin_flush()
            partition.end_flush(flush, written=True)
            flushed = time.process_time()
            self._follow({**flush.panes, **dict([flush.position])}, flush.expired)
            self.spent["count"] += counted - began
            self.spent["flush"] += flushed - counted
            self.spent["follow"] += time.process_time() - flushed

    def _follow(self, values: dict[str, bytes], expired: Any) -> None:
        for name, value in values.items():
            self._view.apply(name, value)
            self.bytes += len(name) + len(value)
        for name in expired:
            self._view.apply(name, None)
        self.values += len(values) + len(expired)

    def show(self, now: float) -> None:
        """Move the windows and take a snapshot."""
        began = time.process_time()
        self._windows.advance(now)
        positions = self._view.positions.values()
        self._picture = take(self._windows, positions, self._catalog, now, (), (), self._picture)
        self.spent["show"] += time.process_time() - began


def _without_time(value: bytes) -> bytes:
    before, _, after = value.partition(b'"ts":')
    return before + after.partition(b",")[2]


def stamped(raw: bytes, start: int, now: float) -> bytes:
    """Return a record batch from another offset on, with another time."""
    changed = bytearray(raw)
    changed[:8] = start.to_bytes(8, "big")
    changed[_TIMES] = round(now * 1000).to_bytes(8, "big") * 2
    return bytes(changed)


def simulated(rate: float, partitions: int, seconds: int) -> dict[str, Any]:
    """Return the figures of a group a second of traffic, after a minute of it."""
    group = Group(partitions, round(rate * FLUSH_SECONDS / partitions))
    start, warm = 1_800_000_000.0, 20
    for half in range(2 * (warm + seconds)):
        if half == 2 * warm:
            group.spent.clear()
            group.values = group.bytes = 0
        now = start + half * FLUSH_SECONDS
        group.run(now)
        if half % 2:
            group.show(now)
    found = {f"{name}_cpu": each / seconds for name, each in group.spent.items()}
    return found | {
        "changelog_mb": group.bytes / seconds / 1e6,
        "changelog_records": group.values / seconds,
        "mb_per_million_events": group.bytes / seconds / rate,
        "rss_mb": memory()["rss_mb"],
    }


def table(figures: dict[str, Any], partitions: int) -> list[dict[str, float]]:
    """Return what each worker of a group takes, in cores, by the number of workers."""
    divided = figures["count_cpu"] + figures["flush_cpu"]
    whole = figures["follow_cpu"] + figures["show_cpu"]
    return [
        {"workers": number, "cores_of_each": divided / number + whole, "of_which_follows": whole}
        for number in WORKERS
        if number <= partitions
    ]


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    gc.set_threshold(GC_OBJECTS, 20, 50)
    figures = simulated(arguments.rate, arguments.partitions, arguments.seconds)
    rows = table(figures, arguments.partitions)
    enough = next((each["workers"] for each in rows if each["cores_of_each"] <= FULL), None)
    result = {
        "conditions": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "machine": machine(),
            "rate": arguments.rate,
            "partitions": arguments.partitions,
            "seconds": arguments.seconds,
        },
        "a second": {name: round(each, 4) for name, each in figures.items()},
        "workers": [{name: round(each, 3) for name, each in row.items()} for row in rows],
        f"fewest workers at {FULL} of a core each": enough,
    }
    text = json.dumps(result, indent=1)
    arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
