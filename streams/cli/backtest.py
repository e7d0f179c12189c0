"""The command `backtest`: the alerts that would have fired in the past."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from streams.classify.keys import name_of
from streams.classify.origin.catalog import Catalog
from streams.cli import client, common
from streams.settings import extras
from streams.shifts import notes_file
from streams.shifts.backtest import history_file, plot, worker_history
from streams.shifts.backtest.noted import noted
from streams.shifts.backtest.replay import Replay, replay
from streams.shifts.notes import words

#: Terminal width from which a time fits in one line; minimum width of a share's name.
_WIDE, _SHARE = 124, 13

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from streams.shifts.backtest.alerts import Alert
    from streams.shifts.backtest.history_file import Cells
    from streams.shifts.notes import Note


@click.command()
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from-worker", "url", metavar="URL", help="Read a running worker's own history.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per alert.")
@click.option(
    "--plot",
    "plot_file",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw shares and alerts into this file; needs tokenshare[plot].",
)
@click.option(
    "--notes",
    "notes_path",
    metavar="TOML",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Known events, as in the file of TOKENSHARE_NOTES: named with each alert, and drawn.",
)
def backtest(
    files: tuple[Path, ...],
    url: str | None,
    as_json: bool,
    plot_file: Path | None,
    notes_path: Path | None,
) -> None:
    """Replay the alerts over a history: when each would have fired, resolved and notified.

    FILES hold one cell per line, sorted by start; `-` is standard input:

    \b
      {"start": 1767571200, "seconds": 300,
       "origin": "cn-open", "language": "en", "tenant": "t1",
       "requests": 12, "tokens": 34567,
       "tokens_squared": 123456789, "cost_usd": 0.0123}

    `start` is in unix seconds. `seconds` divides 300, or is a multiple of it: then the cell is
    spread evenly. `tenant` may be null; if no request names one, there are no alerts of the hour,
    because one customer's batch would look like a shift. With `"model": "…"`, there are alerts of
    models and developers as well. `cost_usd` is the price of a cell's requests in US dollars, and
    may be null or left out: cells without it have no price. Alerts begin after 21 days.

    Conditions are evaluated every 5 minutes. `pending`, `firing`, `resolved` and `notified` are
    times in unix seconds, or null if that did not happen; `notified` is when the alert was first
    named in a notification, null if another alert inhibited it. Lines are in the order of firing.
    With --notes, `notes` are the known events whose time matches the alert.
    """  # noqa: D301 - click reads the backspace as "leave the lines as they are"
    if bool(files) == bool(url):
        common.fail("give files, or --from-worker with a worker's address", 2)
    if plot_file is not None and not plot.is_there():
        common.fail(f"--plot needs matplotlib: {extras.advice('plot')}", 2)
    try:
        notes = notes_file.read(notes_path).entries
    except notes_file.NotesError as error:
        common.fail(error, 2)
    catalog = Catalog.load()
    history = _of_files(files) if url is None else _of_worker(url)
    found = replay(history, catalog, None if url is None else _models_of_worker(url, catalog))
    if plot_file is not None:
        try:
            plot.draw(found, plot_file, notes)
        except (OSError, ValueError) as error:
            common.fail(f"the plot cannot be written to {plot_file}: {error}", 2)
    if as_json:
        for alert in found.alerts:
            body = _line(alert, found)
            if notes_path is not None:
                body["notes"] = [dataclasses.asdict(each) for each in noted(alert, notes)]
            common.print_line(body)
        return
    for line in _cautions(history, found, is_worker=url is not None):
        click.echo(line)
    _print(found, notes)


def _of_files(files: tuple[Path, ...]) -> Cells:
    try:
        return history_file.read(_opened(files))
    except history_file.HistoryError as error:
        common.fail(error, 2)


def _opened(files: tuple[Path, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    for path in files:
        if str(path) == "-":
            yield "standard input", common.stdin()
            continue
        try:
            with path.open("rb") as stream:
                yield str(path), stream
        except OSError as error:
            common.fail(f"{path} cannot be read: {error.strerror}", 2)


def _of_worker(url: str) -> Cells:
    try:
        return worker_history.of_worker(
            client.get(url, "/api/v1/history", dimension="joint", step="1h")
        )
    except (client.WorkerUnreachableError, history_file.HistoryError) as error:
        common.fail(error)


def _models_of_worker(url: str, catalog: Catalog) -> Cells:
    try:
        return worker_history.models_of_worker(
            client.get(url, "/api/v1/history", dimension="model", step="1h"), catalog
        )
    except (client.WorkerUnreachableError, history_file.HistoryError) as error:
        common.fail(error)


def _line(alert: Alert, found: Replay) -> dict[str, Any]:
    return {
        "alert": alert.rule.alert,
        "dimension": alert.dimension,
        "key": alert.key,
        "measure": alert.measure,
        "direction": alert.direction,
        "pending": alert.pending,
        "firing": alert.firing,
        "resolved": alert.resolved,
        "z": None if math.isnan(alert.zscore) else round(alert.zscore, 3),
        "shift": round(alert.shift, 6),
        "notified": found.notified[alert],
    }


def _cautions(history: Cells, found: Replay, *, is_worker: bool) -> Iterator[str]:
    """Yield the caveats that a reader of the figures needs."""
    if not history.tenants and is_worker:
        yield (
            "A worker's API has tenants for nine days only, so there are no alerts of the hour "
            "here: they need what is left of a shift without the largest tenant."
        )
    elif not history.tenants:
        yield (
            "No request names its tenant, so there are no alerts of the hour: one customer's batch "
            "would look like a shift."
        )
    if not history.has_squares:
        yield (
            "The worker has no sums of squared tokens: effective requests are assumed to be "
            f"{worker_history.EFFECTIVE_PART:.0%} of requests."
        )
    if not found.weeks:
        yield "The history is too short: alerts begin after 21 days of traffic."


def _print(found: Replay, notes: Sequence[Note]) -> None:
    console = Console()
    console.print(_table(found, console.width) if found.alerts else "No alert would have fired.")
    for line in _noted(found, notes):
        click.echo(line)
    if not found.weeks:
        return
    weeks = f"{found.weeks:.1f} weeks after the first 21 days"
    click.echo(
        f"{found.fired:,} alerts fired in {weeks}: {found.fired / found.weeks:.2f} a week, "
        f"{found.fired / found.weeks / found.series:.3f} a series and week ({found.series} series)."
    )
    click.echo(
        f"{found.notifications:,} notifications: {found.notifications / found.weeks:.2f} a week. "
        "If there was no real shift, all of these are false alarms."
    )


def _noted(found: Replay, notes: Sequence[Note]) -> Iterator[str]:
    """Yield a line on each alert whose time matches a note."""
    for alert in found.alerts:
        named = noted(alert, notes)
        if named:
            at = _moment(alert.pending if alert.firing is None else alert.firing, " ")
            of = f"{alert.dimension}: {name_of(alert.dimension, alert.key)}, {alert.measure}"
            yield f"{at} {alert.rule.alert} {of}: {'; '.join(map(words, named))}"


def _table(found: Replay, width: int) -> Table:
    """Return the table of alerts, one per row; on a narrow terminal, times take two lines."""
    is_wide = width >= _WIDE
    table = Table(title="alerts", title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("alert", no_wrap=True)
    table.add_column("share", overflow="fold", min_width=_SHARE)
    times = ("pending", "firing", "resolved", "notified")[0 if is_wide else 1 :]
    for column in ("measure", *times):
        table.add_column(column, no_wrap=True)
    for column in ("z", "points"):
        table.add_column(column, justify="right", no_wrap=True)
    for alert in found.alerts:
        moments = (alert.pending, alert.firing, alert.resolved, found.notified[alert])
        table.add_row(
            alert.rule.alert,
            f"{alert.dimension}: {name_of(alert.dimension, alert.key)}",
            alert.measure,
            *(_moment(each, " " if is_wide else "\n") for each in moments[-len(times) :]),
            "–" if math.isnan(alert.zscore) else f"{alert.zscore:+.1f}",
            f"{alert.shift * 100:+.1f}",
        )
    return table


def _moment(seconds: int | None, between: str) -> str:
    if seconds is None:
        return "–"
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%m-%d{between}%H:%M}"
