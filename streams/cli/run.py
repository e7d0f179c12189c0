"""Commands that run: `worker`, `bridge`, `demo` and `simulate`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import click
import orjson
from rich.console import Console

from streams import process
from streams.cli import common
from streams.kafka import admin
from streams.report import formatting
from streams.settings import SettingsError

#: Before now that simulated events are spread over.
HOURS = 24.0


@click.command()
@common.bootstrap
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of page and metrics, in place of TOKENSHARE_WEB_PORT.",
)
def worker(bootstrap: str | None, port: int | None) -> None:
    """Count usage events from Kafka and serve the shares, until stopped."""
    from streams.worker.run import run  # noqa: PLC0415 - not needed by a bridge

    chosen = common.settings(bootstrap_servers=bootstrap, web_port=port)
    process.set_up_logging(chosen)
    process.end(run(chosen))


@click.command()
@common.bootstrap
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port that it takes posts on, in place of TOKENSHARE_BRIDGE_PORT.",
)
def bridge(bootstrap: str | None, port: int | None) -> None:
    """Take usage over HTTP and write it to Kafka without prompts and answers, until stopped."""
    from streams.gateway.bridge import run as gateway  # noqa: PLC0415 - not needed by a worker

    chosen = common.settings(bootstrap_servers=bootstrap, bridge_port=port)
    process.set_up_logging(chosen)
    process.end(gateway.run(chosen))


@click.command()
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
        common.fail("--speed is a number from 1 on", 2)
    if as_json and not study:
        common.fail("--json goes with --study", 2)
    if port is None:
        port = common.settings().web_port
    options = show.Options(study, once, as_json, speed, days, seed, "127.0.0.1", port)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(show.run(options))
    except (BrokerError, SettingsError) as error:
        common.fail(error)


@click.command()
@common.bootstrap
@click.option("--events", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@click.option(
    "--hours",
    type=click.FloatRange(min=0.01, max=700.0),
    help="Spread the events' times over so many hours before now.  [default: 24]",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Send so many events a second, each with the time of its sending.",
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
    hours: float | None,
    rate: float | None,
    topic: str | None,
    manifest: Path | None,
) -> None:
    """Send simulated usage events to a topic, and note what was sent.

    They are a day's, sent as fast as Kafka takes them; with --rate they are of now.
    `tokenshare report --compare MANIFEST` then tells whether a worker has counted exactly that.
    """
    from streams.demo import sender, traffic  # noqa: PLC0415 - not needed by a worker

    if rate is not None and hours is not None:
        common.fail("with --rate each event has the time of its sending: leave --hours out", 2)
    if manifest is not None:
        common.refuse_unwritable(manifest)
    chosen = common.settings(bootstrap_servers=bootstrap, topic=topic)
    try:
        client = admin.connect(chosen)
        try:
            if chosen.create_topics:
                admin.create_missing(client, chosen)
        finally:
            client.close()
    except (admin.BrokerError, admin.TopicError) as error:
        common.fail(error, process.NO_BROKER)
    end = time.time()
    # Whole hours at the beginning, so that the hours of the manifest hold nothing else of ours.
    start = (end - (0.0 if rate else (hours or HOURS) * 3600)) // 3600 * 3600
    stream = (
        traffic.live_events(events, seed, time.time)
        if rate
        else traffic.plain_events(events, seed, start, end)
    )
    with formatting.progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("sending", total=events)
        try:
            truth = asyncio.run(
                sender.send(
                    ",".join(chosen.bootstrap_servers),
                    chosen.topic,
                    stream,
                    progress=lambda sent: progress.update(task, completed=sent),
                    rate=rate,
                    security=chosen.kafka_security(),
                )
            )
        except sender.SendError as error:
            common.fail(error, process.NO_BROKER)
        except KeyboardInterrupt:
            common.fail(
                "stopped: what was sent so far is in the topic, no manifest is written", 130
            )
    if manifest is not None:
        end = time.time() if rate else end
        body = truth.to_manifest(seed=seed, start=start, end=end, topic=chosen.topic)
        try:
            manifest.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
        except OSError as error:
            common.fail(f"the manifest cannot be written: {error}")
    click.echo(
        f"{truth.requests:,} events with {truth.tokens:,} tokens are in {chosen.topic}"
        + (f"; what they are is in {manifest}" if manifest is not None else "")
    )


COMMANDS = (worker, bridge, demo, simulate)
