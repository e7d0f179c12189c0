"""How often the origin of a model is told right, how fast, and in how much memory.

    python tests/accuracy/origins.py [--json FILE] [--answers FILE]

The ids and their labels are those of origins/ (its README says whose and how); the catalogue was
built on others, those of LiteLLM's price list. Of the half `dev` every failure is printed; of the
half `held`, which nothing is chosen on, counts by developer.

answered: how many of the ids that a well-informed person can answer the catalogue answers.
right: how many of its answers are right; an answer to a router or an alias is wrong.
Ids that nobody can answer for sure (`unanswerable`) count nowhere. `--answers` writes what the
catalogue says of every id of LiteLLM's price list. Times are of one core, the median of five
rounds; memory is resident memory over that of Python itself.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from streams.classify.origin.catalog import Catalog
from streams.classify.origin.facts import Classification

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "origins.json"
ANSWERS = HERE / "results" / "litellm.tsv"
ANSWERABLE = {"cn-open", "cn-proprietary", "row-open", "row-proprietary"}
ROUNDS = 5


class Labelled(NamedTuple):
    """An id with its truth."""

    model: str
    origin: str
    developer: str


def labelled(part: str) -> list[Labelled]:
    """Return the ids of a half: `dev` or `held`."""
    with (HERE / "origins" / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Labelled(row["id"], row["origin"], row["developer"]) for row in rows]


def measure(part: str, catalog: Catalog) -> dict[str, Any]:
    """Return the figures of a half."""
    rows = [row for row in labelled(part) if row.origin != "unanswerable"]
    answers = {row: catalog.classify(row.model) for row in rows}
    answered = [row for row in rows if answers[row].origin != "unknown"]
    wrong = [row for row in answered if answers[row].origin != row.origin]
    answerable = [row for row in rows if row.origin in ANSWERABLE]
    missed = [row for row in answerable if answers[row].origin == "unknown"]
    others = [
        row
        for row in answered
        if row not in wrong and not _same(row.developer, answers[row].developer or "")
    ]
    figures = {
        "ids": len(rows),
        "answerable": len(answerable),
        "answered": round(1 - len(missed) / len(answerable), 4),
        "right": round(1 - len(wrong) / len(answered), 4),
        "routers and aliases answered": sum(row.origin == "unknown" for row in wrong),
    }
    if part == "held":
        return figures | {
            "wrong by developer": _counts(wrong),
            "missed by developer": _counts(missed),
            "another developer of the same origin": len(others),
        }
    return figures | {
        "wrong": [_failure(row, answers[row]) for row in wrong],
        "missed": [_failure(row, answers[row]) for row in missed],
        "another developer": [_failure(row, answers[row]) for row in others],
    }


def _same(one: str, other: str) -> bool:
    """Whether two names are of one developer, as far as their letters tell."""
    first, second = (re.sub(r"[^a-z0-9]", "", name.lower()) for name in (one, other))
    return first[:4] == second[:4] or first in second or second in first


def _counts(rows: list[Labelled]) -> dict[str, int]:
    return dict(Counter(row.developer or "a router or alias" for row in rows).most_common())


def _failure(row: Labelled, said: Classification) -> str:
    truth = f"{row.origin} {row.developer}".strip()
    return f"{row.model}: {truth}; said {said.origin} ({said.matched_by})"


def price_list() -> list[str]:
    """Return the ids of LiteLLM's price list, in the package's order."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    return [model for model in litellm.model_cost if model != "sample_spec"]


def write_answers(path: Path, models: list[str], catalog: Catalog) -> dict[str, Any]:
    """Write a line an id: what the catalogue says, and why; returns how many are unknown."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, delimiter="\t", lineterminator="\n").writerow
        write(["model", "origin", "developer", "base", "matched_by"])
        for model in models:
            said = catalog.classify(model)
            write([model, said.origin, said.developer or "", said.base or "", said.matched_by])
    unknown = [model for model in models if catalog.classify(model).origin == "unknown"]
    return {"ids": len(models), "unknown": len(unknown)}


def speed(models: list[str]) -> dict[str, float]:
    """Return what a known id takes in nanoseconds, and a new one in microseconds."""
    known, new = [], []
    for _ in range(ROUNDS):
        catalog = Catalog.load()
        start = time.process_time()
        for model in models:
            catalog.classify(model)
        new.append((time.process_time() - start) / len(models) * 1e6)
        start = time.process_time()
        for _again in range(20):
            for model in models:
                catalog.classify(model)
        known.append((time.process_time() - start) / len(models) / 20 * 1e9)
    return {
        "known id, ns": round(statistics.median(known)),
        "new id, us": round(statistics.median(new), 1),
    }


_MEMORY = """
import resource, sys
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
before = resident()
from streams.classify.origin.catalog import Catalog
from streams.classify.language.detect import detect
catalog = Catalog.load()
detect("How do I mend a bicycle tyre that loses air every night?")
for model in sys.stdin.read().splitlines():
    catalog.classify(model)
print(round(resident() - before, 1))
"""


def memory(models: list[str]) -> float:
    """Return MB of detector and catalogue together, all ids answered, over Python itself."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY],
        input="\n".join(models),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--answers", type=Path, default=ANSWERS)
    arguments = parser.parse_args()
    catalog = Catalog.load()
    models = price_list()
    result = {
        "conditions": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared",
        },
        "held": measure("held", catalog),
        "dev": measure("dev", catalog),
        "LiteLLM's price list": write_answers(arguments.answers, models, catalog),
        "speed": speed(models),
        "memory of detector and catalogue, MB": memory(models),
    }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
