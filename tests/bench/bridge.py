"""What a bridge takes: posts a second over loopback HTTP, how long they wait, and for how much CPU.

    .venv/bin/python tests/bench/bridge.py [--broker apache] [--seconds 5] [--rounds 3] [--json FILE]

How to read the numbers

- The bridge is a process of its own with settings as they are (keys, lz4, acks=all, idempotent where
  the broker can do that), pinned to one core; the broker and the clients share the others. With two
  cores, Apache Kafka and the clients have one together, which is less than the bridge would need to
  show its best at full speed.
- "full speed": each of N keep-alive connections posts again as soon as it has its answer. Posts a
  second of CPU time of the bridge (user and system) is the figure that another load on the machine
  changes least, and is what one core would take if it had it to itself.
- "paced": so many posts a second, spread evenly over the connections. Latency is reckoned from the
  moment that a post was due, so one that had to wait for its connection counts its wait.
- Every post is a new event with an id of its own; an answer comes once Kafka has acknowledged. At the
  end the topic holds exactly as many records as answers said 202, or the run fails.
- "litellm" posts one StandardLoggingPayload of some 4 KB with messages whose language is declared;
  "detected" the same without, so its language is told.
- The median of the rounds counts. Compare figures of one run with each other only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "kafka"))

from apache import VERSION, ApacheKafka

from streams.demo.broker import EmbeddedBroker, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "a-token-of-the-bench-and-nothing-else"
TOPIC = "bench-bridge"
SENTENCE = "Could you explain to me how the tides work, and why there are two of them a day? "

numbers = count()


def event() -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{next(numbers):012d}",
        "ts": round(time.time(), 3),
        "model": "qwen/qwen3-32b",
        "prompt_tokens": 812,
        "completion_tokens": 64,
        "language": "zh",
        "tenant": "team-7",
    }


def litellm(*, declares: bool) -> dict[str, Any]:
    number = next(numbers)
    return {
        "id": f"chatcmpl-{number:012d}",
        "trace_id": f"trace-{number}",
        "call_type": "acompletion",
        "status": "success",
        "cache_hit": False,
        "startTime": time.time() - 1,
        "endTime": time.time(),
        "model": "qwen3-32b",
        "custom_llm_provider": "openrouter",
        "prompt_tokens": 812,
        "completion_tokens": 64,
        "total_tokens": 876,
        "metadata": {"user_api_key_team_id": "team-7"} | ({"language": "en"} if declares else {}),
        "messages": [
            {"role": "system", "content": SENTENCE * 20},
            {"role": "user", "content": SENTENCE * 4},
        ],
        "response": {"choices": [{"message": {"content": SENTENCE * 15}}]},
    }


CASES: dict[str, tuple[int, Callable[[], Any]]] = {
    "single": (1, event),
    "batch of 100": (100, lambda: [event() for _ in range(100)]),
    "litellm": (1, lambda: litellm(declares=True)),
    "detected": (1, lambda: litellm(declares=False)),
}


def request(body: bytes) -> bytes:
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (TOKEN.encode(), len(body), body)
    )


class Load:
    """What all connections of one measurement share."""

    def __init__(self, make: Callable[[], Any], seconds: float, every: float) -> None:
        self.make = make
        self.every = every
        self.ends = time.perf_counter() + seconds
        self.waits: list[float] = []
        self.wrong: list[bytes] = []
        self.open = 0


class Client(asyncio.Protocol):
    """One connection: a post, its answer, the next post."""

    def __init__(self, load: Load, starts: float) -> None:
        self._load = load
        self._due = starts
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._load.open += 1
        self._next()

    def _next(self) -> None:
        now = time.perf_counter()
        if max(self._due, now) >= self._load.ends:
            self._transport.close()
        elif self._due > now:
            asyncio.get_running_loop().call_later(self._due - now, self._post)
        else:
            self._post()

    def _post(self) -> None:
        if not self._load.every:
            self._due = time.perf_counter()
        body = json.dumps(self._load.make()).encode()
        self._transport.write(request(body))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].split()[0]):
            return
        self._answer = b""
        self._load.waits.append(time.perf_counter() - self._due)
        if not head.startswith(b"HTTP/1.1 202"):
            self._load.wrong.append(head.partition(b"\r\n")[0])
        self._due += self._load.every
        self._next()

    def connection_lost(self, _: BaseException | None) -> None:
        self._load.open -= 1


async def post(
    port: int, make: Callable[[], Any], connections: int, seconds: float, rate: float
) -> Load:
    """Post for so many seconds: at a rate, or (0) as fast as it goes."""
    loop = asyncio.get_running_loop()
    every = connections / rate if rate else 0.0
    load = Load(make, seconds, every)
    for index in range(connections):
        starts = time.perf_counter() + (every * index / connections)
        await loop.create_connection(partial(Client, load, starts), "127.0.0.1", port)
    deadline = time.perf_counter() + seconds + 10
    while load.open and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    return load


class BridgeProcess:
    def __init__(self, bootstrap: str, core: int) -> None:
        self.port = free_port()
        environment = os.environ | {
            "TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap,
            "TOKENSHARE_TOPIC": TOPIC,
            "TOKENSHARE_BRIDGE_PORT": str(self.port),
            "TOKENSHARE_BRIDGE_TOKEN": TOKEN,
            "TOKENSHARE_LOG_LEVEL": "WARNING",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams", "bridge"], env=environment
        )
        os.sched_setaffinity(self.process.pid, {core})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.get("/readyz")
                return
            assert self.process.poll() is None
            time.sleep(0.1)
        raise SystemExit("the bridge does not become ready")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def seconds(self) -> float:
        """CPU time so far."""
        ticks = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Most resident memory so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


async def in_topic(bootstrap: str, expected: int) -> int:
    """Return how many records can be read: the embedded broker's end offsets are not the ends."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    found = 0
    await consumer.start()
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            batches = (await consumer.getmany(timeout_ms=200)).values()
            found += sum(map(len, batches))
            if batches:
                deadline = time.monotonic() + (5 if found < expected else 0.5)
    finally:
        await consumer.stop()
    return found


