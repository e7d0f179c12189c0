"""The command line: `tokenshare worker`, `demo`, `simulate`, `report`, `doctor` and the rest."""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib.metadata import version

import click

from streams.cli import (
    ask,
    backtest,
    catalog,
    common,
    dead_letters,
    operate,
    report,
    run,
    shifts,
    simulate,
)

#: Errors of standard output: the reader has closed the pipe, or the disk is full.
_CLOSED, _FULL = errno.EPIPE, {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
    simulate.simulate,
    report.report_command,
    *operate.COMMANDS,
    dead_letters.dead_letters_group,
    *ask.COMMANDS,
    catalog.catalog_group,
    backtest.backtest,
    shifts.shifts,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Where the locale cannot encode a letter, a question mark is better than no output.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            cli(prog_name="tokenshare")
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != _CLOSED and error.errno not in _FULL:
            raise
        # At exit Python would try again to write its buffered output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == _CLOSED:
            sys.exit(1)
        common.fail(f"the output cannot be written: {error.strerror}")
