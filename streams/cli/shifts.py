"""The command `shifts`: what has shifted on a running worker, and what moved it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.classify.keys import OTHER, SHIFT_DIMENSIONS, name_of
from streams.cli import client, common
from streams.report.formatting import percent, points
from streams.shifts.alert_rules import SHIFT_WINDOWS
from streams.shifts.series import SHIFT_MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What an origin's shift is split into beside models and tenants, and a language's.
_ACROSS = {"origin": "language", "language": "origin"}


@click.command()
@click.argument(
    "dimension", required=False, metavar="[DIMENSION]", type=click.Choice(SHIFT_DIMENSIONS)
)
@click.argument("key", required=False)
@click.option("--measure", type=click.Choice(SHIFT_MEASURES), help="Of this measure only.")
@click.option("--window", type=click.Choice(SHIFT_WINDOWS), help="Of this window only.")
@click.option(
    "--url", help="Address of a worker; http://127.0.0.1 and TOKENSHARE_WEB_PORT unless given."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per shift.")
@click.option("--all", "all_keys", is_flag=True, help="Print also what has not shifted.")
def shifts(  # noqa: PLR0917 - one argument an option
    dimension: str | None,
    key: str | None,
    measure: str | None,
    window: str | None,
    url: str | None,
    as_json: bool,
    all_keys: bool,
) -> None:
    """Show which shares of tokens, requests and cost have shifted: one sentence each.

    \b
      origin 24h tokens Chinese open +9.1 points in 24 hours

    A shift is listed if the conditions of its alert hold now; the alert waits longer. Models and
    developers that have come or gone are first, then the most unusual shares.

    DIMENSION is origin, language, developer or model. With a key, show what moved that share:
    models, languages or origins, and tenants, of tokens in 24 hours unless chosen otherwise.

    \b
      tokenshare shifts origin cn-open --window 1h
    """  # noqa: D301 - click reads the backspace as "leave the lines as they are"
    address = url or f"http://127.0.0.1:{common.settings().web_port}"
    try:
        if key is not None:
            of = {"dimension": dimension, "key": key, "measure": measure or SHIFT_MEASURES[0]}
            moved = client.get(address, "/api/v1/shifts/movers", **of, window=window or "24h")
            _print_moved(moved, as_json=as_json)
            return
        body = client.get(address, "/api/v1/shifts")
    except client.WorkerUnreachableError as error:
        common.fail(error)
    asked = {"dimension": dimension, "measure": measure, "window": window}
    known = [
        each
        for each in body["shifts"]
        if each["shift"] is not None
        and all(each[name] == value for name, value in asked.items() if value is not None)
    ]
    listed = sorted((each for each in known if all_keys or each["is_shifted"]), key=_rank)
    if as_json:
        for each in listed:
            common.print_line(each)
        return
    for each in listed:
        of_what = f"{each['dimension']:10} {each['window']:3} {each['measure']:9}"
        click.echo(f"{of_what} {each['sentence'] or _words(each)}")
    days, needed = body["baseline_days"], body["needed_days"]
    if days < needed:
        click.echo(f"History is too short to say what is usual: {days:.1f} of {needed} days.")
    elif not any(each["is_shifted"] for each in known):
        click.echo("Nothing has shifted.")


def _rank(each: dict[str, Any]) -> tuple[bool, bool, float, float]:
    return (
        not each["is_shifted"],
        each["dimension"] != "model",
        -abs(each["zscore"] or 0.0),
        -abs(each["shift"]),
    )


def _words(each: dict[str, Any]) -> str:
    return f"{each['name']} {points(each['shift'])} points"


def _print_moved(moved: dict[str, Any], *, as_json: bool) -> None:
    """Print what moved a share, from the body of /api/v1/shifts/movers."""
    if as_json:
        common.print_line(moved)
        return
    click.echo(f"{moved['sentence']}.")
    console = Console(highlight=False)
    for each in _tables(moved):
        console.print()
        console.print(each)
    if moved["tenants_note"]:
        click.echo(f"\n{moved['tenants_note']}")


def _tables(moved: dict[str, Any]) -> Iterator[Table]:
    across = _ACROSS.get(moved["dimension"])
    for split, title in (("models", "model"), ("joint", across or ""), ("tenants", "tenant")):
        of = moved[split]
        if of is None:
            continue
        table = Table(title_justify="left")
        table.add_column(title, overflow="fold")
        for name in ("before", "now", "points"):
            table.add_column(name, justify="right", no_wrap=True)
        for each in of["movers"]:
            name = _name(each, across if split == "joint" else None)
            shares = (percent(each[at]) for at in ("before", "share"))
            # As text: a name may contain characters that would be parsed as mark-up.
            table.add_row(Text(name), *shares, points(each["contribution"]))
        if of["rest_members"]:
            others = of["rest_members"]
            what = "one other" if others == 1 else f"{others:,} others"
            table.add_row(Text(what, style="italic"), "", "", points(of["rest"]))
        table.add_section()
        table.add_row("the shift", "", "", points(moved["shift"]))
        yield table


def _name(mover: dict[str, Any], dimension: str | None) -> str:
    if mover["key"] == OTHER:
        return "not kept by name"
    return name_of(dimension, mover["key"]) if dimension else str(mover["name"])
