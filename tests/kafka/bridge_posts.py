"""A bridge process, and what is posted to it."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from forked import Forked
from processes import WAIT_SECONDS, wait_until

from streams.demo.broker import free_port

EVENT = {"model": "qwen/qwen3-32b", "prompt_tokens": 10, "completion_tokens": 5, "language": "en"}
SECRET = "the quick brown fox keeps a secret of its own"
TOKEN = "a-token-that-nobody-is-to-see"


class BridgeProcess:
    """A bridge: forked, or where `own` or `files` ask for it the command itself.

    `files` is how many it may open. A process of its own has only the memory that it needs.
    """

    def __init__(
        self, log: Path, files: int | None = None, *, own: bool = False, **settings: Any
    ) -> None:
        self.port = free_port()
        self.log = log
        self.command = [sys.executable, "-m", "streams", "bridge"]
        if files is not None:
            self.command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *self.command]
        self.is_forked = files is None and not own
        self.environment = {
            f"TOKENSHARE_{name.upper()}": str(value)
            for name, value in ({"bridge_port": self.port} | settings).items()
        }
        self.process: subprocess.Popen[bytes] | Forked | None = None

    def start(self) -> BridgeProcess:
        environment = os.environ | self.environment
        if self.is_forked:
            self.process = Forked(["bridge"], cwd=Path.cwd(), env=environment, log=self.log)
            return self
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=environment,
                stdout=log,
                stderr=log,
            )
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def post(self, document: Any, path: str = "/v1/events", **headers: str) -> tuple[int, Any]:
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        status, _, answer = self.ask("POST", path, body, **headers)
        return status, orjson.loads(answer)

    def ready(self) -> Any:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            return self.ask("GET", "/readyz")
        except OSError:
            return None

    def wait_ready(self) -> BridgeProcess:
        wait_until(lambda: (self.ready() or [0])[0] == 200, "a ready bridge\n" + self.said())
        return self

    def metric(self, line: str) -> float:
        text = self.ask("GET", "/metrics")[2].decode()
        return sum(float(each.split()[-1]) for each in text.splitlines() if each.startswith(line))

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)


@pytest.fixture
def topic(request):
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:80] + f"-{os.getpid()}"


@pytest.fixture
def make_bridge(bootstrap, topic, tmp_path):
    started: list[BridgeProcess] = []

    def make(**settings: Any) -> BridgeProcess:
        given = {"bootstrap_servers": bootstrap, "topic": topic, "group": topic, "partitions": 3}
        bridge = BridgeProcess(tmp_path / f"bridge-{len(started)}.log", **given | settings)
        started.append(bridge)
        return bridge.start()

    yield make
    for bridge in started:
        if bridge.process is not None and bridge.process.poll() is None:
            bridge.process.kill()
            bridge.process.wait()


@pytest.fixture(scope="module")
def shared(bootstrap, tmp_path_factory):
    """A bridge that many tests post to, with a token and small limits."""
    log = tmp_path_factory.mktemp("shared") / "bridge.log"
    bridge = BridgeProcess(
        log,
        bootstrap_servers=bootstrap,
        topic=f"shared-{os.getpid()}",
        group=f"shared-{os.getpid()}",
        bridge_token=TOKEN,
        bridge_max_body_bytes=200_000,
        bridge_buffer_bytes=2_000_000,
    ).start()
    bridge.wait_ready()
    yield bridge
    assert bridge.stop() == 0
    assert TOKEN not in bridge.said()
    assert SECRET not in bridge.said()
    assert "Traceback" not in bridge.said()


def authorized(bridge: BridgeProcess, document: Any, path: str = "/v1/events", **headers: str):
    return bridge.post(document, path, **({"Authorization": f"Bearer {TOKEN}"} | headers))


def records(bootstrap: str, topic: str, least: int, quiet: float = 0.5) -> list[Any]:
    """Return all records of a topic: at least so many, and what else comes a moment later."""

    async def run() -> list[Any]:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        found: list[Any] = []
        await consumer.start()
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < deadline:
                for rows in (await consumer.getmany(timeout_ms=100)).values():
                    found += rows
                    deadline = time.monotonic() + (WAIT_SECONDS if len(found) < least else quiet)
        finally:
            await consumer.stop()
        return found

    return asyncio.run(run())


def span(index: int, **attributes: Any) -> dict[str, Any]:
    kinds = {int: "intValue", str: "stringValue"}
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": f"{index:016x}",
        "startTimeUnixNano": str(time.time_ns()),
        "attributes": [
            {
                "key": f"gen_ai.{name}",
                "value": {kinds[type(value)]: str(value) if type(value) is int else value},
            }
            for name, value in attributes.items()
        ],
    }


def traces(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def packed(*spans: dict[str, Any]) -> bytes:
    """Return traces as protobuf, whose ids JSON has in hex and protobuf's own JSON in base 64."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    document = traces(
        *(
            each
            | {
                name: b64encode(bytes.fromhex(each[name])).decode()
                for name in ("traceId", "spanId")
            }
            for each in spans
        )
    )
    return ParseDict(document, ExportTraceServiceRequest()).SerializeToString()


GOOD = {
    "operation.name": "chat",
    "request.model": "gpt-4o",
    "usage.input_tokens": 10,
    "usage.output_tokens": 5,
}
