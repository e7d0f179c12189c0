"""What it costs to compute the shifts of a full state, of 5 origins, 60 languages, 60 developers.

Its panes have 300 models, of which 40 are shown, and its hours 64 tenants.

    python tests/bench/live_shifts.py [--json FILE] [--partitions 4]

first: the first answer after a start, with all panes to be read. again: an answer when the running
panes have changed. hour: one in a new hour, when baselines and usual spreads are worked out anew.
Milliseconds of CPU time, the median of the rounds; a minute has four answers.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import ORIGINS
from streams.shares.history import History
from streams.shifts.baseline import NEEDED_HOURS
from streams.shifts.live import LiveShifts
from streams.shifts.models import WindowModels
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.pane import DAY, HOUR, MIDDLE, TENANTS, Level, Pane, pane_start
from streams.state.view import View
from streams.worker.worker import SHIFT_SECONDS

RESULTS = Path(__file__).parent / "results" / "live_shifts.json"
NOW = 1_763_985_600.0 + 1_234.0
LANGUAGES = [f"x{number:02}" for number in range(60)]
#: As many as are shown; a catalogue that has none of the models finds no counts of them.
DEVELOPERS = [f"d{number:02}" for number in range(60)]
MODELS = 300
ROUNDS = 7
RANDOM = np.random.default_rng(1)


def counts(number: int, *, is_priced: bool = False) -> list[list[int]]:
    """Return counts for so many keys, with cache reads and prices where they are asked for."""
    requests = RANDOM.integers(1, 1000, number)
    tokens = requests * RANDOM.integers(100, 5000, number)
    found = [
        [int(n), int(t), int(t) // 3, int(t) ** 2] for n, t in zip(requests, tokens, strict=True)
    ]
    if is_priced:
        for each in found:
            n, t, _, squares = each
            each += [t // 2, t, 0, t * 2000, n, t, squares * 4]
    return found


def put(view: View, level: Level, start: int, partition: int) -> None:
    """Give a view a new pane of a full set of keys."""
    if level is TENANTS:
        names = [f"{tenant:016x}/l/{key}" for tenant in range(64) for key in LANGUAGES[:30]]
        names += [f"{tenant:016x}/o/{origin}" for tenant in range(64) for origin in ORIGINS]
        pane = Pane(tenants=dict(zip(names, counts(len(names)), strict=True)), stamp=1)
    else:
        cells = [f"{origin}/{key}" for origin in ORIGINS for key in LANGUAGES]
        models = [f"model-{number}" for number in range(MODELS)]
        pane = Pane(
            cells=dict(zip(cells, counts(len(cells), is_priced=True), strict=True)),
            models=dict(zip(models, counts(MODELS, is_priced=True), strict=True)),
            stamp=1,
        )
    view.apply(pane_key(partition, PaneKey(level, start)), encode_pane(pane, 1))


def full(partitions: int) -> View:
    """Return a view of 36 days of hours, a day of 5-minute panes and nine days of tenants."""
    view = View()
    here, last = pane_start(HOUR, NOW), pane_start(MIDDLE, NOW)
    for partition in range(partitions):
        for hour in range(NEEDED_HOURS + 1):
            put(view, HOUR, here - hour * 3600, partition)
        for pane in range(288):
            put(view, MIDDLE, last - pane * 300, partition)
        for day in range(1, 66):
            put(view, DAY, pane_start(DAY, NOW) - day * 86400, partition)
        for hour in range(9 * 24):
            put(view, TENANTS, here - hour * 3600, partition)
    return view


def change(view: View, partitions: int, now: float) -> None:
    """Let the running panes change, as each flush does."""
    for partition in range(partitions):
        for level in (HOUR, MIDDLE, TENANTS):
            put(view, level, pane_start(level, now), partition)


def measured(view: View, partitions: int) -> dict[str, float]:
    """Return the milliseconds of each kind of answer."""
    history = History(view, Catalog.load())
    live = LiveShifts(view, history)
    keys = {
        "origin": ORIGINS,
        "language": (*LANGUAGES, "other"),
        "developer": (*DEVELOPERS, "other"),
    }
    named = {f"model-{number}": (3e3, 3e6) for number in range(MODELS)}
    models = WindowModels(1e6, 1e9, named)

    def answer(now: float) -> float:
        start = time.process_time()
        live.shifts(live.panes(now), keys, now, models)
        return (time.process_time() - start) * 1000

    first = answer(NOW)
    again, hours = [], []
    for number in range(ROUNDS):
        now = NOW + number * 3600
        for _ in range(3):
            change(view, partitions, now)
            again.append(answer(now))
        change(view, partitions, now + 3600)
        hours.append(answer(now + 3600))
    return {
        "first": round(first, 1),
        "again": round(statistics.median(again), 1),
        "hour": round(statistics.median(hours), 1),
        "a minute": round(statistics.median(again) * 60 / SHIFT_SECONDS, 1),
    }


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--partitions", type=int, default=4)
    arguments = parser.parse_args()
    view = full(arguments.partitions)
    result = {
        "conditions": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, one core of a shared machine",
            "keys": len(ORIGINS) + len(LANGUAGES) + 1 + len(DEVELOPERS) + 1,
            "partitions": arguments.partitions,
        },
        "milliseconds": measured(view, arguments.partitions),
    }
    text = json.dumps(result, indent=1)
    arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
