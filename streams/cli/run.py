"""Commands that start processes: `worker`, `bridge` and `demo`."""

from __future__ import annotations

import contextlib
import sys

import click

from streams import process
from streams.cli import common
from streams.settings import SettingsError


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
    help="Port for posts, in place of TOKENSHARE_BRIDGE_PORT.",
)
def bridge(bootstrap: str | None, port: int | None) -> None:
    """Accept usage over HTTP and write it to Kafka without prompts and answers, until stopped."""
    from streams.gateway.bridge import run as gateway  # noqa: PLC0415 - not needed by a worker

    chosen = common.settings(bootstrap_servers=bootstrap, bridge_port=port)
    process.set_up_logging(chosen)
    process.end(gateway.run(chosen))


@click.command()
@click.option("--study", is_flag=True, help="Replay the 56 weeks of the study instead.")
@click.option("--once", is_flag=True, help="Exit once everything is counted, and print the result.")
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
    help="Days of history to start with.",
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
    """Run everything on simulated traffic: a broker in memory, a gateway, a worker and the page."""
    from streams.demo import show  # noqa: PLC0415 - not needed by a worker
    from streams.demo.broker import BrokerError  # noqa: PLC0415

    if not speed >= 1.0:
        common.fail("--speed must be at least 1", 2)
    if as_json and not study:
        common.fail("--json requires --study", 2)
    if port is None:
        port = common.settings().web_port
    options = show.Options(study, once, as_json, speed, days, seed, "127.0.0.1", port)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(show.run(options))
    except (BrokerError, SettingsError) as error:
        common.fail(error)


COMMANDS = (worker, bridge, demo)
