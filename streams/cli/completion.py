"""The command `completion`."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
#: The variable by which a shell asks what fits.
VARIABLE = "_TOKENSHARE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print a script with which the shell completes commands, options and their values.

    \b
      eval "$(tokenshare completion bash)"  # in ~/.bashrc
      eval "$(tokenshare completion zsh)"   # in ~/.zshrc
      # in ~/.config/fish/config.fish
      tokenshare completion fish | source

    Without a name it is the shell of $SHELL.
    """  # noqa: D301 - click reads the backspace as "leave the lines as they are"
    shell = shell or Path(os.environ.get("SHELL", "")).name
    if shell not in SHELLS:
        raise click.UsageError(f"Name the shell: {', '.join(SHELLS)}.", context)
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "tokenshare", VARIABLE).source())
