"""Share less baseline is the shift, at each scrape and in each answer, while traffic goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_live_models import CATALOG, KEYS, NOW, SINCE, put, view  # noqa: F401 - a fixture
from test_metrics import scrape

from streams.shares.history import History
from streams.shares.windows import Windows
from streams.shifts.live import LiveShifts
from streams.state.pane import FINE, MIDDLE, pane_start
from streams.web import responses
from streams.web.snapshot import take


@pytest.fixture(scope="module")
def picture(view):  # noqa: F811 - likewise
    """A snapshot that is newer than the shifts that it holds: another model has come since."""
    history = History(view, CATALOG)
    windows = Windows(view, history.cache)

    def taken():
        windows.advance(NOW)
        return take(windows, (), CATALOG, NOW, (), (), None)

    live = LiveShifts(view, history)
    found = live.shifts(live.panes(NOW), KEYS, NOW, taken().models)
    before = taken()
    for level in (FINE, MIDDLE):
        put(view, level, pane_start(level, NOW), {**SINCE, "deepseek-chat": 90_000}, 1.0)
    after = taken()
    assert after.windows["1h"].dimensions["origin"] != before.windows["1h"].dimensions["origin"]
    return replace(after, shifts=found, shifts_as_of=NOW)


def test_of_each_series_at_one_scrape(picture):
    samples = scrape(picture)
    shares, baselines = samples["llm_share_ratio"], samples["llm_share_baseline_ratio"]
    shifts = samples["llm_share_shift_ratio"]
    seen = {(dict(key)["dimension"], dict(key)["window"]) for key in shifts}

    assert seen >= {("origin", "1h"), ("language", "24h"), ("developer", "24h"), ("model", "24h")}
    assert len(shifts) > 20
    for key, shift in shifts.items():
        assert shares[key] - baselines[key] == pytest.approx(shift, abs=1e-12), key


def test_of_each_row_of_the_api(picture):
    rows = [each for each in responses.shifts(picture)["shifts"] if each["shift"] is not None]

    assert len(rows) > 20
    for each in rows:
        assert each["share"] - each["baseline"] == pytest.approx(each["shift"], abs=1e-12)


def test_the_api_and_metrics_state_the_same(picture):
    shares = scrape(picture)["llm_share_ratio"]
    names = ("dimension", "key", "measure", "window")

    for each in responses.shifts(picture)["shifts"]:
        if each["share"] is not None:
            key = tuple(sorted((name, each[name]) for name in names))
            assert shares[key] == pytest.approx(each["share"], abs=1e-12)
