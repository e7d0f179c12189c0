"""What tests do to processes that they started."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def freeze(pid: int) -> None:
    """Stop a process, and return once none of its threads runs."""
    os.kill(pid, signal.SIGSTOP)
    # A thread on the other processor may run on for a moment.
    tasks = Path(f"/proc/{pid}/task")
    deadline = time.monotonic() + 10
    while any(_state(task) not in {"T", "t"} for task in tasks.iterdir()):
        assert time.monotonic() < deadline, f"process {pid} goes on after SIGSTOP"
        time.sleep(0.005)


def _state(task: Path) -> str:
    # The name before the state is in brackets and may hold anything.
    return (task / "stat").read_text().rpartition(")")[2].split()[0]
