"""Commands for operators: `doctor`, `topics` and `settings`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from streams import settings
from streams.cli import common
from streams.kafka import admin
from streams.worker import doctor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.worker.preflight import Finding


@click.command(name="doctor")
@common.bootstrap
@click.option("--fix", is_flag=True, help="Create missing topics.")
def doctor_command(bootstrap: str | None, fix: bool) -> None:
    """Check settings, catalogue, Kafka and topics; print a remedy for each fault."""
    chosen = common.settings(bootstrap_servers=bootstrap)
    findings = doctor.examine(chosen, fix=fix)
    for line in _findings_lines(findings):
        click.echo(line)
    sys.exit(1 if any(each.problem and not each.is_warning for each in findings) else 0)


def _findings_lines(findings: Sequence[Finding]) -> list[str]:
    """Return one line per finding, and a second one with the remedy where there is a problem."""
    lines = []
    for each in findings:
        if each.problem:
            mark = "!" if each.is_warning else "✗"
            lines += [f"{mark} {each.subject}: {each.problem}", f"    {each.remedy}"]
        else:
            lines.append(f"✓ {each.subject}: {each.fact}" if each.fact else f"✓ {each.subject}")
    return lines


@click.command(name="topics")
@click.option("--partitions", type=click.IntRange(1, 1024), help="Partitions of the source topic.")
def topics_command(partitions: int | None) -> None:
    """Print the topics that a worker needs, as commands of Kafka's own tool."""
    chosen = common.settings(partitions=partitions)
    servers = ",".join(chosen.bootstrap_servers)
    for topic in admin.planned(chosen, chosen.partitions):
        parts = [
            f"kafka-topics.sh --bootstrap-server {servers} --create --if-not-exists",
            f"--topic {topic.name} --partitions {topic.num_partitions}",
        ]
        if topic.replication_factor > 0:
            parts.append(f"--replication-factor {topic.replication_factor}")
        parts += [f"--config {name}={value}" for name, value in (topic.topic_configs or {}).items()]
        click.echo(" ".join(parts))


@click.command(name="settings")
@click.option("--markdown", is_flag=True, help="Print the table of docs/settings.md.")
def settings_command(markdown: bool) -> None:
    """Print the settings in force, with secrets masked.

    Variables with our prefix that are no setting are named, and the exit code is then 1.
    """
    if markdown:
        click.echo(settings_markdown())
        return
    for name, value in settings.current(common.settings()):
        click.echo(f"{name}={value}")
    misspelt = settings.unknown_variables(settings.environment())
    for name, close in misspelt:
        remedy = f"Did you mean {close}?" if close else "Remove it."
        click.echo(f"tokenshare: {name} is not a setting. {remedy}", err=True)
    sys.exit(1 if misspelt else 0)


def settings_markdown() -> str:
    """Return the table of docs/settings.md."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, default, meaning in settings.table():
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(rows)


COMMANDS = (doctor_command, topics_command, settings_command)
