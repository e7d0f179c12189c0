"""The command line: `tokenshare worker`, `demo`, `simulate`, `report`, `doctor` and the rest."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import CompletionItem

#: Errors of standard output: the reader has closed the pipe, or the disk is full.
_CLOSED, _FULL = errno.EPIPE, {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

#: By section of the help: each command, the place of it in streams.cli, and its first sentence.
SECTIONS = {
    "Run": {
        "worker": (
            "run.worker",
            "Count usage events from Kafka and serve the shares, until stopped.",
        ),
        "bridge": (
            "run.bridge",
            (
                "Accept usage over HTTP and write it to Kafka without prompts and answers, "
                "until stopped."
            ),
        ),
        "demo": (
            "run.demo",
            (
                "Run everything on simulated traffic: a broker in memory, a gateway, a worker "
                "and the page."
            ),
        ),
        "simulate": (
            "simulate.simulate",
            "Send simulated usage events to a topic, and record what was sent.",
        ),
    },
    "Look at shares": {
        "top": (
            "top.command.top",
            (
                "Show the shares of a running worker in a table that follows it, and is changed "
                "by keys."
            ),
        ),
        "shifts": (
            "shifts.shifts",
            "Show which shares of tokens, requests and cost have shifted: one sentence each.",
        ),
        "report": (
            "report.report_command",
            "Report the shares of each day or week of a running worker, of files, or of a topic.",
        ),
        "backtest": (
            "backtest.backtest",
            "Replay the alerts over a history: when each would have fired, resolved and notified.",
        ),
    },
    "Look at records": {
        "decode": (
            "ask.decode",
            "Print what a worker reads in records: each file is one record's value, one line each.",
        ),
        "classify": (
            "ask.classify",
            (
                "Print the origin of model names, one JSON line each; `-` reads names from "
                "standard input."
            ),
        ),
        "language": (
            "ask.language",
            "Print the language of texts, one JSON line each; `-` reads JSON strings from stdin.",
        ),
        "tenant": (
            "tenant.tenant",
            "Print the hash that a tenant is counted under, one JSON line each; `-` reads names.",
        ),
        "catalog": (
            "catalog.catalog_group",
            "Check a catalogue or an overrides file, and show the effect of a change.",
        ),
        "dead-letters": (
            "dead_letters.dead_letters_group",
            "List the records that could not be counted, and send them again once they can be.",
        ),
        "schema": ("ask.schema", "Print the JSON Schema of a usage event."),
    },
    "Set up": {
        "doctor": (
            "operate.doctor_command",
            "Check settings, catalogue, Kafka and topics; print a remedy for each fault.",
        ),
        "topics": (
            "operate.topics_command",
            "Print the topics that a worker needs, as commands of Kafka's own tool.",
        ),
        "settings": (
            "operate.settings_command",
            "Print the settings in force, with secrets masked.",
        ),
        "completion": (
            "completion.completion",
            "Print a script with which the shell completes commands, options and their values.",
        ),
    },
}
COMMANDS = {name: each for section in SECTIONS.values() for name, each in section.items()}


class Commands(click.Group):
    """The commands, each imported only when it runs: a worker's libraries take half a second."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by its name, None if there is none."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].rpartition(".")
        command = getattr(import_module(f"streams.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            # From here on an interrupt is an exception: what runs has something to clear up.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; for a misspelt one, name its like."""
        name = args[0]
        alike = get_close_matches(name, COMMANDS, n=1)
        if name not in COMMANDS and not name.startswith("-") and alike:
            ctx.fail(f"No such command {name!r}. Did you mean {alike[0]!r}?")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, with none of them imported; else options."""
        if incomplete[:1] == "-":
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=each[1])
            for name, each in COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, none of them cut."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, each[1]) for name, each in commands.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tokenshare", prog_name="tokenshare")
def cli() -> None:
    """Which models and which languages do our LLM tokens go to, by origin?

    tokenshare reads usage events from Kafka and shows live shares on /metrics, in a JSON API and
    on a page. Start with `tokenshare demo`; then `tokenshare doctor` and `tokenshare worker` with
    your own Kafka. Settings come from TOKENSHARE_… variables or a .env file: `tokenshare settings`.
    """


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
        from streams.cli import common  # noqa: PLC0415 - it imports the settings

        common.fail(f"the output cannot be written: {error.strerror}")
