"""How often alerts on share shifts are false, how soon they find a true one, how often they call.

    python tests/shifts/rates.py [--seeds 101 102 103] [--parts shifts] [--short] [--json FILE]

Traffic is simulated, and held to statistics of real traffic (traffic_model.py). Gateways differ:
the largest tenant of one has a third of its tokens and comes and goes, that of another has a
seventh and stays. The figures are of the seeds given, which were not used to choose anything; three
of them are few. A series is a key in a measure (tokens or requests); a start is an alert that
begins to fire. Beside each rate is that of a fixed threshold on the same traffic: the share of
24 h (or of 1 h) is 5 points from that of 7 days, with the same `for`.

A notification is a message that something fires, for a dimension; "all is over" does not count.
Those called simpler are of the same conditions with other times (trials.py, `simpler`), which were
chosen among some twenty on seeds 1 to 3.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import traffic_model as model
from traffic_model import DAY_PANES, START, Change, Gateway
from trials import (
    FIXED,
    PAST_DAYS,
    firing_part,
    found_after,
    notices,
    quiet,
    shifted,
    starts,
)

from streams.classify.keys import TENANT_DIMENSIONS
from streams.shifts.backtest.conditions import watch

RESULTS = Path(__file__).parent / "results" / "alerts.json"
HELD_OUT = (101, 102, 103)
#: A small and a large gateway.
RATES = (0.1, 100.0)
QUIET_DAYS = 28
#: Trials with each seed; of shifts that take weeks, half as many.
TRIALS = 4
PARTS = ("quiet", "shifts", "bursts", "unknown", "nights", "first_weeks")
_FOR_GOOD = 2**31


def _rise(points: float, days: int = 0, until: int = _FOR_GOOD) -> Change:
    return Change(0, until, "origin", "cn-open", points, ramp=days * DAY_PANES)


#: Shifts of a large share; a launch is gone when it has grown. Besides, a language doubles.
SHIFTS = {
    "+10 points": _rise(0.1),
    "+5 points": _rise(0.05),
    "+20 points in two weeks": _rise(0.2, 14),
    "+20 points in eight weeks": _rise(0.2, 56),
}
#: The hours within which each is to be found.
WITHIN = {
    "+10 points": 24,
    "+5 points": 72,
    "+20 points in two weeks": 14 * 24,
    "+20 points in eight weeks": 14 * 24,
    "2 % language doubles": 24,
}
HOUR, DAY, DRIFT = "LLMShareShiftHour", "LLMShareShiftDay", "LLMShareDrift"


def quiet_rates(seeds, rates, days) -> list[dict]:
    """Return, by rate and dimension, what fires where nothing has happened."""
    rows = []
    for rate in rates:
        runs = [quiet(Gateway(seed, rate, PAST_DAYS + days)) for seed in seeds]
        for place, dimension in enumerate(TENANT_DIMENSIONS):
            fired = [run[place] for run in runs]
            weeks = sum(each.weeks for each in fired)
            counts, fixed = Counter(), Counter()
            for each in fired:
                counts += starts(each)
                fixed += starts(each, fixed=True)
            series = fired[0].series
            rows.append(
                {
                    "requests_per_second": rate,
                    "dimension": dimension,
                    "series": series,
                    "series_weeks": round(weeks * series),
                    "starts_a_series_week": {
                        name: round(counts[name] / (weeks * series), 4)
                        for name in (DAY, HOUR, DRIFT)
                    },
                    "unclassified_starts_a_week": round(counts["LLMShareUnclassified"] / weeks, 3),
                    "firing_part": round(float(np.mean([firing_part(each) for each in fired])), 5),
                    "notifications_a_week": round(
                        sum(len(notices(each)) for each in fired) / weeks, 2
                    ),
                    "notifications_a_week_simpler": round(
                        sum(len(notices(each, is_simpler=True)) for each in fired) / weeks, 2
                    ),
                    "fixed_starts_a_series_week": {
                        name: round(fixed[name] / (weeks * series), 4)
                        for name in ("fixed 24 h", "fixed 1 h")
                    },
                    "fixed_firing_part": round(
                        float(np.mean([firing_part(each, fixed=True) for each in fired])), 5
                    ),
                }
            )
            say(rows[-1])
    return rows


def two_percent(gateway: Gateway) -> tuple[str, float]:
    """Return the language whose share is nearest to 2 %, and the share."""
    plan = gateway.plan()
    shares = {key: plan.share("language", key) for key in model.LANGUAGES}
    key = min(shares, key=lambda each: abs(shares[each] - 0.02))
    return key, shares[key]


def shift_rates(seeds, name, rates, within, trials) -> list[dict]:
    """Return, by rate, how many shifts are found `within` so many hours, and what they bring."""
    rows = []
    for rate in rates:
        found, fixed, counts, calm, first = [], [], [], [], []
        for seed in seeds:
            gateway = Gateway(seed, rate, PAST_DAYS + 14 + within // 24)
            change = SHIFTS.get(name)
            if change is None:
                key, points = two_percent(gateway)
                change = Change(0, dimension="language", key=key, points=points)
            for _, fired in shifted(gateway, change, change.dimension, trials, within):
                found.append(found_after(fired, change.key))
                fixed.append([found_after(fired, change.key, rule) for rule in FIXED])
                said = notices(fired)
                counts.append(len(said))
                calm.append(len(notices(fired, is_simpler=True)))
                if said and found[-1] is not None:
                    first.append(said[0].alerts[0].key == change.key)
        hit = [hours for hours in found if hours is not None]
        rows.append(
            {
                "shift": name,
                "requests_per_second": rate,
                "trials": len(found),
                "within_hours": within,
                "found": round(len(hit) / len(found), 3),
                "median_hours": round(float(np.median(hit)), 1) if hit else None,
                "notifications": round(float(np.mean(counts)), 2),
                "notifications_simpler": round(float(np.mean(calm)), 2),
                "riser_named_first": round(float(np.mean(first)), 3) if first else None,
                # The one on the hour is there anyway, several times a week: see above.
                "fixed_found": {
                    rule: round(float(np.mean([each[place] is not None for each in fixed])), 3)
                    for place, rule in enumerate(FIXED)
                },
            }
        )
        say(rows[-1])
    return rows


def burst_rates(seeds, rates, trials) -> list[dict]:
    """Return how often one tenant's three hours at ten times its rate bring no alert."""
    rows = []
    for rate in rates:
        silent, day, parts = [], [], []
        for seed in seeds:
            gateway = Gateway(seed, rate, PAST_DAYS + 14)
            change = Change(0, until=36, tenant=0, times=10.0)
            for dimension in TENANT_DIMENSIONS:
                for _, fired in shifted(gateway, change, dimension, trials, 24):
                    began = fired.first + 6 * 3600
                    hours = [
                        each
                        for each in fired.alerts
                        if each.rule.alert == HOUR and each.firing < began
                    ]
                    silent.append(not hours)
                    day.append(any(each.rule.alert == DAY for each in fired.alerts))
                    parts.append(any(each.rule.alert == "fixed 1 h" for each in fired.fixed))
        rows.append(
            {
                "shift": "one tenant at 10 times its rate for 3 h",
                "requests_per_second": rate,
                "trials": len(silent),
                "hour_tier_silent": round(float(np.mean(silent)), 3),
                "day_tier_silent": round(1 - float(np.mean(day)), 3),
                "fixed_1_h_silent": round(1 - float(np.mean(parts)), 3),
            }
        )
        say(rows[-1])
    return rows


