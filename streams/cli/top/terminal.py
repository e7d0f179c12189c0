"""The terminal as a full-screen program uses it: its own screen, single keys, and all put back.

It is put back however the program ends: by a key, an interrupt, SIGTERM or an error. While the
program is suspended by Ctrl-Z, the terminal is the shell's again.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from types import FrameType

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"

#: What a terminal sends for keys without a letter: after `\x1b[` or `\x1bO`.
_NAMES = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "1~": "home",
    "4~": "end",
    "7~": "home",
    "8~": "end",
    "5~": "page-up",
    "6~": "page-down",
    "Z": "backtab",
}
_LETTERS = {"\t": "tab", "\x03": "ctrl-c", " ": "page-down"}
_KEY = re.compile(r"\x1b[\[O]([0-9;?]*[@-~])|\x1b[\[O][0-9;?]*$|\x1b|(.)", re.DOTALL)


def keys_of(text: str) -> list[str]:
    """Return the keys in what a terminal has sent; unknown sequences are no keys."""
    found = []
    for match in _KEY.finditer(text):
        sequence, letter = match.groups()
        if sequence is not None:
            found.append(_NAMES.get(sequence, ""))
        elif letter is not None:
            found.append(_LETTERS.get(letter, letter))
        elif match[0] == "\x1b":
            found.append("escape")
    return [key for key in found if key]


class Terminal:
    """Standard input and output as a screen; enter it as a context."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno()
        self._modes = termios.tcgetattr(self._keys)
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number, handler in {
            signal.SIGWINCH: self._on_resize,
            signal.SIGTSTP: self._on_suspend,
            signal.SIGTERM: self._on_end,
            signal.SIGHUP: self._on_end,
        }.items():
            self._handlers[number] = signal.signal(number, handler)
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # as it was given

    def wake(self) -> None:
        """Let `keys` return at once; any thread may call it."""
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            # It is full: the reader wakes up anyway.
            return

    def keys(self, seconds: float) -> list[str] | None:
        """Return the keys pressed within some seconds, or earlier where woken; None at the end."""
        ready, _, _ = select.select([self._keys, self._awake], [], [], seconds)
        if self._awake in ready:
            os.read(self._awake, 4096)
        if self._keys not in ready:
            return []
        try:
            sent = os.read(self._keys, 4096)
        except OSError:
            # The terminal has been closed.
            return None
        return keys_of(sent.decode(errors="ignore")) if sent else None

    @staticmethod
    def size() -> tuple[int, int]:
        """Return columns and rows as they are now; 80 x 24 where the terminal does not know."""
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        return columns or 80, rows or 24

    @staticmethod
    def show(lines: list[str]) -> None:
        """Replace what is on the screen, in one piece: no flicker."""
        body = f"{_END_OF_LINE}\r\n".join(lines)
        _write(f"{_HOME}{body}{_END_OF_LINE}{_END_OF_SCREEN}")

    def _take(self) -> None:
        tty.setcbreak(self._keys, termios.TCSANOW)
        _write(_ENTER)

    def _give_back(self) -> None:
        _write(_LEAVE)
        termios.tcsetattr(self._keys, termios.TCSANOW, self._modes)

    def _on_resize(self, _number: int, _frame: FrameType | None) -> None:
        self.wake()

    def _on_suspend(self, number: int, _frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here the program goes on, when the shell continues it.
        signal.signal(number, self._on_suspend)
        self._take()
        self.wake()

    def _on_end(self, number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)


def _write(text: str) -> None:
    # Without a buffer, which a signal's handler must not enter a second time.
    left = text.encode()
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]
