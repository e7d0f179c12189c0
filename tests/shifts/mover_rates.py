"""How often the mover that an alert names first is the right one.

    python tests/shifts/mover_rates.py [--json FILE]

Models are OpenRouter's with their real course, as requests at a rate a second; one of them takes
ten points of all tokens. Tenants are simulated (traffic_model.py); one of them brings ten points of
one key.
The mover is named when the alert on the share that rose fires, or a day later where none does: a
notification that names a shift says what moved it. The right one is the one that was added. Others
come and go meanwhile, and may move the share further: `first_by_plan` is how often the one that is
named first is the one that moves it most by what was planned, without the chance of the draw.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import traffic_model as model
from real_moments import moments
from real_shares import catalog, openrouter, origin_of
from traffic_model import HOUR_PANES, PANE, START, Gateway

from streams.shares.history import History
from streams.shifts import movers
from streams.shifts.alert_rules import DAY_UP
from streams.shifts.backtest.alerts import alerts
from streams.shifts.backtest.conditions import watch
from streams.shifts.backtest.timeline import Timeline, by_hour
from streams.shifts.baseline import BASELINE_HOURS, baseline_of
from streams.shifts.sentence import leading
from streams.shifts.series import Series
from streams.shifts.shift import Traffic, shifts
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.counts import add_counts
from streams.state.pane import HOUR, MIDDLE, TENANTS, Pane
from streams.state.view import View

POINTS, WITHIN, PAST_DAYS = 0.1, 24, 38
RATES = (0.1, 1.0, 100.0)
SEEDS = (101, 102, 103)


class Hours(NamedTuple):
    """Counts of members by hour: requests, tokens and squares [hours, members], and their keys."""

    start: int
    names: tuple[str, ...]
    keys: tuple[str, ...]
    counts: tuple[np.ndarray, ...]

    def timeline(self) -> Timeline:
        shown = tuple(sorted(set(self.keys)))
        to_key = np.array([[key == name for name in shown] for key in self.keys], dtype=float)
        by_pane = [
            np.repeat(each @ to_key / HOUR_PANES, HOUR_PANES, axis=0) for each in self.counts
        ]
        panes = Series(shown, self.start, PANE, *by_pane)
        return Timeline("origin", panes, by_hour(panes), None)


def rises(real_share: np.ndarray, place: int, since: int) -> np.ndarray:
    """Return shares of members in which one takes so many points, from an hour on."""
    shares = real_share.copy()
    shares[since:] *= 1 - POINTS
    shares[since:, place] += POINTS
    return shares


def drawn(start, names, keys, requests: np.ndarray, rng) -> Hours:
    """Return hours of requests that are expected [hours, members], each with its tokens."""
    numbers = rng.poisson(requests)
    tokens, squares = model.TOKENS.draw(rng, numbers.ravel())
    counts = (numbers.astype(float), tokens, squares)
    return Hours(start, names, keys, tuple(each.reshape(numbers.shape) for each in counts))


class Trial(NamedTuple):
    """Whether an alert fired, and whether who is named first is the one added, or first by plan."""

    fired: bool
    is_right: bool
    is_first: bool


def planned(start, names, keys, requests: np.ndarray) -> Hours:
    """Return hours of exactly what is expected, many times as much of it."""
    numbers = 1000 * requests
    mean = model.TOKENS.mean
    return Hours(start, names, keys, (numbers, numbers * mean, numbers * mean**2))


def trial(hours: Hours, plan: Hours, key: str, since: int, added: str, *, by_tenant: bool) -> Trial:
    fired, moment = _moment(hours, key, since)
    first, by_plan = (_first(each, key, moment, by_tenant=by_tenant) for each in (hours, plan))
    return Trial(fired, first == added, first == by_plan)


def _moment(hours: Hours, key: str, since: int) -> tuple[bool, int]:
    """Return whether an alert on the key fired, and when who moved it is named."""
    timeline = hours.timeline()
    begins = hours.start + since * 3600
    times = [
        alert.firing
        for each in watch(timeline, begins)
        if each.rule is DAY_UP and each.measure == "tokens"
        for alert in alerts(each)
        if alert.firing is not None and alert.key == key
    ]
    return bool(times), min(times, default=begins + WITHIN * 3600) // 3600 * 3600


def _first(hours: Hours, key: str, moment: int, *, by_tenant: bool) -> str | None:
    """Return who is named first at a moment as what moved a share."""
    timeline = hours.timeline()
    statistics = _statistics(timeline, key, moment - 1)
    asked = movers.Shift(
        *("origin", key, "tokens", "24h", moment - 1, statistics, frozenset(timeline.panes.keys))
    )
    view = _view(hours, moment, by_tenant=by_tenant)
    history = History(view, catalog())
    moved = movers.moved(history, movers.panes(view, history, asked), asked)
    if by_tenant:
        assert moved.tenants is not None
        return next((each.name for each in moved.tenants.movers if each.contribution > 0), None)
    return next((name for name, _ in leading(moved, "origin")), None)


def _statistics(timeline: Timeline, key: str, as_of: int):
    hour = as_of // 3600 * 3600
    before = baseline_of(timeline.hours, "tokens", hour, days=timeline.days)
    traffic = Traffic("origin", timeline.panes, timeline.hours, None)
    (table,) = (each for each in shifts(traffic, {"tokens": before}, as_of) if each.window == "24h")
    return next(each for each in table.keys if each.key == key)


def _view(hours: Hours, moment: int, *, by_tenant: bool) -> View:
    """Return a worker's panes of the last days before a moment; those of minutes by hour."""
    view = View()
    end = (moment - hours.start) // 3600
    for hour in range(max(0, end - BASELINE_HOURS - 30), end):
        start = hours.start + hour * 3600
        cells: dict[str, list[int]] = {}
        members: dict[str, list[int]] = {}
        for place, (name, key) in enumerate(zip(hours.names, hours.keys, strict=True)):
            requests, tokens, squares = (int(each[hour, place]) for each in hours.counts)
            if requests:
                counts = [requests, tokens, 0, squares]
                add_counts(cells, f"{key}/en", counts)
                add_counts(members, f"{name}/o/{key}" if by_tenant else name, counts)
        whole = Pane(cells=cells, models={} if by_tenant else members, stamp=1)
        view.apply(pane_key(0, PaneKey(HOUR, start)), encode_pane(whole, 1))
        if hour >= end - 24:
            view.apply(pane_key(0, PaneKey(MIDDLE, start)), encode_pane(whole, 1))
        if by_tenant:
            tenants = Pane(tenants=members, stamp=1)
            view.apply(pane_key(0, PaneKey(TENANTS, start)), encode_pane(tenants, 1))
    return view


