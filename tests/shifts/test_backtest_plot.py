"""The plot of a backtest names each shaded bar: what fired, and whether it was notified."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from streams.shifts.backtest import plot

pytest.importorskip("matplotlib")

START, HOUR = 1_767_571_200, 3600


class Rule(NamedTuple):
    alert: str = "LLMShareShiftDay"


class Fired(NamedTuple):
    key: str
    at: int
    rule: Rule = Rule()
    dimension: str = "origin"
    direction: str = "up"

    @property
    def firing(self):
        return START + self.at * HOUR

    @property
    def resolved(self):
        return None


@pytest.fixture
def drawn(monkeypatch):
    """Return a function that draws alerts and gives the panel."""
    from matplotlib.figure import Figure

    def draw(notified, unnotified):
        hours = SimpleNamespace(tokens=np.ones((96, 2)), keys=("cn-open", "row-open"), start=START)
        alerts = sorted([*notified, *unnotified], key=lambda each: each.at)
        replay: Any = SimpleNamespace(
            timelines=(SimpleNamespace(hours=hours, dimension="origin"),),
            alerts=alerts,
            notified={each: each.at if each in notified else None for each in alerts},
            end=START + 96 * HOUR,
        )
        panels = []
        monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: panels.extend(self.axes))
        plot.draw(replay, Path("shares.png"))
        return panels[0]

    return draw


def test_alerts_that_were_not_notified_have_a_label_and_a_place_in_the_legend(drawn):
    near = [Fired(key, 30 + at) for at, key in enumerate(("row-open", "unknown", "row-open"))]
    panel = drawn([Fired("cn-open", 20)], [*near, Fired("unknown", 90)])

    assert [each.get_text() for each in panel.get_legend().get_texts()] == [
        "Chinese open",
        "Open, rest of world",
        "alert, notified",
        "alert, not notified",
    ]
    assert [each.get_text() for each in panel.texts] == [
        "ShareShiftDay Chinese open up",
        "3 not notified: Open, rest of world, Unknown",
        "not notified: ShareShiftDay Unknown up",
    ]
    assert [each.get_hatch() for each in panel.patches] == [None, *["////"] * 4]


def test_without_such_alerts_the_legend_has_no_place_for_them(drawn):
    notified = [each.get_text() for each in drawn([Fired("cn-open", 20)], []).get_legend().texts]
    nothing = [each.get_text() for each in drawn([], []).get_legend().texts]

    assert notified == ["Chinese open", "Open, rest of world", "alert, notified"]
    assert nothing == ["Chinese open", "Open, rest of world"]
