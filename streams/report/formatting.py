"""What the command line shows people: tables of shares, differences, findings."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from streams.classify.keys import name_of
from streams.shares.windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from streams.classify.keys import Dimension
    from streams.kafka.admin import Finding
    from streams.report.compare import Difference
    from streams.web.snapshot import Snapshot


def progress_bar(
    console: Console, *columns: ProgressColumn
) -> contextlib.AbstractContextManager[Progress]:
    """Return a bar that leaves nothing behind; it counts events unless it has other columns.

    Where the output is no terminal nothing is drawn.
    """
    columns = columns or (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=console, transient=True)
    # Even a bar that is switched off would end with an empty line there.
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


def shares_table(picture: Snapshot, dimension: Dimension, rows: int = 10) -> Table:
    """Return a table of token shares by window: a row a key, largest of the longest first."""
    table = Table(title=f"tokens by {dimension}", title_justify="left", expand=False)
    table.add_column(dimension)
    for window in WINDOWS:
        table.add_column(window.name, justify="right")
    ratios = {
        name: {share.key: share.tokens_ratio for share in window.dimensions[dimension]}
        for name, window in picture.windows.items()
    }
    longest = picture.windows.get(WINDOWS[-1].name)
    for share in longest.dimensions[dimension][:rows] if longest is not None else ():
        table.add_row(
            name_of(dimension, share.key),
            *(percent(ratios[window.name].get(share.key)) for window in WINDOWS),
        )
    return table


def differences_table(differences: Sequence[Difference], rows: int = 20) -> Table:
    """Return the cells in which a worker and the truth differ."""
    table = Table(title=f"{len(differences)} counts differ", title_justify="left")
    for column in ("origin", "language", "count"):
        table.add_column(column)
    for column in ("expected", "counted", "difference"):
        table.add_column(column, justify="right")
    for each in differences[:rows]:
        table.add_row(
            each.origin,
            each.language,
            each.what,
            f"{each.expected:,}",
            f"{each.counted:,}",
            f"{each.counted - each.expected:+,}",
        )
    return table


def unknown_table(unknown: Mapping[str, Any]) -> Table:
    """Return the models of unknown origin: a row a model, from the body of /api/v1/unknown."""
    table = Table(
        title=f"models of unknown origin, last {unknown['window']}: "
        f"{percent(unknown['tokens_ratio'])} of all tokens",
        title_justify="left",
    )
    table.add_column("model", overflow="fold")
    table.add_column("tokens", justify="right")
    table.add_column("requests", justify="right")
    table.add_column("why")
    for each in unknown["models"]:
        # As text: a name may hold what would be read as mark-up.
        table.add_row(
            Text(each["model"]),
            f"{each['tokens']:,}",
            f"{each['requests']:,}",
            Text(each["matched_by"].removeprefix("unknown: ")),
        )
    rest = unknown["tokens"] - sum(each["tokens"] for each in unknown["models"])
    if rest > 0:
        table.add_row(Text("all others", style="italic"), f"{rest:,}", "", "")
    return table


def findings_lines(findings: Sequence[Finding]) -> list[str]:
    """Return a line a finding, and a second one with the remedy where there is a problem."""
    lines = []
    for each in findings:
        if each.problem:
            lines += [f"✗ {each.subject}: {each.problem}", f"    {each.remedy}"]
        else:
            lines.append(f"✓ {each.subject}: {each.fact}" if each.fact else f"✓ {each.subject}")
    return lines
