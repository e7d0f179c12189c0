"""The live table as lines of text, for a terminal of any size."""

from __future__ import annotations

import io
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from streams.classify.keys import OTHER, PAIRS, TENANT, name_of
from streams.cli.top.choice import FIELDS, SORTS
from streams.cli.top.feed import RETRY_SECONDS
from streams.report.formatting import measured, percent, points
from streams.shares.measures import MEASURE_NAMES, MEASURES
from streams.shares.tenants import TENANT_WINDOWS
from streams.shares.windows import WINDOW_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from streams.cli.top.choice import Choice
    from streams.cli.top.feed import News

#: Wraps text; writes nothing.
_PLAIN = Console(file=io.StringIO(), force_terminal=False)
#: Changes are against this window, the longest.
USUAL = WINDOW_NAMES[-1]
_SIMULATED = "simulated traffic"
#: Words of a window's name.
_LONG = {"5m": "5 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days"}

#: Windows of whole hours.
_TENANT_WINDOWS = tuple(each.name for each in TENANT_WINDOWS)

#: Widths of columns, each with the space before it.
_SHARE, _CHANGE, _AMOUNT = 8, 8, 9
#: Names are as long where there is little room, where all shares fit, and at most.
_SHORT_NAME, _NAME, _LONG_NAME = 19, 26, 40
_MIN_BAR, _MAX_BAR = 7, 41

_HELP = (
    ("d  D  Tab", "next, previous dimension"),
    ("w  W  ← →", "next, previous window"),
    ("m  M", "next, previous measure"),
    ("s  S", f"sort by {', '.join(SORTS)}"),
    ("r", "reverse the order"),
    ("↑ ↓  PgUp PgDn  Home End", "scroll"),
    ("h  ?", "this help; any key closes it"),
    ("q  Ctrl-C", "quit"),
)


