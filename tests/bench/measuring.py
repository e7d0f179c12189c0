"""Clock, memory and HTTP requests of the benchmarks, and the settings of the worker that is measured."""

from __future__ import annotations

import argparse
import http.client
import json
import math
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings


PATIENCE_SECONDS = 180.0


class Clock:
    """CPU and wall time from now on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def wall(self) -> float:
        return time.monotonic() - self._wall

    def cpu(self) -> float:
        return time.process_time() - self._cpu

    def figures(self, counted: int) -> dict[str, Any]:
        cpu, wall = self.cpu(), self.wall()
        return {
            "events": counted,
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "events_per_cpu_second": counted / cpu,
        }


def memory() -> dict[str, float]:
    # Not getrusage: its peak starts with that of the process that started this one.
    status = Path("/proc/self/status")
    if not status.exists():
        return {"rss_mb": math.nan, "peak_rss_mb": math.nan}
    text = status.read_text()

    def megabytes(name: str) -> float:
        found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
        return int(found[1]) / 1024 if found else math.nan

    return {"rss_mb": megabytes("VmRSS"), "peak_rss_mb": megabytes("VmHWM")}


def get(port: int, path: str) -> tuple[float, bytes]:
    """Return the seconds that an answer took, and its body."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    body = connection.getresponse().read()
    took = time.monotonic() - started
    connection.close()
    return took, body


def scrape(port: int) -> tuple[float, int]:
    """Return the seconds that a scrape took and the events counted, as it says."""
    took, body = get(port, "/metrics")
    found = re.search(
        rb'^tokenshare_records_total\{[^}]*"counted"[^}]*\} (\S+)$', body, re.MULTILINE
    )
    return took, int(float(found[1])) if found else 0


def owned(port: int) -> int:
    """Return of how many partitions a worker says that it counts them."""
    found = re.search(
        rb"^tokenshare_partitions_owned (\S+)$", get(port, "/metrics")[1], re.MULTILINE
    )
    return int(float(found[1])) if found else 0


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so. Raises TimeoutError where it is not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.1)


def settings_of(arguments: argparse.Namespace) -> Settings:
    from streams.settings import load

    return load(
        bootstrap_servers=arguments.bootstrap,
        topic=arguments.topic,
        group=arguments.group,
        partitions=arguments.partitions,
        web_port=arguments.port,
        # The embedded broker waits half of it for other members of the group.
        rebalance_timeout_seconds=2.0,
        log_level="WARNING",
        detect_language=bool(arguments.detect),
    )


def print_figures(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
