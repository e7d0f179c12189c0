"""The sentences and tables of a report, before layout.

Names come from outside. Characters that are not printable are replaced here, such as the codes that
control a terminal or change the direction of text; each output format escapes the rest itself.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from streams.classify.keys import DIMENSIONS, OTHER, SERVED_DIMENSIONS, UNKNOWN, name_of
from streams.report.formatting import amount, percent
from streams.report.summary import movers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.classify.keys import Dimension
    from streams.report.count import Uncounted
    from streams.report.summary import Read, Row, Size, Summary

#: Rows of a table of languages, developers or models.
SHOWN_ROWS = 12
#: Steps in a table that is read from the top; CSV and JSON have all.
SHOWN_STEPS = 60
#: Up to this many weeks a course is not worth showing.
_FEW_WEEKS = 2
#: Characters of a name: a model's name may be as long as a record.
LONGEST_NAME = 80
_BARS, BARS_WIDTH = "▁▂▃▄▅▆▇█", 24

NOTHING = "No tokens were counted."


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain text; the columns from `numbers_from` on hold numbers.

    Where the width is too small, the columns in `spare` are dropped, the first one first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers_from: int = 1
    spare: tuple[str, ...] = ()


def shown(text: str) -> str:
    """Return an external text, printable and limited in length."""
    printable = "".join(each if each.isprintable() else "�" for each in text[: LONGEST_NAME + 1])
    return printable if len(printable) <= LONGEST_NAME else printable[: LONGEST_NAME - 1] + "…"


def name(dimension: str, key: str) -> str:
    """Return the display name of a key, printable."""
    return shown(name_of(dimension, key))


def day(unix: int) -> str:
    """Return a time's day in UTC."""
    return dt.datetime.fromtimestamp(unix, dt.UTC).date().isoformat()


def title(report: Summary) -> str:
    """Return the title of a report."""
    return "Simulated traffic: shares of tokens" if report.simulated else "Shares of tokens"


