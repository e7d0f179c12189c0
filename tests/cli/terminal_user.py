"""A program in a real pseudo-terminal, and somebody who reads its screen and presses keys."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import Self

WAIT_SECONDS = 60.0
#: Moves to the upper left corner: with it each screen begins.
HOME = "\x1b[H"
#: A session of its own with the terminal: a key that interrupts reaches it.
OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
SEQUENCES = re.compile(r"\x1b(\[[0-9;?]*[@-~]|[()][A-Z0-9])")


class TerminalUser:
    """Runs `python -m streams ARGUMENTS` in a terminal of some size; use it as a context.

    `shell` is a script for a shell with job control, which finds that command in "$@".
    """

    def __init__(self, *arguments, columns=80, rows=24, shell="", **environment):
        self.sent = ""
        self._master, self._slave = pty.openpty()
        self.modes = termios.tcgetattr(self._slave)
        self.resize(columns, rows, tell=False)
        others = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}}
        command = [sys.executable, "-m", "streams", *arguments]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", OWN_TERMINAL),
                *(["/bin/sh", "-mc", shell, "sh"] if shell else []),
                *command,
            ],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=others | {"TERM": "xterm-256color"} | environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_SECONDS)
        os.close(self._master)
        os.close(self._slave)

    def resize(self, columns, rows, *, tell=True):
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self._master, keys.encode())

    @property
    def screen(self):
        """The lines of the newest screen, without styles."""
        newest = self.sent.rpartition(HOME)[2]
        return SEQUENCES.sub("", newest).replace("\r", "").split("\n")

    def read(self):
        """Read what comes within a moment; False where the terminal is closed."""
        if select.select([self._master], [], [], 0.1)[0]:
            self.sent += os.read(self._master, 65536).decode(errors="replace")

    def until(self, is_there):
        """Read on until the screen is as wanted: a text in it, or a function of its lines."""
        wanted = is_there if callable(is_there) else lambda lines: is_there in "\n".join(lines)
        deadline = time.monotonic() + WAIT_SECONDS
        while not wanted(self.screen):
            assert time.monotonic() < deadline, f"{is_there} is not on:\n" + "\n".join(self.screen)
            assert self.process.poll() is None, self.sent
            self.read()
        return self.screen

    def ended(self):
        """Read on until the program has ended; return its exit code."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.sent
            self.read()
        self.read()
        return self.process.returncode

    @property
    def is_put_back(self):
        """Whether the terminal has the modes, the screen and the cursor that it had before."""
        screen = self.sent.rfind("\x1b[?1049l") > self.sent.rfind("\x1b[?1049h")
        cursor = self.sent.rfind("\x1b[?25h") > self.sent.rfind("\x1b[?25l")
        return screen and cursor and termios.tcgetattr(self._slave) == self.modes
