"""The command `tenant`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streams.classify.tenant import hashed
from streams.cli import common

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command()
@click.argument("names", nargs=-1)
def tenant(names: tuple[str, ...]) -> None:
    """Print the hash that a tenant is counted under, one JSON line each; `-` reads names.

    The hash is that of TOKENSHARE_TENANT_SALT, which has to be the one of the gateway. So a hash on
    the page gets its name again, without a name in Kafka.
    """
    salt = common.settings().tenant_salt.get_secret_value()
    if not salt:
        click.echo("tokenshare: TOKENSHARE_TENANT_SALT is empty: anybody can hash names", err=True)
    for name in _names(names):
        common.print_line({"name": name, "hash": hashed(name, salt.encode())})


def _names(given: tuple[str, ...]) -> Iterator[str]:
    for name in given or ("-",):
        if name != "-":
            yield name
            continue
        for line in common.stdin():
            text = line.decode(errors="replace").rstrip("\r\n")
            if text:
                yield text
