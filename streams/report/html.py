"""A report as one HTML file with charts: no scripts, and no requests to any host."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from streams.report.content import (
    SHOWN_ROWS,
    Table,
    day,
    name,
    notes,
    sentences,
    steps_table,
    tables,
    title,
)
from streams.report.formatting import percent
from streams.report.summary import STEP_OF
from streams.shares.history import STEPS
from streams.shares.measures import MEASURE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.classify.keys import Dimension
    from streams.report.summary import Summary

# A chart's size in its own units, with room for the axes.
_WIDTH, _HEIGHT, _LEFT, _BELOW = 960, 326, 72, 34
#: Steps from which lines between the areas would hide them.
_DENSE = 200
#: Dates below a chart.
_DATES = 5
# On a phone there is room for the first and the last.
_BETWEEN = ' class="between"'

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fdfcfa; --ink: #1d1c1a; --soft: #625e57; --line: #dedad2; --bar: #625e57;
  --cn-open: #bd4530; --cn-proprietary: #dc9383; --row-open: #2f68ad; --row-proprietary: #94b6dd;
  --unknown: #8f8b84;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #171614; --ink: #eae7e1; --soft: #a8a297; --line: #38352f; --bar: #a8a297;
    --cn-open: #e0694f; --cn-proprietary: #a65d4e; --row-open: #5b97e0; --row-proprietary: #3f638f;
    --unknown: #77736b;
  }
}
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 62rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
p, li { overflow-wrap: anywhere; }
.answer { font-size: 1.2rem; font-weight: 600; }
.soft, figcaption, .notes { color: var(--soft); }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
.grid { stroke: var(--line); stroke-width: 1; }
.area { stroke: var(--ground); stroke-width: 1; }
.dense .area { stroke: none; }
.legend {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem;
  padding: 0; margin: .5rem 0 0; list-style: none;
}
.swatch {
  display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; border-radius: 2px;
  print-color-adjust: exact;
}
.cn-open { fill: var(--cn-open); background: var(--cn-open); }
.cn-proprietary { fill: var(--cn-proprietary); background: var(--cn-proprietary); }
.row-open { fill: var(--row-open); background: var(--row-open); }
.row-proprietary { fill: var(--row-proprietary); background: var(--row-proprietary); }
.unknown { fill: var(--unknown); background: var(--unknown); }
.bar { fill: var(--bar); }
@media (max-width: 40rem) {
  svg text { font-size: 15px; }
  svg.course text { font-size: 24px; }
  .course .between { display: none; }
}
svg .label { fill: var(--ink); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 0 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
th[scope=row] { color: inherit; font-weight: 400; min-width: 9rem; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
summary { cursor: pointer; margin-top: 2rem; font-weight: 600; }
@media print {
  :root { font-size: 13px; }
  body { padding: 0; font-size: 1rem; }
  h2 { break-after: avoid; }
  figure, .answer, tr { break-inside: avoid; }
  .wide { overflow: visible; }
}
"""


def page(report: Summary) -> str:
    """Return the file: result in sentences, share over time, languages and developers, tables."""
    called = escape(title(report))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{called}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{called}</h1>\n" + "\n".join(_body(report)) + "\n</main>\n</body>\n</html>\n"
    )


def _body(report: Summary) -> Iterator[str]:
    period, *others = sentences(report)
    yield f"<p>{_unbroken(period)}</p>"
    for at, sentence in enumerate(others):
        mark = "" if at else ' class="answer"'
        yield f"<p{mark}>{_unbroken(sentence)}</p>"
    if report.starts:
        yield _area(report)
        yield '<div class="pair">'
        of = MEASURE_NAMES[report.measure].capitalize()
        yield _bars(report, "language", f"{of} by prompt language", 2)
        yield _bars(report, "developer", f"{of} by developer", 1)
        yield "</div>"
        for table in tables(report, bars=0):
            yield f"<h2>{escape(table.title)}</h2>"
            yield _table(table)
        each = steps_table(report, None)
        yield f"<details><summary>{escape(each.title)}</summary>{_table(each)}</details>"
    read = notes(report.read)
    if read:
        yield "<h2>What was read</h2>"
        yield f'<ul class="notes">{"".join(f"<li>{escape(each)}</li>" for each in read)}</ul>'


def _unbroken(sentence: str) -> str:
    return escape(sentence).replace(" %", "&nbsp;%")


