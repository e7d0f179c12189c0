"""The commands `dead-letters list` and `dead-letters resend`."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streams import process
from streams.cli import common
from streams.cli.moment import Moment
from streams.decode.decoder import Decoder
from streams.decode.event import REASONS
from streams.decode.options import Options
from streams.kafka.admin import BrokerError
from streams.kafka.topic_reader import TopicUnreadableError
from streams.settings import SettingsError
from streams.worker.dead_letters import run
from streams.worker.dead_letters.resend import ResendError
from streams.worker.dead_letters.run import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from streams.kafka.record_batch import Record
    from streams.settings import Settings
    from streams.worker.dead_letters.run import Examined, Outcome
    from streams.worker.dead_letters.store import Topics
    from streams.worker.dead_letters.verdict import Verdict

T = TypeVar("T")


def _choosing(command: Any) -> Any:
    """Add the options that choose letters to a command."""
    for option in reversed(
        (
            common.bootstrap,
            click.option(
                "--reason",
                "reasons",
                multiple=True,
                type=click.Choice(REASONS),
                metavar="REASON",
                help="Only letters with this reason; may be repeated.",
            ),
            click.option(
                "--partition",
                "partitions",
                multiple=True,
                type=click.IntRange(min=0),
                help="Only records of this partition of the source topic; may be repeated.",
            ),
            click.option(
                "--offset",
                type=click.IntRange(min=0),
                help="Only the letter of the record at this offset.",
            ),
            click.option(
                "--since",
                type=Moment(),
                help="Only letters written since: 2026-11-28T20:00, or 2h ago as `2h`.",
            ),
            click.option("--until", type=Moment(), help="Only letters written before."),
        )
    ):
        command = option(command)
    return command


@click.group(name="dead-letters", cls=common.Group)
def dead_letters_group() -> None:
    """List the records that could not be counted, and send them again once they can be."""


@dead_letters_group.command(name="list")
@_choosing
@click.option("--limit", type=click.IntRange(min=1), help="Print so many letters at most.")
@click.option("--decode", is_flag=True, help="Also print what the decoder now says of each.")
@click.option("--show", is_flag=True, help="Also print key, headers and value: may be a prompt.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line each.")
def list_command(
    bootstrap: str | None,
    limit: int | None,
    decode: bool,
    show: bool,
    as_json: bool,
    **choosing: Any,
) -> None:
    """List dead letters, the oldest first: where the record is, and why it was rejected.

    Contents are printed with --show only. Settings such as TOKENSHARE_FORMAT count as for a worker.
    """
    choice = _choice(**choosing)

    def line(each: Examined) -> None:
        if as_json:
            common.print_line(_as_json(each, decode=decode, show=show))
        else:
            click.echo("\n".join(_as_text(each, decode=decode, show=show)))

    chosen, decoder = _settings(bootstrap)
    count = _perform(
        chosen,
        lambda topics: run.list_letters(
            *(chosen, topics, decoder, choice, line),
            limit=limit,
            with_originals=decode or show,
        ),
    )
    if not as_json:
        click.echo(f"{_number(count, 'dead letter')} of {chosen.dead_letters}", err=True)


@dead_letters_group.command()
@_choosing
@click.option("--limit", type=click.IntRange(min=1), help="Send so many records at most.")
@click.option("--all", "even_rejected", is_flag=True, help="Also those that are still rejected.")
@click.option("--yes", is_flag=True, help="Send; without it, only print what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def resend(
    bootstrap: str | None,
    limit: int | None,
    even_rejected: bool,
    yes: bool,
    as_json: bool,
    **choosing: Any,
) -> None:
    """Send the records again that now decode, to their partition of the source topic.

    A record is sent once, however often this runs and whatever ends it: each is written in one
    transaction with a mark in the dead-letter topic. Exit code 1 where Kafka refused a record.
    """
    chosen, decoder = _settings(bootstrap)
    choice = _choice(**choosing)
    resending = run.Resending(chosen, decoder, choice, even_rejected=even_rejected, limit=limit)
    outcome = resending.outcome
    try:
        _perform(chosen, lambda topics: resending.run(topics, is_dry=not yes))
    except SystemExit:
        if outcome.written:
            click.echo(f"{_number(outcome.written, 'record')} sent until then", err=True)
        raise
    if as_json:
        common.print_json(_outcome_json(outcome, is_dry=not yes))
    else:
        click.echo("\n".join(_outcome_lines(chosen, outcome, is_dry=not yes)))
    sys.exit(1 if outcome.refused else 0)


def _perform(chosen: Settings, work: Callable[[Topics], Coroutine[None, None, T]]) -> T:
    """Return the result of what is done with the topics. Exits where Kafka or a topic fails."""
    try:
        return run.perform(chosen, work)
    except (BrokerError, run.KafkaFailedError) as error:
        common.fail(error, process.NO_BROKER)
    except (TopicUnreadableError, ResendError) as error:
        common.fail(error)


def _settings(bootstrap: str | None) -> tuple[Settings, Decoder]:
    """Return the settings, and a decoder that reads as a worker with them. Exits on faults."""
    chosen = common.settings(bootstrap_servers=bootstrap)
    try:
        return chosen, Decoder(Options.of(chosen))
    except SettingsError as error:
        common.fail(error)


def _choice(
    *,
    reasons: tuple[str, ...],
    partitions: tuple[int, ...],
    offset: int | None,
    since: float | None,
    until: float | None,
) -> Choice:
    return Choice(frozenset(reasons), frozenset(partitions), offset, since, until)


# -- what is printed


def _as_text(each: Examined, *, decode: bool, show: bool) -> list[str]:
    """Return the line of a letter, and below it what is asked for."""
    letter = each.letter
    offsets = str(letter.first) if letter.first == letter.last else f"{letter.first}-{letter.last}"
    parts = [
        _moment(letter.time),
        f"{letter.topic}[{letter.source_partition}]@{offsets}",
        letter.reason,
        _format_of(each) or "-",
        letter.detail,
    ]
    parts += [f"({_number(letter.records, 'record')})"] if letter.records > 1 else []
    parts += [f"({letter.counted} of its items counted)"] if letter.counted else []
    parts += ["(sent again)"] if each.is_sent else []
    lines = [_printable("  ".join(parts))]
    if (decode or show) and each.missing:
        lines.append(f"    no contents: {_printable(each.missing)}")
    for record, found in each.found if decode or show else ():
        if decode:
            lines.append(f"    {record.offset} now: {_printable(str(found))}")
            lines += [f"        {json.dumps(common.event_json(event))}" for event in found.events]
        if show:
            lines += [f"    {name}: {text}" for name, text in _contents_lines(record)]
    return lines


def _contents_lines(record: Record) -> list[tuple[str, str]]:
    headers = [(f"header {_printable(name)}", value) for name, value in record.headers]
    found = [("key", record.key), *headers, ("value", record.value)]
    # As a JSON string in ASCII, nothing in it can steer a terminal.
    return [
        (name, "null" if value is None else json.dumps(value.decode(errors="backslashreplace")))
        for name, value in found
    ]


def _as_json(each: Examined, *, decode: bool, show: bool) -> dict[str, Any]:
    letter = each.letter
    body: dict[str, Any] = {
        "topic": letter.topic,
        "partition": letter.source_partition,
        "offset": letter.first,
        "last_offset": letter.last,
        "records": letter.records,
        "reason": letter.reason,
        "detail": letter.detail,
        "time": _moment(letter.time),
        "timestamp_ms": letter.timestamp,
        "format": _format_of(each),
        "rejected_items": letter.items,
        "counted_items": letter.counted,
        "bytes": letter.size if letter.has_contents else None,
        "sent_again": each.is_sent,
        "letter": {"partition": letter.partition, "offset": letter.offset},
    }
    if decode or show:
        body["missing"] = each.missing or None
        body["originals"] = [
            {"offset": record.offset}
            | (_verdict_json(found) if decode else {})
            | (_contents_json(record) if show else {})
            for record, found in each.found
        ]
    return body


def _verdict_json(found: Verdict) -> dict[str, Any]:
    return {
        "format": found.format,
        "events": [common.event_json(event) for event in found.events],
        "rejected": [{"reason": each.reason, "detail": each.detail} for each in found.rejected],
        "skipped": [common.skipped_json(each) for each in found.skipped],
    }


def _contents_json(record: Record) -> dict[str, Any]:
    return {
        "key": _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "value": _text(record.value),
    }


def _text(value: bytes | None) -> str | dict[str, str] | None:
    """Return a value as text, as base64 where it is none."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _format_of(each: Examined) -> str | None:
    return each.found[0][1].format if each.found else None


