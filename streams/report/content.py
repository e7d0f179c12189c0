"""The sentences and tables of a report, before layout.

Names come from outside. Characters that are not printable are replaced here, such as the codes that
control a terminal or change the direction of text; each output format escapes the rest itself.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.classify.keys import (
    DIMENSIONS,
    OTHER,
    SERVED_DIMENSIONS,
    TENANT,
    UNKNOWN,
    name_of,
    split_pair,
)
from streams.report.against import share_then
from streams.report.formatting import (
    BARS_WIDTH,
    amount,
    covered,
    measured,
    percent,
    points,
    sparkline,
)
from streams.report.summary import movers_of
from streams.report.sums import total
from streams.shares.measures import MEASURE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.classify.keys import Dimension
    from streams.report.against import Against
    from streams.report.count import Uncounted
    from streams.report.summary import Mover, Read, Row, Size, Summary
    from streams.report.sums import Sums
    from streams.report.tenants import Tenants

#: Rows of a table of languages, developers or models.
SHOWN_ROWS = 12
#: Columns of jurisdictions, the last one for the rest.
SHOWN_LAWS = 6
#: Steps in a table that is read from the top; CSV and JSON have all.
SHOWN_STEPS = 60
#: Up to this many weeks a course is not worth showing.
_FEW_WEEKS = 2
#: Characters of a name: a model's name may be as long as a record.
LONGEST_NAME = 80

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
    of = MEASURE_NAMES[report.measure]
    return f"Simulated traffic: shares of {of}" if report.simulated else f"Shares of {of}"


def several(count: int, what: str) -> str:
    """Return a count with its noun: `1 day`, `1,200 days`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def sentences(report: Summary) -> list[str]:
    """Return the result in sentences, the most requested first."""
    if not report.starts:
        return [NOTHING]
    whole, by, of = report.whole, report.by, MEASURE_NAMES[report.measure]
    chinese = report.dimensions["origin"][0].course
    course = f"Chinese open models: {_share(chinese.last, of)}"
    if len(report.starts) > 1:
        course += (
            f" in the last {by}; {_known(chinese.first)} in the first, "
            f"{_known(chinese.highest)} in the highest, {_known(chinese.average)} on average"
        )
    requests = _requests(whole.requests)
    found = [
        f"{_period(report)}: {amount(whole.tokens)} tokens in {requests}.",
        f"{course}.",
        *_compared(report),
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
    if not whole.value(report.measure):
        # Instead of shares that are dashes.
        found = [found[0], _nothing_known(report), *found[4 + (report.against is not None) :]]
    return [*found, *_served(report), *_covered(report)]


def _compared(report: Summary) -> Iterator[str]:
    """Yield what the other period was, where there is one."""
    then = report.against
    if then is None:
        return
    period = f"Against {called(then)} ({day(then.since)} to {day(then.until - 1)})"
    if not then.days:
        yield f"{period}: no traffic then."
        return
    had = "" if then.days == then.length else f", on {then.days} of {several(then.length, 'day')}"
    requests = _requests(then.whole.requests)
    said = f"{period}: {amount(then.whole.tokens)} tokens in {requests} then{had}"
    row = report.dimensions["origin"][0]
    before, now = share_then(then, "origin", row.key), row.ratio(report.measure)
    if before is not None and now is not None:
        said += f"; Chinese open models {percent(before)}, now {percent(now)}"
        said += f" ({points(now - before)} points)"
    yield f"{said}."


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{amount(count)} requests"


def called(then: Against) -> str:
    """Return the other period in words."""
    if then.kind == "year":
        return "the same days a year before"
    return "the day before" if then.length == 1 else f"the {then.length:,} days before"


def _share(ratio: float | None, of: str) -> str:
    return f"share of {of} not known" if ratio is None else f"{percent(ratio)} of {of}"


def _known(ratio: float | None) -> str:
    return "not known" if ratio is None else percent(ratio)


def _nothing_known(report: Summary) -> str:
    if report.measure == "cost":
        if report.whole.cost is None:
            return "Cost is not known: no request states a price."
        return "All prices are zero, so there are no shares of cost."
    of = MEASURE_NAMES[report.measure]
    if report.whole.value(report.measure) is None:
        return f"{of.capitalize()} are not known: the worker did not count cache reads."
    return f"There are no {of}, so there are no shares of them."


def _served(report: Summary) -> Iterator[str]:
    """Yield from where was served, where any record says it."""
    rows = {row.key: row for row in report.dimensions["jurisdiction"]}
    if not is_any_known([*rows.values()]) or not report.whole.value(report.measure):
        return
    of = MEASURE_NAMES[report.measure]
    chinese, unknown = rows.get("cn"), rows.get(UNKNOWN)
    ratio = chinese.course.last if chinese else 0.0
    said = f"Served from China: {_share(ratio, of)}"
    if len(report.starts) > 1:
        whole = chinese.ratio(report.measure) if chinese else 0.0
        said += f" in the last {report.by}; {_known(whole)} of all"
    if unknown is not None and unknown.sums.requests:
        said += f"; jurisdiction unknown of {_known(unknown.ratio(report.measure))} of all"
    yield f"{said}."


def _covered(report: Summary) -> Iterator[str]:
    """Yield of how many tokens price and cache reads are known, where any or some are."""
    whole, known = report.whole, report.covered
    if whole.cost is not None:
        said = f"Cost: {measured('cost', whole.dollars)}"
        if known.priced is not None:
            said += f"; prices known for {covered(known.priced)} of tokens"
        if known.estimated:
            said += f", by an estimate for {covered(known.estimated)}"
        yield f"{said}."
    if report.measure == "uncached_tokens" and known.measured is not None and known.measured < 1:
        yield f"Cache reads are known for {covered(known.measured)} of tokens."


def _period(report: Summary) -> str:
    first, last, steps = day(report.starts[0]), day(report.starts[-1]), len(report.starts)
    if steps == 1:
        return f"{first} (UTC)" if report.by == "day" else f"Week of {first} (UTC)"
    period = f"{first} to {last}, {several(steps, report.by)} with traffic (UTC)"
    return period if report.by == "day" else f"Weeks of {period}"


def _largest(report: Summary, dimension: Dimension, digits: int) -> str:
    return ", ".join(
        f"{name(dimension, row.key)} {percent(row.ratio(report.measure), digits)}"
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
    if is_any_known(report.dimensions["jurisdiction"]):
        found.append(_law(report))
    if report.tenants is not None and report.tenants.rows:
        found.append(_tenants(report, report.tenants, bars=bars))
    found += [
        _movers(report, dimension, movers)
        for dimension in DIMENSIONS
        if (
            movers := report.against.movers_of(dimension)
            if report.against is not None
            else movers_of(report, dimension)
        )
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
    what = "prompt language" if dimension == "language" else dimension
    then = ("before", "change in points") if report.against is not None else ()
    begun = [
        (
            name(dimension, row.key),
            percent(row.ratio(report.measure), digits),
            *_then(report, dimension, row, digits),
        )
        for row in rows
    ]
    title = f"{_heading(report)} by {what}"
    return _table(report, title, (dimension, *then), begun, rows, digits=digits, bars=bars)


def _tenants(report: Summary, of: Tenants, *, bars: int) -> Table:
    rows = of.rows[:SHOWN_ROWS]
    title = f"{_heading(report)} by tenant"
    if of.starts != report.starts:
        title += f" (kept for nine days), {day(of.starts[0])} to {day(of.starts[-1])}"
    begun = [(shown(of.name(row.key)), percent(row.ratio(report.measure))) for row in rows]
    return _table(report, title, (TENANT,), begun, rows, digits=1, bars=bars)


def _table(
    report: Summary,
    title: str,
    heads: tuple[str, ...],
    begun: Sequence[tuple[str, ...]],
    rows: Sequence[Row],
    *,
    digits: int,
    bars: int,
) -> Table:
    """Return a table of shares: each row as it is begun, then the other measures, and its course.

    `heads` are those of the name and of what follows the share.
    """
    # The measure first, then the two that are always known.
    shown_measures = tuple(dict.fromkeys((report.measure, "tokens", "requests")))
    first, *others = (MEASURE_NAMES[each] for each in shown_measures)
    columns = (heads[0], first, *heads[1:], *others)
    cells = [
        (*line, *(percent(row.ratio(each), digits) for each in shown_measures[1:]))
        for line, row in zip(begun, rows, strict=True)
    ]
    if not rows or len(rows[0].shares) == 1:
        return Table(title, columns, tuple(cells), spare=tuple(reversed(others)))
    courses = [tuple(percent(each, digits) for each in row.course) for row in rows]
    drawn = [(sparkline(row.shares, bars),) if bars else () for row in rows]
    return Table(
        f"{title}, in all and by {report.by}",
        (*columns, "first", "highest", "last", "average", *(("course",) if bars else ())),
        tuple(
            (*row, *course, *line) for row, course, line in zip(cells, courses, drawn, strict=True)
        ),
        spare=(*reversed(others), "course", "average", "highest", "first", "last"),
    )


def _then(report: Summary, dimension: Dimension, row: Row, digits: int) -> Iterator[str]:
    """Yield a key's share in the other period, and its change, where there is one."""
    if report.against is None:
        return
    before = share_then(report.against, dimension, row.key)
    now = row.ratio(report.measure)
    yield percent(before, digits)
    yield points(None if before is None or now is None else now - before)


def _heading(report: Summary) -> str:
    return MEASURE_NAMES[report.measure].capitalize()


def _law(report: Summary) -> Table:
    """Return the table of origins by jurisdiction, in shares of the whole."""
    laws = [row.key for row in report.dimensions["jurisdiction"]]
    shown_laws = laws if len(laws) <= SHOWN_LAWS else [*laws[: SHOWN_LAWS - 1], OTHER]
    cells: dict[tuple[str, str], list[Sums]] = {}
    for row in report.law:
        origin, law = split_pair(row.key)
        cells.setdefault((origin, law if law in shown_laws else OTHER), []).append(row.sums)
    columns = [name("jurisdiction", law) for law in shown_laws]
    return Table(
        f"{_heading(report)} by origin and jurisdiction",
        ("origin", *columns, "all"),
        tuple(
            (
                name("origin", row.key),
                *(
                    percent(total(cells.get((row.key, law), ())).share(report.measure, row.whole))
                    for law in shown_laws
                ),
                percent(row.ratio(report.measure)),
            )
            for row in report.dimensions["origin"]
            if row.sums.requests
        ),
        spare=tuple(reversed(columns[1:])),
    )


def _movers(report: Summary, dimension: Dimension, movers: Sequence[Mover]) -> Table:
    part = _part(report)
    of = "" if report.measure == "tokens" else f" in shares of {MEASURE_NAMES[report.measure]}"
    title, ends = f"What has moved most{of}", (f"first {part}", f"last {part}")
    if report.against is not None:
        title, ends = f"{title} against {called(report.against)}", ("before", "now")
    return Table(
        f"{title}, by {dimension}",
        (dimension, *ends, "change in points"),
        tuple(
            (
                name(dimension, each.key),
                percent(each.first),
                percent(each.last),
                points(each.change),
            )
            for each in movers
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
    title = f"{_heading(report)} by origin, each {report.by}"
    is_priced = report.whole.cost is not None
    if first:
        title += f": the last {limit} of {len(report.starts)}"
    return Table(
        title,
        (
            "day" if report.by == "day" else "week of",
            *(name("origin", row.key) for row in origins),
            "tokens",
            "requests",
            *(("cost",) if is_priced else ()),
        ),
        tuple(
            (
                day(start),
                *(percent(row.shares[at]) for row in origins),
                amount(sums.tokens),
                amount(sums.requests),
                *((measured("cost", sums.dollars),) if is_priced else ()),
            )
            for at, (start, sums) in enumerate(zip(report.starts, report.steps, strict=True))
            if at >= first
        ),
        spare=("cost", "requests", "tokens", name("origin", UNKNOWN)),
    )


def notes(read: Read | None) -> list[str]:
    """Return notes on the input: which records do not count, and why."""
    if read is None:
        return []
    found = [f"{several(read.records, 'record')} read, {several(read.counted, 'event')} counted."]
    if read.outside:
        found.append(f"{several(read.outside, 'request')} outside the period left out.")
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
    if report.tenants is not None and not report.tenants.rows:
        found.append("There are no tenants: a worker keeps them for nine days.")
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
