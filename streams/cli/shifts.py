"""The command `shifts`: what has shifted on a running worker, and what moved it."""

from __future__ import annotations

from typing import Any

import click

from streams.cli import client, common


@click.command()
@click.option(
    "--url", help="Address of a worker; http://127.0.0.1 and TOKENSHARE_WEB_PORT unless given."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per shift.")
@click.option("--all", "all_keys", is_flag=True, help="Print also what has not shifted.")
def shifts(url: str | None, as_json: bool, all_keys: bool) -> None:
    """Show which shares of tokens, requests and cost have shifted: one sentence each.

    \b
      origin     24h tokens    Chinese open +9.1 points in 24 hours: hy3:free +10.2, glm-5.2 +1.0

    A shift is listed if the conditions of its alert hold now; the alert waits longer. Models and
    developers that have come or gone are first, then the most unusual shares.
    """  # noqa: D301 - click reads the backspace as "leave the lines as they are"
    address = url or f"http://127.0.0.1:{common.settings().web_port}"
    try:
        body = client.get(address, "/api/v1/shifts")
    except client.WorkerUnreachableError as error:
        common.fail(error)
    known = [each for each in body["shifts"] if each["shift"] is not None]
    listed = sorted((each for each in known if all_keys or each["is_shifted"]), key=_rank)
    if as_json:
        for each in listed:
            common.print_line(each)
        return
    for each in listed:
        of = f"{each['dimension']:10} {each['window']:3} {each['measure']:9}"
        click.echo(f"{of} {each['sentence'] or _words(each)}")
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
    return f"{each['name']} {each['shift'] * 100:+.1f} points"
