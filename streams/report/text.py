"""A report as text: for a terminal, and as Markdown for a document or an issue."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from streams.report.content import (
    Table,
    notes,
    sentences,
    steps_table,
    tables,
    title,
)
from streams.report.formatting import BARS_WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from streams.report.summary import Summary

#: Characters with a special meaning in Markdown, GitHub's included.
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&#@$]|:(?=//))")
#: Terminal width from which long courses fit; below it, they are short.
_WIDE, _SHORT_BARS = 104, 10
#: Width of a name on a line of its own; of a heading that has to be broken; and between columns.
_NAME, _HEADING, _GAP = 26, 11, 2
_ADDRESS = re.compile(r"(?i)(www)\.")


def for_terminal(report: Summary, width: int) -> Iterator[RenderableType]:
    """Yield the printed output: the result in sentences, then tables as wide as `width` allows."""
    if report.simulated:
        yield Text("Simulated traffic", style="bold")
    for sentence in sentences(report):
        yield Text(_filled(sentence, width))
    if not report.starts:
        return
    for table in (
        *tables(report, bars=BARS_WIDTH if width >= _WIDE else _SHORT_BARS),
        steps_table(report),
    ):
        yield Text("")
        yield _rich(table, width)


def _filled(sentence: str, width: int) -> str:
    """Return a sentence wrapped in lines; a number stays with its unit."""
    lines = textwrap.fill(sentence.replace(" %", "\xa0%"), width, break_on_hyphens=False)
    return lines.replace("\xa0", " ")


def _rich(table: Table, width: int) -> RichTable:
    headings, kept = _fitting(table, width)
    drawn = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for at in kept:
        is_number = table.numbers_from <= at and table.columns[at] != "course"
        drawn.add_column(
            Text(headings[at]),
            justify="right" if is_number else "left",
            overflow="ellipsis" if at else "fold",
            no_wrap=at > 0,
            # The key column is shown at any width.
            min_width=None if at else min(10, _widest(table, headings, at)),
        )
    for row in table.rows:
        # As text: a name may contain mark-up.
        drawn.add_row(*(Text(row[at]) for at in kept))
    return drawn


def _fitting(table: Table, width: int) -> tuple[list[str], list[int]]:
    """Return the headings, broken if the width is small, and the columns that fit."""
    headings, kept = list(table.columns), list(range(len(table.columns)))

    def is_too_wide() -> bool:
        name, *others = (_widest(table, headings, at) for at in kept)
        return min(name, _NAME) + sum(others) + _GAP * len(others) > width

    if is_too_wide():
        headings = [textwrap.fill(each, _HEADING, break_long_words=False) for each in headings]
    for column in table.spare:
        if column in table.columns and is_too_wide():
            kept.remove(table.columns.index(column))
    return headings, kept


def _widest(table: Table, headings: list[str], at: int) -> int:
    return max(map(cell_len, (*headings[at].split("\n"), *(row[at] for row in table.rows))))


def markdown(report: Summary) -> str:
    """Return a report as Markdown."""
    parts = [f"# {title(report)}", *map(_escaped, sentences(report))]
    if report.starts:
        for table in (*tables(report), steps_table(report)):
            parts += [f"## {_escaped(table.title)}", _markdown_table(table)]
    input_notes = notes(report.read)
    if input_notes:
        parts += ["## What was read", "\n".join(f"* {_escaped(each)}" for each in input_notes)]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    marks = [
        "---:" if at >= table.numbers_from and column != "course" else "---"
        for at, column in enumerate(table.columns)
    ]
    lines = [table.columns, marks, *table.rows]
    return "\n".join(
        "| " + " | ".join(each if line is marks else _escaped(each) for each in line) + " |"
        for line in lines
    )


def _escaped(text: str) -> str:
    return _ADDRESS.sub(r"\1\\.", _MARKDOWN.sub(r"\\\1", text))
