"""The command `simulate`: simulated usage events for a topic, and a manifest of them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console

from streams import process
from streams.cli import common
from streams.kafka import admin, aio_login
from streams.report import formatting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from streams.demo.truth import Simulated, Truth
    from streams.settings import Settings

#: Simulated events are spread over this long before now.
HOURS = 24.0


@click.command()
@common.bootstrap
@click.option("--events", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@click.option(
    "--hours",
    type=click.FloatRange(min=0.01, max=700.0),
    help="Spread the events' times over the last N hours.  [default: 24]",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Send N events per second, each with the current time.",
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
    """Send simulated usage events to a topic, and record what was sent.

    They cover a day, and are sent as fast as Kafka accepts them; with --rate they are live.
    `tokenshare report --compare MANIFEST` then checks that a worker has counted exactly that.
    """
    from streams.demo import bulk  # noqa: PLC0415 - not needed by a worker

    if rate is not None and hours is not None:
        common.fail("--rate gives each event the current time: leave --hours out", 2)
    if manifest is not None:
        common.refuse_unwritable(manifest)
    chosen = common.settings(bootstrap_servers=bootstrap, topic=topic)
    _find_topics(chosen)
    end = time.time()
    # Start at a full hour, so that the hours of the manifest contain no other simulated events.
    start = (end - (0.0 if rate else (hours or HOURS) * 3600)) // 3600 * 3600
    stream = (
        bulk.live_events(events, seed, time.time)
        if rate
        else bulk.plain_events(events, seed, start, end)
    )
    truth = _send(chosen, stream, events, rate)
    if manifest is not None:
        end = time.time() if rate else end
        body = truth.to_manifest(seed=seed, start=start, end=end, topic=chosen.topic)
        _write(manifest, body)
    click.echo(
        f"{truth.requests:,} events with {truth.tokens:,} tokens are in {chosen.topic}"
        + (f"; the manifest is {manifest}" if manifest is not None else "")
    )


def _find_topics(chosen: Settings) -> None:
    """Connect to Kafka, and create missing topics where that is allowed."""
    try:
        client = admin.connect(chosen)
        try:
            if chosen.create_topics:
                admin.create_missing(client, chosen)
        finally:
            client.close()
    except (admin.BrokerError, admin.TopicError) as error:
        common.fail(error, process.NO_BROKER)


def _send(chosen: Settings, stream: Iterable[Simulated], events: int, rate: float | None) -> Truth:
    from streams.demo import sender  # noqa: PLC0415 - not needed by a worker

    with formatting.progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("sending", total=events)
        try:
            return asyncio.run(
                sender.send(
                    ",".join(chosen.bootstrap_servers),
                    chosen.topic,
                    stream,
                    progress=lambda sent: progress.update(task, completed=sent),
                    rate=rate,
                    compression=chosen.codec,
                    security=aio_login.arguments(chosen),
                )
            )
        except sender.SendError as error:
            common.fail(error, process.NO_BROKER)
        except KeyboardInterrupt:
            common.fail(
                "stopped: what was sent so far is in the topic, no manifest is written", 130
            )


def _write(manifest: Path, body: dict[str, Any]) -> None:
    try:
        manifest.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    except OSError as error:
        common.fail(f"the manifest cannot be written: {error}")
