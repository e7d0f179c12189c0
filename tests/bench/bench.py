"""Run the parts of the benchmark one after the other, each in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fills import LITELLM_EVENTS
from measuring import PATIENCE_SECONDS, Clock, get, owned, scrape, settings_of, wait_for
from worker_parts import LATENCY_RATE, LATENCY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The program whose option --part runs one part.
RUN = Path(__file__).with_name("run.py")

SCRAPES = 20
BACKLOG_DAYS = 28
MOST_WORKERS, GROUP_PARTITIONS, GROUP_EVENTS = 4, 16, 10_000_000
SOAK_EVENTS, SOAK_STEP = 100_000_000, 10_000_000


class Bench:
    """Run the parts one after the other on one broker."""

    def __init__(
        self, arguments: argparse.Namespace, bootstrap: str, log_bytes: Callable[[str], float]
    ) -> None:
        self._arguments = arguments
        self._bootstrap = bootstrap
        self._log_bytes = log_bytes
        self._groups = itertools.count(1)

    def run(self) -> dict[str, Any]:
        """Return all figures by part."""
        arguments = self._arguments
        if arguments.only is not None:
            return {
                arguments.only: {
                    "full-state": self._full_state,
                    "soak": self._soak,
                    "litellm": self._litellm,
                    "native": self._native,
                    "workers": self._workers,
                }[arguments.only]()
            }
        result = self._compared(
            *self._native_parts(),
            ("decode only, by Python", "decode", {"partitions": 1}),
            *self._litellm_parts(),
            ("Faust, as documented", "faust", {"partitions": 1}),
        )
        result["budget"] = self.part("budget", partitions=1)
        print("latency", file=sys.stderr)
        result["produce to /metrics"] = self._latency()
        print("the study", file=sys.stderr)
        result["after the study"] = self._study()
        print("full state", file=sys.stderr)
        result["full state"] = self._full_state()
        return result

    def _native(self) -> dict[str, Any]:
        return self._compared(*self._native_parts()) | {"budget": self.part("budget", partitions=1)}

    def _native_parts(self) -> list[tuple[str, str, dict[str, Any]]]:
        for partitions in (1, 4, 16, 64):
            self.part("fill", partitions=partitions)
        backlog = {"topic": "bench-backlog", "partitions": 4}
        self.part("fill", days=BACKLOG_DAYS, **backlog)
        return [
            ("raw fetch, 1 partition", "raw", {"partitions": 1}),
            ("whole path, 1 partition", "whole", {"partitions": 1}),
            ("raw fetch, 4 partitions", "raw", {"partitions": 4}),
            ("whole path, 4 partitions", "whole", {"partitions": 4}),
            ("whole path, 16 partitions", "whole", {"partitions": 16}),
            ("whole path, 64 partitions", "whole", {"partitions": 64}),
            ("whole path, 28 days", "whole", backlog),
        ]

    def _litellm(self) -> dict[str, Any]:
        return self._compared(*self._litellm_parts())

    def _litellm_parts(self) -> list[tuple[str, str, dict[str, Any]]]:
        payloads = {"topic": "bench-litellm", "partitions": 1, "events": LITELLM_EVENTS}
        self.part("fill_litellm", **payloads)
        return [
            ("orjson.loads, LiteLLM", "loads", payloads),
            ("whole path, LiteLLM", "whole", payloads),
            ("whole path, LiteLLM, language", "whole", payloads | {"detect": 1}),
        ]

    def _compared(self, *parts: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
        """Run parts in turns; return the medians of their figures, and the single rounds."""
        compared: dict[str, list[dict[str, Any]]] = {}
        rounds = self._arguments.rounds
        for turn, (name, part, options) in itertools.product(range(rounds), parts):
            print(f"round {turn + 1}/{rounds}: {name}", file=sys.stderr)
            compared.setdefault(name, []).append(self.part(part, **options))
        return {
            name: medians(figures)
            | {"rounds": [round(each["events_per_cpu_second"]) for each in figures]}
            for name, figures in compared.items()
        }

    def command(self, part: str, **options: Any) -> list[str]:
        given = {
            "bootstrap": self._bootstrap,
            "events": self._arguments.events,
            "topic": f"bench-{options['partitions']}",
            "group": f"bench-{part}-{next(self._groups)}",
        } | options
        return [
            *(sys.executable, str(RUN), "--part", part),
            *(f"--{name}={value}" for name, value in given.items()),
        ]

    def part(self, part: str, **options: Any) -> dict[str, Any]:
        """Run one part to its end; return its figures."""
        self.prepare(options)
        done = subprocess.run(
            self.command(part, **options),
            stdout=subprocess.PIPE,
            timeout=2 * PATIENCE_SECONDS,
            check=True,
        )
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def prepare(self, options: dict[str, Any]) -> None:
        # Stock Faust must not make its own topics, and a worker's start should not either.
        from streams.kafka import admin

        options.setdefault("topic", f"bench-{options['partitions']}")
        options.setdefault("group", f"bench-{next(self._groups)}")
        options.setdefault("port", 0)
        options.setdefault("detect", 0)
        names = argparse.Namespace(bootstrap=self._bootstrap, **options)
        client = admin.connect(settings_of(names), 10.0)
        try:
            admin.create_missing(client, settings_of(names))
            if "tokens" not in options["topic"]:
                from kafka.admin import NewTopic
                from kafka.errors import TopicAlreadyExistsError

                name = f"{options['group']}-tokens-changelog"
                with contextlib.suppress(TopicAlreadyExistsError):
                    client.create_topics([NewTopic(name, options["partitions"], 1)])
        finally:
            client.close()

    def _latency(self) -> dict[str, Any]:
        with self.worker(topic="bench-latency", partitions=4, group="bench-latency") as (
            _,
            port,
            _ask,
        ):
            before = self._log_bytes("bench-latency-panes-changelog")
            figures = self.part("latency", topic="bench-latency", partitions=4, port=port)
            grown = self._log_bytes("bench-latency-panes-changelog") - before
        return figures | {"changelog_mb_per_million": grown / (LATENCY_SECONDS * LATENCY_RATE)}

    def _study(self) -> dict[str, Any]:
        with self.worker(topic="bench-study", partitions=4) as (ready, port, ask):
            sent = self.part("fill_study", topic="bench-study", partitions=4)
            after = ask(sent["events"])
            scrapes = sorted(scrape(port)[0] for _ in range(SCRAPES))
            return {
                "events": sent["events"],
                "rss_mb_at_start": ready["rss_mb"],
                **after,
                "scrape_seconds_median": statistics.median(scrapes),
                "scrape_seconds_max": scrapes[-1],
            }

    def _full_state(self) -> dict[str, Any]:
        import full_state

        options = {
            "topic": "bench-state",
            "partitions": full_state.PARTITIONS,
            "group": "bench-state",
        }
        filled = self.part("fill_state", **options)
        started = time.monotonic()
        with self.worker(**options) as (ready, port, ask):
            seconds = time.monotonic() - started
            asked = {}
            for step, dimension in itertools.product(("1d", "1h"), ("origin", "language")):
                path = f"/api/v1/history?dimension={dimension}&step={step}"
                asked[f"history_{step}_{dimension}_ms"] = 1000 * get(port, path)[0]
            sent = self.part("latency", **options | {"port": port})
            return (
                filled
                | {"ready_seconds": seconds, "rss_mb_at_ready": ready["rss_mb"]}
                | asked
                | {f"with_traffic_{name}": value for name, value in sent.items()}
                | ask(1)
            )

    def _soak(self) -> dict[str, Any]:
        import full_state

        options = {"topic": "bench-soak", "partitions": full_state.PARTITIONS, "group": "soak"}
        filled = self.part("fill_state", **options)
        with self.worker(**options) as (ready, port, ask):
            started = time.monotonic()
            command = self.command("soak", **options | {"port": port, "events": SOAK_EVENTS})
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
                memory = [
                    ask(upto) | {"events": upto, "wall_seconds": time.monotonic() - started}
                    for upto in range(SOAK_STEP, SOAK_EVENTS + 1, SOAK_STEP)
                ]
                sender.wait()
            return filled | {"rss_mb_at_ready": ready["rss_mb"], "memory": memory}

    def _workers(self) -> dict[str, Any]:
        counts, rounds = range(1, MOST_WORKERS + 1), self._arguments.rounds
        groups: dict[str, list[dict[str, Any]]] = {}
        for turn, count in itertools.product(range(rounds), counts):
            name = f"{count} worker{'s' if count > 1 else ''}"
            print(f"round {turn + 1}/{rounds}: {name}", file=sys.stderr)
            groups.setdefault(name, []).append(self._together(count, f"bench-{turn}-{count}"))
        return {name: medians(figures) for name, figures in groups.items()}

    def _together(self, count: int, name: str) -> dict[str, Any]:
        """Measure workers of one group that share a topic while it is sent, with their start left out."""
        topic = {"topic": name, "partitions": GROUP_PARTITIONS}
        with contextlib.ExitStack() as stack:
            workers = [stack.enter_context(self.worker(group=name, **topic)) for _ in range(count)]
            ports = [port for _, port, _ in workers]
            most = math.ceil(GROUP_PARTITIONS / count)
            wait_for(lambda: all(1 <= owned(port) <= most for port in ports))
            before = sum(ask(0)["cpu_seconds"] for _, _, ask in workers)
            clock = Clock()
            sent = self.part("soak", **topic, events=GROUP_EVENTS)["events"]
            after = [ask(sent) for _, _, ask in workers]
            cpu = sum(each["cpu_seconds"] for each in after) - before
            return {
                "events": sent,
                "wall_seconds": clock.wall(),
                "cpu_seconds": cpu,
                "events_per_cpu_second": sent / cpu,
                "rss_mb": sum(each["rss_mb"] for each in after),
            }

    @contextlib.contextmanager
    def worker(self, **options: Any) -> Iterator[tuple[dict[str, Any], int, Any]]:
        """Yield a worker that is ready: its figures, its port, a function that waits for so many events."""
        from streams.demo.broker import free_port

        port = options["port"] = free_port()
        self.prepare(options)
        with subprocess.Popen(
            self.command("serve", **options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            questions, answers = worker.stdin, worker.stdout

            def ask(number: int) -> dict[str, Any]:
                questions.write(f"{number}\n")
                questions.flush()
                return json.loads(answers.readline())

            try:
                yield json.loads(answers.readline()), port, ask
            finally:
                questions.close()


def medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