def unknown_rates(seeds, rates, trials) -> list[dict]:
    """Return what notifies where a model that the catalogue lacks takes 20 % of traffic."""
    rows = []
    for rate in rates:
        names, others, calm, counts = Counter(), [], [], []
        for seed in seeds:
            gateway = Gateway(seed, rate, PAST_DAYS + 14)
            change = Change(0, dimension="origin", key="unknown", points=0.2)
            for _, fired in shifted(gateway, change, "origin", trials, 72):
                said = {hours: notices(fired, hours) for hours in (24, 72)}
                named = {each.rule.alert for notice in said[24] for each in notice.alerts}
                names.update(named)
                others.append([_has_others(said[hours]) for hours in (24, 72)])
                calm.append(_has_others(notices(fired, 72, is_simpler=True)))
                counts.append(len(said[24]))
        rows.append(
            {
                "shift": "a new model of unknown origin, 20 %",
                "requests_per_second": rate,
                "trials": len(others),
                "unclassified_notifies": round(names["LLMShareUnclassified"] / len(others), 3),
                "nothing_else_in_24_h": round(1 - float(np.mean([each[0] for each in others])), 3),
                "nothing_else_in_72_h": round(1 - float(np.mean([each[1] for each in others])), 3),
                "nothing_else_in_72_h_simpler": round(1 - float(np.mean(calm)), 3),
                "notifications_in_24_h": round(float(np.mean(counts)), 2),
            }
        )
        say(rows[-1])
    return rows


