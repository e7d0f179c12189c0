"""What moved a drift of a worker's own shares: it adds up to what is shown."""

from __future__ import annotations

import numpy as np
import pytest
from test_live import CATALOG, HERE, KEYS, NOW, amounts, put

from streams.shares.history import History
from streams.shifts import movers
from streams.shifts.baseline import NEEDED_HOURS
from streams.shifts.live import LiveShifts, shifted
from streams.state.pane import DAY, HOUR, pane_start
from streams.state.view import View


@pytest.fixture(scope="module")
def view():
    """Chinese open models go from 20 to 32 % in the last 24 days."""
    # The noise is this test's own, whichever tests have drawn of it before.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("test_live.RANDOM", np.random.default_rng(20261125))
        return drifted()


def drifted() -> View:
    made = View()
    for hour in range(NEEDED_HOURS, 0, -1):
        put(made, HOUR, HERE - hour * 3600, amounts(0.2 + 0.005 * max(0, 24 - hour / 24)))
    for day in range(1, 60):
        put(made, DAY, pane_start(DAY, HERE) - day * 86400, amounts(0.2))
    put(made, HOUR, HERE, amounts(0.32))
    return made


@pytest.mark.parametrize(
    ("dimension", "key", "sign"),
    [("origin", "cn-open", 1), ("origin", "row-proprietary", -1), ("language", "zh-Hans", 1)],
)
def test_movers_of_a_drift_add_up_to_it(view, dimension, key, sign):
    history = History(view, CATALOG)
    live = LiveShifts(view, history)
    (table,) = (
        each
        for each in live.shifts(live.panes(NOW), KEYS, NOW)
        if (each.dimension, each.measure, each.window) == (dimension, "tokens", "7d")
    )
    (statistics,) = (each for each in table.keys if each.key == key)
    shown = frozenset(each.key for each in table.keys)
    asked = movers.Shift(dimension, key, "tokens", "7d", NOW, statistics, shown)
    found = movers.moved(history, movers.panes(view, history, asked), asked)

    assert sign * statistics.shift > 0.02
    assert key in shifted(table)
    assert HERE - 28 * 86400 < statistics.since < HERE - 14 * 86400
    assert (found.models is None) == (dimension == "language")
    for split in (found.joint, found.models):
        if split is not None:
            assert split.shift == pytest.approx(statistics.shift, abs=1e-9)
            assert sum(each.contribution for each in split.movers) + split.rest == split.shift
    assert found.tenants is None
