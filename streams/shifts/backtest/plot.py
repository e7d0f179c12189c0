"""Plot the shares of a history and the alerts on them."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.classify.keys import name_of
from streams.shifts.baseline import HOURS_A_DAY
from streams.shifts.series import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streams.shifts.backtest.alerts import Alert
    from streams.shifts.backtest.replay import Replay
    from streams.shifts.backtest.timeline import Timeline
    from streams.shifts.notes import Note

#: More lines cannot be distinguished; keys with alerts come first.
_LINES = 8
#: One colour, one meaning: those of the page and of the report.
ORIGIN_COLOURS = {
    "cn-open": "#bd4530",
    "cn-proprietary": "#dc9383",
    "row-open": "#2f68ad",
    "row-proprietary": "#94b6dd",
    "unknown": "#8f8b84",
}
#: Characters of a note that fit beside its mark; a longer one is shortened.
_NOTE_CHARACTERS = 48
#: The length of an alert's label on the plot, and its height, as a fraction of the panel; labels of
#: alerts within so many seconds are put one below the other.
_LABEL, _HEIGHT, _NEAR = 48, 0.45, 36 * 3600


def is_there() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(replay: Replay, path: Path, notes: Sequence[Note] = ()) -> None:
    """Write a PNG: one panel per dimension with the day's shares of tokens, alerts shaded.

    Alerts have a label; those that were not notified are hatched, and share one where they are
    near. A dimension of one key is left out where others are
    shown: its share never moves. Notes of the time that is drawn are marked by a line, and a period
    from its start to its end.
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
        _draw_notes(panel, timeline, replay, notes)
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
        style = {"color": ORIGIN_COLOURS[key]} if key in ORIGIN_COLOURS else {}
        label = name_of(timeline.dimension, key)
        (line,) = panel.plot(times, shares[:, place], label=label, linewidth=1.2, **style)
        colours[key] = line.get_color()
    _draw_alerts(panel, fired, replay, colours)
    panel.set_title(f"share of tokens by {timeline.dimension}, 24 h")
    panel.set_ylabel("%")
    panel.set_ylim(bottom=0)
    legend = panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
    for text in legend.get_texts():
        # The name of a model may hold what is a formula elsewhere.
        text.set_parse_math(False)


def _draw_alerts(
    panel: Any, fired: Sequence[Alert], replay: Replay, colours: Mapping[str, str]
) -> None:
    """Shade the time of each alert, hatched where it was not notified; the legend says so."""
    shown: set[str] = set()
    for alert in fired:
        assert alert.firing is not None
        end = replay.end if alert.resolved is None else alert.resolved
        is_notified = replay.notified[alert] is not None
        called = "alert, notified" if is_notified else "alert, not notified"
        panel.axvspan(
            _time(alert.firing),
            _time(end),
            facecolor=(colours.get(alert.key, "grey"), 0.12),
            edgecolor=(colours.get(alert.key, "grey"), 0.0 if is_notified else 0.35),
            hatch=None if is_notified else "////",
            linewidth=0,
            # Once in the legend.
            label="" if called in shown else called,
        )
        shown.add(called)
    labelled: list[int] = []
    for group in _groups(fired, replay):
        first = group[0]
        assert first.firing is not None
        is_notified = replay.notified[first] is not None
        panel.text(
            _time(first.firing),
            0.99 - _HEIGHT * (sum(first.firing - at < _NEAR for at in labelled) % 2),
            _shortened(_called(first) if is_notified else _unnotified(group), _LABEL),
            transform=panel.get_xaxis_transform(),
            rotation=90,
            va="top",
            ha="right",
            fontsize=6,
            style="normal" if is_notified else "italic",
            color=colours.get(first.key, "grey"),
            parse_math=False,
        )
        labelled.append(first.firing)


def _groups(fired: Sequence[Alert], replay: Replay) -> list[list[Alert]]:
    """Return the alerts that share a label: those that were not notified, where they are near."""
    found: list[list[Alert]] = []
    unnotified: list[Alert] = []
    for alert in fired:
        assert alert.firing is not None
        if replay.notified[alert] is not None:
            found.append([alert])
        elif unnotified and alert.firing - (unnotified[0].firing or 0) < _NEAR:
            unnotified.append(alert)
        else:
            unnotified = [alert]
            found.append(unnotified)
    return found


def _called(alert: Alert) -> str:
    key = name_of(alert.dimension, alert.key)
    return f"{alert.rule.alert.removeprefix('LLM')} {key} {alert.direction}"


def _unnotified(group: Sequence[Alert]) -> str:
    names = dict.fromkeys(name_of(each.dimension, each.key) for each in group)
    if len(group) == 1:
        return f"not notified: {_called(group[0])}"
    return f"{len(group)} not notified: {', '.join(names)}"


def _draw_notes(panel: Any, timeline: Timeline, replay: Replay, notes: Sequence[Note]) -> None:
    begin = timeline.hours.start
    for note in notes:
        end = note.start if note.end is None else note.end
        if end < begin or note.start > replay.end:
            continue
        first, last = max(note.start, begin), min(end, replay.end)
        if last > first:
            panel.axvspan(_time(first), _time(last), ymax=0.02, color="dimgrey", linewidth=0)
        panel.axvline(_time(first), color="black", linestyle=":", linewidth=1)
        panel.text(
            _time(first),
            0.03,
            _shortened(note.text),
            transform=panel.get_xaxis_transform(),
            rotation=90,
            horizontalalignment="right",
            verticalalignment="bottom",
            fontsize="x-small",
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
            # A text may hold what is a formula elsewhere.
            parse_math=False,
        )


def _shortened(text: str, characters: int = _NOTE_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