def _outcome_lines(chosen: Settings, outcome: Outcome, *, is_dry: bool) -> list[str]:
    due = outcome.due.total()
    lines = [f"{_number(outcome.letters, 'dead letter')} of {chosen.dead_letters} looked at"]
    if is_dry:
        lines.append(f"{_number(due, 'record')} would be sent to {chosen.topic} again")
    else:
        lines.append(f"{_number(outcome.written, 'record')} sent to {chosen.topic} again")
    lines += [f"  {count:>9,}  {reason}" for reason, count in outcome.due.most_common()]
    if outcome.left:
        lines.append(f"{_number(outcome.left.total(), 'record')} not sent")
        lines += [f"  {count:>9,}  {_printable(why)}" for why, count in outcome.left.most_common()]
    for place, why in outcome.refused.items():
        where = f"{place.topic}[{place.partition}]@{place.offset}"
        lines.append(f"refused by Kafka: {where}: {_printable(why)}")
    if is_dry and due:
        lines.append("Nothing was sent. Add --yes to send.")
    return lines


def _outcome_json(outcome: Outcome, *, is_dry: bool) -> dict[str, Any]:
    return {
        "dry_run": is_dry,
        "letters": outcome.letters,
        "due": dict(outcome.due),
        "sent": outcome.written,
        "not_sent": dict(outcome.left),
        "refused": [
            {"topic": at.topic, "partition": at.partition, "offset": at.offset, "why": why}
            for at, why in outcome.refused.items()
        ],
    }


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _moment(milliseconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return "?"
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _printable(text: str) -> str:
    """Return a text without what could steer a terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
