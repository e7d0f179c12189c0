"""Shared by all commands: settings, exit on errors, and JSON on standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click
import orjson

from streams import process
from streams import settings as all_settings
from streams.decode.event import AggregateEvent, event_time
from streams.decode.formats.raw_usage import tokens_of
from streams.decode.money import dollars
from streams.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from streams.classify.origin.facts import Classification
    from streams.classify.provider.values import Provider
    from streams.decode.event import Skipped, UsageEvent
    from streams.settings import Settings


#: Characters: no first sentence has so many.
_WHOLE_SENTENCE = 1000


class Group(click.Group):
    """Commands of one subject: their first sentences are not cut in the help."""

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their first sentences."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(_WHOLE_SENTENCE))
                    for name, command in self.commands.items()
                ]
            )


def fail(message: object, code: int = process.MISCONFIGURED) -> NoReturn:
    """Print a message for the user and exit with a code."""
    click.echo(f"tokenshare: {message}", err=True)
    sys.exit(code)


def settings(**given: Any) -> Settings:
    """Load the settings; options override variables. Exits on an invalid setting."""
    try:
        return all_settings.load(**given)
    except SettingsError as error:
        fail(error)


def stdin() -> BinaryIO:
    """Return standard input; at a terminal, print that input is expected."""
    stream = click.get_binary_stream("stdin")
    if stream.isatty():
        click.echo("reading what you type; Ctrl-D ends it", err=True)
    return stream


def refuse_unwritable(file: Path) -> None:
    """Exit if a file cannot be written, before long work; its contents stay unchanged."""
    try:
        is_new = not file.exists()
        file.open("ab").close()
        if is_new:
            file.unlink()
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}", 2)


def bootstrap(command: Any) -> Any:
    """Add the option for the brokers' addresses to a command."""
    return click.option(
        "--bootstrap",
        metavar="HOST:PORT",
        help="Kafka brokers, in place of TOKENSHARE_BOOTSTRAP_SERVERS.",
    )(command)


def print_json(body: object) -> None:
    """Print a value as indented JSON."""
    click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())


def print_line(body: object) -> None:
    """Print a value as one line of JSON."""
    try:
        line = orjson.dumps(body).decode()
    except TypeError:
        # Half a surrogate pair, or an integer of more than 64 bits.
        line = json.dumps(body)
    click.echo(line)


def facts(known: Classification) -> dict[str, str | None]:
    """Return the known facts about a model, as the command line prints them."""
    return {
        "developer": known.developer,
        "country": known.country,
        "openness": known.openness,
        "origin": known.origin,
        "base": known.base,
        "matched_by": known.matched_by,
    }


def served(known: Provider) -> dict[str, str]:
    """Return the known facts about who served, as the command line prints them."""
    return {
        "provider": known.key,
        "name": known.name,
        "jurisdiction": known.jurisdiction,
        "matched_by": known.matched_by,
    }


def skipped_json(skipped: Skipped) -> dict[str, str]:
    """Return why an item is skipped; of usage that no reader takes, with who wrote it."""
    body: dict[str, str] = {"reason": skipped.reason}
    return body | {"source": skipped.source} if skipped.source else body


def event_json(event: UsageEvent) -> dict[str, Any]:
    """Return what is printed of an event; `timestamp` is null where it has no time of its own."""
    return {
        "model": event.model,
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
        "timestamp": event_time(event.ts, None),
        "tenant": event.tenant,
        "language": event.language,
    } | {name: value for name, value in _more(event).items() if value is not None}


def _more(event: UsageEvent) -> dict[str, Any]:
    """Return what an event may say, as a worker counts it: a part and a price in dollars."""
    return {
        "requests": event.requests if isinstance(event, AggregateEvent) else None,
        "cached_tokens": tokens_of(event.cached_tokens, event.prompt_tokens),
        "reasoning_tokens": tokens_of(event.reasoning_tokens, event.completion_tokens),
        "cost": dollars(event.cost),
        "provider": event.provider if type(event.provider) is str and event.provider else None,
    }
