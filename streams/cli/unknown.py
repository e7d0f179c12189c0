"""The list of models of unknown origin that `report --unknown` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli import client, common
from streams.report import formatting

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_unknown(url: str, *, as_json: bool) -> None:
    """Print what a worker answers, as a table or as JSON. Raises WorkerUnreachableError."""
    unknown = client.get(url, "/api/v1/unknown")
    if as_json:
        common.print_json(unknown)
        return
    models = unknown["models"]
    if not models:
        click.echo(f"No model of unknown origin in the last {unknown['window']}.")
        return
    Console().print(_unknown_table(unknown))
    click.echo("Entries for the overrides file (TOKENSHARE_CATALOG_OVERRIDES):\n")
    for each in models:
        click.echo(each["override"])


def _unknown_table(unknown: Mapping[str, Any]) -> Table:
    """Return the models of unknown origin: one per row, from the body of /api/v1/unknown."""
    table = Table(
        title=f"models of unknown origin, last {unknown['window']}: "
        f"{formatting.percent(unknown['tokens_ratio'])} of all tokens",
        title_justify="left",
    )
    table.add_column("model", overflow="fold")
    table.add_column("tokens", justify="right")
    table.add_column("requests", justify="right")
    table.add_column("why")
    for each in unknown["models"]:
        # As text: a name may contain characters that would be parsed as mark-up.
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