def _has_others(said) -> bool:
    names = {each.rule.alert for notice in said for each in notice.alerts}
    return bool(names - {"LLMShareUnclassified"})


def night_rates(seeds, rates, days) -> list[dict]:
    """Return starts by time of day at gateways of one region, whose nights have 2 % of traffic."""
    rows = []
    for rate in rates:
        night = whole = 0
        weeks = 0.0
        for seed in seeds:
            gateway = Gateway(seed, rate, PAST_DAYS + days, night=0.02, regions=(0.0,))
            for fired in quiet(gateway):
                weeks += fired.weeks * fired.series
                for alert in fired.alerts:
                    whole += 1
                    # The busiest hour is 14, the quietest 2.
                    night += (alert.pending // 3600 - 23) % 24 < 6
        rows.append(
            {
                "shift": "none; nights with 2 % of the day's traffic",
                "requests_per_second": rate,
                "starts_a_series_week": round(whole / weeks, 4),
                "of_them_at_night": round(night / whole, 3) if whole else None,
                "night_starts_a_series_week": round(night / weeks, 4),
            }
        )
        say(rows[-1])
    return rows


def first_weeks(seed: int, rate: float) -> dict:
    """Return when the first condition holds at a gateway that is 20 days old as a share shifts."""
    gateway = Gateway(seed, rate, 24)
    plan = gateway.plan()
    change = Change(20 * DAY_PANES, dimension="origin", key="cn-open", points=0.2)
    drawn = plan.draw("origin", np.random.default_rng(seed), 0, 24 * DAY_PANES, change)
    watched = watch(model.timeline("origin", drawn), START)
    moments = [np.flatnonzero(each.met.any(axis=1)) for each in watched]
    first = min((int(each[0]) for each in moments if len(each)), default=None)
    row = {
        "shift": "+20 points when a new gateway is 20 days old",
        "first_condition_after_days": None if first is None else (first + 1) / DAY_PANES,
    }
    say(row)
    return row


def say(row: dict) -> None:
    print(json.dumps(row), flush=True)


def measure(seeds, part: str, *, short: bool = False) -> list[dict]:
    days, trials = (7, 2) if short else (QUIET_DAYS, TRIALS)
    rates = (10.0,) if short else RATES
    if part == "quiet":
        return quiet_rates(seeds, rates, days)
    if part == "shifts":
        return [
            row
            for name, within in WITHIN.items()
            for row in shift_rates(
                seeds, name, rates, within, trials if within <= 72 else trials // 2
            )
        ]
    if part == "bursts":
        return burst_rates(seeds, rates, trials // 2)
    if part == "unknown":
        return unknown_rates(seeds, rates, trials // 2)
    if part == "nights":
        return night_rates(seeds, rates, days)
    return [first_weeks(seeds[0], 10.0)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(HELD_OUT))
    parser.add_argument("--short", action="store_true", help="one rate, a week and few trials")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", type=Path, help="put the figures into this file as well")
    options = parser.parse_args()
    for part in options.parts:
        started = time.process_time()
        rows = measure(options.seeds, part, short=options.short)
        seconds = round(time.process_time() - started, 1)
        print(f"\n{part}: seeds {options.seeds}, {seconds} s of CPU time", flush=True)
        if options.json is not None:
            known = json.loads(options.json.read_text()) if options.json.exists() else {}
            known[part] = rows
            known["conditions"] = {
                "seeds": options.seeds,
                "date": datetime.now(UTC).date().isoformat(),
                "python": platform.python_version(),
                "numpy": np.__version__,
            }
            options.json.write_text(json.dumps(known, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