def _table(table: Table) -> str:
    def cell(tag: str, at: int, text: str, scope: str = "") -> str:
        number = ' class="number"' if at >= table.numbers_from else ""
        return f"<{tag}{scope}{number}>{escape(text)}</{tag}>"

    head = "".join(cell("th", at, each, ' scope="col"') for at, each in enumerate(table.columns))
    rows = "".join(
        "<tr>"
        + cell("th", 0, row[0], ' scope="row"')
        + "".join(cell("td", at, each) for at, each in enumerate(row[1:], 1))
        + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _area(report: Summary) -> str:
    """Return the stacked shares by origin over time."""
    rows, measure = report.dimensions["origin"], report.measure
    of, steps = MEASURE_NAMES[measure], len(report.starts)
    parts = [polygon for span in _spans(report) for polygon in _polygons(report, span)]
    legend = "".join(
        f'<li><span class="swatch {escape(row.key)}"></span>{escape(name("origin", row.key))} '
        f"{percent(row.ratio(measure))}</li>"
        for row in rows
        if row.sums.tokens
    )
    each = f", each {report.by}" if steps > 1 else ""
    drawn = "course dense" if steps > _DENSE else "course"
    label = f"Share of {of} by origin, {day(report.starts[0])} to {day(report.starts[-1])}"
    return (
        f"<figure><h2>Share of {of} by origin{each}</h2>\n"
        f'<svg class="{drawn}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{_grid()}{"".join(parts)}{_dates(report)}</svg>\n'
        f'<ul class="legend">{legend}</ul></figure>'
    )


def _spans(report: Summary) -> Iterator[range]:
    """Yield the steps without a gap between them in which shares are known."""
    start = None
    for at, sums in enumerate(report.steps):
        if sums.value(report.measure) and start is None:
            start = at
        if not sums.value(report.measure) and start is not None:
            yield range(start, at)
            start = None
    if start is not None:
        yield range(start, len(report.steps))


def _polygons(report: Summary, span: range) -> Iterator[str]:
    """Yield the stacked areas of some steps; a key whose share is not known has none."""
    steps, of = len(report.starts), MEASURE_NAMES[report.measure]
    places = [_x(_part(report, at)) for at in span]
    if len(span) == 1:
        # As wide as the chart, or as one step of it.
        half = (_x(1) - _x(0)) / (2 * max(1, steps - 1))
        near = (places[0] - half, places[0] + half) if steps > 1 else (_x(0), _x(1))
        places = [max(_x(0), near[0]), min(_x(1), near[1])]
    below = [0.0] * len(places)
    for row in report.dimensions["origin"]:
        shares = [row.shares[at] or 0.0 for at in span] * (2 if len(span) == 1 else 1)
        above = [low + share for low, share in zip(below, shares, strict=True)]
        if any(shares):
            label = f"{name('origin', row.key)}: {percent(row.ratio(report.measure))} of all {of}"
            yield (
                f'<polygon class="area {escape(row.key)}" points="{_points(places, above, below)}">'
                f"<title>{escape(label)}</title></polygon>"
            )
        below = above


def _part(report: Summary, at: int) -> float:
    """Return the position of a step in the period: a gap without traffic keeps its length."""
    first, last = report.starts[0], report.starts[-1]
    return (report.starts[at] - first) / (last - first) if last > first else 0.0


def _x(part: float) -> float:
    return round(_LEFT + part * (_WIDTH - _LEFT - 1), 1)


def _y(ratio: float) -> float:
    return round((1 - ratio) * (_HEIGHT - _BELOW - 8) + 8, 1)


def _points(places: Sequence[float], above: Sequence[float], below: Sequence[float]) -> str:
    edge = [*zip(places, above, strict=True), *reversed([*zip(places, below, strict=True)])]
    return " ".join(f"{x},{_y(ratio)}" for x, ratio in edge)


def _grid() -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{_y(each)}" y2="{_y(each)}"/>'
        f'<text x="{_LEFT - 6}" y="{_y(each) + 4}" text-anchor="end">{each * 100:.0f} %</text>'
        for each in (0.0, 0.25, 0.5, 0.75, 1.0)
    )


def _dates(report: Summary) -> str:
    first, last = report.starts[0], report.starts[-1]
    step = STEPS[STEP_OF[report.by]].seconds
    # Whole days or weeks, at even distances.
    marks = {first + (last - first) * at // (_DATES - 1) // step * step for at in range(_DATES)}
    return "".join(
        f'<text x="{_x((at - first) / (last - first) if at > first else 0)}" y="{_HEIGHT - 6}" '
        f'text-anchor="{_anchor(at, first, last)}"{"" if at in {first, last} else _BETWEEN}>'
        f"{day(at)}</text>"
        for at in sorted(marks)
    )


def _anchor(at: int, first: int, last: int) -> str:
    if at == first:
        return "start"
    return "end" if at == last else "middle"


def _bars(report: Summary, dimension: Dimension, called: str, digits: int) -> str:
    """Return one bar per key, the longest as wide as the chart."""
    rows = report.dimensions[dimension][:SHOWN_ROWS]
    ratios = [row.ratio(report.measure) for row in rows]
    largest = max(filter(None, ratios), default=1.0)
    keys = [name(dimension, row.key) for row in rows]
    bars = "".join(
        _bar(key, ratio, at, largest, digits)
        for at, (key, ratio) in enumerate(zip(keys, ratios, strict=True))
    )
    label = ", ".join(
        f"{key} {percent(ratio, digits)}" for key, ratio in zip(keys, ratios, strict=True)
    )
    return (
        f"<figure><h2>{called}</h2>\n"
        f'<svg viewBox="0 0 460 {len(rows) * 26}" role="img" '
        f'aria-label="{escape(f"{called}: {label}")}">{bars}</svg></figure>'
    )


def _bar(label: str, ratio: float | None, at: int, largest: float, digits: int) -> str:
    label = label if len(label) <= 20 else label[:19] + "…"
    wide = round((ratio or 0.0) / largest * 220, 1)
    return (
        f'<text class="label" x="0" y="{at * 26 + 17}">{escape(label)}</text>'
        f'<rect class="bar" x="160" y="{at * 26 + 4}" width="{wide}" height="18" rx="2"/>'
        f'<text x="{166 + wide}" y="{at * 26 + 17}">{percent(ratio, digits)}</text>'
    )
