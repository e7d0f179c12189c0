"""Worker processes, started and watched as an operator would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from forked import Forked

from streams.demo.broker import free_port

#: Beside other work, on two processors, 40 were once too few. What comes at once waits for none.
WAIT_SECONDS = 90.0
TREE = Path(__file__).parents[2]


def wait_until(condition, what: str, seconds: float = WAIT_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for: {what}"
        time.sleep(0.05)


@dataclass
class WorkerProcess:
    """A `tokenshare worker` with its own command line: of this tree, or of another version's."""

    environment: dict[str, str]
    log: Path
    tree: Path = TREE
    python: str = sys.executable
    process: subprocess.Popen[bytes] | Forked | None = None
    port: int = field(default_factory=free_port)
    last_counted: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> WorkerProcess:
        command = ["worker", "--port", str(self.port)]
        env = os.environ | self.environment
        # What an interpreter reads as it starts is not read by a forked process.
        is_plain = "PYTHONPATH" not in self.environment
        if is_plain and (self.tree, self.python) == (TREE, sys.executable):
            self.process = Forked(command, cwd=self.tree, env=env, log=self.log)
            return self
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", "streams", *command],
                cwd=self.tree,
                env=env,
                stdout=log,
                stderr=log,
            )
        return self

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            body = answer.read()
        return body.decode() if path == "/metrics" else orjson.loads(body)

    def try_get(self, path: str) -> Any:
        assert self.process is not None
        assert self.process.poll() is None, self.tail()
        try:
            return self.get(path)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def wait_ready(self) -> WorkerProcess:
        wait_until(lambda: self.try_get("/readyz"), "ready worker\n" + self.tail())
        return self

    def ask(self, path: str) -> tuple[int | None, dict[str, Any]]:
        """Return status and body, whatever the status; None before the worker listens."""
        try:
            return 200, self.get(path)
        except urllib.error.HTTPError as error:
            return error.code, orjson.loads(error.read())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None, {}

    def records(self) -> dict[str, int]:
        shares = self.try_get("/api/v1/shares") or {"pipeline": {"records": []}}
        found = {
            f"{row['result']}/{row['reason']}": row["count"]
            for row in shares["pipeline"]["records"]
        }
        self.last_counted = found.get("counted/", 0)
        return found

    def wait_counted(self, count: int, seconds: float = WAIT_SECONDS) -> None:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.records().get("counted/", 0) >= count, "", seconds)
        assert self.records().get("counted/", 0) == count, self.tail()

    def wait_records(self, expected: dict[str, int], seconds: float = WAIT_SECONDS) -> None:
        """Wait for all results: partitions are flushed one by one, so not all come at once."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.records() == expected, "", seconds)
        assert self.records() == expected, self.tail()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 12.0) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
