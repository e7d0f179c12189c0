"""Derive alerts from conditions as Prometheus does: pending, firing, resolved.

condition   ....XXXXXXXXXX.XXXX...........
alert           p====F======================R
                [for ]         [keep_firing_for]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streams.state.pane import MIDDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streams.shifts.alert_rules import Direction, Rule
    from streams.shifts.backtest.conditions import Watched
    from streams.shifts.series import Measure


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert from its condition to its end. Times in unix seconds.

    `firing` is None while it waits for `for`; `resolved` is None where the history ends before.
    `zscore` and `shift` are those of the moment at which it fires, or began to wait.
    """

    rule: Rule
    dimension: str
    key: str
    measure: Measure
    pending: int
    firing: int | None
    resolved: int | None
    zscore: float
    shift: float
    #: Labels beside those of every alert: what the key belongs to.
    belongs: tuple[tuple[str, str], ...] = ()

    @property
    def direction(self) -> Direction:
        """The direction of the shift."""
        return self.rule.direction or ("down" if self.shift < 0 else "up")

    @property
    def labels(self) -> dict[str, str]:
        """The labels used by routing and inhibition."""
        labels = {
            "alertname": self.rule.alert,
            "dimension": self.dimension,
            "key": self.key,
            "measure": self.measure,
        } | dict(self.belongs)
        return labels | ({"direction": self.rule.direction} if self.rule.direction else {})

    def is_firing(self, at: float) -> bool:
        """Return whether the alert fires at a time, its first firing moment included."""
        return (
            self.firing is not None
            and self.firing <= at
            and (self.resolved is None or self.resolved > at)
        )


def alerts(watched: Watched, every: int = MIDDLE.seconds) -> list[Alert]:
    """Return the alerts of a condition that is evaluated every `every` seconds.

    Alerts that never fired are left out, except those that are still pending at the end.
    """
    found = []
    for place, key in enumerate(watched.keys):
        for span in spans(watched.met[:, place], watched.rule, watched.measure, every):
            at = span.pending if span.firing is None else span.firing
            found.append(
                Alert(
                    watched.rule,
                    watched.dimension,
                    key,
                    watched.measure,
                    watched.first + span.pending * every,
                    None if span.firing is None else watched.first + span.firing * every,
                    None if span.resolved is None else watched.first + span.resolved * every,
                    float(watched.zscore[at, place]),
                    float(watched.shift[at, place]),
                    watched.belongs.get(key, ()),
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """An alert in evaluation numbers."""

    pending: int
    firing: int | None
    resolved: int | None


def spans(met: NDArray[np.bool_], rule: Rule, measure: Measure, every: int) -> Iterator[Span]:
    """Yield the alerts of one series: `met` is its condition at each evaluation, in order.

    As in Prometheus, an alert fires at the first evaluation that is `for` after the first of an
    unbroken run, and resolves at the first that is `keep_firing_for` after the condition ended.
    """
    wait = -(-rule.wait(measure) // every)
    keep = -(-rule.keep_firing_for_seconds // every)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], met.astype(np.int8), [0]])))
    runs = edges.reshape(-1, 2).tolist()
    alert: Span | None = None
    for begin, end in runs:
        if alert is not None and alert.resolved is not None:
            if alert.resolved >= begin:
                # The condition is back before the alert has resolved: it goes on.
                alert = Span(alert.pending, alert.firing, end + keep)
                continue
            yield alert
            alert = None
        if end - begin > wait:
            alert = Span(begin, begin + wait, end + keep)
        elif end == len(met):
            yield Span(begin, None, None)
    if alert is not None:
        is_over = alert.resolved is not None and alert.resolved < len(met)
        yield alert if is_over else Span(alert.pending, alert.firing, None)