def measure(
    bridge: BridgeProcess, case: str, connections: int, seconds: float, rate: float
) -> dict[str, float]:
    events, make = CASES[case]
    began, spent = time.perf_counter(), bridge.seconds()
    load = asyncio.run(post(bridge.port, make, connections, seconds, rate))
    took, spent = time.perf_counter() - began, bridge.seconds() - spent
    assert not load.wrong, load.wrong[:3]
    waits = sorted(load.waits)
    return {
        "posts": len(waits),
        "events": len(waits) * events,
        "posts_per_second": len(waits) / min(took, seconds),
        "posts_per_cpu_second": len(waits) / max(spent, 0.01),
        "core_share": spent / took,
        "p50_ms": 1000 * waits[len(waits) // 2],
        "p99_ms": 1000 * waits[int(len(waits) * 0.99)],
        "longest_ms": 1000 * waits[-1],
    }


@contextlib.contextmanager
def broker(kind: str) -> Iterator[str]:
    if kind == "embedded":
        with EmbeddedBroker() as running:
            yield running.bootstrap
        return
    with ApacheKafka(is_short_lived=False) as running:
        yield running.bootstrap


def main() -> None:
    parser = argparse.ArgumentParser(description="What a bridge takes.")
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each part and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", type=int, nargs="*", default=[1000, 2500, 5000])
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    seconds = min(chosen.seconds, 60.0)
    cores = sorted(os.sched_getaffinity(0))
    # Broker and clients inherit this; the bridge gets the first core to itself.
    os.sched_setaffinity(0, set(cores[1:]) or set(cores))
    parts = [(case, 0) for case in chosen.cases] + [("single", rate) for rate in chosen.rates]
    found: dict[tuple[str, int], list[dict[str, float]]] = {part: [] for part in parts}
    with broker(chosen.broker) as bootstrap:
        bridge = BridgeProcess(bootstrap, cores[0])
        try:
            # The first posts load code.
            warm = measure(bridge, "single", chosen.connections, 1.0, 0)["events"]
            for _ in range(chosen.rounds):
                for part in parts:
                    case, rate = part
                    found[part].append(measure(bridge, case, chosen.connections, seconds, rate))
            posted = warm + sum(each["events"] for rows in found.values() for each in rows)
            stored = asyncio.run(in_topic(bootstrap, int(posted)))
            memory = bridge.memory()
        finally:
            bridge.stop()
    assert stored == posted, f"{posted} events were accepted, {stored} are in the topic"
    rows = [median_row(case, rate, rounds) for (case, rate), rounds in found.items()]
    print_rows(rows)
    print(f"{stored:.0f} events accepted, as many in the topic; {memory} MB at most")
    if chosen.json:
        document = {
            "command": " ".join(["tests/bench/bridge.py", *sys.argv[1:]]),
            "machine": f"{platform.machine()}, {len(cores)} cores, shared",
            "versions": versions(chosen.broker),
            "connections": chosen.connections,
            "seconds": seconds,
            "memory_mb": memory,
            "parts": rows,
        }
        chosen.json.write_text(json.dumps(document, indent=1) + "\n")


def median_row(case: str, rate: int, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Return the medians of a part's figures, and the single rounds."""
    medians = {
        name: round(statistics.median(each[name] for each in rounds), 2) for name in rounds[0]
    }
    return {"case": case, "rate": rate or "full speed", **medians, "rounds": rounds}


def print_rows(rows: list[dict[str, Any]]) -> None:
    print(f"{'':14}{'rate':>11}{'posts/s':>9}{'/CPU s':>9}{'core':>7}{'p50 ms':>9}{'p99 ms':>9}")
    for row in rows:
        print(
            f"{row['case']:14}{row['rate']:>11}{row['posts_per_second']:9.0f}"
            f"{row['posts_per_cpu_second']:9.0f}{row['core_share']:7.0%}"
            f"{row['p50_ms']:9.1f}{row['p99_ms']:9.1f}"
        )


def versions(broker: str) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "broker": f"Apache Kafka {VERSION}" if broker == "apache" else "embedded",
        **{name: version(name) for name in ("aiohttp", "aiokafka", "msgspec", "orjson")},
    }


if __name__ == "__main__":
    main()
