"""The command `report`: the study for your own traffic, and a worker compared with a manifest."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)

from streams import process
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import CatalogError
from streams.cli import client, common, compare, report_tenants
from streams.cli import unknown as unknown_models
from streams.cli.moment import Moment
from streams.decode.options import Options
from streams.kafka import admin
from streams.kafka.topic_reader import TopicUnreadableError
from streams.report import against as periods
from streams.report import content, data, formatting, html, lines, parquet, tenants, text
from streams.report.against import KINDS, other_period
from streams.report.count import Count
from streams.report.summary import (
    LATER_DIMENSIONS,
    Period,
    Read,
    histories,
    requests_outside,
    summary,
    summary_of_worker,
)
from streams.settings import SettingsError, extras
from streams.shares.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from streams.report.against import Kind
    from streams.report.summary import By, Summary
    from streams.settings import Settings
    from streams.shares.measures import Measure


class Asked(NamedTuple):
    """What a report is to be of: days or weeks, a measure, and a period.

    `against` is the kind of another period, and its first day with the day after its last;
    `with_tenants` asks for a table of them.
    """

    by: By
    measure: Measure
    period: Period
    against: tuple[Kind, tuple[int, int]] | None = None
    with_tenants: bool = False


#: As a file name: standard input, or standard output where it is written.
_DASH = "-"
#: Options of a report alone.
_OF_A_REPORT = "--measure, --since, --until, --against or --tenants"


@click.command(name="report")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--url", help="Address of a worker; http://127.0.0.1 and TOKENSHARE_WEB_PORT unless given."
)
@click.option("--topic", metavar="NAME", help="Read a Kafka topic up to its present end.")
@common.bootstrap
@click.option(
    "--by",
    type=click.Choice(["day", "week"]),
    default="week",
    show_default=True,
    help="Days or weeks, in UTC; weeks start on Monday.",
)
@click.option(
    "--measure",
    metavar="MEASURE",
    type=click.Choice(MEASURES),
    default="tokens",
    show_default=True,
    help=f"What the shares are of: {', '.join(MEASURES)}.",
)
@click.option(
    "--since",
    type=Moment(),
    help="From this day on: ISO 8601 (UTC), unix seconds, or how long ago, such as 90d.",
)
@click.option("--until", type=Moment(), help="Only days that begin before this time.")
@click.option(
    "--against",
    type=click.Choice(KINDS),
    help="Beside as many days before --since, or the same days of the year before.",
)
@click.option(
    "--tenants", "with_tenants", is_flag=True, help="Tenants too, by hash or the name of a file."
)
@click.option("--markdown", "markdown", is_flag=True, help="Print Markdown.")
@click.option("--csv", "csv", is_flag=True, help="Print CSV, one row per step and key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "html_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write one self-contained HTML file with charts; `-`: print it.",
)
@click.option(
    "--compare",
    "manifests",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with a manifest of `tokenshare simulate`; several are added up.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=15.0,
    show_default=True,
    help="With --compare: seconds without a change after which the worker counts as done.",
)
@click.option("--unknown", is_flag=True, help="List the models of unknown origin, by tokens.")
def report_command(  # noqa: PLR0917 - click passes them by name
    files: tuple[Path, ...],
    url: str | None,
    topic: str | None,
    bootstrap: str | None,
    by: str,
    measure: str,
    since: float | None,
    until: float | None,
    against: str | None,
    with_tenants: bool,
    markdown: bool,
    csv: bool,
    as_json: bool,
    html_file: Path | None,
    manifests: tuple[Path, ...],
    wait: float,
    unknown: bool,
) -> None:
    """Report the shares of each day or week of a running worker, of files, or of a topic.

    FILES hold one record per line, plain or gzip, in any format that a worker reads, or are
    Parquet; `-` is standard input. They are decoded, classified and counted as by a worker, with
    the settings in force; each event needs its own time. The report has the first, highest, last
    and average share by origin, language, developer and model (who served and under whose law,
    where records say it), the largest moves, and tokens per request. With --measure they are
    shares of requests, output tokens, uncached tokens or cost. What is not known is never zero.

    Exit code 1 if a file is truncated (the part before is reported), and if all that was read is
    rejected.
    """
    form = _form(markdown=markdown, csv=csv, json=as_json)
    _refuse_what_does_not_go_together(
        files, url, topic, form, html_file, is_question=bool(manifests) or unknown
    )
    if html_file is not None and str(html_file) != _DASH:
        common.refuse_unwritable(html_file)
    asked = _asked(by, measure, since, until, against, with_tenants=with_tenants)
    if (manifests or unknown) and asked != _asked(by, "tokens", None, None, None):
        common.fail(f"--compare and --unknown have no {_OF_A_REPORT}", 2)
    if asked.against and form == "csv":
        common.fail("--against is for people and --json: --csv has the steps of one period", 2)
    if topic or files:
        found = _of_topic(topic, bootstrap, asked) if topic else _of_files(files, asked)
        _show(found, form, html_file)
        return
    address = url or f"http://127.0.0.1:{common.settings().web_port}"
    try:
        if manifests:
            read = [compare.read_manifest(path) for path in manifests]
            sys.exit(compare.print_comparison(address, read, wait, as_json=form == "json"))
        if unknown:
            unknown_models.print_unknown(address, as_json=form == "json")
            return
        found = _of_worker(address, asked)
    except client.WorkerUnreachableError as error:
        common.fail(error if url or manifests or unknown else f"{error} Or give files to read.")
    _show(found, form, html_file)


def _form(**asked: bool) -> str | None:
    """Return the form that is printed, None for tables; exits where two are asked for."""
    forms = [form for form, is_asked in asked.items() if is_asked]
    if len(forms) > 1:
        common.fail(f"{' and '.join(f'--{form}' for form in forms)} exclude each other", 2)
    return forms[0] if forms else None


def _refuse_what_does_not_go_together(
    files: tuple[Path, ...],
    url: str | None,
    topic: str | None,
    form: str | None,
    html_file: Path | None,
    *,
    is_question: bool,
) -> None:
    if bool(files) + bool(url) + bool(topic) > 1:
        common.fail("give files, or --url with a worker's address, or --topic", 2)
    if (files or topic) and is_question:
        common.fail(
            "--compare and --unknown read a running worker: give no files and no --topic", 2
        )
    if form is not None and html_file is not None and str(html_file) == _DASH:
        common.fail(f"--html - and --{form} would both be printed: give --html a file", 2)
    if is_question and (html_file or form not in {None, "json"}):
        common.fail("--compare and --unknown print text or --json only", 2)


def _asked(
    by: str,
    measure: str,
    since: float | None,
    until: float | None,
    against: str | None,
    *,
    with_tenants: bool = False,
) -> Asked:
    """Return what is asked for; exits where a period has no day, or tenants are not counted so."""
    period = Period.of(since, until)
    if period.since is not None and until is not None and period.since >= until:
        common.fail("--since is not before --until", 2)
    asked = Asked(cast("By", by), cast("Measure", measure), period, with_tenants=with_tenants)
    if with_tenants:
        report_tenants.refuse_what_is_not_counted(asked.measure, is_against=against is not None)
    if against is None:
        return asked
    if period.since is None:
        common.fail(f"--against {against} needs --since, the first day of the period", 2)
    kind = cast("Kind", against)
    try:
        return asked._replace(against=(kind, other_period(period, kind, time.time())))
    except ValueError as error:
        common.fail(f"--against {against}: {error}", 2)


def _of_worker(url: str, asked: Asked) -> Summary:
    """Return the report of a worker's history. Raises WorkerUnreachableError."""
    shares = client.get(url, "/api/v1/shares")
    is_simulated = bool(shares.get("simulated"))

    def of(by: By, period: Period) -> Summary:
        def read(dimension: str, step: str) -> Mapping[str, Any]:
            query: dict[str, object] = {"dimension": dimension, "step": step}
            query |= {"start": period.since, "end": period.until}
            try:
                return cast("Mapping[str, Any]", client.get(url, "/api/v1/history", **query))
            except client.UnknownToWorkerError:
                if dimension in LATER_DIMENSIONS:
                    return {"points": []}
                raise

        return summary_of_worker(read, by, measure=asked.measure, simulated=is_simulated)

    found = _beside(of, asked)
    if not asked.with_tenants:
        return found
    of_tenants = report_tenants.of_worker(url, asked.by, asked.measure, asked.period)
    return replace(found, tenants=of_tenants)


