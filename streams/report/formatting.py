"""Numbers and progress as people read them in a terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

if TYPE_CHECKING:
    from rich.console import Console


def progress_bar(
    console: Console, *columns: ProgressColumn
) -> contextlib.AbstractContextManager[Progress]:
    """Return a transient progress bar; it counts events unless it has other columns.

    Where the output is not a terminal, nothing is drawn.
    """
    columns = columns or (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=console, transient=True)
    # Even a disabled bar would end with an empty line there.
    return bar if console.is_interactive else contextlib.nullcontext(bar)


def percent(ratio: float | None, digits: int = 1) -> str:
    """Return a ratio as a percentage, or a dash where there is none."""
    return "–" if ratio is None else f"{ratio * 100:.{digits}f} %"


def amount(count: int) -> str:
    """Return a count with a unit, at most four digits: 12.3 M."""
    size: float = count
    for unit in ("", " k", " M", " G", " T"):
        if abs(size) < 1000 or unit == " T":
            return f"{size:.0f}{unit}" if not unit or size >= 100 else f"{size:.1f}{unit}"
        size /= 1000
    raise AssertionError
