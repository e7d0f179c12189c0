"""The command line: `tokenshare worker`, `demo`, `simulate`, `report`, `doctor` and the rest."""

from __future__ import annotations

from importlib.metadata import version

import click

from streams.cli import ask, backtest, catalog, operate, report, run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tokenshare"), prog_name="tokenshare")
def cli() -> None:
    """Which models and which languages do our LLM tokens go to, by origin?

    tokenshare reads usage events from Kafka and shows live shares on /metrics, in a JSON API and
    on a page. Start with `tokenshare demo`; then `tokenshare doctor` and `tokenshare worker` with
    your own Kafka. Settings come from TOKENSHARE_… variables or a .env file: `tokenshare settings`.
    """


for _command in (
    *run.COMMANDS,
    report.report_command,
    *operate.COMMANDS,
    *ask.COMMANDS,
    catalog.catalog_group,
    backtest.backtest,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line."""
    cli(prog_name="tokenshare")