def _of_count(
    count: Count,
    catalog: Catalog,
    asked: Asked,
    names: Mapping[str, str],
    broken: Sequence[str] = (),
) -> Summary:
    reported = [asked.period, *([Period(*asked.against[1])] if asked.against else ())]
    outside = requests_outside(count.panes, reported)
    read = Read(count.lines, count.counted, count.rejected, count.skipped, tuple(broken), outside)

    def of(by: By, period: Period) -> Summary:
        found = histories(count.panes, catalog, by, period)
        return summary(found, by, measure=asked.measure, read=read)

    found = _beside(of, asked)
    if not asked.with_tenants:
        return found
    points = tenants.points_of(count.panes, asked.by, asked.period)
    return replace(found, tenants=tenants.tenants(points, asked.measure, names))


def _beside(of: Callable[[By, Period], Summary], asked: Asked) -> Summary:
    """Return the report, beside that of another period where that is asked for."""
    now = of(asked.by, asked.period)
    if asked.against is None:
        return now
    kind, other = asked.against
    return replace(now, against=periods.against(now, of("day", Period(*other)), kind, other))


def _of_files(files: tuple[Path, ...], asked: Asked) -> Summary:
    chosen = common.settings()
    count, catalog = _count(chosen, asked)
    names = report_tenants.names(chosen) if asked.with_tenants else {}
    files = _once(files)
    sizes = [_size(path) for path in files]
    total = None if None in sizes else sum(filter(None, sizes))
    broken = []
    with _progress(total) as advance:
        for path in files:
            try:
                _read(path, count, chosen.max_record_bytes, advance)
            except lines.BrokenOffError as error:
                where = (
                    f"after line {count.line:,}; the lines before are counted"
                    if count.line
                    else "before the end of the first line"
                )
                broken.append(
                    f"{content.shown(_called(path))}: {error} {where}. Copy the file again, or "
                    "wait until it is written."
                )
    return _of_count(count, catalog, asked, names, broken)


