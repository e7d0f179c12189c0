"""The help of every command fits a terminal of 60 columns: no line is cut or broken anew."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, cli


def commands():
    """Yield every command with its groups before it."""
    yield ()
    for name in COMMANDS:
        yield (name,)
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            yield from ((name, each) for each in command.commands)


@pytest.mark.parametrize("command", [*commands()], ids=" ".join)
@pytest.mark.parametrize("width", [60, 80])
def test_no_line_of_a_help_is_too_long(command, width):
    done = CliRunner().invoke(
        cli, [*command, "--help"], terminal_width=width, prog_name="tokenshare"
    )

    assert done.exit_code == 0
    assert [line for line in done.stdout.splitlines() if len(line) > width] == []
    # Short texts of commands are whole.
    assert not any(line.endswith("...") for line in done.stdout.splitlines()[1:])