def by_model(rate: float) -> Iterator[Trial]:
    """Yield what is said of models that take ten points."""
    real = openrouter(str, course=True)
    tokens = real.tokens[:, 0].reshape(-1, HOUR_PANES, len(real.keys)).sum(axis=1)
    shares, whole = tokens / tokens.sum(axis=1, keepdims=True), tokens.sum(axis=1, keepdims=True)
    keys = tuple(origin_of(name) for name in real.keys)
    for number, pane in enumerate(moments(real, WITHIN)):
        since = pane // HOUR_PANES
        for origin in ("row-open", "cn-open", "row-proprietary"):
            own = [place for place, key in enumerate(keys) if key == origin]
            # The largest models of the origin in turn.
            own.sort(key=lambda place: -shares[since, place])
            place = own[number % 5]
            shifted = rises(shares, place, since)[: since + WITHIN + 1]
            requests = shifted * whole[: len(shifted)] / whole.mean() * rate * 3600
            rng = np.random.default_rng([number, place, int(rate * 10)])
            hours = drawn(real.start, real.keys, keys, requests, rng)
            plan = planned(real.start, real.keys, keys, requests)
            yield trial(hours, plan, origin, since, real.keys[place], by_tenant=False)


def by_tenant(rate: float) -> Iterator[Trial]:
    """Yield what is said of tenants that bring ten points."""
    for seed in SEEDS:
        gateway = Gateway(seed, rate, PAST_DAYS + 14)
        plan = gateway.plan()
        mix = plan.mixes["origin"]
        keys = tuple(mix.keys[place] for place in mix.key)
        moments_of = np.linspace(PAST_DAYS * 24, (gateway.days - 2) * 24, 13).astype(int).tolist()
        for number, since in enumerate(moments_of):
            end = since + WITHIN + 1
            rng = np.random.default_rng([seed, number, int(rate * 10)])
            sent = plan.draw("origin", rng, 0, end * HOUR_PANES)
            columns = [
                each.reshape(end, HOUR_PANES, -1).sum(axis=1).astype(float)
                for each in (sent.requests, sent.tokens, sent.squares)
            ]
            # One tenant sends more, all of it to one key.
            tenant, key = 3 + number % 8, ("row-open", "cn-open", "row-proprietary")[number % 3]
            rates = plan.rates[: end * HOUR_PANES].reshape(end, -1).sum(axis=1, keepdims=True)
            more = rates * POINTS / (1 - POINTS) * (np.arange(end) >= since)[:, None]
            added = drawn(START, ("",), (key,), more, rng)
            columns = [np.hstack(pair) for pair in zip(columns, added.counts, strict=True)]
            names = tuple(f"{place:016x}" for place in (*mix.tenant, tenant))
            hours = Hours(START, names, (*keys, key), tuple(columns))
            of_hours = plan.rates[: end * HOUR_PANES].reshape(end, HOUR_PANES, -1).sum(axis=1)
            wanted = np.hstack([of_hours[:, mix.tenant] * mix.weights[:end], more])
            expected = planned(START, names, (*keys, key), wanted)
            yield trial(hours, expected, key, since, f"{tenant:016x}", by_tenant=True)


def measure() -> list[dict]:
    rows = []
    for of, trials in (("model", by_model), ("tenant", by_tenant)):
        for rate in RATES:
            found = list(trials(rate))
            rows.append(
                {
                    "mover": of,
                    "requests_per_second": rate,
                    "trials": len(found),
                    "alerts": round(float(np.mean([each.fired for each in found])), 3),
                    "right_one_first": round(float(np.mean([each.is_right for each in found])), 3),
                    "first_by_plan": round(float(np.mean([each.is_first for each in found])), 3),
                    "right_one_first_in_an_alert": _part(found, "is_right"),
                    "first_by_plan_in_an_alert": _part(found, "is_first"),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def _part(found: list[Trial], name: str) -> float | None:
    named = [getattr(each, name) for each in found if each.fired]
    return round(float(np.mean(named)), 3) if named else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    found = measure()
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