def _of_topic(topic: str, bootstrap: str | None, asked: Asked) -> Summary:
    # It imports Faust, which reports on files do not need.
    from streams.report import topic as kafka  # noqa: PLC0415

    chosen = common.settings(bootstrap_servers=bootstrap)
    whole, catalog = _count(chosen, asked)
    names = report_tenants.names(chosen) if asked.with_tenants else {}
    try:
        with _progress(None, "records") as advance:
            parts = kafka.read(chosen, topic, lambda: _count(chosen, asked, catalog)[0], advance)
    except admin.BrokerError as error:
        common.fail(error, process.NO_BROKER)
    except TopicUnreadableError as error:
        common.fail(error)
    for part in parts:
        whole.join(part)
    return _of_count(whole, catalog, asked, names)


def _count(chosen: Settings, asked: Asked, catalog: Catalog | None = None) -> tuple[Count, Catalog]:
    """Return the counter for these settings, and the catalogue. Exits on an invalid setting."""
    try:
        catalog = catalog or Catalog.load(chosen.catalog_overrides)
        options = Options.of(chosen)
    except (CatalogError, SettingsError) as error:
        common.fail(error)
    kept = chosen.dedupe_records, chosen.trace_records
    salt = chosen.tenant_salt.get_secret_value() if asked.with_tenants else None
    return Count(catalog, options, time.time(), *kept, tenant_salt=salt), catalog