def several(count: int, what: str) -> str:
    """Return a count with its noun: `1 day`, `1,200 days`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def sentences(report: Summary) -> list[str]:
    """Return the result in sentences, the most requested first."""
    if not report.starts:
        return [NOTHING]
    whole, by = report.whole, report.by
    chinese = report.dimensions["origin"][0].course
    course = f"Chinese open models: {percent(chinese.last)} of tokens"
    if len(report.starts) > 1:
        course += (
            f" in the last {by}; {percent(chinese.first)} in the first, "
            f"{percent(chinese.highest)} in the highest, {percent(chinese.average)} on average"
        )
    requests = "1 request" if whole.requests == 1 else f"{amount(whole.requests)} requests"
    found = [
        f"{_period(report)}: {amount(whole.tokens)} tokens in {requests}.",
        f"{course}.",
        f"Languages of prompts: {_largest(report, 'language', 2)}.",
        f"Developers: {_largest(report, 'developer', 1)}.",
    ]
    sizes = report.sizes
    if sizes is not None:
        found.append(f"Tokens per request: {_size(sizes.whole)} on average.")
        if len(report.starts) > 1:
            found[-1] = (
                f"Tokens per request: {_size(sizes.whole)} on average; from {_size(sizes.first)} "
                f"in the first {_part(report)} to {_size(sizes.last)} in the last."
            )
    return found


def _period(report: Summary) -> str:
    first, last, steps = day(report.starts[0]), day(report.starts[-1]), len(report.starts)
    if steps == 1:
        return f"{first} (UTC)" if report.by == "day" else f"Week of {first} (UTC)"
    period = f"{first} to {last}, {several(steps, report.by)} with traffic (UTC)"
    return period if report.by == "day" else f"Weeks of {period}"


def _largest(report: Summary, dimension: Dimension, digits: int) -> str:
    return ", ".join(
        f"{name(dimension, row.key)} {percent(row.tokens_ratio, digits)}"
        for row in report.dimensions[dimension][:4]
    )


def _size(size: Size) -> str:
    return f"{size.prompt:,.0f} prompt and {size.completion:,.0f} completion"


def _part(report: Summary) -> str:
    steps = max(1, len(report.starts) // 10)
    return "tenth" if steps > 1 else report.by


def tables(report: Summary, *, bars: int = BARS_WIDTH) -> list[Table]:
    """Return the tables of a report; the course of each share is drawn in `bars` characters."""
    if not report.starts:
        return []
    found = [
        _shares(report, dimension, bars=bars)
        for dimension in DIMENSIONS
        if dimension not in SERVED_DIMENSIONS or is_any_known(report.dimensions[dimension])
    ]
    found += [
        _movers(report, dimension) for dimension in DIMENSIONS if movers_of(report, dimension)
    ]
    if report.sizes is not None:
        found.append(_sizes(report))
    return found


def is_any_known(rows: Sequence[Row]) -> bool:
    """Return whether any row is of a known key: who served is known only where records say it."""
    return any(row.key not in {UNKNOWN, OTHER} for row in rows)


def _shares(report: Summary, dimension: Dimension, *, bars: int) -> Table:
    rows = report.dimensions[dimension][:SHOWN_ROWS]
    digits = 2 if dimension == "language" else 1
    title = f"Tokens by {'prompt language' if dimension == 'language' else dimension}"
    columns = (dimension, "tokens", "requests")
    cells = [
        (
            name(dimension, row.key),
            percent(row.tokens_ratio, digits),
            percent(row.requests_ratio, digits),
        )
        for row in rows
    ]
    if len(report.starts) == 1:
        return Table(title, columns, tuple(cells))
    courses = [tuple(percent(each, digits) for each in row.course) for row in rows]
    drawn = [(sparkline(row.shares, bars),) if bars else () for row in rows]
    return Table(
        f"{title}, in all and by {report.by}",
        (*columns, "first", "highest", "last", "average", *(("course",) if bars else ())),
        tuple(
            (*row, *course, *line) for row, course, line in zip(cells, courses, drawn, strict=True)
        ),
        spare=("requests", "course", "average", "highest"),
    )


def sparkline(shares: Sequence[float], width: int = BARS_WIDTH) -> str:
    """Return a course in at most `width` block characters, from zero to its own highest."""
    highest = max(shares)
    if not highest:
        return ""
    width = min(width, len(shares))
    edges = [at * len(shares) // width for at in range(width + 1)]
    means = [sum(shares[low:high]) / (high - low) for low, high in pairwise(edges)]
    return "".join(_BARS[min(7, int(each / highest * 8))] if each else " " for each in means)


def _movers(report: Summary, dimension: Dimension) -> Table:
    part = _part(report)
    return Table(
        f"What has moved most, by {dimension}",
        (dimension, f"first {part}", f"last {part}", "change in points"),
        tuple(
            (
                name(dimension, each.key),
                percent(each.first),
                percent(each.last),
                f"{each.change * 100:+.1f}",
            )
            for each in movers_of(report, dimension)
        ),
    )


def _sizes(report: Summary) -> Table:
    assert report.sizes is not None
    part = _part(report)
    sizes, parts = [report.sizes.whole], []
    if len(report.starts) > 1:
        sizes += [report.sizes.first, report.sizes.last]
        parts += [f"first {part}", f"last {part}"]
    return Table(
        "Tokens per request",
        ("tokens", "all", *parts),
        tuple(
            (
                what,
                *(f"{getattr(each, what):,.0f}" for each in sizes),
            )
            for what in ("prompt", "completion")
        ),
    )


def steps_table(report: Summary, limit: int | None = SHOWN_STEPS) -> Table:
    """Return the shares by origin of each day or week, or of the last `limit` of them."""
    origins = report.dimensions["origin"]
    first = 0 if limit is None else max(0, len(report.starts) - limit)
    title = f"Tokens by origin, each {report.by}"
    if first:
        title += f": the last {limit} of {len(report.starts)}"
    return Table(
        title,
        (
            "day" if report.by == "day" else "week of",
            *(name("origin", row.key) for row in origins),
            "tokens",
            "requests",
        ),
        tuple(
            (
                day(start),
                *(percent(row.shares[at]) for row in origins),
                amount(sums.tokens),
                amount(sums.requests),
            )
            for at, (start, sums) in enumerate(zip(report.starts, report.steps, strict=True))
            if at >= first
        ),
        spare=("requests", "tokens", "unknown"),
    )


def notes(read: Read | None) -> list[str]:
    """Return notes on the input: which records do not count, and why."""
    if read is None:
        return []
    found = [f"{several(read.records, 'record')} read, {several(read.counted, 'event')} counted."]
    found += _uncounted("rejected", read.rejected)
    found += _uncounted("skipped", read.skipped)
    found += read.broken
    return found


def hints(report: Summary) -> list[str]:
    """Return hints on what to do next, where the report shows little."""
    found = []
    read = report.read
    if read is not None and not read.counted and "not_json" in read.rejected:
        found.append(
            "A file holds one record a line: `jq -c '.[]?' FILE` converts an array over several "
            "lines, and `tokenshare decode FILE` shows what is read from one record."
        )
    if report.by == "week" and 0 < len(report.starts) <= _FEW_WEEKS:
        found.append("So few weeks have no course: `--by day` shows each day.")
    return found


def _uncounted(what: str, uncounted: Mapping[str, Uncounted]) -> Iterator[str]:
    for reason, each in sorted(uncounted.items(), key=lambda item: (-item[1].count, item[0])):
        places = ", ".join(f"{_path(file)}:{line}" for file, line in each.places)
        more = ", …" if each.count > len(each.places) else ""
        detail = f": {shown(each.detail)}" if each.detail else ""
        where = f" ({places}{more}{detail})" if places else ""
        yield f"{each.count:,} {what} as {reason}{where}."


def _path(text: str) -> str:
    """Return a path shortened to the limit: its end, which identifies the file, is kept."""
    return shown(text) if len(text) <= LONGEST_NAME else "…" + shown(text[1 - LONGEST_NAME :])
