"""What the demo shows in the terminal, in as many lines as there are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from streams.classify.keys import name_of
from streams.report import formatting
from streams.shares.windows import WINDOWS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from streams.classify.keys import Dimension
    from streams.web.snapshot import Snapshot

#: From this width on the two tables are beside each other.
_WIDE = 116
#: Lines of a table besides its rows: title, heads, rule.
_HEAD_LINES = 3
_MAX_ORIGINS, _MAX_LANGUAGES = 10, 30


def screen(snapshot: Snapshot, address: str, width: int, height: int) -> Group:
    """Return the screen; with an address it begins with where the page is and how it ends.

    It has a line less than the terminal, where the cursor is. Where lines are few, languages are
    left out, and then origins: never the address.
    """
    hour = snapshot.windows.get("1h")
    lag = sum(status.lag or 0 for status in snapshot.partitions)
    as_of = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(snapshot.as_of))
    requests = hour.requests if hour is not None else 0
    tokens = formatting.amount(hour.tokens if hour is not None else 0)
    lines = [
        Text(f"Simulated traffic, as of {as_of} UTC, lag {lag} records"),
        Text(f"Last hour: {requests:,} requests, {tokens} tokens"),
    ]
    if address:
        lines = [
            Text(f"The page: {address}   Ctrl-C ends the demo.", style="bold"),
            Text(f"Metrics:  {address}metrics"),
            *lines,
        ]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    left = height - 1 - len(lines)
    if width >= _WIDE:
        tables = Table.grid(padding=(0, 3, 0, 0))
        rows = left - _HEAD_LINES
        tables.add_row(
            _shares_table(snapshot, "origin", min(rows, _MAX_ORIGINS)),
            _shares_table(snapshot, "language", min(rows, _MAX_LANGUAGES)),
        )
        return Group(*lines, *([tables] if rows > 0 else []))
    shown: list[RenderableType] = []
    dimensions: tuple[tuple[Dimension, int], ...]
    dimensions = (("origin", _MAX_ORIGINS), ("language", _MAX_LANGUAGES))
    for dimension, most in dimensions:
        rows = min(left - _HEAD_LINES, most)
        if rows > 0:
            table = _shares_table(snapshot, dimension, rows)
            left -= _HEAD_LINES + table.row_count
            shown.append(table)
    return Group(*lines, *shown)


def _shares_table(snapshot: Snapshot, dimension: Dimension, rows: int) -> Table:
    """Return a table of token shares by window: one key per row, sorted by the longest window."""
    table = Table(
        title=f"tokens by {dimension}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(dimension, no_wrap=True, overflow="ellipsis")
    for window in WINDOWS:
        table.add_column(window.name, justify="right", no_wrap=True)
    ratios = {
        name: {share.key: share.tokens_ratio for share in window.dimensions[dimension]}
        for name, window in snapshot.windows.items()
    }
    longest = snapshot.windows.get(WINDOWS[-1].name)
    for share in longest.dimensions[dimension][:rows] if longest is not None else ():
        table.add_row(
            name_of(dimension, share.key),
            *(formatting.percent(ratios[window.name].get(share.key)) for window in WINDOWS),
        )
    return table
