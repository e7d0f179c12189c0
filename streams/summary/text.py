"""A report as text: for a terminal, and as Markdown for a document or an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from streams.summary.page import Table, notes, sentences, steps_table, tables, title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from streams.summary.summary import Summary

#: What Markdown, GitHub's included, takes for more than a character.
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&#@$]|:(?=//))")
#: Characters of a terminal from which there is room to draw courses.
_WIDE = 104
_ADDRESS = re.compile(r"(?i)(www)\.")


def for_terminal(report: Summary, width: int) -> Iterator[RenderableType]:
    """Yield what is printed: the answer in words, then the tables, as wide as `width` allows."""
    if report.simulated:
        yield Text("Simulated traffic", style="bold")
    for sentence in sentences(report):
        yield Text(sentence)
    if not report.starts:
        return
    for table in (*tables(report, bars=width >= _WIDE), steps_table(report)):
        yield Text("")
        yield _rich(table)


def _rich(table: Table) -> RichTable:
    drawn = RichTable(
        title=Text(table.title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD
    )
    for at, column in enumerate(table.columns):
        is_number = table.numbers_from <= at and column != "course"
        drawn.add_column(
            Text(column),
            justify="right" if is_number else "left",
            overflow="fold" if at == 0 else "ellipsis",
            no_wrap=at > 0,
        )
    for row in table.rows:
        # As text: a name may hold what would be read as mark-up.
        drawn.add_row(*map(Text, row))
    return drawn


def markdown(report: Summary) -> str:
    """Return a report as Markdown."""
    parts = [f"# {title(report)}", *map(_escaped, sentences(report))]
    if report.starts:
        for table in (*tables(report), steps_table(report)):
            parts += [f"## {_escaped(table.title)}", _markdown_table(table)]
    said = notes(report.read)
    if said:
        parts += ["## What was read", "\n".join(f"* {_escaped(each)}" for each in said)]
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