class Row(NamedTuple):
    """A key of the dimension: its share in each window, and its counts in the chosen one."""

    name: str
    shares: Mapping[str, float | None]
    counts: Mapping[str, float | None]
    change: float | None
    is_rest: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns fit, and how wide name and bar are; a bar of 0 is none."""

    windows: tuple[str, ...]
    measures: tuple[str, ...]
    has_change: bool
    name: int
    bar: int


def label(dimension: str) -> str:
    """Return what a dimension is called."""
    return " · ".join(PAIRS.get(dimension, (dimension,)))


def rows_of(body: Mapping[str, Any], choice: Choice) -> list[Row]:
    """Return the rows of a response of /api/v1/shares, in the chosen order; the rest is last.

    There are none where the chosen window does not have the dimension.
    """
    if choice.dimension not in body["windows"].get(choice.window, {}):
        return []
    ratio = f"{choice.measure}_ratio"
    keyed: dict[str, dict[str, dict[str, Any]]] = {}
    for window, content in body["windows"].items():
        of_dimension = content.get(choice.dimension)
        for each in of_dimension if isinstance(of_dimension, list) else ():
            keyed.setdefault(_key(choice.dimension, each), {})[window] = each
    rows = []
    for windows in keyed.values():
        shares = {window: each.get(ratio) for window, each in windows.items()}
        chosen = windows.get(choice.window, {})
        now, usual = shares.get(choice.window), shares.get(USUAL)
        if not any(shares.values()) and len(windows) < len(WINDOW_NAMES):
            continue
        rows.append(
            Row(
                name=_name(choice.dimension, next(iter(windows.values()))),
                shares=shares,
                counts={measure: chosen.get(measure) for measure in MEASURES},
                change=None if now is None and usual is None else (now or 0) - (usual or 0),
                is_rest=next(iter(windows.values())).get("key") == OTHER,
            )
        )
    return _sorted(rows, choice)


def _key(dimension: str, row: Mapping[str, Any]) -> str:
    return row["key"] if "key" in row else "/".join(str(row.get(each)) for each in PAIRS[dimension])


def _name(dimension: str, row: Mapping[str, Any]) -> str:
    if "key" in row:
        return row.get("name") or name_of(dimension, row["key"])
    pair = (name_of(each, str(row.get(each))) for each in PAIRS[dimension])
    return " · ".join(pair)


def _sorted(rows: list[Row], choice: Choice) -> list[Row]:
    def by_share(row: Row) -> float:
        return -(row.shares.get(choice.window) or 0)

    if choice.sort == "name":
        rows = sorted(rows, key=lambda row: row.name.casefold())
    elif choice.sort == "change" and choice.window != USUAL:
        rows = sorted(rows, key=lambda row: (-abs(row.change or 0), by_share(row), row.name))
    else:
        rows = sorted(rows, key=lambda row: (by_share(row), row.name))
    if choice.is_reversed:
        rows.reverse()
    return sorted(rows, key=lambda row: row.is_rest)


def _told_apart(names: Collection[str]) -> int:
    """Return the smallest width at which names that are cut are still told apart."""
    distinct = len({*names})
    for width in range(_SHORT_NAME, _LONG_NAME):
        cut = {each if cell_len(each) <= width else each[: width - 1] for each in names}
        if len(cut) == distinct:
            return width
    return _LONG_NAME


def columns_of(width: int, names: Collection[str], choice: Choice) -> Columns:
    """Return the columns that fit into a width, by their worth.

    Names that are told apart are worth more than other windows.
    """
    longest = max(map(cell_len, names))
    least = min(longest, _told_apart(names))
    # Also in a narrow terminal there is a share and, where that fits, an amount.
    name = min(least, max(_SHORT_NAME, width - _SHARE - _AMOUNT))
    left = width - name - _SHARE
    name += min(left, 0)

    def fits(size: int) -> bool:
        nonlocal left
        if left < size:
            return False
        left -= size
        return True

    def widened(most: int) -> int:
        nonlocal left
        more = max(0, min(left, min(longest, most) - name))
        left -= more
        return name + more

    measures = [choice.measure] if fits(_AMOUNT) else []
    windows = WINDOW_NAMES if fits((len(WINDOW_NAMES) - 1) * _SHARE) else (choice.window,)
    name = widened(_NAME if len(windows) > 1 else longest)
    has_change = choice.window != USUAL and fits(_CHANGE)
    measures += [each for each in MEASURES if each != choice.measure and fits(_AMOUNT)]
    name = widened(_LONG_NAME)
    bar = min(left, _MAX_BAR) if left >= _MIN_BAR else 0
    return Columns(windows, tuple(measures), has_change, max(1, name), bar)


def screen(
    news: News, choice: Choice, url: str, size: tuple[int, int], *, is_ascii: bool
) -> tuple[list[Text], int]:
    """Return the lines of a whole screen, and how many rows of the table are in view."""
    width, height = size
    head = _head(news, choice, url, width)
    foot = Text(_keys(width), style="dim")
    if choice.is_help:
        head, body, page = head[:1], [Text(), *_help(is_ascii=is_ascii)], 1
    else:
        rows = _rows(news, choice)
        page = max(1, height - len(head) - 2)
        first = min(choice.first_row, max(0, len(rows) - page))
        body = lines(rows, choice, width, is_ascii=is_ascii, first=first, most=page)
        if news.dimension != choice.dimension:
            body = [Text("Fetching …" if not news.lost else "")]
        if len(rows) > page:
            shown = f"{first + 1}–{min(first + page, len(rows))} of {len(rows)}  "
            foot = Text.assemble((shown, "bold"), (_keys(width - len(shown)), "dim"))
    body = body[: max(0, height - len(head) - 1)]
    filling = [Text()] * (height - len(head) - len(body) - 1)
    found = [*head, *body, *filling, foot][:height]
    for line in found:
        line.truncate(width, overflow="ellipsis")
    return found, page


def printed(news: News, choice: Choice, url: str, width: int, *, is_ascii: bool) -> list[Text]:
    """Return the whole table with its head, to be printed once."""
    rows = _rows(news, choice)
    head = _head(news, choice, url, width, is_live=False)
    return [*head, *lines(rows, choice, width, is_ascii=is_ascii)]


def lines(
    rows: Sequence[Row],
    choice: Choice,
    width: int,
    *,
    is_ascii: bool,
    first: int = 0,
    most: int | None = None,
) -> list[Text]:
    """Return the lines of a table: the heads of its columns, and the rows in view."""
    if not rows:
        return [*Text(_why_nothing(choice)).wrap(_PLAIN, width)]
    columns = columns_of(width, [row.name for row in rows], choice)
    scale = max((row.shares.get(choice.window) or 0 for row in rows), default=0) or 1
    found = [_headings(columns, choice, is_ascii=is_ascii)]
    in_view = rows[first : None if most is None else first + most]
    found += [_line(row, columns, choice, scale, is_ascii=is_ascii) for row in in_view]
    return found


def _why_nothing(choice: Choice) -> str:
    if choice.dimension == TENANT and choice.window not in _TENANT_WINDOWS:
        return f"Tenants are counted by the hour: {' and '.join(_TENANT_WINDOWS)} have them."
    if choice.dimension == TENANT and choice.measure in {"cost", "uncached_tokens"}:
        return "Tenants are counted by requests and tokens, not by price or cache reads."
    return f"No traffic in {_last(choice.window)}."


def _rows(news: News, choice: Choice) -> list[Row]:
    # Until the answer to another dimension has come there is none to show.
    return rows_of(news.body, choice) if news.dimension == choice.dimension else []


def _headings(columns: Columns, choice: Choice, *, is_ascii: bool) -> Text:
    arrow = ("^" if is_ascii else "↑") if choice.is_reversed else ("v" if is_ascii else "↓")
    line = Text(style="bold")

    def add(head: str, width: int, sort: str) -> None:
        line.append(f"{head}{arrow if choice.sort == sort else ''}".rjust(width))

    name = f"{label(choice.dimension)}{arrow if choice.sort == 'name' else ''}"
    line.append(name[: columns.name].ljust(columns.name))
    for window in columns.windows:
        add(window, _SHARE, "share" if window == choice.window else "")
    if columns.has_change:
        add(f"vs {USUAL}", _CHANGE, "change")
    for measure in columns.measures:
        add(_short(measure), _AMOUNT, "")
    return line


def _line(row: Row, columns: Columns, choice: Choice, scale: float, *, is_ascii: bool) -> Text:
    name = Text(row.name)
    name.truncate(columns.name, overflow="ellipsis", pad=True)
    line = Text.assemble(name)
    for window in columns.windows:
        style = "bold" if window == choice.window else "dim"
        line.append(percent(row.shares.get(window)).rjust(_SHARE), style)
    if columns.has_change:
        line.append(points(row.change).rjust(_CHANGE))
    for measure in columns.measures:
        line.append(measured(measure, row.counts.get(measure)).rjust(_AMOUNT))
    if columns.bar:
        part = (row.shares.get(choice.window) or 0) / scale
        bar = ("#" if is_ascii else "█") * round(part * (columns.bar - 1))
        line.append(f" {bar}" if bar else "", "blue")
    return line


def _head(news: News, choice: Choice, url: str, width: int, *, is_live: bool = True) -> list[Text]:
    """Return the lines above the table: which worker, how current, what is shown, of how much."""
    host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2] or url
    title = Text.assemble(("tokenshare", "bold"), f"  {host}")
    state = _state(news, is_live=is_live)
    space = width - title.cell_len - state.cell_len
    is_simulated = news.body["simulated"]
    if is_simulated and space >= len(_SIMULATED) + 4:
        title.append(f"  {_SIMULATED}", "yellow")
        space, is_simulated = space - len(_SIMULATED) - 2, False
    found = [title.append(" " * space).append_text(state)] if space >= 2 else [title, state]
    content = news.body["windows"].get(choice.window, {})
    whole = ", ".join(
        _counted(each, content[each])
        for each in MEASURES[:2] + ((choice.measure,) if choice.measure not in MEASURES[:2] else ())
        if isinstance(content.get(each), int | float)
    )
    what = f"{_named(choice.measure)} by {label(choice.dimension)}, {_last(choice.window)}"
    said = f"{what}: {whole}" if whole else what
    found += Text(f"{_SIMULATED}: {said}" if is_simulated else said).wrap(_PLAIN, width)
    for trouble in _troubles(news):
        found += Text(trouble, style="bold yellow").wrap(_PLAIN, width)
    for line in found:
        line.rstrip()
    return [*found, Text()]


def _named(measure: str) -> str:
    """Return what a measure is called."""
    return next(name for each, name in MEASURE_NAMES.items() if each == measure)


def _short(measure: str) -> str:
    """Return the head of a measure's column."""
    name = _named(measure)
    return name if name == "tokens" else name.removesuffix(" tokens")


