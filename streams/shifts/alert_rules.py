"""Define when a shift of a share is an alert: thresholds, times and routes of the rules files.

Prometheus and Alertmanager read theirs from `deploy/`, where users change them. These are the same
values, for backtests without Prometheus. A test compares the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from streams.classify.keys import UNKNOWN
from streams.classify.language.tags import UNDETERMINED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Direction = Literal["up", "down"]
Window = Literal["1h", "24h", "7d"]
SHIFT_WINDOWS: tuple[Window, ...] = get_args(Window)

#: A shift above these multiples of max(usual spread, standard error) is unusual. There are several
#: times as many languages as origins, so the threshold for languages is higher.
DAY_ZSCORE = {"origin": 3.0, "language": 3.5}
HOUR_ZSCORE = 4.0
#: The z of a drift leaves jumps out, so it is lower.
DRIFT_ZSCORE = {"origin": 2.5, "language": 3.0}
#: A shift matters from this many points on …
DAY_SHIFT, HOUR_SHIFT, DRIFT_SHIFT = 0.01, 0.03, 0.02
#: … or, for a small key, where its share is this many times the expected one, or the inverse of it.
SMALL_SHIFT, FOLD = 0.005, 1.5
#: The fraction of an hour's shift that must remain without the tenant that adds most to it.
KEPT_WITHOUT_TOP_TENANT = 0.5
#: Below this many requests there is too little traffic to estimate shares.
EVIDENCE_REQUESTS = 20.0
DAY_EFFECTIVE_REQUESTS, HOUR_EFFECTIVE_REQUESTS = 100.0, 30.0
#: The usual spread needs three weeks of history before it is reliable.
MIN_HISTORY_DAYS = 21.0
UNCLASSIFIED_SHARE, UNCLASSIFIED_ZSCORE = 0.05, 4.0


class Rule(NamedTuple):
    """An alerting rule: what it evaluates, its `for` and its `keep_firing_for`, in seconds.

    `direction` is None where the alert has no such label. A rule on requests waits longer: the
    tokens usually show the same shift, and their alert silences it.
    """

    alert: str
    window: Window
    direction: Direction | None
    for_seconds: int
    requests_for_seconds: int
    keep_firing_for_seconds: int

    def wait(self, measure: str) -> int:
        """Return how long the rule waits on a measure, in seconds."""
        return self.requests_for_seconds if measure == "requests" else self.for_seconds


# An alert on the hour, and the one on unclassified traffic, keep firing until the day's statistics
# have seen the same shift, so that a shift is one notification and not three.
DAY_UP = Rule("LLMShareShiftDay", "24h", "up", 3600, 3 * 3600, 6 * 3600)
DAY_DOWN = DAY_UP._replace(direction="down")
HOUR_UP = Rule("LLMShareShiftHour", "1h", "up", 30 * 60, 150 * 60, 24 * 3600)
HOUR_DOWN = HOUR_UP._replace(direction="down")
UNCLASSIFIED = Rule("LLMShareUnclassified", "1h", None, 15 * 60, 15 * 60, 48 * 3600)
# A drift pauses for days and goes on: it is one alert until a week after its condition last held.
DRIFT_UP = Rule("LLMShareDrift", "7d", "up", 6 * 3600, 12 * 3600, 7 * 86400)
DRIFT_DOWN = DRIFT_UP._replace(direction="down")
RULES = (DAY_UP, DAY_DOWN, HOUR_UP, HOUR_DOWN, DRIFT_UP, DRIFT_DOWN, UNCLASSIFIED)

#: The only measure of the alert on unclassified traffic: a request is unknown, however long it is.
UNCLASSIFIED_MEASURE = "requests"
UNCLASSIFIED_KEYS = {"origin": UNKNOWN, "language": UNDETERMINED}

# How Alertmanager groups the alerts of a dimension into notifications.
GROUP_WAIT_SECONDS = 120
GROUP_INTERVAL_SECONDS = 30 * 60
REPEAT_INTERVAL_SECONDS = 96 * 3600


class Inhibition(NamedTuple):
    """Alerts that silence less specific ones: label regular expressions, and labels in common."""

    source: dict[str, str]
    target: dict[str, str]
    equal: tuple[str, ...]


#: Which alerts inhibit which. Shares add up to 1, so a share rises where others fall: alerts on
#: falling shares are silent while one on a rising share fires.
INHIBITIONS = (
    Inhibition(
        {"alertname": "LLMShareStale"},
        {"alertname": "LLMShareShift.*|LLMShareDrift|LLMShareUnclassified"},
        ("job", "gateway"),
    ),
    Inhibition(
        {"alertname": "LLMShareUnclassified"},
        {"alertname": "LLMShareShift.*|LLMShareDrift"},
        ("job", "gateway", "dimension"),
    ),
    Inhibition(
        {"alertname": "LLMShareShift.*", "direction": "up"},
        {"direction": "down"},
        ("job", "gateway", "dimension"),
    ),
    # A drift lasts for weeks, in which shifts of other keys are news.
    Inhibition(
        {"alertname": "LLMShareDrift", "direction": "up"},
        {"alertname": "LLMShareDrift", "direction": "down"},
        ("job", "gateway", "dimension"),
    ),
    Inhibition(
        {"alertname": "LLMShareShift.*"},
        {"alertname": "LLMShareDrift"},
        ("job", "gateway", "dimension", "key", "measure", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMShareShiftHour"},
        {"alertname": "LLMShareShiftDay"},
        ("job", "gateway", "dimension", "key", "measure", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMShareShift.*", "measure": "tokens"},
        {"alertname": "LLMShareShift.*", "measure": "requests"},
        ("job", "gateway", "dimension", "key", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMShareDrift", "measure": "tokens"},
        {"alertname": "LLMShareDrift", "measure": "requests"},
        ("job", "gateway", "dimension", "key", "direction"),
    ),
)


class Gauges(NamedTuple):
    """The gauges of keys in one window, as on /metrics: arrays or numbers that broadcast.

    NaN means that the series is absent, so no condition on it holds.
    """

    zscore: NDArray[np.float64]
    shift: NDArray[np.float64]
    share: NDArray[np.float64]
    baseline: NDArray[np.float64]
    without_top_tenant: NDArray[np.float64]
    evidence: NDArray[np.float64]
    effective: NDArray[np.float64]
    days: NDArray[np.float64]


def met(rule: Rule, dimension: str, gauges: Gauges) -> NDArray[np.bool_]:
    """Return where a rule's condition holds; `gauges` are those of the rule's window.

    Call it with `UNCLASSIFIED` for its own key and measure only.
    """
    if rule is UNCLASSIFIED:
        return (gauges.share >= UNCLASSIFIED_SHARE) & (gauges.zscore >= UNCLASSIFIED_ZSCORE)
    if rule.window == "1h":
        return _is_large(rule, gauges, HOUR_SHIFT, HOUR_EFFECTIVE_REQUESTS) & _is_broad(
            rule, gauges
        )
    zscores, shift = (DRIFT_ZSCORE, DRIFT_SHIFT) if rule.window == "7d" else (DAY_ZSCORE, DAY_SHIFT)
    far = _signed(rule, gauges.zscore) >= zscores.get(dimension, np.inf)
    return far & _is_large(rule, gauges, shift, DAY_EFFECTIVE_REQUESTS)


def is_inhibited(target: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> bool:
    """Return whether one of the firing alerts silences another, all given by their labels.

    As in Alertmanager, a label that both lack is equal, and an alert that matches both the source
    and the target of a rule is not silenced by another such alert.
    """
    for rule in INHIBITIONS:
        if not _matches(rule.target, target):
            continue
        is_source = _matches(rule.source, target)
        for source in firing:
            if (
                _matches(rule.source, source)
                and not (is_source and _matches(rule.target, source))
                and all(source.get(name) == target.get(name) for name in rule.equal)
            ):
                return True
    return False


def _matches(matchers: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(re.fullmatch(regex, labels.get(name, "")) for name, regex in matchers.items())


def zscore_threshold(window: Window, dimension: str, *, has_tenants: bool) -> float | None:
    """Return the z from which a window's shift is an alert; None for a window without alerts.

    Where requests name no tenant, one customer's batch looks like a shift of all traffic, so there
    is no alert on the hour.
    """
    if window != "1h":
        return (DRIFT_ZSCORE if window == "7d" else DAY_ZSCORE).get(dimension)
    return HOUR_ZSCORE if dimension in DAY_ZSCORE and has_tenants else None


def _signed(rule: Rule, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return -values if rule.direction == "down" else values


def _is_large(
    rule: Rule, gauges: Gauges, least_shift: float, least_effective: float
) -> NDArray[np.bool_]:
    shift = _signed(rule, gauges.shift)
    high, low = gauges.share, gauges.baseline
    if rule.direction == "down":
        high, low = low, high
    return (
        ((shift >= least_shift) | ((shift >= SMALL_SHIFT) & (high >= FOLD * low)))
        & (gauges.evidence >= EVIDENCE_REQUESTS)
        & (gauges.effective >= least_effective)
        & (gauges.days >= MIN_HISTORY_DAYS)
    )


def _is_broad(rule: Rule, gauges: Gauges) -> NDArray[np.bool_]:
    """Return whether many tenants make a shift; always false where requests name no tenant."""
    left, shift = (_signed(rule, values) for values in (gauges.without_top_tenant, gauges.shift))
    return (_signed(rule, gauges.zscore) >= HOUR_ZSCORE) & (left >= KEPT_WITHOUT_TOP_TENANT * shift)
