"""Commands that evaluate their arguments: `classify`, `language`, `decode` and `schema`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from streams.classify.language import detect
from streams.classify.language.tags import canonical
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import CatalogError
from streams.cli import common
from streams.cli.explained import as_json, lines
from streams.decode.contents import UnreadableError
from streams.decode.decoder import Decoded, Decoder
from streams.decode.event import Rejected, event_time
from streams.decode.explanation import explained
from streams.decode.formats.native import SCHEMA
from streams.decode.options import Options
from streams.decode.redaction import redacted
from streams.settings import SettingsError, extras

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.kafka.record_batch import Headers
    from streams.settings import Settings


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--provider",
    "is_provider",
    is_flag=True,
    help="Print who served: each NAME is a provider's, `NAME@HOST`, `NAME@REGION` or `@HOST`.",
)
def classify(names: tuple[str, ...], is_provider: bool) -> None:
    """Print the origin of model names, one JSON line each; `-` reads names from standard input.

    With --provider, print the provider and the jurisdiction of its operator instead.
    """
    chosen = common.settings()
    try:
        catalog = Catalog.load(chosen.catalog_overrides)
    except CatalogError as error:
        common.fail(error)
    for name in _names(names):
        if is_provider:
            common.print_line({"served": name} | common.served(catalog.providers.classify(name)))
        else:
            common.print_line({"model": name} | common.facts(catalog.classify(name)))


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--tags", is_flag=True, help="Read declared tags and names, not texts.")
def language(texts: tuple[str, ...], tags: bool) -> None:
    """Print the language of texts, one JSON line each; `-` reads JSON strings from stdin.

    Each is read as a worker reads a prompt: a text, or JSON (messages, a request's body). With
    --tags, print the tag that a declared language is counted under.
    """
    is_none_found = False
    for text in _values(texts):
        if tags:
            common.print_line({"tag": text, "language": canonical(text)})
            continue
        found = detect.detect_messages(text)
        common.print_line(
            {
                "language": found.language,
                "confidence": round(found.confidence, 3),
                "method": found.method,
            }
        )
        is_none_found |= found.method == "none"
    if is_none_found and not detect.HAS_MODEL:
        click.echo(
            "tokenshare: without a model, texts are told by their script only: "
            f"{extras.advice('language')}",
            err=True,
        )


def _values(given: tuple[str, ...]) -> Iterator[object]:
    """Yield the argument values; a line of standard input that is not JSON is used as text."""
    for value in given or ("-",):
        if value != "-":
            yield value
            continue
        for line in common.stdin():
            text = line.rstrip(b"\r\n")
            if not text.strip():
                yield ""
                continue
            try:
                # Unlike orjson it accepts half a surrogate pair, which truncated text may contain.
                yield json.loads(text)
            except (ValueError, RecursionError):
                yield text.decode(errors="replace")


def _names(names: tuple[str, ...]) -> Iterator[str]:
    for name in names or ("-",):
        if name == "-":
            for line in common.stdin():
                yield line.decode(errors="replace").rstrip("\r\n")
        else:
            yield name


@click.command()
@click.argument(
    "files",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option(
    "--headers",
    metavar="JSON",
    help="Headers of the records: an object of strings, such as those of a CloudEvent.",
)
@click.option(
    "--redact",
    is_flag=True,
    help="Print the record itself, every text replaced and its shape kept, to show to others.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Print beside it which keys each count came from, and what was left out and why.",
)
def decode(files: tuple[Path, ...], headers: str | None, redact: bool, explain: bool) -> None:
    """Print what a worker reads in records: each file is one record's value, one line each.

    Without files, and for `-`, the value is standard input.
    TOKENSHARE_FORMAT, TOKENSHARE_FIELDS and TOKENSHARE_DETECT_LANGUAGE apply as for a worker.
    With --explain the lines for a person are on standard error. Exit code 1 if all that was read
    is rejected.
    """
    if redact and explain:
        common.fail("--redact and --explain exclude each other", 2)
    chosen = common.settings()
    try:
        options = Options.of(chosen)
    except SettingsError as error:
        common.fail(error)
    sent = _headers(headers)
    values = map(_value, files or (Path("-"),))
    if redact:
        _print_redacted(values, sent, options, chosen)
        return
    decoder = Decoder(options)
    outcomes = set()
    for name, value in values:
        decoded = decoder.decode(value, sent)
        outcomes |= {kind for kind in ("events", "rejected", "skipped") if getattr(decoded, kind)}
        found = {"file": name} | _decoded(decoded)
        if explain:
            explanation = explained(value, sent, options)
            found["explained"] = as_json(explanation)
            for line in lines(name, explanation):
                click.echo(line, err=True)
        common.print_line(found)
    if outcomes == {"rejected"}:
        sys.exit(1)


def _value(path: Path) -> tuple[str, bytes]:
    """Return a file's name and contents; exits where it cannot be read."""
    try:
        value = common.stdin().read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        common.fail(f"{path} cannot be read: {error.strerror}", 2)
    return os.fsencode(path).decode(errors="replace"), value


def _print_redacted(
    values: Iterable[tuple[str, bytes]], headers: Headers, options: Options, chosen: Settings
) -> None:
    """Print records redacted; exits with 2 where one cannot be parsed, and prints nothing of it."""
    try:
        catalog = Catalog.load(chosen.catalog_overrides)
    except CatalogError as error:
        common.fail(error)
    has_failed = False
    for name, value in values:
        try:
            found = redacted(
                value, headers, options, lambda model: catalog.classify(model).developer is not None
            )
        except UnreadableError as error:
            click.echo(f"tokenshare: {name} cannot be redacted: {error}", err=True)
            has_failed = True
            continue
        click.echo(found.text.rstrip("\n"))
        for note in found.notes:
            click.echo(f"tokenshare: {name}: {note}", err=True)
    if has_failed:
        sys.exit(2)


def _decoded(decoded: Decoded) -> dict[str, Any]:
    """Return the contents of a record; an event with an unreadable time is rejected, as always."""
    events, rejected = [], [*decoded.rejected]
    for event in decoded.events:
        if event.ts is not None and event_time(event.ts, None) is None:
            rejected.append(Rejected("bad_time", "the time cannot be read"))
            continue
        events.append(common.event_json(event))
    return {
        "format": decoded.format,
        "events": events,
        "rejected": [{"reason": each.reason, "detail": each.detail} for each in rejected],
        "skipped": [common.skipped_json(each) for each in decoded.skipped],
    }


def _headers(text: str | None) -> list[tuple[str, bytes | None]]:
    if text is None:
        return []
    try:
        headers = orjson.loads(text)
    except ValueError:
        headers = None
    if not isinstance(headers, dict):
        common.fail(
            '--headers takes a JSON object, such as {"content-type": "application/json"}', 2
        )
    return [
        (name, None if value is None else str(value).encode()) for name, value in headers.items()
    ]


@click.command()
def schema() -> None:
    """Print the JSON Schema of a usage event."""
    common.print_json(SCHEMA)


COMMANDS = (classify, language, decode, schema)
