"""The command `tenant`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streams.classify import tenant_names
from streams.classify.tenant import hashed
from streams.cli import common

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command()
@click.argument("names", nargs=-1)
@click.option("--toml", "as_toml", is_flag=True, help="Print lines for TOKENSHARE_TENANT_NAMES.")
def tenant(names: tuple[str, ...], as_toml: bool) -> None:
    """Print the hash that a tenant is counted under, one JSON line each; `-` reads names.

    The hash is that of TOKENSHARE_TENANT_SALT, which has to be the one of the gateway. With --toml
    the lines are ready for the file of TOKENSHARE_TENANT_NAMES, which gives hashes on the page
    their names again, without a name in Kafka:

    \b
      tokenshare tenant --toml acme beta >> tenants.toml
    """  # noqa: D301 - click reads the backspace as "leave the lines as they are"
    salt = common.settings().tenant_salt.get_secret_value()
    if not salt:
        click.echo("tokenshare: TOKENSHARE_TENANT_SALT is empty: anybody can hash names", err=True)
    for name in _names(names):
        counted_as = hashed(name, salt.encode())
        if as_toml:
            click.echo(tenant_names.line(counted_as, name))
        else:
            common.print_line({"name": name, "hash": counted_as})


def _names(given: tuple[str, ...]) -> Iterator[str]:
    for name in given or ("-",):
        if name != "-":
            yield name
            continue
        for line in common.stdin():
            text = line.decode(errors="replace").rstrip("\r\n")
            if text:
                yield text
