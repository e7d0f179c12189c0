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


def is_there() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(replay: Replay, path: Path) -> None:
    """Write a PNG: one panel per dimension with the day's shares of tokens, alerts shaded."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 4 * len(replay.timelines)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(replay.timelines), 1, sharex=True, squeeze=False)[:, 0]
    for panel, timeline in zip(panels, replay.timelines, strict=True):
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
    for alert in fired:
        assert alert.firing is not None
        end = replay.end if alert.resolved is None else alert.resolved
        colour = colours.get(alert.key, "grey")
        panel.axvspan(_time(alert.firing), _time(end), alpha=0.12, color=colour, linewidth=0)
    panel.set_title(f"share of tokens by {timeline.dimension}, 24 h; shaded: an alert fires")
    panel.set_ylabel("%")
    panel.set_ylim(bottom=0)
    panel.legend(loc="upper left", fontsize="small", ncols=4)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
