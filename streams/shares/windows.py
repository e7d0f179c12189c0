"""A window is the sum of the panes that start in the stretch of time before `as of`.

The last of them is still running, so a 1h window spans between 59 min 50 s and 1 h.

    as of - length                       as of
          (--[pane][pane] ... [pane][run]|
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.state.codec import PaneKey
from streams.state.pane import FINE, HOUR, MIDDLE, Level, Pane, pane_start

if TYPE_CHECKING:
    from collections.abc import Callable


class WindowLength(NamedTuple):
    """A window: its name, its length in seconds and the level whose panes it adds up."""

    name: str
    seconds: int
    level: Level


WINDOWS = (
    WindowLength("5m", 300, FINE),
    WindowLength("1h", 3600, FINE),
    WindowLength("24h", 86400, MIDDLE),
    WindowLength("7d", 7 * 86400, HOUR),
)
WINDOW_NAMES = tuple(length.name for length in WINDOWS)


class _Running:
    """One window's sum, kept by adding what comes in and subtracting what goes out.

    Counts are whole numbers, so what is subtracted leaves no trace.
    """

    def __init__(self, length: WindowLength) -> None:
        self.length = length
        self.sum = Pane()
        self.first = 0
        self.last = -1

    def bounds(self, as_of: float) -> tuple[int, int]:
        """Return the starts of the first and the last pane of the window that ends at `as_of`."""
        level = self.length.level
        last = pane_start(level, as_of)
        return last - self.length.seconds + level.seconds, last


class Windows:
    """The sums of all windows at one moment; `panes_at` gives the panes of all partitions."""

    def __init__(self, panes_at: Callable[[PaneKey], list[Pane]]) -> None:
        self._panes_at = panes_at
        self._running = tuple(_Running(length) for length in WINDOWS)

    def holds(self, key: PaneKey) -> bool:
        """Return whether any window sums this pane now."""
        return any(
            window.length.level is key.level and window.first <= key.start <= window.last
            for window in self._running
        )

    def replace(self, key: PaneKey, before: Pane | None, after: Pane | None) -> None:
        """Put the pane `after` in the place of `before` in every window that holds its time."""
        for window in self._running:
            if window.length.level is key.level and window.first <= key.start <= window.last:
                if before is not None:
                    window.sum.subtract(before)
                if after is not None:
                    window.sum.add(after)

    def advance(self, as_of: float) -> None:
        """Move all windows so that they end at `as_of` (unix seconds); back is allowed too."""
        for window in self._running:
            first, last = window.bounds(as_of)
            if (first, last) == (window.first, window.last):
                continue
            step = window.length.level.seconds
            held = range(window.first, window.last + step, step)
            wanted = range(first, last + step, step)
            if window.last < first or last < window.first or window.last < window.first:
                window.sum = Pane()
                held = range(0)
            for start in held:
                if start not in wanted:
                    for pane in self._panes_at(PaneKey(window.length.level, start)):
                        window.sum.subtract(pane)
            for start in wanted:
                if start not in held:
                    for pane in self._panes_at(PaneKey(window.length.level, start)):
                        window.sum.add(pane)
            window.first, window.last = first, last

    def sums(self) -> dict[str, Pane]:
        """Return each window's sum by name. The panes are live: read them before the next call."""
        return {window.length.name: window.sum for window in self._running}
