"""What shift statistics cost a worker each minute, and how fast `tokenshare backtest` reads.

    python tests/bench/shifts.py [--lines 5000000] [--json tests/bench/results/shifts.json]

*A minute* is `shift.shifts` for 5 origins and 60 languages, tokens and requests, both windows, with
the guard over 65 tenants. *An hour* is `past.past` for the same, which a worker keeps for an hour.
Medians of CPU time in one process. *Lines* is the CPU time of the whole command, start of Python
included, over a file of simulated cells as a gateway of 40 tenants has them; on a shared machine
runs differ by a tenth to a third.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parents[1] / "shifts"))

import traffic_model as model

from streams.shifts.baseline import NEEDED_HOURS, baseline_of
from streams.shifts.series import SHIFT_MEASURES, Series, Tenants
from streams.shifts.shift import Traffic, shifts

ROUNDS = 30
KEYS = {"origin": 5, "language": 60}
TENANTS = 65
NOW = model.START + 40 * 86400 + 1234


def traffic(dimension: str, keys: int) -> Traffic:
    random = np.random.default_rng(keys)
    names = tuple(f"key-{place}" for place in range(keys))
    weights = 1 / np.arange(1, keys + 1)

    def counted(seconds: int, number: int) -> Series:
        requests = random.poisson(weights * seconds / 3, (number, keys)).astype(float)
        tokens = np.rint(requests * 1500)
        start = (NOW // seconds - number + 1) * seconds
        return Series(names, start, seconds, requests, tokens, tokens * 20_000)

    hours = counted(3600, NEEDED_HOURS + 1)
    parts = random.dirichlet(np.ones(TENANTS), 216)[:, :, None]
    tenants = Tenants(
        tuple(f"tenant-{place}" for place in range(TENANTS)),
        hours.start + (NEEDED_HOURS + 1 - 216) * 3600,
        parts * hours.requests[-216:, None],
        parts * hours.tokens[-216:, None],
    )
    return Traffic(dimension, counted(300, 300), hours, tenants)


def milliseconds(work) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spent.append((time.process_time() - began) * 1000)
    return round(statistics.median(spent), 2)


def worker() -> dict[str, float]:
    kept = [traffic(dimension, keys) for dimension, keys in KEYS.items()]
    hour = NOW // 3600 * 3600

    def an_hour():
        return [
            {each: baseline_of(one.hours, each, hour) for each in SHIFT_MEASURES} for one in kept
        ]

    baselines = an_hour()

    def a_minute():
        for one, known in zip(kept, baselines, strict=True):
            shifts(one, known, NOW)

    return {"a_minute_ms": milliseconds(a_minute), "an_hour_ms": milliseconds(an_hour)}


def cell(first: int, drawn: model.Drawn, pane: int, place: int, language: str) -> bytes:
    return orjson.dumps(
        {
            "start": model.START + (first + pane) * 300,
            "seconds": 300,
            "origin": drawn.mix.keys[drawn.mix.key[place]],
            "language": language,
            "tenant": f"tenant-{drawn.mix.tenant[place]}",
            "requests": int(drawn.requests[pane, place]),
            "tokens": int(drawn.tokens[pane, place]),
            "tokens_squared": int(drawn.squares[pane, place]),
        }
    )


def write_history(path: Path, lines: int) -> None:
    """Write a history of so many cells: a tenant's requests to an origin, in three languages."""
    gateway = model.Gateway(1, 50.0, 70)
    plan = gateway.plan()
    random = np.random.default_rng(1)
    mix = plan.mixes["language"]
    used = [mix.key[mix.tenant == tenant] for tenant in range(model.TENANTS)]
    written = 0
    with path.open("wb") as stream:
        for first in range(0, gateway.days * model.DAY_PANES, model.DAY_PANES):
            drawn = plan.draw("origin", random, first, first + model.DAY_PANES)
            out = [
                cell(first, drawn, pane, place, mix.keys[language])
                for pane, place in np.argwhere(drawn.requests).tolist()
                for language in random.choice(used[drawn.mix.tenant[place]], 3).tolist()
            ]
            out = out[: lines - written]
            written += len(out)
            stream.write(b"\n".join(out) + b"\n")
            if written >= lines:
                return
    raise AssertionError(f"only {written} lines")


def backtest(lines: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.ndjson"
        write_history(path, lines)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        said = subprocess.run(
            [sys.executable, "-m", "streams", "backtest", str(path), "--json"],
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "lines": lines,
            "megabytes": round(path.stat().st_size / 1e6),
            "alerts": len(said.stdout.splitlines()),
            "cpu_seconds": round(spent, 1),
            "seconds": round(time.monotonic() - began, 1),
            "peak_megabytes": round(after.ru_maxrss / 1024),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.machine()}, one core",
        "worker": worker(),
        "backtest": backtest(options.lines),
    }
    print(json.dumps(found, indent=1))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
