"""The command line: `tokenshare worker`, `demo`, `simulate`, `report`, `doctor` and the rest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click
import orjson
from rich.console import Console

from streams import client, doctor, process, report, settings, terminal, topics
from streams.event import Rejected, event_time
from streams.formats.native import SCHEMA
from streams.formats.read import Decoded, Decoder, Options
from streams.origin.catalog import Catalog, CatalogError
from streams.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.settings import Settings

#: However long a worker takes to become ready, a comparison ends.
COMPARE_SECONDS = 300.0

DEFAULT_URL = "http://127.0.0.1:6066"


def _fail(message: object, code: int = process.MISCONFIGURED) -> NoReturn:
    click.echo(f"tokenshare: {message}", err=True)
    sys.exit(code)


def _settings(**given: Any) -> Settings:
    try:
        return settings.load(**given)
    except SettingsError as error:
        _fail(error)


def _bootstrap(command: Any) -> Any:
    return click.option(
        "--bootstrap",
        metavar="HOST:PORT",
        help="Kafka brokers, in place of TOKENSHARE_BOOTSTRAP_SERVERS.",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tokenshare"), prog_name="tokenshare")
def cli() -> None:
    """Which models and which languages do our LLM tokens go to, by origin?

    tokenshare reads usage events from Kafka and shows live shares on /metrics, in a JSON API and
    on a page. Start with `tokenshare demo`; then `tokenshare doctor` and `tokenshare worker` with
    your own Kafka. Settings come from TOKENSHARE_… variables or a .env file: `tokenshare settings`.
    """


@cli.command()
@_bootstrap
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of page and metrics, in place of TOKENSHARE_WEB_PORT.",
)
def worker(bootstrap: str | None, port: int | None) -> None:
    """Count usage events from Kafka and serve the shares, until stopped."""
    chosen = _settings(bootstrap_servers=bootstrap, web_port=port)
    process.set_up_logging(chosen)
    process.end(process.run(chosen))


@cli.command()
@_bootstrap
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port that it takes posts on, in place of TOKENSHARE_BRIDGE_PORT.",
)
def bridge(bootstrap: str | None, port: int | None) -> None:
    """Take usage over HTTP and write it to Kafka without prompts and answers, until stopped."""
    from streams.gateway import bridge as gateway  # noqa: PLC0415 - not needed by a worker

    chosen = _settings(bootstrap_servers=bootstrap, bridge_port=port)
    process.set_up_logging(chosen)
    process.end(gateway.run(chosen))


@cli.command()
@click.option("--study", is_flag=True, help="Replay the 56 weeks of the study instead.")
@click.option("--once", is_flag=True, help="End when all is counted, and print the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (with --study).")
@click.option(
    "--speed",
    type=click.FloatRange(min=1.0, max=100_000.0),
    default=1.0,
    show_default=True,
    help="Replay the last day at this speed before going live.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=28,
    show_default=True,
    help="Days of history to begin with.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the traffic.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of the page, in place of TOKENSHARE_WEB_PORT.",
)
def demo(  # noqa: PLR0917 - one argument an option
    study: bool, once: bool, as_json: bool, speed: float, days: int, seed: int, port: int | None
) -> None:
    """Show it all on simulated traffic: a broker in memory, a gateway, a worker and the page."""
    from streams.demo import show  # noqa: PLC0415 - not needed by a worker
    from streams.demo.broker import BrokerError  # noqa: PLC0415

    if not speed >= 1.0:
        _fail("--speed is a number from 1 on", 2)
    if as_json and not study:
        _fail("--json goes with --study", 2)
    if port is None:
        port = _settings().web_port
    options = show.Options(study, once, as_json, speed, days, seed, "127.0.0.1", port)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(show.run(options))
    except (BrokerError, SettingsError) as error:
        _fail(error)


@cli.command()
@_bootstrap
@click.option("--events", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@click.option(
    "--hours",
    type=click.FloatRange(min=0.01, max=700.0),
    default=24.0,
    show_default=True,
    help="Spread the events' times over so many hours before now.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Events a second; without it as fast as Kafka takes them.",
)
@click.option("--topic", help="Topic, in place of TOKENSHARE_TOPIC.")
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was sent, by origin and language, to this file.",
)
def simulate(  # noqa: PLR0917 - one argument an option
    bootstrap: str | None,
    events: int,
    seed: int,
    hours: float,
    rate: float | None,
    topic: str | None,
    manifest: Path | None,
) -> None:
    """Send simulated usage events to a topic, and note what was sent.

    `tokenshare report --compare MANIFEST` then tells whether a worker has counted exactly that.
    """
    from streams.demo import send, traffic  # noqa: PLC0415 - not needed by a worker

    chosen = _settings(bootstrap_servers=bootstrap, topic=topic)
    try:
        admin = topics.admin(chosen)
        try:
            if chosen.create_topics:
                topics.create_missing(admin, chosen)
        finally:
            admin.close()
    except (topics.BrokerError, topics.TopicError) as error:
        _fail(error, process.NO_BROKER)
    end = time.time()
    # Whole hours at the beginning, so that the hours of the manifest hold nothing else of ours.
    start = (end - hours * 3600) // 3600 * 3600
    stream = traffic.plain_events(events, seed, start, end)
    with terminal.progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("sending", total=events)
        try:
            truth = asyncio.run(
                send.send(
                    ",".join(chosen.bootstrap_servers),
                    chosen.topic,
                    stream,
                    progress=lambda sent: progress.update(task, completed=sent),
                    rate=rate,
                    security=chosen.kafka_security(),
                )
            )
        except send.SendError as error:
            _fail(error, process.NO_BROKER)
        except KeyboardInterrupt:
            _fail("stopped: the events sent so far are in the topic, no manifest is written", 130)
    if manifest is not None:
        body = truth.to_manifest(seed=seed, start=start, end=end, topic=chosen.topic)
        try:
            manifest.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
        except OSError as error:
            _fail(f"the manifest cannot be written: {error}")
    click.echo(
        f"{truth.requests:,} events with {truth.tokens:,} tokens are in {chosen.topic}"
        + (f"; what they are is in {manifest}" if manifest is not None else "")
    )


@cli.command(name="report")
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
            _print_unknown(client.get(url, "/api/v1/shares"), as_json=as_json)
            return
        shares = client.get(url, "/api/v1/shares")
        weekly = report.weekly(
            client.get(url, "/api/v1/history", dimension="origin", step="1w"),
            client.get(url, "/api/v1/history", dimension="language", step="1w"),
        )
    except client.WorkerUnreachableError as error:
        _fail(error)
    if as_json:
        _print_json(report.weekly_json(weekly, simulated=bool(shares.get("simulated"))))
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
        _fail(f"{path} is no manifest of `tokenshare simulate`", 2)
    return dict(manifest)


def _compare(url: str, manifests: list[dict[str, Any]], wait: float, *, as_json: bool) -> int:
    """Print whether a worker has counted what the manifests say; waits while it still counts."""
    expected = report.expected_cells(manifests)
    start = min(float(manifest["start"]) for manifest in manifests)
    end = max(float(manifest["end"]) for manifest in manifests) + 1
    counted, requests, found = _wait_for_counts(url, expected, start, end, wait)
    if as_json:
        _print_json(
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


def _print_unknown(shares: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(shares["unknown"])
    elif not shares["unknown"]:
        click.echo("No model of unknown origin in the last 7 days.")
    else:
        for row in shares["unknown"]:
            click.echo(
                f"{row['tokens']:>16,} tokens {row['requests']:>10,} requests  {row['model']}"
            )


@cli.command()
@click.argument("models", nargs=-1)
def classify(models: tuple[str, ...]) -> None:
    """Tell the origin of model names, one JSON line each; `-` reads names from standard input."""
    chosen = _settings()
    try:
        catalog = Catalog.load(chosen.catalog_overrides)
    except CatalogError as error:
        _fail(error)
    for model in _names(models):
        answer = catalog.classify(model)
        line = {
            "model": model,
            "developer": answer.developer,
            "country": answer.country,
            "openness": answer.openness,
            "origin": answer.origin,
            "base": answer.base,
            "matched_by": answer.matched_by,
        }
        click.echo(orjson.dumps(line).decode())


def _names(models: tuple[str, ...]) -> Iterable[str]:
    for model in models or ("-",):
        if model == "-":
            stream: IO[bytes] = sys.stdin.buffer
            for line in stream:
                yield line.decode(errors="replace").rstrip("\r\n")
        else:
            yield model


@cli.command(name="doctor")
@_bootstrap
@click.option("--fix", is_flag=True, help="Create the topics that are missing.")
def doctor_command(bootstrap: str | None, fix: bool) -> None:
    """Check settings, catalogue, Kafka and topics, and say what to do about each fault."""
    chosen = _settings(bootstrap_servers=bootstrap)
    findings = doctor.examine(chosen, fix=fix)
    for line in terminal.findings_lines(findings):
        click.echo(line)
    sys.exit(1 if any(each.problem for each in findings) else 0)


@cli.command()
@click.argument(
    "files",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option(
    "--headers",
    metavar="JSON",
    help="Headers of the records: an object of texts, such as those of a CloudEvent.",
)
def decode(files: tuple[Path, ...], headers: str | None) -> None:
    """Tell what a worker reads in records: each file is one record's value, one JSON line each.

    Without files, and for `-`, the value is standard input.
    TOKENSHARE_FORMAT, TOKENSHARE_FIELDS and TOKENSHARE_DETECT_LANGUAGE count here as for a worker.
    """
    chosen = _settings()
    try:
        decoder = Decoder(Options.of(chosen))
    except SettingsError as error:
        _fail(error)
    said = _headers(headers)
    for path in files or (Path("-"),):
        try:
            value = (
                click.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
            )
        except OSError as error:
            _fail(f"{path} cannot be read: {error.strerror}", 2)
        name = os.fsencode(path).decode(errors="replace")
        click.echo(orjson.dumps({"file": name} | _decoded(decoder.decode(value, said))))


def _decoded(decoded: Decoded) -> dict[str, Any]:
    """Return what a record holds; an event whose time cannot be read is rejected, as always."""
    events, rejected = [], [*decoded.rejected]
    for event in decoded.events:
        at = event_time(event.ts, None)
        if at is None and event.ts is not None:
            rejected.append(Rejected("bad_time", "the time cannot be read"))
            continue
        events.append(
            {
                "model": event.model,
                "prompt_tokens": event.prompt_tokens,
                "completion_tokens": event.completion_tokens,
                "timestamp": at,
                "tenant": event.tenant,
                "language": event.language,
            }
        )
    return {
        "format": decoded.format,
        "events": events,
        "rejected": [{"reason": each.reason, "detail": each.detail} for each in rejected],
        "skipped": [{"reason": each.reason} for each in decoded.skipped],
    }


def _headers(text: str | None) -> list[tuple[str, bytes | None]]:
    if text is None:
        return []
    try:
        headers = orjson.loads(text)
    except ValueError:
        headers = None
    if not isinstance(headers, dict):
        _fail('--headers takes a JSON object, such as {"content-type": "application/json"}', 2)
    return [
        (name, None if value is None else str(value).encode()) for name, value in headers.items()
    ]


@cli.command()
def schema() -> None:
    """Print the JSON Schema of a usage event."""
    _print_json(SCHEMA)


@cli.command(name="topics")
@click.option("--partitions", type=click.IntRange(1, 1024), help="Partitions of the source topic.")
def topics_command(partitions: int | None) -> None:
    """Print the topics that a worker needs, as commands of Kafka's own tool."""
    chosen = _settings(partitions=partitions)
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


@cli.command(name="settings")
@click.option("--markdown", is_flag=True, help="Print README's table of all settings.")
def settings_command(markdown: bool) -> None:
    """Print the settings in force, with secrets masked."""
    if markdown:
        click.echo(settings_markdown())
        return
    for name, value in settings.current(_settings()):
        click.echo(f"{name}={value}")


def settings_markdown() -> str:
    """Return README's table of settings."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, default, meaning in settings.table():
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(rows)


def _print_json(body: object) -> None:
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())


def main() -> None:
    """Run the command line."""
    cli(prog_name="tokenshare")
