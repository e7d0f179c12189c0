"""Process 1 of a container: it gets no signal that it does not ask for, SIGTERM included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from streams.demo.broker import free_port

pytestmark = pytest.mark.slow

#: As a container without an init: the command is process 1 of a namespace of its own.
UNSHARE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
SECONDS = 30


def has_namespaces() -> bool:
    """Return whether this machine lets us make a namespace of processes."""
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


needs_namespaces = pytest.mark.skipif(not has_namespaces(), reason="no namespaces of processes")


def started(
    *command: str, prefix: tuple[str, ...] = (), stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TOKENSHARE_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "TOKENSHARE_WEB_PORT": str(free_port()),
        "TOKENSHARE_BRIDGE_PORT": str(free_port()),
        "TOKENSHARE_BRIDGE_TOKEN": "a-token-of-the-test",
        "TOKENSHARE_LOG_FORMAT": "text",
    }
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "streams", *command],
        env=environment,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return
    pytest.fail(f"it has ended: {''.join(lines)}")


def child(process: subprocess.Popen[str]) -> int:
    """Return the id, outside of its namespace, of the process that is 1 inside."""
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())


def ended(process: subprocess.Popen[str]) -> int:
    """Return the exit code; ends the process where it goes on."""
    try:
        process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return process.returncode


@pytest.mark.parametrize("command", ["worker", "bridge"])
def test_what_waits_for_kafka_is_stopped_as_asked(command):
    process = started(command)
    wait_for_line(process, "no Kafka at")
    process.send_signal(signal.SIGTERM)

    assert ended(process) == 0


@needs_namespaces
@pytest.mark.parametrize("command", ["worker", "bridge"])
def test_process_one_that_waits_for_kafka_is_stopped_as_asked(command):
    process = started(command, prefix=UNSHARE)
    wait_for_line(process, "no Kafka at")
    os.kill(child(process), signal.SIGTERM)

    assert ended(process) == 0


@needs_namespaces
def test_any_other_command_as_process_one_ends_as_it_would_elsewhere():
    # It waits for its input, which does not come.
    process = started("decode", prefix=UNSHARE, stdin=subprocess.PIPE)
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(ProcessLookupError, ValueError):
            os.kill(child(process), signal.SIGTERM)
        time.sleep(0.1)

    assert ended(process) == 128 + signal.SIGTERM
