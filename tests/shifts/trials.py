"""What the alerts do on simulated traffic: with nothing to find, and with a shift to find."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import traffic_model as model
from traffic_model import DAY_PANES, HOUR_PANES, PANE, START, Change, Gateway

from streams.classify.keys import TENANT_DIMENSIONS
from streams.shifts.alert_rules import DAY_UP, HOUR_UP, Rule
from streams.shifts.backtest.alerts import Alert, alerts
from streams.shifts.backtest.conditions import watch
from streams.shifts.backtest.notifications import Notification, notifications
from streams.shifts.backtest.timeline import Timeline

#: Days that the statistics look back, and a spare one.
PAST_DAYS = 38
#: What people write first: the share of a day, or of an hour, is so far from that of the week.
FIXED_SHIFT = 0.05
FIXED = {
    "fixed 24 h": Rule("fixed 24 h", "24h", None, DAY_UP.for_seconds, DAY_UP.for_seconds, 6 * 3600),
    "fixed 1 h": Rule("fixed 1 h", "1h", None, HOUR_UP.for_seconds, HOUR_UP.for_seconds, 3600),
}


#: Simpler times for the same conditions, to compare how often they notify: an alert stays for an
#: hour, and requests wait no longer than tokens.
SIMPLER_KEPT = 3600


def simpler(rule: Rule) -> Rule:
    rule = rule._replace(others_for_seconds=rule.for_seconds)
    return rule if rule.window == "24h" else rule._replace(keep_firing_for_seconds=SIMPLER_KEPT)


@dataclass(frozen=True)
class Fired:
    """The alerts of one dimension that fired from `first` to `end`, unix seconds.

    `simpler` are those of the same conditions with other times.
    """

    dimension: str
    series: int
    first: int
    end: int
    alerts: tuple[Alert, ...]
    fixed: tuple[Alert, ...]
    simpler: tuple[Alert, ...]

    @property
    def weeks(self) -> float:
        return (self.end - self.first) / 604_800


def fired(timeline: Timeline, first: int) -> Fired:
    watched = watch(timeline, first)
    other = [replace(each, rule=simpler(each.rule)) for each in watched]
    return Fired(
        timeline.dimension,
        2 * len(timeline.panes.keys),
        first,
        timeline.panes.start + PANE * len(timeline.panes.requests),
        _fired(watched),
        _fired(_fixed(timeline, watched)),
        _fired(other),
    )


def _fired(watched) -> tuple[Alert, ...]:
    return tuple(alert for each in watched for alert in alerts(each) if alert.firing is not None)


def _fixed(timeline: Timeline, watched):
    """Yield the fixed-threshold rules over the same moments, keys and measures."""
    for each in watched:
        if each.rule not in (DAY_UP, HOUR_UP):
            continue
        counts = timeline.panes.counts(each.measure)
        sums = np.vstack([np.zeros_like(counts[:1]), counts.cumsum(axis=0)])
        last = np.arange(len(counts) - len(each.met), len(counts)) + 1
        shares = {}
        for name, panes in (("1h", HOUR_PANES), ("24h", DAY_PANES), ("7d", 7 * DAY_PANES)):
            window = sums[last] - sums[np.maximum(last - panes, 0)]
            shares[name] = window / np.maximum(window.sum(axis=1, keepdims=True), 1)
        shift = shares[each.rule.window] - shares["7d"]
        rule = FIXED["fixed 24 h" if each.rule is DAY_UP else "fixed 1 h"]
        met = np.abs(shift) >= FIXED_SHIFT
        yield replace(each, rule=rule, met=met, zscore=shift, shift=shift)


def quiet(gateway: Gateway) -> list[Fired]:
    """Return what fires on traffic on which nothing has happened, from `PAST_DAYS` on."""
    plan = gateway.plan()
    return [
        fired(
            model.timeline(
                dimension,
                plan.draw(dimension, _rng(gateway, place), 0, gateway.days * DAY_PANES),
                gateway.days - PAST_DAYS + 10,
            ),
            START + PAST_DAYS * 86400,
        )
        for place, dimension in enumerate(TENANT_DIMENSIONS)
    ]


def _rng(gateway: Gateway, *more: int):
    return np.random.default_rng([gateway.seed, int(gateway.rate * 10), *more])


def shifted(gateway: Gateway, change: Change, dimension: str, trials: int, hours: int):
    """Yield (moment, Fired) of changes at moments spread over a gateway's days after the past."""
    plan = gateway.plan()
    place = TENANT_DIMENSIONS.index(dimension)
    whole = plan.draw(dimension, _rng(gateway, place), 0, gateway.days * DAY_PANES)
    last = gateway.days * 24 - hours
    moments = np.linspace(PAST_DAYS * 24, last, trials).astype(int) * HOUR_PANES
    for number, moment in enumerate(moments.tolist()):
        length = change.until
        until = moment + length if length < 2**30 else length
        change_now = replace(change, since=moment, until=until)
        if change.tenant >= 0:
            change_now = replace(change_now, tenant=change.tenant + number % 8)
        rng = _rng(gateway, place, number)
        after = plan.draw(dimension, rng, moment, moment + hours * HOUR_PANES, change_now)
        history = whole.part(moment - PAST_DAYS * DAY_PANES, moment).then(after)
        timeline = model.timeline(dimension, history, hours // 24 + 11)
        yield START + moment * PANE, fired(timeline, START + moment * PANE)


def found_after(fired: Fired, key: str, fixed: str | None = None) -> float | None:
    """Return the hours until the first alert on a key that rose, or of a fixed rule on it."""
    times = [
        alert.firing
        for alert in (fired.alerts if fixed is None else fired.fixed)
        if alert.key == key and alert.direction == "up" and fixed in {None, alert.rule.alert}
    ]
    return (min(times) - fired.first) / 3600 if times else None


def notices(
    fired: Fired, hours: float | None = None, *, is_simpler: bool = False
) -> list[Notification]:
    """Return the notifications that say that something fires, of the first hours or all."""
    end = fired.end if hours is None else fired.first + int(hours * 3600)
    sent = notifications(fired.simpler if is_simpler else fired.alerts, end)
    return [each for each in sent if each.reason != "resolved"]


def starts(fired: Fired, *, fixed: bool = False) -> Counter[str]:
    return Counter(alert.rule.alert for alert in (fired.fixed if fixed else fired.alerts))


def firing_part(fired: Fired, *, fixed: bool = False) -> float:
    """Return the part of time that a series fires, on average."""
    seconds = sum(
        (alert.resolved or fired.end) - alert.firing
        for alert in (fired.fixed if fixed else fired.alerts)
        if alert.firing is not None
    )
    return seconds / (fired.series * (fired.end - fired.first))
