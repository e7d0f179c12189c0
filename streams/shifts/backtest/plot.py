"""Plot the shares of a history and the alerts on them."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.shifts.baseline import HOURS_A_DAY
from streams.shifts.series import ratio

if TYPE_CHECKING:
    from pathlib import Path

    from streams.shifts.backtest.replay import Replay
    from streams.shifts.backtest.timeline import Timeline

#: More lines cannot be distinguished; keys with alerts come first.
_LINES = 8
#: The length of an alert's label on the plot, and its height, as a fraction of the panel; labels of
#: alerts within so many seconds are put one below the other.
_LABEL, _HEIGHT, _NEAR = 40, 0.45, 36 * 3600


def is_there() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(replay: Replay, path: Path) -> None:
    """Write a PNG: one panel per dimension with the day's shares of tokens, alerts shaded.

    Alerts that were notified have a label. A dimension of one key is left out where others are
    shown: its share never moves.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    moving = [each for each in replay.timelines if len(each.hours.keys) > 1]
    shown = moving or replay.timelines
    figure = Figure(figsize=(14, 4.5 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for panel, timeline in zip(panels, shown, strict=True):
        _draw_shares(panel, timeline, replay)
    figure.savefig(path, format="png", dpi=110)


def _draw_shares(panel: Any, timeline: Timeline, replay: Replay) -> None:
    hours = timeline.hours.tokens
    whole = np.concatenate([np.zeros((HOURS_A_DAY - 1, hours.shape[1])), hours])
    days = np.lib.stride_tricks.sliding_window_view(whole, HOURS_A_DAY, axis=0).sum(axis=-1)
    shares = ratio(days, days.sum(axis=-1, keepdims=True)) * 100
    times = [_time(timeline.hours.start + 3600 * (hour + 1)) for hour in range(len(hours))]
    fired = [
        alert
        for alert in replay.alerts
        if alert.firing is not None and alert.dimension == timeline.dimension
    ]
    named = {alert.key for alert in fired}
    weights = hours.sum(axis=0)
    order = sorted(
        range(len(timeline.hours.keys)),
        key=lambda key: (timeline.hours.keys[key] not in named, -weights[key]),
    )
    colours: dict[str, str] = {}
    for place in order[:_LINES]:
        key = timeline.hours.keys[place]
        (line,) = panel.plot(times, shares[:, place], label=key, linewidth=1.2)
        colours[key] = line.get_color()
    labelled: list[int] = []
    for alert in fired:
        assert alert.firing is not None
        end = replay.end if alert.resolved is None else alert.resolved
        colour = colours.get(alert.key, "grey")
        panel.axvspan(_time(alert.firing), _time(end), alpha=0.12, color=colour, linewidth=0)
        if replay.notified[alert] is None:
            continue
        panel.text(
            _time(alert.firing),
            0.99 - _HEIGHT * (sum(alert.firing - at < _NEAR for at in labelled) % 2),
            f"{alert.rule.alert.removeprefix('LLM')} {alert.key} {alert.direction}"[:_LABEL],
            transform=panel.get_xaxis_transform(),
            rotation=90,
            va="top",
            ha="right",
            fontsize=6,
            color=colour,
        )
        labelled.append(alert.firing)
    panel.set_title(f"share of tokens by {timeline.dimension}, 24 h; shaded: an alert fires")
    panel.set_ylabel("%")
    panel.set_ylim(bottom=0)
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
