"""Define when a shift of a share is an alert: thresholds, times and routes of the rules files.

Prometheus and Alertmanager read theirs from `deploy/`, where users change them. These are the same
values, for backtests without Prometheus. A test compares the two. Which alerts mute which is in
inhibitions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from streams.classify.keys import UNKNOWN
from streams.classify.language.tags import UNDETERMINED
from streams.shifts.series import SHIFT_MEASURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.shifts.series import Measure

Direction = Literal["up", "down"]
Window = Literal["1h", "24h", "7d"]
SHIFT_WINDOWS: tuple[Window, ...] = get_args(Window)

#: A shift above these multiples of max(usual spread, standard error) is unusual. There are several
#: times as many languages as origins, so the threshold for languages is higher.
DAY_ZSCORE = {"origin": 3.0, "language": 3.5}
#: A rise of tokens that is smaller than that is an alert where z has been above this for as long as
#: the condition looks back. A fall is not: it is mostly what the rise of another share leaves.
LASTING_ZSCORE, LASTING_DIMENSION = 2.5, "origin"
LASTING_SECONDS = 5 * 3600
HOUR_ZSCORE = 4.0
#: The z of a drift leaves jumps out, so it is lower; of a fall it is higher, for the same reason.
DRIFT_ZSCORE = {"origin": 1.5, "language": 3.0}
DRIFT_DOWN_ZSCORE = {"origin": 3.0, "language": 3.0}
#: Developers are many, like languages, and more are launched and withdrawn.
DEVELOPER_ZSCORE, DEVELOPER_SHIFT = 3.5, 0.02
#: Requests and cost are silent where tokens are this far from usual in the same direction (up,
#: down): the alert on tokens says it.
TOKENS_ZSCORE: dict[Window, tuple[float, float]] = {
    "1h": (4.0, 4.0),
    "24h": (2.5, 3.0),
    "7d": (1.5, 2.5),
}
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
#: A model or developer is new from this share on, if it had at most this fraction of it on each of
#: the 28 days before.
NEW_SHARE, NEW_FRACTION = 0.03, 0.2
#: It is gone if it has lost at least so much, and half of what it had: so much is lost of a window
#: of 24 hours twelve hours after a withdrawal.
GONE_SHIFT, GONE_FRACTION = 0.03, 0.5
#: A model has doubled if it has won at least so much.
DOUBLED_SHIFT, DOUBLED = 0.03, 2.0
#: An event is at least so many standard errors of the share.
EVENT_ERRORS = 3.0
#: The dimensions in which keys come and go.
EVENT_DIMENSIONS = ("model", "developer")


class Rule(NamedTuple):
    """An alerting rule: what it evaluates, its `for` and its `keep_firing_for`, in seconds.

    `direction` is None where the alert has no such label. A rule on requests or cost waits longer:
    the tokens usually show the same shift, and their alert silences it.
    """

    alert: str
    window: Window
    direction: Direction | None
    for_seconds: int
    others_for_seconds: int
    keep_firing_for_seconds: int

    def wait(self, measure: str) -> int:
        """Return how long the rule waits on a measure, in seconds."""
        return self.for_seconds if measure == "tokens" else self.others_for_seconds


# An alert on the hour, and the one on unclassified traffic, keep firing until the day's statistics
# have seen the same shift, and one on the day until its days have become the baseline, so that a
# shift is one notification and not three. A fall waits longer: the share that rises, and mutes it,
# names the cause. It ends earlier, so that it does not outlive that alert and notify then.
DAY_UP = Rule("LLMShareShiftDay", "24h", "up", 3600, 6 * 3600, 36 * 3600)
DAY_DOWN = Rule("LLMShareShiftDay", "24h", "down", 9 * 3600, 12 * 3600, 24 * 3600)
HOUR_UP = Rule("LLMShareShiftHour", "1h", "up", 30 * 60, 150 * 60, 24 * 3600)
HOUR_DOWN = HOUR_UP._replace(direction="down", for_seconds=2 * 3600, others_for_seconds=4 * 3600)
UNCLASSIFIED = Rule("LLMShareUnclassified", "1h", None, 15 * 60, 15 * 60, 48 * 3600)
# A drift pauses for days and goes on: it is one alert until a week after its condition last held.
DRIFT_UP = Rule("LLMShareDrift", "7d", "up", 6 * 3600, 12 * 3600, 7 * 86400)
DRIFT_DOWN = DRIFT_UP._replace(direction="down")
# What comes or goes is one alert until its days have become the baseline. What it mutes ends first.
# A developer waits for its model, whose alert names the cause and mutes it.
DEVELOPER_UP = Rule("LLMShareShiftDeveloper", "24h", "up", 4 * 3600, 4 * 3600, 24 * 3600)
DEVELOPER_DOWN = DEVELOPER_UP._replace(direction="down")
MODEL_NEW = Rule("LLMModelNew", "24h", "up", 1800, 1800, 48 * 3600)
MODEL_GONE = Rule("LLMModelGone", "24h", "down", 1800, 1800, 48 * 3600)
MODEL_DOUBLED = Rule("LLMModelDoubled", "24h", "up", 1800, 1800, 24 * 3600)
RULES = (
    *(DAY_UP, DAY_DOWN, HOUR_UP, HOUR_DOWN, DRIFT_UP, DRIFT_DOWN, UNCLASSIFIED),
    *(DEVELOPER_UP, DEVELOPER_DOWN, MODEL_NEW, MODEL_GONE, MODEL_DOUBLED),
)
#: The rules of a dimension, where it has not all of those of origins and languages.
_RULES_OF = {
    "developer": (DEVELOPER_UP, DEVELOPER_DOWN, MODEL_NEW, MODEL_GONE),
    "model": (MODEL_NEW, MODEL_GONE, MODEL_DOUBLED),
}
#: Developers and models are watched by the day and by tokens only: they are many.
_OF_MANY: tuple[Window, ...] = ("24h",)

#: Cost is looked at by origin only, and not by the hour: tenants are counted by tokens.
COST_DIMENSION = "origin"

#: The only measure of the alert on unclassified traffic: a request is unknown, however long it is.
UNCLASSIFIED_MEASURE = "requests"
UNCLASSIFIED_KEYS = {"origin": UNKNOWN, "language": UNDETERMINED}

_OF_EVENTS = frozenset(rule for rules in _RULES_OF.values() for rule in rules)
_ABSENT = np.array(np.nan)


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
    error: NDArray[np.float64] = _ABSENT
    peak: NDArray[np.float64] = _ABSENT
    #: z of tokens, where these are the gauges of another measure.
    tokens_zscore: NDArray[np.float64] = _ABSENT
    #: The least z of the last hours up to now (`LASTING_SECONDS`), of tokens by origin and day.
    lasting_zscore: NDArray[np.float64] = _ABSENT


def rules_of(dimension: str) -> tuple[Rule, ...]:
    """Return the rules on a dimension."""
    shared = tuple(rule for rule in RULES if rule not in _OF_EVENTS)
    return _RULES_OF.get(dimension, shared)


def windows_of(dimension: str) -> tuple[Window, ...]:
    """Return the windows in which the shifts of a dimension are computed."""
    return _OF_MANY if dimension in EVENT_DIMENSIONS else SHIFT_WINDOWS


def measures_of(dimension: str) -> tuple[Measure, ...]:
    """Return the measures in which the shifts of a dimension are computed."""
    if dimension in EVENT_DIMENSIONS:
        return ("tokens",)
    return tuple(each for each in SHIFT_MEASURES if each != "cost" or dimension == COST_DIMENSION)


def met(rule: Rule, dimension: str, gauges: Gauges) -> NDArray[np.bool_]:
    """Return where a rule's condition holds; `gauges` are those of the rule's window.

    Call it with `UNCLASSIFIED` for its own key and measure only.
    """
    if rule in _OF_EVENTS:
        if rule not in _RULES_OF.get(dimension, ()):
            return np.zeros(np.shape(gauges.shift), dtype=bool)
        return _is_event(rule, gauges)
    if rule is UNCLASSIFIED:
        return (gauges.share >= UNCLASSIFIED_SHARE) & (gauges.zscore >= UNCLASSIFIED_ZSCORE)
    silent_from = TOKENS_ZSCORE[rule.window][rule.direction == "down"]
    alone = ~(_signed(rule, gauges.tokens_zscore) >= silent_from)
    if rule.window == "1h":
        return (
            alone
            & _is_large(rule, gauges, HOUR_SHIFT, HOUR_EFFECTIVE_REQUESTS)
            & _is_broad(rule, gauges)
        )
    least_shift = DRIFT_SHIFT if rule.window == "7d" else DAY_SHIFT
    far = _signed(rule, gauges.zscore) >= _zscores(rule).get(dimension, np.inf)
    if rule is DAY_UP and dimension == LASTING_DIMENSION:
        far = far | (gauges.lasting_zscore >= LASTING_ZSCORE)
    return alone & far & _is_large(rule, gauges, least_shift, DAY_EFFECTIVE_REQUESTS)


def zscore_threshold(window: Window, dimension: str, *, has_tenants: bool) -> float | None:
    """Return the z from which a rise of a window is an alert; None for a window without alerts.

    Where requests name no tenant, one customer's batch looks like a shift of all traffic, so there
    is no alert on the hour.
    """
    if dimension in EVENT_DIMENSIONS:
        return DEVELOPER_ZSCORE if (dimension, window) == ("developer", "24h") else None
    if window != "1h":
        return (DRIFT_ZSCORE if window == "7d" else DAY_ZSCORE).get(dimension)
    return HOUR_ZSCORE if dimension in DAY_ZSCORE and has_tenants else None


def _zscores(rule: Rule) -> dict[str, float]:
    """Return the thresholds of a day or a drift by dimension."""
    if rule.window != "7d":
        return DAY_ZSCORE
    return DRIFT_DOWN_ZSCORE if rule.direction == "down" else DRIFT_ZSCORE


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


def _is_event(rule: Rule, gauges: Gauges) -> NDArray[np.bool_]:
    """Return where a developer has shifted, or where a developer or model has come or gone."""
    share, before, shift = gauges.share, gauges.baseline, _signed(rule, gauges.shift)
    if rule in {DEVELOPER_UP, DEVELOPER_DOWN}:
        far = _signed(rule, gauges.zscore) >= DEVELOPER_ZSCORE
        holds = far & (shift >= DEVELOPER_SHIFT)
    elif rule is MODEL_NEW:
        holds = (share >= NEW_SHARE) & (gauges.peak <= NEW_FRACTION * share)
    elif rule is MODEL_GONE:
        holds = (shift >= GONE_SHIFT) & (share <= GONE_FRACTION * before)
    else:
        holds = (shift >= DOUBLED_SHIFT) & (share >= DOUBLED * before)
    return (
        holds
        & (shift >= EVENT_ERRORS * gauges.error)
        & (gauges.evidence >= EVIDENCE_REQUESTS)
        & (gauges.effective >= DAY_EFFECTIVE_REQUESTS)
        & (gauges.days >= MIN_HISTORY_DAYS)
    )
