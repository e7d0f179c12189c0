"""What a snapshot costs where every hour brings new names of models: 168 hours of 1,024 names.

    python tests/bench/snapshot.py [--json FILE] [--partitions 4] [--names 1024]

first: all windows added up after a start, with nothing cached, and the longest piece of it, which
is as long as the event loop waits. steady: the running panes of all partitions have changed, as
each flush changes them. hour: a new hour begins. picture: what is left to do when the windows
stand. Milliseconds of CPU time, the median of the rounds; each partition has names of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import resource
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from streams.classify.keys import cell_key
from streams.classify.origin.catalog import Catalog
from streams.shares.sums import SumsCache
from streams.shares.windows import Windows
from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    Totals,
    encode_pane,
    encode_position,
    pane_key,
    position_key,
)
from streams.state.pane import FINE, HOUR, MIDDLE, Level, Pane, pane_start
from streams.state.pieces import PIECE_SECONDS
from streams.state.view import View
from streams.web.snapshot import Snapshot, take
from streams.worker.run import GC_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results" / "snapshot.json"
NOW = 1_763_985_600.0 + 1_234.0
HOURS = 168
ROUNDS = 5
#: One character that is eighteen when it is normalised.
LIGATURE = "\ufdfa"
KINDS: dict[str, Callable[[str], str]] = {
    "names of nobody": lambda name: f"model-{name}",
    "names with a family in them": lambda name: f"acme{name}/llama-3.1-8b-{name}",
    "long names of many words": lambda name: (
        f"{'-'.join('abcdefghijklmnopqrstuvwxyz01234')}-{name}"
    ),
    "ligatures": lambda name: f"{LIGATURE * 100}-{name}",
}


def put(view: View, level: Level, start: int, partition: int, names: list[str]) -> None:
    """Give a view a pane of so many models, some of them of unknown origin in a few languages."""
    models = {name: [1, 100 + place, 10, 12_100] for place, name in enumerate(names)}
    cells = {
        cell_key("unknown", ("en", "zh-Hans", "ru", "de")[place % 4], name): [1, 100, 10, 12_100]
        for place, name in enumerate(names[:64])
    }
    cells["unknown/en"] = [max(1, len(names) - 64), 100, 10, 12_100]
    value = encode_pane(Pane(cells, models, {}, 1), 1)
    view.apply(pane_key(partition, PaneKey(level, start)), value)


def running(view: View, partitions: int, names: int, now: float, of: Callable[[str], str]) -> None:
    """Give a view the panes that run at a time, with all names of their hour and a new one."""
    for partition in range(partitions):
        for level in (HOUR, MIDDLE, FINE):
            start = pane_start(level, now)
            here = names * level.seconds // HOUR.seconds
            put(view, level, start, partition, [*named(partition, start, here, of), of(f"{now}")])


def named(partition: int, start: int, number: int, of: Callable[[str], str]) -> list[str]:
    """Return so many names that occur at no other time and in no other partition."""
    return [of(f"{partition}-{start % 10_000_000}-{place}") for place in range(number)]


def filled(partitions: int, names: int, of: Callable[[str], str]) -> View:
    """Return the view of a week in which each hour brings so many names to each partition."""
    view = View()
    for partition in range(partitions):
        for level, seconds in ((HOUR, HOURS * 3600), (MIDDLE, 86400), (FINE, 3600)):
            last = pane_start(level, NOW)
            here = names * level.seconds // HOUR.seconds
            for start in range(last - seconds + level.seconds, last + 1, level.seconds):
                put(view, level, start, partition, named(partition, start, here, of))
        position = PositionRecord(STATE_VERSION, 1, 0, NOW, NOW, Totals())
        view.apply(position_key(partition), encode_position(position))
    return view


class Worker:
    """The windows of a worker and its picture."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.catalog = Catalog.load()
        self.windows = Windows(view, SumsCache(view, self.catalog))
        self.picture: Snapshot | None = None
        self.longest = 0.0

    def show(self, now: float) -> tuple[float, float]:
        """Return the milliseconds that the windows and the picture of a moment take."""
        began = time.process_time()
        self.longest = 0.0
        is_moved = False
        while not is_moved:
            start = time.process_time()
            is_moved = self.windows.advance(now, PIECE_SECONDS)
            self.longest = max(self.longest, time.process_time() - start)
        moved = time.process_time()
        positions = self.view.positions.values()
        self.picture = take(self.windows, positions, self.catalog, now, (), (), self.picture)
        return (moved - began) * 1000, (time.process_time() - moved) * 1000


def measured(partitions: int, names: int, of: Callable[[str], str]) -> dict[str, float]:
    """Return the milliseconds of each kind of snapshot."""
    view = filled(partitions, names, of)
    worker = Worker(view)
    first, picture = worker.show(NOW)
    found = {"first": first, "first, longest piece": worker.longest * 1000}
    pictures, steady, hours, pieces = [picture], [], [], []
    for number in range(ROUNDS):
        for second in range(3):
            now = NOW + number * 3600 + second
            running(view, partitions, names, now, of)
            moved, picture = worker.show(now)
            pictures.append(picture)
            pieces.append(worker.longest * 1000)
            if second:
                steady.append(moved + picture)
            elif number:
                hours.append(moved + picture)
    found |= {
        "steady": statistics.median(steady),
        "hour": statistics.median(hours),
        "picture": statistics.median(pictures),
        "longest piece behind the first": max(pieces),
    }
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--names", type=int, default=1024)
    arguments = parser.parse_args()
    gc.set_threshold(GC_OBJECTS, 20, 50)
    result = {
        "conditions": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, one core of a shared machine",
            "hours": HOURS,
            "names an hour and partition": arguments.names,
            "partitions": arguments.partitions,
        },
        "milliseconds": {
            kind: measured(arguments.partitions, arguments.names, of) for kind, of in KINDS.items()
        },
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    text = json.dumps(result, indent=1)
    arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
