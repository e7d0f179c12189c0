"""Start processes of `tokenshare` from one that has imported everything already.

Importing and reading the catalogues take four fifths of the CPU time of a start, and the tests
start hundreds. A forked process has its own pid, environment, signals and output, and runs the
same main function. How the command itself starts is tested by what starts it as a user does.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What a worker and a bridge import when they start.
PRELOADED = (
    "streams.cli.run",
    "streams.worker.run",
    "streams.worker.faust_app",
    "streams.gateway.bridge.run",
    # tests/kafka/warmed.py; the last, since it looks at all that is imported.
    "warmed",
)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([*PRELOADED])


@cache
def _run_server() -> None:
    # It finds this folder by its environment: before Python 3.13 it does not take our path over.
    here = str(Path(__file__).parent)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    with mock.patch.dict(os.environ, PYTHONPATH=path):
        forkserver.ensure_running()


class Forked:
    """A running process; what of subprocess.Popen the tests use."""

    def __init__(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> None:
        self.args = ["tokenshare", *arguments]
        log.touch()
        _run_server()
        self._process = _context.Process(
            target=_run, args=(self.args, str(cwd), dict(env), str(log)), daemon=True
        )
        self._process.start()

    def __repr__(self) -> str:
        return f"<{' '.join(self.args)}, pid {self.pid}, returncode {self.returncode}>"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; do nothing once it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()


def _run(arguments: Sequence[str], cwd: str, env: Mapping[str, str], log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = [*arguments]
    from streams.__main__ import main

    main()
