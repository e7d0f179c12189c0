"""Shifts of a view's models and developers: what is new, what is gone, what moved a developer."""

from __future__ import annotations

import pytest

from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import ORIGINS
from streams.shares.history import History
from streams.shares.windows import Windows
from streams.shifts import movers
from streams.shifts.baseline import NEEDED_HOURS
from streams.shifts.live import LiveShifts, shifted
from streams.shifts.models import MAX_SHOWN, MIN_PART, WindowModels, larger
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.pane import DAY, FINE, HOUR, MIDDLE, Pane, pane_start
from streams.state.view import View
from streams.web.snapshot import Snapshot, find_shift, take

NOW = 1_763_985_600.0 + 1_234.0
CATALOG = Catalog.load()
ORIGIN = {"deepseek-chat": "cn-open", "qwen3-max": "cn-proprietary", "gpt-4o": "row-proprietary"}
KEYS = {
    "origin": ORIGINS,
    "language": ("en", "other"),
    "developer": ("Alibaba", "DeepSeek", "OpenAI", "other"),
}
#: Tokens of an hour.
BEFORE = {"deepseek-chat": 30_000, "gpt-4o": 90_000}
SINCE = {"qwen3-max": 24_000, "gpt-4o": 96_000}


def put(view, level, start, tokens, part=1.0):
    cells, models = {}, {}
    for model, amount in tokens.items():
        # Rows that differ a little, so that a share has a usual spread.
        whole = int(amount * part * (1 + 0.01 * (start // 3600 % 5))) // 100 * 100
        models[model] = [whole // 100, whole, 0, whole * 100]
        cells[f"{ORIGIN[model]}/en"] = models[model]
    pane = Pane(cells=cells, models=models, stamp=1)
    view.apply(pane_key(0, PaneKey(level, int(start))), encode_pane(pane, 1))


@pytest.fixture(scope="module")
def view():
    """A month of two models; a day ago one of them was withdrawn and another one launched."""
    made = View()
    moment = NOW - 86400
    for hour in range(NEEDED_HOURS + 1):
        start = pane_start(HOUR, NOW) - hour * 3600
        put(made, HOUR, start, SINCE if start >= moment else BEFORE)
    for day in range(60):
        start = pane_start(DAY, NOW) - day * 86400
        put(made, DAY, start, SINCE if start >= moment else BEFORE, 24.0)
    for pane in range(290):
        start = pane_start(MIDDLE, NOW) - pane * 300
        put(made, MIDDLE, start, SINCE if start >= moment else BEFORE, 1 / 12)
    put(made, FINE, pane_start(FINE, NOW), SINCE, 1 / 360)
    return made


@pytest.fixture(scope="module")
def snapshot(view):
    history = History(view, CATALOG)
    windows = Windows(view, history.cache)
    assert windows.advance(NOW)
    return take(windows, (), CATALOG, NOW, (), (), None)


@pytest.fixture(scope="module")
def found(view, snapshot):
    live = LiveShifts(view, History(view, CATALOG))
    return live.shifts(live.panes(NOW), KEYS, NOW, snapshot.models)


def table(found, dimension):
    tables = [each for each in found if each.dimension == dimension]
    assert [(each.measure, each.window) for each in tables] == [("tokens", "24h")]
    return tables[0]


def test_models_that_came_and_went_have_shifted_and_one_that_stayed_has_not(found):
    models = {each.key: each for each in table(found, "model").keys}

    assert models.keys() == {"deepseek-chat", "gpt-4o", "qwen3-max"}
    new, gone = models["qwen3-max"], models["deepseek-chat"]
    assert (new.baseline, new.peak) == (0.0, 0.0)
    assert new.share == pytest.approx(0.2, abs=0.005)
    assert gone.share == pytest.approx(0.0, abs=0.005)
    assert gone.baseline == pytest.approx(0.25, abs=0.005)
    assert (new.origin, new.developer) == ("cn-proprietary", "Alibaba")
    assert shifted(table(found, "model")) == {"deepseek-chat", "qwen3-max"}


def test_developers_have_a_baseline_of_hours_a_peak_of_days_and_an_origin(found):
    developers = {each.key: each for each in table(found, "developer").keys}

    assert developers["Alibaba"].zscore > 3.5
    assert developers["Alibaba"].peak == 0.0
    assert developers["DeepSeek"].peak == pytest.approx(0.25, abs=0.005)
    assert {key: each.origin for key, each in developers.items()} == {
        "Alibaba": "cn-proprietary",
        "DeepSeek": "cn-open",
        "OpenAI": "row-proprietary",
        "other": "",
    }
    assert shifted(table(found, "developer")) >= {"Alibaba", "DeepSeek"}


def test_the_models_of_a_developer_add_up_to_its_shift(view, found):
    history = History(view, CATALOG)
    taken = Snapshot(NOW, NOW, shifts=found, shifts_as_of=NOW)
    shift = find_shift(taken, "developer", "Alibaba", "tokens", "24h")
    moved = movers.moved(history, movers.panes(view, history, shift), shift)

    assert [each.name for each in moved.models.movers] == ["qwen3-max"]
    assert moved.shift == pytest.approx(shift.statistics.shift)
    assert (moved.joint, moved.tenants) == (None, None)
    model = find_shift(taken, "model", "qwen3-max", "tokens", "24h")
    assert movers.moved(history, movers.panes(view, history, model), model) == (None, None, None)


def test_of_very_many_models_few_are_looked_at_and_fewer_are_shown(view):
    counts = {f"m{number}": [1, 0, 10 if number else 10**6, 0] for number in range(5000)}
    assert len(larger(counts)) == 1
    assert larger(counts)["m0"] == (1, 10**6)
    most = {f"m{number}": [1, 10, 0, 0] for number in range(int(0.5 / MIN_PART))}
    live = LiveShifts(view, History(view, CATALOG))
    snapshot_models = larger(most)
    assert len(snapshot_models) == len(most)
    # Each has 0.2 %: enough to be looked at, too little to be shown.
    window = WindowModels(500.0, 5000.0, snapshot_models)
    found = live.shifts(live.panes(NOW), KEYS, NOW, window)
    assert len(table(found, "model").keys) <= MAX_SHOWN
