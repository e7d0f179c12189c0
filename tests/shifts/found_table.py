"""The table of docs/alerts.md, written from the results: `python tests/shifts/found_table.py`.

`make alerts` measures; with `--json`, its programs write results/, of which this is made.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alerts.md"
RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- found -->\n", "<!-- /found -->"
HEAD = ("What", "OpenRouter", "Alibaba Cloud", "simulated, 0.1 a second", "simulated, 100 a second")
DAY, DRIFT = "LLMShareShiftDay", "LLMShareDrift"
NOTHING = "–"


def table() -> str:
    """Return the table in Markdown."""
    real, movers, alerts = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("real", "movers", "alerts")
    )
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += _starts(real, alerts)
    rows += _steps(real, alerts)
    rows += _drifts(real, alerts)
    rows += _said(real, alerts)
    rows += _movers(movers)
    rows += _others(alerts)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %"


def _of(rows: Iterable[dict], prefix: str) -> list[dict]:
    return [each for each in rows if each["shares"].startswith(prefix)]


def _by_rate(rows: Iterable[dict], say: Callable[[dict], str], **which: str) -> tuple[str, str]:
    """Return what to say of the row of each rate."""
    named = [row for row in rows if all(row[name] == value for name, value in which.items())]
    slow, fast = (
        next((say(row) for row in named if row["requests_per_second"] == rate), NOTHING)
        for rate in (0.1, 100.0)
    )
    return slow, fast


def _range(values: Iterable[float], digits: int = 2) -> str:
    shown = [f"{value:.{digits}f}" for value in sorted(values)]
    return shown[0] if shown[0] == shown[-1] else f"{shown[0]} to {shown[-1]}"


def _starts(real: dict, alerts: dict) -> list[tuple[str, ...]]:
    rows = []
    for name, more in ((DAY, ", nothing added (what really happened is among them)"), (DRIFT, "")):
        cells = [
            _range(row["starts_a_series_week"].get(name, 0.0) for row in _of(real["quiet"], prefix))
            for prefix in ("openrouter", "servegen")
        ]
        simulated = _by_rate(alerts["quiet"], _starts_of(name), dimension="origin")
        rows.append((f"starts of `{name}` a series-week{more}", *cells, *simulated))
    return rows


def _starts_of(name: str) -> Callable[[dict], str]:
    return lambda row: f"{row['starts_a_series_week'].get(name, 0.0):.2f}"


def _steps(real: dict, alerts: dict) -> list[tuple[str, ...]]:
    rows = []
    for points, hours in ((0.1, 24), (0.05, 72)):
        cells = []
        for prefix in ("openrouter", "servegen"):
            steps = [each for each in _of(real["steps"], prefix) if each["points"] == points]
            found, of = (sum(each[name] for each in steps) for name in ("found", "of"))
            cells.append(f"{_percent(found / of)} ({found} of {of})")
        title = f"+{points * 100:.0f} points"
        simulated = _by_rate(alerts["shifts"], lambda row: _percent(row["found"]), shift=title)
        rows.append((f"{title} found within {hours} hours", *cells, *simulated))
    return rows


def _found(row: dict) -> str:
    if not row["found"]:
        return f"none of {row['trials']}"
    return (
        f"{round(row['found'] * row['trials'])} of {row['trials']}, "
        f"after {row['median_hours'] / 24:.1f} days"
    )


def _drifts(real: dict, alerts: dict) -> list[tuple[str, ...]]:
    rows = []
    for days, name in ((14, "two"), (56, "eight")):
        title = f"+20 points in {name} weeks"
        simulated = _by_rate(alerts["shifts"], _found, shift=title)
        cells = [NOTHING, NOTHING]
        if days == 56:
            cells = [_within(_of(real["drifts"], prefix)) for prefix in ("openrouter", "servegen")]
        rows.append((f"{title}, found within two weeks", *cells, *simulated))
    return rows


def _within(rows: list[dict]) -> str:
    """Return how many drifts are found in two weeks, of those on shares without an alert."""
    fair = [row for row in rows if not _is_soon(row["found_after_days_without_drift"])]
    hit = [row for row in fair if _is_soon(row["found_after_days"])]
    own = [row for row in fair if _is_soon(row["found_after_days_less_own"])]
    return f"{len(hit)} of {len(fair)}; {len(own)} less the share's own trend"


def _is_soon(days: float | None) -> bool:
    return days is not None and days <= 14


def _said(real: dict, alerts: dict) -> list[tuple[str, ...]]:
    told, named = [], []
    for prefix in ("openrouter", "servegen"):
        steps = [each for each in _of(real["steps"], prefix) if each["found"]]
        told.append(" and ".join(_mean(steps, "notifications", points) for points in (0.1, 0.05)))
        named.append(_percent(float(_mean(steps, "riser_named_first"))))
    simulated = _by_rate(
        alerts["shifts"], lambda row: _percent(row["riser_named_first"]), shift="+10 points"
    )
    return [
        (
            "notifications of one shift that was found, of 10 and of 5 points",
            *told,
            NOTHING,
            NOTHING,
        ),
        ("the share that rose is named first", *named, *simulated),
        (
            "a language of 2 % that doubles, found within 24 hours",
            NOTHING,
            NOTHING,
            *_by_rate(
                alerts["shifts"], lambda row: _percent(row["found"]), shift="2 % language doubles"
            ),
        ),
        (
            "launches and withdrawals of 5 points and more, by model, found within 24 hours",
            _launches(real["launches"]),
            *(NOTHING,) * 3,
        ),
    ]


def _mean(steps: list[dict], name: str, points: float | None = None) -> str:
    shown = [each for each in steps if points in {None, each["points"]}]
    whole = sum(each["found"] for each in shown)
    return f"{sum(each[name] * each['found'] for each in shown) / whole:.2f}"


def _launches(rows: list[dict]) -> str:
    events = [
        each[kind]
        for each in rows
        for kind in ("launches", "withdrawals", "real_models_withdrawn")
        # What grows for two weeks is not there within a day.
        if kind in each and not (kind == "launches" and each["in_days"])
    ]
    return f"{sum(each['found'] for each in events)} of {sum(each['of'] for each in events)}"


def _movers(movers: list[dict]) -> list[tuple[str, ...]]:
    return [
        (
            title.format(of),
            *(NOTHING, NOTHING),
            *_by_rate(movers, _part(name), mover=of),
        )
        for of in ("model", "tenant")
        for title, name in (
            (
                "a {} that brings ten points is named first in the alert",
                "right_one_first_in_an_alert",
            ),
            ("that {}, or one that moved the share further meanwhile", "first_by_plan_in_an_alert"),
        )
    ]


def _part(name: str) -> Callable[[dict], str]:
    return lambda row: _percent(row[name])


def _others(alerts: dict) -> list[tuple[str, ...]]:
    (first,) = alerts["first_weeks"]
    days = first["first_condition_after_days"]
    nothing = (NOTHING, NOTHING)

    return [
        (
            "one tenant sends ten times as much for three hours: no alert of the hour",
            *nothing,
            *_by_rate(alerts["bursts"], _part("hour_tier_silent")),
        ),
        (
            "the same: no alert of the day",
            *nothing,
            *_by_rate(alerts["bursts"], _part("day_tier_silent")),
        ),
        (
            "a model that the catalogue lacks takes 20 %: `LLMShareUnclassified`",
            *nothing,
            *_by_rate(alerts["unknown"], _part("unclassified_notifies")),
        ),
        (
            "the same: nothing else is notified in 72 hours",
            *nothing,
            *_by_rate(alerts["unknown"], _part("nothing_else_in_72_h")),
        ),
        (
            "starts a series-week where nights have 2 % of the day's traffic, and at night",
            *nothing,
            *_by_rate(
                alerts["nights"],
                lambda row: (
                    f"{row['starts_a_series_week']:.2f}, {row['night_starts_a_series_week']:.3f}"
                ),
            ),
        ),
        (
            "+20 points at a gateway of 20 days: the condition holds from day",
            *nothing,
            f"{days:.0f} (10 a second)",
            NOTHING,
        ),
    ]


def written() -> str:
    """Return the page with the table as the results have it."""
    before, rest = PAGE.read_text().split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(written())
    sys.exit(0)
