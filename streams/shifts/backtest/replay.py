"""Replay a whole history: its alerts, its notifications and their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.shifts.alert_rules import measures_of
from streams.shifts.backtest.alerts import alerts
from streams.shifts.backtest.conditions import watch
from streams.shifts.backtest.model_timelines import model_timelines
from streams.shifts.backtest.notifications import notifications, notified
from streams.shifts.backtest.timeline import timelines
from streams.state.pane import MIDDLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.shifts.backtest.alerts import Alert
    from streams.shifts.backtest.history_file import Cells
    from streams.shifts.backtest.notifications import Notification
    from streams.shifts.backtest.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Replay:
    """The alerts on a history, in the order in which they fired.

    `watched_from` and `end` in unix seconds: the time in which alerts could fire. `series` is the
    number of keys, each in its measures.
    """

    timelines: tuple[Timeline, ...]
    alerts: tuple[Alert, ...]
    notices: tuple[Notification, ...]
    notified: Mapping[Alert, int | None]
    watched_from: int
    end: int
    series: int

    @property
    def weeks(self) -> float:
        """Weeks in which alerts could fire."""
        return max(0.0, (self.end - self.watched_from) / (7 * 86400))

    @property
    def fired(self) -> int:
        """Alerts that fired; the others are still pending at the end."""
        return sum(alert.firing is not None for alert in self.alerts)

    @property
    def notifications(self) -> int:
        """Notifications of firing alerts; those that all is resolved do not count."""
        return sum(notice.reason != "resolved" for notice in self.notices)


def replay(cells: Cells, catalog: Catalog | None = None, by_model: Cells | None = None) -> Replay:
    """Return the alerts and notifications of a history.

    With a catalogue, there are those of developers and models, from the cells that name their model
    or, where these are other cells, from `by_model`.
    """
    found = timelines(cells)
    named = cells if by_model is None else by_model
    if catalog is not None and named.models:
        found = (*found, *model_timelines(named, catalog))
    watched = [each for timeline in found for each in watch(timeline)]
    raised = sorted(
        (alert for each in watched for alert in alerts(each)),
        key=lambda each: (each.firing or each.pending, each.dimension, each.key, each.measure),
    )
    end = (int(cells.pane.max()) + 1) * MIDDLE.seconds
    notices = tuple(notifications(raised, end))
    return Replay(
        found,
        tuple(raised),
        notices,
        {alert: notified(alert, notices) for alert in raised},
        min((each.first for each in watched), default=end),
        end,
        sum(
            len(each.panes.keys)
            for each in found
            for measure in measures_of(each.dimension)
            if each.panes.has(measure)
        ),
    )
