"""How often alerts on real shares start, and what they find of shifts that were added to them.

    python tests/shifts/real_rates.py [--short] [--parts steps] [--json FILE]

Shares are those of real/README.md. Each added shift begins at one of thirteen moments after the
first 22 days. A start is an alert that begins to fire; a series is a key in a measure (tokens or
requests). Nothing is left out of the starts: OpenRouter's shares hold real launches and
withdrawals. Alerts on ServeGen are those of three keys that its clients use in mixes by seed.

Of the notifications after an added shift, `notifications_without` is how many there are in the
same hours if nothing is added. A real share has a course of its own while a drift is added to it:
`own_points` is how far it moved in the two weeks, `found_after_days_without_drift` is when it has
an alert by itself, and `found_after_days_less_own` is measured on shares less its own trend.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from real_launches import Launch, launches, withdrawals
from real_moments import FIRST_DAYS, moments
from real_shares import Real, openrouter, servegen
from traffic_model import DAY_PANES, HOUR_PANES, PANE

from streams.shifts.backtest.alerts import Alert, alerts
from streams.shifts.backtest.conditions import watch
from streams.shifts.backtest.notifications import notifications

RESULTS = Path(__file__).parent / "results" / "real.json"
LARGE_KEYS = ("row-open", "cn-open", "row-proprietary")
SEEDS = (101, 102, 103)
#: Points, and the hours within which they are to be found.
STEPS = ((0.10, 24), (0.05, 72))


def fired(real: Real, first: int | None = None) -> list[Alert]:
    """Return the alerts that fire on a history, those on the moments from `first` on."""
    return [
        alert
        for each in watch(real.timeline(), first)
        for alert in alerts(each)
        if alert.firing is not None
    ]


def quiet(real: Real) -> dict:
    """Return what starts on shares to which nothing was added."""
    found = fired(real)
    weeks = (real.days - 21) / 7
    series_weeks = weeks * 2 * len(real.keys)
    end = real.start + real.days * 86400
    sent = [each for each in notifications(found, end) if each.reason == "firing"]
    return {
        "shares": real.name,
        "series_weeks": round(series_weeks, 1),
        "starts_a_series_week": {
            name: round(starts / series_weeks, 3)
            for name, starts in Counter(alert.rule.alert for alert in found).items()
        },
        "notifications_a_week": round(len(sent) / weeks, 2),
    }


def notified(real: Real) -> list[int]:
    """Return the times at which something new is notified where nothing is added."""
    sent = notifications(fired(real), real.start + real.days * 86400)
    return [each.at for each in sent if each.reason == "firing"]


def step(real: Real, key: str, points: float, hours: int, usual: list[int] | None = None) -> dict:
    """Return how many steps of a share are found within so many hours, and how soon.

    `usual` are the times of notifications on the shares as they are.
    """
    usual = notified(real) if usual is None else usual
    after, sent, without, first, riser = [], [], [], [], (key, "up")
    for pane in moments(real, hours):
        since = np.arange(len(real.tokens)) >= pane
        shifted = real.moved(key, points * since).until(pane + hours * HOUR_PANES)
        begins = real.start + pane * PANE
        found = fired(shifted, begins - 2 * 86400)
        times = [
            alert.firing
            for alert in found
            if (alert.key, alert.direction) == riser and alert.firing > begins
        ]
        after.append((min(times) - begins) / 3600 if times else None)
        said = notifications(found, begins + hours * 3600)
        new = [each for each in said if each.reason == "firing" and each.at > begins]
        sent.append(len(new))
        ends = begins + hours * 3600
        without.append(sum(begins < at <= ends for at in usual))
        first.append(bool(new) and (new[0].alerts[0].key, new[0].alerts[0].direction) == riser)
    hit = [hours for hours in after if hours is not None]
    is_found = [hours is not None for hours in after]
    told, untold = (
        [number for number, is_hit in zip(numbers, is_found, strict=True) if is_hit]
        for numbers in (sent, without)
    )
    named = [is_right for is_right, is_hit in zip(first, is_found, strict=True) if is_hit]
    return {
        "shares": real.name,
        "key": key,
        "points": points,
        "within_hours": hours,
        "found": len(hit),
        "of": len(after),
        "median_hours": round(float(np.median(hit)), 1) if hit else None,
        "notifications": round(float(np.mean(told)), 2) if told else None,
        "notifications_without": round(float(np.mean(untold)), 2) if told else None,
        "riser_named_first": round(float(np.mean(named)), 2) if named else None,
    }


def drift(real: Real, key: str, points: float = 0.2, days: int = 56, first: int = 22) -> dict:
    """Return the days until the first alert on a share that rises a little every day."""
    pane = first * DAY_PANES
    passed = (np.arange(len(real.tokens)) - pane) / DAY_PANES
    risen = points * np.clip(passed / days, 0, 1)
    own = _own_trend(real, key, pane) * np.clip(passed, 0, None)
    return {
        "shares": real.name,
        "key": key,
        "from_day": first,
        "drift_points": points,
        "in_days": days,
        "own_points": round(float(_own_course(real, key, pane)), 3),
        "found_after_days_without_drift": _told_after(real, key, pane),
        "found_after_days": _told_after(real.moved(key, risen), key, pane),
        "found_after_days_less_own": _told_after(real.moved(key, risen - own), key, pane),
    }


def _told_after(real: Real, key: str, pane: int) -> float | None:
    """Return the days from a pane on until an alert says that a share has risen."""
    begins = real.start + pane * PANE
    times = [
        alert.firing
        for alert in fired(real, begins)
        if alert.key == key and alert.direction == "up"
    ]
    return round((min(times) - begins) / 86400, 1) if times else None


def _daily(real: Real, key: str) -> np.ndarray:
    tokens = real.tokens.sum(axis=1).reshape(real.days, DAY_PANES, len(real.keys)).sum(axis=1)
    return tokens[:, real.keys.index(key)] / tokens.sum(axis=1)


def _own_course(real: Real, key: str, pane: int) -> float:
    """Return how far a share moves by itself: its mean a week and two later, less that before."""
    share, day = _daily(real, key), pane // DAY_PANES
    return share[day + 7 : day + 14].mean() - share[day - 7 : day].mean()


def _own_trend(real: Real, key: str, pane: int) -> float:
    """Return by how much a share rises by itself a day, from a pane on (least squares)."""
    share = _daily(real, key)[pane // DAY_PANES :]
    return float(np.polyfit(np.arange(len(share)), share, 1)[0])


def _quiet(real: list[Real], pools: list[Real]) -> Iterator[dict]:
    for each in [*real, *pools]:
        yield quiet(each)


def _steps(real: list[Real], pools: list[Real]) -> Iterator[dict]:
    for each in [*real, *pools]:
        usual = notified(each)
        for key in each.keys if each in pools else LARGE_KEYS:
            for points, hours in STEPS:
                yield step(each, key, points, hours, usual)


def _drifts(real: list[Real], pools: list[Real]) -> Iterator[dict]:
    for first in (FIRST_DAYS, FIRST_DAYS + 12):
        for key in LARGE_KEYS:
            yield drift(real[-1], key, first=first)
    for pool in pools:
        for key in pool.keys:
            yield drift(pool, key)


def _launches(_: list[Real], __: list[Real]) -> Iterator[dict]:
    models = openrouter(str, course=True)
    for launch in (Launch(0.05), Launch(0.1), Launch(0.2, ramp=14)):
        yield launches(models, launch)
    yield withdrawals(models, 0.05)


PARTS = {"quiet": _quiet, "steps": _steps, "drifts": _drifts, "launches": _launches}


def measure(part: str, *, short: bool = False) -> list[dict]:
    real = [openrouter()] if short else [openrouter(), openrouter(course=True)]
    pools = [] if short else [servegen(seed) for seed in SEEDS]
    return [say(row) for row in PARTS[part](real, pools)]


def say(row: dict) -> dict:
    print(json.dumps(row), flush=True)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer shares")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    for part in options.parts:
        started = time.process_time()
        rows = measure(part, short=options.short)
        print(f"\n{part}: {time.process_time() - started:.1f} s of CPU time", flush=True)
        if options.json is not None:
            known = json.loads(options.json.read_text()) if options.json.exists() else {}
            known |= {part: rows, "date": datetime.now(UTC).date().isoformat()}
            options.json.write_text(json.dumps(known, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
