"""What a worker costs, beside what it could cost at best and what stock Faust costs.

    .venv/bin/python tests/bench/run.py [--events 2000000] [--rounds 3] [--json FILE]

How to read the numbers

- The measure is events per second of CPU time, all threads of the process together. Wall time on a
  machine that others use too says little, and a worker is paid for by the core.
- CPU time is noisy as well: a busy neighbour takes the cache and the clock rate. Compare only
  figures of one run with each other. The parts that are compared take turns, `rounds` times, and
  the median counts; the single rounds are in the JSON file.
- Each part runs in a fresh process, so that its CPU time and memory are its own. Starting up is not
  counted: the clock starts when a worker has taken up its partitions.
- "whole path" is a worker as `tokenshare worker` starts it: reading, decoding, classifying, counting,
  a flush every 0.5 s, the changelog read back, snapshots. It ends when every event is counted,
  written, read back and shown. The topic is full before it starts: this is a backlog, the work that a
  worker cannot put off. The last flush and snapshot make up to a second of the wall time.
- "raw fetch" is what reading alone costs in Python: the same batches from the same topic, checked,
  uncompressed, unpacked into records by aiokafka's compiled reader, counted and thrown away. The
  worker itself unpacks no records, so this is no floor for it.
  Python's garbage collector is off in it, as it finds nothing there; with it on at its defaults a raw
  fetch is three to four times slower, and "of raw" would look that much better.
- "of raw" moves less from run to run than the events per CPU-second, which follow the machine.
- "Faust, as documented" is the windowed table of Faust's user guide over the same topic: JSON values,
  tokens by model in a tumbling window. It counts one dimension; ours counts six.
- "produce to /metrics" is from before an event is sent until an answer of /metrics holds it, at a
  steady rate, polled over HTTP; half of `flush_seconds` and half a snapshot interval are by design.
- The broker is Apache Kafka from its jars (`--broker embedded` takes the other one), on the same
  machine, without replicas; what is sent is compressed with lz4. Its CPU time is not counted
  anywhere, but it competes for the cores.
- "LiteLLM" are payloads of some four kilobytes, as LiteLLM's loggers write them, with prompts and
  answers: sentences of eight languages, most in English (prompt_texts.py). "orjson.loads" parses the
  same values in memory, one by one, and throws them away, with the collector off.
  In "language" the worker detects the language of each prompt, as it does where none is
  declared unless TOKENSHARE_DETECT_LANGUAGE=false, which it is in all other parts.
- "budget" is what an event costs in each stage alone, in one process without Kafka (budget.py). What
  the whole path takes beside their sum is Kafka's client, the event loop and what is done once a
  second: the changelog written and read back, windows, snapshots.
- "28 days" is a backlog whose event times run through 28 days: each batch meets many panes.
- "full state" is a worker that starts alone on the changelog of two years (full_state.py says of what)
  and is asked for its history as the page does: two years of days, 37 days of hours, each by origin
  and by language. "restart to ready" is from its process's start to the first 200 of /readyz.
- "soak" (only with `--only soak`: some six minutes) sends 100 million events to a worker that starts
  with the full state, as fast as one core makes record batches, and looks at its memory every ten
  million. The events have no `ts`: their time is their record's, so each counts in the panes of now.
- "workers" (only with `--only workers`) are one to four workers of one group on 16 partitions, while
  ten million events are sent as the soak sends them. Their CPU time is that of all together: what
  each further worker adds is its own client and following the changelog of all partitions.
- "changelog" is what the changelog's log segments grew by while events came at the steady rate.

Memory is the resident set (VmRSS, peak VmHWM). "after the study" is a worker alone that has counted
the study's 56 weeks; the demo's process holds a simulated gateway as well.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Its modules are here, also where this one is started with -m.
sys.path.insert(0, str(Path(__file__).parent))

from bench import Bench
from bench_report import PACKAGES, TARGETS, broker_version, machine, report, rounded
from budget import budget
from fills import fill, fill_litellm, fill_state, fill_study, soak
from measuring import print_figures
from worker_parts import latency, serve, whole
from yardsticks import decode, faust, loads, raw

PARTS = {
    part.__name__: part
    for part in (
        *(fill, fill_study, fill_state, fill_litellm, soak),
        *(raw, decode, loads, whole, serve, faust, latency, budget),
    )
}
ALONE = ("full-state", "soak", "litellm", "native", "workers")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure tokenshare on a Kafka.")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--only", choices=ALONE, help="this part alone")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    for name, kind in (("bootstrap", str), ("topic", str), ("group", str)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--partitions", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--days", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--detect", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        figures = PARTS[arguments.part](arguments)
        if figures:
            print_figures(figures)
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
    import apache

    from streams.demo.broker import EmbeddedBroker

    # The backlog's records are older than Kafka would keep by default; those of the soak are many.
    kept = {"log.retention.ms": "-1"}
    if arguments.only == "soak":
        kept |= {
            "log.retention.bytes": str(300_000_000),
            "log.segment.bytes": str(50_000_000),
            "log.retention.check.interval.ms": "5000",
        }
    broker: Any = (
        apache.ApacheKafka(kept, is_short_lived=False)
        if arguments.broker == "apache"
        else EmbeddedBroker()
    )
    with broker:
        log_bytes = getattr(broker, "log_bytes", lambda _topic: math.nan)
        figures = rounded(Bench(arguments, broker.bootstrap, log_bytes).run())
    print(report(figures) if arguments.only is None else json.dumps(figures, indent=2))
    if arguments.json is not None:
        command = f"tests/bench/run.py --broker {arguments.broker}"
        command += f" --events {arguments.events} --rounds {arguments.rounds}"
        command += f" --only {arguments.only}" if arguments.only is not None else ""
        document = {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "command": command,
            "machine": machine(),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "broker": f"{arguments.broker} ({broker_version(arguments.broker)}), lz4",
            "targets": {name: " ".join(map(str, each)) for name, each in TARGETS.items()},
            "figures": figures,
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
