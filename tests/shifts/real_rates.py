"""How often alerts on real shares start, and what they find of shifts that were added to them.

    python tests/shifts/real_rates.py [--short] [--json FILE]

Shares are those of real/README.md. Each added shift begins at one of thirteen moments after the
first 22 days. A start is an alert that begins to fire; a series is a key in a measure (tokens or
requests). Nothing is left out of the starts: OpenRouter's shares hold real launches and
withdrawals. Alerts on ServeGen are those of three keys that its clients use in mixes by seed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
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


def step(real: Real, key: str, points: float, hours: int) -> dict:
    """Return how many steps of a share are found within so many hours, and how soon."""
    after, sent, first, riser = [], [], [], (key, "up")
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
        first.append(bool(new) and (new[0].alerts[0].key, new[0].alerts[0].direction) == riser)
    hit = [hours for hours in after if hours is not None]
    is_found = [hours is not None for hours in after]
    told = [number for number, is_hit in zip(sent, is_found, strict=True) if is_hit]
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
        "riser_named_first": round(float(np.mean(named)), 2) if named else None,
    }


def drift(real: Real, key: str, points: float = 0.2, days: int = 56) -> dict:
    """Return the days until the first alert on a share that rises a little every day."""
    pane = FIRST_DAYS * DAY_PANES
    risen = (np.arange(len(real.tokens)) - pane) / (days * DAY_PANES)
    begins = real.start + pane * PANE
    found = fired(real.moved(key, points * np.clip(risen, 0, 1)), begins)
    times = [alert.firing for alert in found if alert.key == key and alert.direction == "up"]
    return {
        "shares": real.name,
        "key": key,
        "drift_points": points,
        "in_days": days,
        "found_after_days": round((min(times) - begins) / 86400, 1) if times else None,
    }


def measure(*, short: bool = False) -> dict:
    started = time.process_time()
    real = [openrouter(), openrouter(course=True)]
    pools = [servegen(seed) for seed in (SEEDS[:1] if short else SEEDS)]
    found: dict = {"quiet": [], "steps": [], "drifts": [], "launches": []}
    for each in [*real, *pools]:
        found["quiet"].append(say(quiet(each)))
    for each in real[:1] if short else [*real, *pools]:
        for key in each.keys if each in pools else LARGE_KEYS:
            for points, hours in STEPS:
                found["steps"].append(say(step(each, key, points, hours)))
    for key in LARGE_KEYS:
        found["drifts"].append(say(drift(real[1], key)))
    models = openrouter(str, course=True)
    for launch in (Launch(0.05), Launch(0.1), Launch(0.2, ramp=14)):
        found["launches"].append(say(launches(models, launch)))
    found["launches"].append(say(withdrawals(models, 0.05)))
    return found | {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def say(row: dict) -> dict:
    print(json.dumps(row), flush=True)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer shares")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    found = measure(short=options.short)
    print(f"\n{found['cpu_seconds']} s of CPU time")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
