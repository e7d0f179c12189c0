"""Commands of whoever runs it: `report`, `doctor`, `topics` and `settings`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from streams import client, doctor, report, settings, terminal, topics
from streams.cli import common

#: However long a worker takes to become ready, a comparison ends.
COMPARE_SECONDS = 300.0

DEFAULT_URL = "http://127.0.0.1:6066"


@click.command(name="report")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Address of a worker.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--compare",
    "manifests",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with a manifest of `tokenshare simulate`; several are added up.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=15.0,
    show_default=True,
    help="With --compare: seconds without news after which the worker is taken to be done.",
)
@click.option("--unknown", is_flag=True, help="List the models of unknown origin, by tokens.")
def report_command(
    url: str, as_json: bool, manifests: tuple[Path, ...], wait: float, unknown: bool
) -> None:
    """Tell the weekly shares of a running worker: first, highest, last and average week."""
    try:
        if manifests:
            read = [_read_manifest(path) for path in manifests]
            sys.exit(_compare(url, read, wait, as_json=as_json))
        if unknown:
            _print_unknown(client.get(url, "/api/v1/unknown"), as_json=as_json)
            return
        shares = client.get(url, "/api/v1/shares")
        weekly = report.weekly(
            client.get(url, "/api/v1/history", dimension="origin", step="1w"),
            client.get(url, "/api/v1/history", dimension="language", step="1w"),
        )
    except client.WorkerUnreachableError as error:
        common.fail(error)
    if as_json:
        common.print_json(report.weekly_json(weekly, simulated=bool(shares.get("simulated"))))
        return
    console = Console()
    if not weekly.weeks:
        console.print("The worker has counted no tokens yet.")
        return
    if shares.get("simulated"):
        console.print("[bold]Simulated traffic[/bold]")
    for table in (terminal.weeks_table(weekly), *terminal.report_table(weekly)):
        console.print(table)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = orjson.loads(path.read_bytes())
        report.expected_cells([manifest])
        float(manifest["start"]), float(manifest["end"])
    except (OSError, ValueError, KeyError, TypeError):
        common.fail(f"{path} is no manifest of `tokenshare simulate`", 2)
    return dict(manifest)


def _compare(url: str, manifests: list[dict[str, Any]], wait: float, *, as_json: bool) -> int:
    """Print whether a worker has counted what the manifests say; waits while it still counts."""
    expected = report.expected_cells(manifests)
    start = min(float(manifest["start"]) for manifest in manifests)
    end = max(float(manifest["end"]) for manifest in manifests) + 1
    counted, requests, found = _wait_for_counts(url, expected, start, end, wait)
    if as_json:
        common.print_json(
            {
                "equal": not found,
                "cells": len(expected),
                "requests": {
                    "expected": sum(cell[1] for cell in expected.values()),
                    "counted": requests,
                },
                "tokens": {
                    "expected": sum(cell[0] for cell in expected.values()),
                    "counted": sum(cell[0] for cell in counted.values()),
                },
                "differences": [
                    {
                        "origin": each.origin,
                        "language": each.language,
                        "count": each.what,
                        "expected": each.expected,
                        "counted": each.counted,
                    }
                    for each in found
                ],
            }
        )
    elif found:
        Console().print(terminal.differences_table(found))
        click.echo(
            "The worker has counted something else in these hours: other traffic, or it has not "
            "read all of it (see /readyz and the lag)."
        )
    else:
        tokens = sum(cell[0] for cell in expected.values())
        click.echo(
            f"equal: {len(expected)} cells, {requests:,} requests, {tokens:,} tokens, "
            "every one to the token"
        )
    return 1 if found else 0


def _wait_for_counts(
    url: str, expected: dict[str, list[int]], start: float, end: float, wait: float
) -> tuple[dict[str, list[int]], int, list[report.Difference]]:
    """Return a worker's cells, requests and differences, once they are equal or it is done.

    A worker that has just been started takes its time to answer and to take up its partitions.
    """
    best, moved_at = -1, time.monotonic()
    give_up_at = moved_at + COMPARE_SECONDS
    while True:
        try:
            is_ready = bool(client.get(url, "/api/v1/shares")["ready"])
            history = client.get(
                url, "/api/v1/history", dimension="joint", step="1h", start=start, end=end
            )
        except client.WorkerUnreachableError:
            if time.monotonic() - moved_at > wait:
                raise
            time.sleep(0.5)
            continue
        counted = report.counted_cells(history)
        found = report.differences(expected, counted)
        requests = sum(cell[1] for cell in counted.values())
        now = time.monotonic()
        if requests != best or not is_ready:
            best, moved_at = requests, now
        if not found or now - moved_at > wait or now > give_up_at:
            return counted, requests, found
        time.sleep(0.5)


def _print_unknown(unknown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        common.print_json(unknown)
        return
    models = unknown["models"]
    if not models:
        click.echo(f"No model of unknown origin in the last {unknown['window']}.")
        return
    Console().print(terminal.unknown_table(unknown))
    click.echo("Entries for the overrides file (TOKENSHARE_CATALOG_OVERRIDES):\n")
    for each in models:
        click.echo(each["override"])


@click.command(name="doctor")
@common.bootstrap
@click.option("--fix", is_flag=True, help="Create the topics that are missing.")
def doctor_command(bootstrap: str | None, fix: bool) -> None:
    """Check settings, catalogue, Kafka and topics, and say what to do about each fault."""
    chosen = common.settings(bootstrap_servers=bootstrap)
    findings = doctor.examine(chosen, fix=fix)
    for line in terminal.findings_lines(findings):
        click.echo(line)
    sys.exit(1 if any(each.problem for each in findings) else 0)


@click.command(name="topics")
@click.option("--partitions", type=click.IntRange(1, 1024), help="Partitions of the source topic.")
def topics_command(partitions: int | None) -> None:
    """Print the topics that a worker needs, as commands of Kafka's own tool."""
    chosen = common.settings(partitions=partitions)
    servers = ",".join(chosen.bootstrap_servers)
    for topic in topics.planned(chosen, chosen.partitions):
        parts = [
            f"kafka-topics.sh --bootstrap-server {servers} --create --if-not-exists",
            f"--topic {topic.name} --partitions {topic.num_partitions}",
        ]
        if topic.replication_factor > 0:
            parts.append(f"--replication-factor {topic.replication_factor}")
        parts += [f"--config {name}={value}" for name, value in (topic.topic_configs or {}).items()]
        click.echo(" ".join(parts))


@click.command(name="settings")
@click.option("--markdown", is_flag=True, help="Print README's table of all settings.")
def settings_command(markdown: bool) -> None:
    """Print the settings in force, with secrets masked."""
    if markdown:
        click.echo(settings_markdown())
        return
    for name, value in settings.current(common.settings()):
        click.echo(f"{name}={value}")


def settings_markdown() -> str:
    """Return README's table of settings."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, default, meaning in settings.table():
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(rows)


COMMANDS = (report_command, doctor_command, topics_command, settings_command)