def _counted(measure: str, value: float) -> str:
    amount = measured(measure, value)
    return amount if measure == "cost" else f"{amount} {_named(measure)}"


def _state(news: News, *, is_live: bool) -> Text:
    at = time.strftime("%d %b %Y, %H:%M:%S UTC", time.gmtime(news.body["as_of"])).lstrip("0")
    if news.lost:
        return Text(f"lost, as of {at}", style="bold red")
    return Text(f"live, {at}", style="green") if is_live else Text(f"as of {at}")


def _troubles(news: News) -> list[str]:
    if news.lost:
        return [f"{news.lost} Trying again every {RETRY_SECONDS:.0f} s."]
    found = [f"Not ready: {reason}" for reason in news.body["reasons"]]
    if news.slowed:
        found.append(f"Asking every {RETRY_SECONDS:.0f} s, as nothing is announced: {news.slowed}")
    return found


def _last(window: str) -> str:
    return f"last {_LONG.get(window, window)}"


def _keys(width: int) -> str:
    named = "  ".join(f"{letter} {field}" for letter, (field, _) in FIELDS.items())
    short = f"{' '.join(FIELDS)} change it"
    ending = "h help  q quit"
    fitting = (f"{each}  {ending}" for each in (named, short))
    return next((each for each in fitting if len(each) <= width), ending)


def _help(*, is_ascii: bool) -> list[Text]:
    """Return the keys with their meaning."""
    arrows = str.maketrans("←→↑↓", "<>^v") if is_ascii else {}
    widest = max(len(keys) for keys, _ in _HELP)
    found = [
        Text.assemble((f"  {keys.translate(arrows).ljust(widest)}  ", "bold"), meaning)
        for keys, meaning in _HELP
    ]
    values = [Text(f"  {field}: {', '.join(values)}") for field, values in FIELDS.values()]
    return [*found, Text(), *values]