def _once(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the files without duplicates: patterns overlap, events do not."""
    found: dict[Path, Path] = {}
    for path in files:
        if found.setdefault(path.resolve(), path) is not path:
            click.echo(f"{content.shown(_called(path))} is given twice and read once", err=True)
    return tuple(found.values())


def _called(path: Path) -> str:
    return "standard input" if str(path) == _DASH else str(path)


def _size(path: Path) -> int | None:
    """Return a file's size in bytes, None for a stream. Exits if the file does not exist."""
    if str(path) == _DASH:
        return None
    try:
        if path.is_dir():
            common.fail(f"{path} is a directory: give its files, such as {path}/*.ndjson.gz", 2)
        return path.stat().st_size if path.is_file() else None if path.exists() else _missing(path)
    except OSError as error:
        common.fail(f"{path} cannot be read: {error.strerror}", 2)


def _missing(path: Path) -> int:
    common.fail(f"{path} does not exist", 2)


def _read(path: Path, count: Count, longest: int, advance: Callable[[int], None]) -> None:
    count.begin(_called(path))
    with _opened(path) as stream:
        if str(path) != _DASH and stream.peek(4)[:4] == parquet.MARK:
            _read_parquet(path, stream, count, advance)
            return
        for some, read in lines.lines(lines.blocks(stream), longest):
            count.add(some)
            advance(read)


def _read_parquet(
    path: Path, stream: BinaryIO, count: Count, advance: Callable[[int], None]
) -> None:
    if not parquet.IS_INSTALLED:
        common.fail(f"{path} is Parquet: {extras.advice('parquet')}", 2)
    at = 0
    for some in parquet.rows(stream):
        count.add(some)
        now = stream.tell()
        advance(max(0, now - at))
        at = max(at, now)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if str(path) == _DASH:
        yield common.stdin()
        return
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        common.fail(f"{path} cannot be read: {error.strerror}", 2)


@contextmanager
def _progress(total: int | None, of: str = "bytes") -> Iterator[Callable[..., None]]:
    """Show reading progress on standard error, if that is a terminal.

    The yielded function takes the amount read since its last call, and the total where known.
    """
    with formatting.progress_bar(
        Console(stderr=True),
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn() if of == "bytes" else MofNCompleteColumn(),
        TimeRemainingColumn(),
    ) as progress:
        task = progress.add_task("reading", total=total)

        def advance(read: int, whole: int | None = total) -> None:
            progress.update(task, advance=read, total=whole)

        yield advance


def _show(found: Summary, form: str | None, html_file: Path | None) -> None:
    """Print or write a report, and print on standard error what is not counted."""
    if html_file is not None:
        _write_html(found, html_file)
    if form == "json":
        common.print_json(data.as_json(found))
    elif form == "csv":
        click.get_binary_stream("stdout").write(data.as_csv(found))
    elif form == "markdown":
        click.echo(text.markdown(found), nl=False)
    elif html_file is None:
        console = Console()
        for each in text.for_terminal(found, console.width):
            console.print(each)
    for note in (*content.notes(found.read), *content.hints(found)):
        click.echo(note, err=True)
    if found.read is not None and (found.read.broken or found.read.is_all_rejected):
        sys.exit(1)


def _write_html(found: Summary, file: Path) -> None:
    if str(file) == _DASH:
        click.get_binary_stream("stdout").write(html.page(found).encode())
        return
    try:
        file.write_text(html.page(found), "utf-8")
    except OSError as error:
        common.fail(f"{file} cannot be written: {error.strerror}", 2)
    click.echo(f"written to {file}", err=True)
