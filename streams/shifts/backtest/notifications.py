"""Derive notifications from alerts as Alertmanager does: one per group of dimensions at a time.

alerts fire    a   b            c
notifications  [wait]n1[ interval ]n2[ interval ] …
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.shifts.inhibitions import (
    GROUP_INTERVAL_SECONDS,
    GROUP_WAIT_SECONDS,
    GROUPED,
    REPEAT_INTERVAL_SECONDS,
    group_of,
    is_inhibited,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.shifts.backtest.alerts import Alert

#: The reason of a notification: an alert that was in none before, an alert that has fired for
#: four days, or the end of alerts.
Reason = Literal["firing", "repeat", "resolved"]


@dataclass(frozen=True, slots=True)
class Notification:
    """A message about a group at a time (unix seconds), with the alerts that fire then.

    `dimension` names the group. Models come first, then developers; of each, rising shares, then
    the largest z.
    """

    at: int
    dimension: str
    reason: Reason
    alerts: tuple[Alert, ...]


def notifications(alerts: Iterable[Alert], end: int) -> list[Notification]:
    """Return the notifications sent up to the time `end`, by time."""
    fired: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.firing is not None:
            fired.setdefault(group_of(alert.dimension), []).append(alert)
    found = [
        notice
        for dimension, group in fired.items()
        for notice in _of_group(dimension, sorted(group, key=_time), end)
    ]
    return sorted(found, key=lambda notice: (notice.at, notice.dimension))


def notified(alert: Alert, sent: Iterable[Notification]) -> int | None:
    """Return when an alert was first in a notification, None where it never was."""
    return next((notice.at for notice in sent if alert in notice.alerts), None)


def _rank(alert: Alert) -> tuple[int, bool, float]:
    place = GROUPED.index(alert.dimension) if alert.dimension in GROUPED else 0
    return place, alert.direction != "up", -abs(alert.zscore)


def _time(alert: Alert) -> int:
    assert alert.firing is not None
    return alert.firing


def _of_group(dimension: str, group: Sequence[Alert], end: int) -> list[Notification]:
    """Return the notifications of one group, whose alerts are sorted by when they fire.

    A group begins with its first alert and ends when none of its alerts fires any more; its last
    notification is remembered beyond that.
    """
    sent: list[Notification] = []
    last = _Content(frozenset(), frozenset(), 0)
    at = -1
    waiting = list(group)
    held: list[Alert] = []
    while waiting or held:
        if not held:
            at = max(at, _time(waiting[0]) + GROUP_WAIT_SECONDS)
        if at > end:
            break
        while waiting and _time(waiting[0]) <= at:
            held.append(waiting.pop(0))
        firing = [alert for alert in held if alert.is_firing(at)]
        sources = [alert.labels for alert in firing]
        shown = [alert for alert in held if not is_inhibited(alert.labels, sources)]
        now = _Content(
            frozenset(_name(alert) for alert in shown if alert in firing),
            frozenset(_name(alert) for alert in shown if alert not in firing),
            at,
        )
        reason = _reason(now, last)
        if reason is not None:
            ranked = sorted(
                (alert for alert in shown if alert in firing),
                key=_rank,
            )
            sent.append(Notification(at, dimension, reason, tuple(ranked)))
            last = now
        held = firing
        at += GROUP_INTERVAL_SECONDS
    return sent


class _Content(NamedTuple):
    """The content of a notification: firing and resolved alerts, by their labels."""

    firing: frozenset[tuple[tuple[str, str], ...]]
    resolved: frozenset[tuple[tuple[str, str], ...]]
    at: int


def _name(alert: Alert) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(alert.labels.items()))


def _reason(now: _Content, last: _Content) -> Reason | None:
    """Return the reason to notify now, None where there is none.

    Silenced alerts are in neither set: they stay as last reported.
    """
    if now.firing - last.firing:
        return "firing"
    if not now.firing:
        return "resolved" if now.resolved and last.firing else None
    if now.resolved - last.resolved:
        return "resolved"
    return "repeat" if now.at - last.at > REPEAT_INTERVAL_SECONDS else None
