"""Numbers and progress as people read them in a terminal."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

#: Marks of a course, and how many it has at most.
_BARS, BARS_WIDTH = "▁▂▃▄▅▆▇█", 24


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
    """Return a ratio as a percentage, or a dash where there is none.

    A share that would be rounded to zero and is not zero is shown as less than the smallest figure.
    """
    if ratio is None:
        return "–"
    smallest = 10.0**-digits
    if 0 < ratio * 100 < smallest / 2:
        return f"<{smallest:.{digits}f} %"
    return f"{ratio * 100:.{digits}f} %"


def covered(ratio: float) -> str:
    """Return a part as a whole percentage: only all is 100 %, and only nothing is 0 %."""
    if 0.995 <= ratio < 1:
        return ">99 %"
    return percent(ratio, 0)


def points(difference: float | None) -> str:
    """Return a difference of shares in points, with its sign; a dash where there is none."""
    if difference is None:
        return "–"
    size = f"{abs(difference) * 100:.1f}"
    if float(size) == 0:
        return f"±{size}"
    return f"{'+' if difference > 0 else '−'}{size}"


def amount(count: float) -> str:
    """Return a count as the page spells it: whole below 10,000, then three digits (84.8M)."""
    if round(count) < 10_000:
        return f"{count:,.0f}"
    # Rounded first: 999,950 is a million.
    size = float(f"{count:.3g}")
    for unit in ("K", "M", "B", "T"):
        size /= 1000
        if size < 1000 or unit == "T":
            return f"{size:,.0f}{unit}" if size >= 100 else f"{size:.3g}{unit}"
    raise AssertionError


def measured(measure: str, value: float | None) -> str:
    """Return a value of a measure with its unit, or a dash where there is none."""
    if value is None:
        return "–"
    if measure != "cost":
        return amount(value)
    if 0 < value < 0.005:
        return "<$0.01"
    return f"${value:,.2f}" if value < 1000 else f"${amount(value)}"


def sparkline(shares: Sequence[float | None], width: int = BARS_WIDTH) -> str:
    """Return a course in at most `width` block characters, from zero to its own highest.

    Where it is not known, there is a dot.
    """
    highest = max(filter(None, shares), default=0.0)
    if not highest:
        return ""
    width = min(width, len(shares))
    edges = [at * len(shares) // width for at in range(width + 1)]
    return "".join(_mark(shares[low:high], highest) for low, high in pairwise(edges))


def _mark(shares: Sequence[float | None], highest: float) -> str:
    known = [each for each in shares if each is not None]
    if not known:
        return "·"
    mean = sum(known) / len(known)
    return _BARS[min(7, int(mean / highest * 8))] if mean else " "
