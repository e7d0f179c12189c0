"""Shifts of a view's panes are those of the same counts as arrays; movers add up to them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import ORIGINS
from streams.shares.history import History
from streams.shifts import movers
from streams.shifts.alert_rules import measures_of
from streams.shifts.baseline import NEEDED_HOURS, baseline_of
from streams.shifts.live import LiveShifts, gauges_of, shifted
from streams.shifts.series import Prices, Series
from streams.shifts.shift import Traffic, shifts
from streams.state.codec import PaneKey, decode_pane, encode_pane, pane_key
from streams.state.counts import COST, COST_SQUARES, PRICED, PRICED_TOKENS, at
from streams.state.packing import unpack
from streams.state.pane import HOUR, MIDDLE, TENANTS, Pane, pane_start
from streams.state.view import View
from streams.web.snapshot import Snapshot, find_shift

NOW = 1_763_985_600.0 + 1_234.0
HERE = pane_start(HOUR, NOW)
CATALOG = Catalog.load()
KEYS = {"origin": ORIGINS, "language": ("en", "zh-Hans", "other")}
MODELS = {"cn-open": "deepseek-chat", "row-proprietary": "gpt-4o"}
#: Micro-dollars a request.
PRICES = {"cn-open": 20, "row-proprietary": 300}
#: Seconds of a day: an hour, and the hours before and after it.
AROUND = {0, 3600, 86400 - 3600}
RANDOM = np.random.default_rng(20261125)


def cells_of(tokens):
    """Return cells and models of `origin/language` -> tokens, of requests of 100 tokens.

    Each has a price, of which those in French are without.
    """
    cells, models = {}, {}
    for key, amount in tokens.items():
        origin, _, language = key.partition("/")
        requests = amount // 100
        counts = [requests, amount, 0, amount * 100]
        micro = PRICES[origin]
        prices = [micro * 1000 * requests, requests, amount, micro * micro * requests]
        counts += [0, 0, 0, *(prices if language != "fr" else [0] * 4)]
        cells[key] = counts
        model = MODELS[origin]
        held = models.get(model, [0] * len(counts))
        models[model] = [one + other for one, other in zip(held, counts, strict=True)]
    return cells, models


def put(view, level, start, tokens, *, partition=0, tenants=None):
    cells, models = cells_of(tokens)
    pane = Pane(cells=cells, models=models, stamp=1)
    if tenants is not None:
        pane = Pane(tenants=tenants, stamp=1)
    view.apply(pane_key(partition, PaneKey(level, start)), encode_pane(pane, 1))


def amounts(share, whole=120_000):
    """Return tokens of an hour in which Chinese open models have about this share."""
    noise = float(RANDOM.normal(0, 0.01))
    chinese = int(whole * (share + noise)) // 100 * 100
    return {
        "cn-open/zh-Hans": chinese // 200 * 100,
        "cn-open/en": chinese - chinese // 200 * 100,
        "row-proprietary/en": whole - chinese - 500,
        "row-proprietary/fr": 500,
    }


@pytest.fixture(scope="module")
def view():
    made = View()
    for hour in range(NEEDED_HOURS, 0, -1):
        put(made, HOUR, HERE - hour * 3600, amounts(0.2))
    running = dict.fromkeys(amounts(0.2), 0)
    for pane in range(int((NOW - HERE) // 300), -288, -1):
        start = HERE + pane * 300
        tokens = amounts(0.5 if start > NOW - 3600 else 0.2, 10_000)
        put(made, MIDDLE, start, tokens)
        if start >= HERE:
            running = {key: running[key] + tokens[key] for key in running}
    put(made, HOUR, HERE, running)
    return made


def ask(view, history=None):
    live = LiveShifts(view, history or History(view, CATALOG))
    return live.shifts(live.panes(NOW), KEYS, NOW)


def moved(view, history, shift):
    return movers.moved(history, movers.panes(view, history, shift), shift)


def counted(view, level, keys, part):
    """Return the counts of a view's panes as arrays, straight from its records."""
    starts = sorted(view.starts[level])
    table = np.zeros(((starts[-1] - starts[0]) // level.seconds + 1, len(keys), 7))
    for start in starts:
        for pane in map(decode_pane, view.values_at(level, start)):
            for key, counts in pane.cells.items():
                requests, prompt, completion, squares = counts[:4]
                name = key.split("/")[part]
                place = keys.index(name) if name in keys else keys.index("other")
                table[(start - starts[0]) // level.seconds, place] += (
                    requests,
                    prompt + completion,
                    squares,
                    at(counts, COST) / 1000,
                    *(at(counts, each) for each in (COST_SQUARES, PRICED, PRICED_TOKENS)),
                )
    columns = np.moveaxis(table, 2, 0)
    prices = None if part else Prices(*columns[3:])
    return Series(tuple(keys), starts[0], level.seconds, *columns[:3], prices=prices)


def test_panes_give_the_shifts_of_the_same_counts_as_arrays(view):
    found = ask(view)

    expected = []
    for part, dimension in enumerate(KEYS):
        hours = counted(view, HOUR, KEYS[dimension], part)
        panes = counted(view, MIDDLE, KEYS[dimension], part)
        baselines = {
            measure: baseline_of(hours, measure, HERE) for measure in measures_of(dimension)
        }
        expected += shifts(Traffic(dimension, panes, hours, None), baselines, NOW)
    assert found == tuple(expected)
    origin = next(each for each in found if each.window == "1h" and each.dimension == "origin")
    (chinese,) = [each for each in origin.keys if each.key == "cn-open"]
    assert chinese.share == pytest.approx(0.5, abs=0.02)
    assert chinese.baseline == pytest.approx(0.2, abs=0.02)
    assert chinese.zscore > 4


def test_a_second_question_sees_what_has_changed_and_unpacks_nothing_else(view, monkeypatch):
    history = History(view, CATALOG)
    live = LiveShifts(view, history)
    first = live.shifts(live.panes(NOW), KEYS, NOW)
    unpacked = []
    monkeypatch.setattr(
        "streams.shifts.live.unpack",
        lambda packed: unpacked.append(1) or unpack(packed),
    )
    assert live.shifts(live.panes(NOW), KEYS, NOW) == first
    assert unpacked == []


def shift_of(shifts, dimension="origin", key="cn-open", measure="tokens", window="24h"):
    snapshot = Snapshot(NOW, NOW, shifts=shifts, shifts_as_of=NOW)
    return find_shift(snapshot, dimension, key, measure, window)


@pytest.mark.parametrize("window", ["1h", "24h"])
@pytest.mark.parametrize(
    ("dimension", "key", "measure"),
    [
        (dimension, key, measure)
        for dimension, key in (("origin", "cn-open"), ("language", "en"))
        for measure in measures_of(dimension)
    ],
)
def test_movers_add_up_to_the_shift_that_is_shown(view, dimension, key, measure, window):
    history = History(view, CATALOG)
    shift = shift_of(ask(view, history), dimension, key, measure, window)
    answer = moved(view, history, shift)

    splits = [each for each in (answer.models, answer.joint) if each is not None]
    assert len(splits) == (2 if dimension == "origin" else 1)
    for split in splits:
        total = sum(each.contribution for each in split.movers) + split.rest
        assert total == split.shift
        assert split.shift == pytest.approx(shift.statistics.shift, abs=1e-9)
        assert split.mix + split.arrival == split.shift
        # All that is counted has a model, a language and an origin: nobody is left over.
        assert "other" not in {each.name for each in split.movers}
    if dimension == "origin":
        assert [each.name for each in answer.models.movers][:1] == ["deepseek-chat"]
    assert answer.tenants is None


def copy(view, is_left=lambda _: False):
    """Return a view of its own with the same panes, but for those of starts that are left out."""
    made = View()
    for records in view.records.values():
        for key, value in records.items():
            if not is_left(key.start):
                made.apply(pane_key(0, key), value)
    return made


@pytest.mark.parametrize("window", ["1h", "24h"])
@pytest.mark.parametrize(("dimension", "key"), [("origin", "cn-open"), ("language", "en")])
def test_requests_that_come_after_a_shift_was_reported_are_not_taken_for_a_mover(
    view, dimension, key, window
):
    made = copy(view)
    history = History(made, CATALOG)
    shift = shift_of(ask(made, history), dimension, key, "tokens", window)
    for level in (MIDDLE, HOUR):
        more = {"cn-open/en": 30_000, "row-proprietary/en": 50_000}
        put(made, level, pane_start(level, NOW), more, partition=1)
    answer = moved(made, history, shift)

    splits = [each for each in (answer.models, answer.joint) if each is not None]
    assert len({each.shift for each in splits}) == 1
    for split in splits:
        assert "other" not in {each.name for each in split.movers}
        assert sum(each.contribution for each in split.movers) + split.rest == split.shift


def test_movers_add_up_where_the_window_begins_in_an_hour_without_a_baseline(view):
    # The day opens at 20 past an hour that had no traffic on the days before, nor had those beside.
    begins = HERE - 24 * 3600
    made = copy(view, lambda start: start < HERE - 25 * 3600 and (start - begins) % 86400 in AROUND)
    history = History(made, CATALOG)
    shift = shift_of(ask(made, history), "origin", "cn-open", "tokens", "24h")
    answer = moved(made, history, shift)

    for split in (answer.models, answer.joint):
        assert split.shift == pytest.approx(shift.statistics.shift, abs=1e-9)
        assert "other" not in {each.name for each in split.movers}


def test_a_tenant_has_all_of_its_languages_that_are_not_shown_by_name(view):
    made = copy(view)
    for hour in range(9 * 24, -1, -1):
        tenants = {"a/l/fr": [3, 300, 0, 30_000], "a/l/de": [2, 200, 0, 20_000]}
        put(made, TENANTS, HERE - hour * 3600, {}, tenants=tenants)
    history = History(made, CATALOG)
    shift = shift_of(ask(made, history), "language", "other", "tokens", "24h")
    answer = moved(made, history, shift)

    (before,) = [each.before for each in answer.tenants.movers if each.name == "a"]
    assert before == pytest.approx(shift.statistics.baseline)


def test_an_hours_shift_of_one_tenant_is_reported_as_its(view):
    made = copy(view)
    for hour in range(9 * 24, -1, -1):
        start = HERE - hour * 3600
        new = 30_000 if hour <= 1 else 0
        tenants = {
            "a/o/cn-open": [240, 24_000, 0, 2_400_000],
            "a/o/row-proprietary": [600, 60_000, 0, 6_000_000],
            "b/o/cn-open": [new // 100, new, 0, new * 100],
        }
        put(
            made,
            TENANTS,
            start,
            {},
            tenants={key: each for key, each in tenants.items() if each[0]},
        )
    history = History(made, CATALOG)
    found = ask(made, history)
    hour = next(each for each in found if each.window == "1h" and each.dimension == "origin")
    (chinese,) = [each for each in hour.keys if each.key == "cn-open"]

    assert chinese.without_top_tenant is not None
    assert chinese.without_top_tenant < 0.5 * chinese.shift
    assert "cn-open" not in shifted(hour)
    answer = moved(made, history, shift_of(found, window="1h"))
    assert answer.tenants is not None
    assert answer.tenants.movers[0].name == "b"
    assert answer.tenants.movers[0].kind == "new"
    total = sum(each.contribution for each in answer.tenants.movers) + answer.tenants.rest
    assert total == answer.tenants.shift


def test_a_shift_is_an_alert_where_the_conditions_hold(view):
    found = ask(view)
    hour = next(each for each in found if each.window == "1h" and each.measure == "tokens")

    # Nobody says who sends, so it may be one tenant's.
    assert hour.keys[0].zscore > 4
    assert shifted(hour) == frozenset()
    keys = tuple(dataclasses.replace(each, without_top_tenant=each.shift) for each in hour.keys)
    of_many = dataclasses.replace(hour, keys=keys)
    assert shifted(of_many) == {"cn-open", "row-proprietary"}
    assert shifted(dataclasses.replace(of_many, baseline_days=20.9)) == frozenset()
    assert gauges_of(hour).zscore.shape == (5,)


def test_an_empty_view_shows_no_share():
    found = ask(View())

    assert {each.share for of in found for each in of.keys} == {None}
    assert shift_of(found) is None


@pytest.mark.parametrize("window", ["1h", "24h"])
@pytest.mark.parametrize("measure", ["tokens", "requests", "cost"])
def test_counts_beyond_64_bits_have_shifts_and_movers(view, measure, window):
    made = copy(view)
    requests, tokens, dollars = 20_000, 2_000_000_000, 1_000_000
    counts = [requests, requests * tokens // 2, requests * tokens // 2, requests * tokens**2]
    prices = [dollars * 10**9, 1, tokens, (dollars * 10**6) ** 2]
    counts += [0, 0, 0, *(requests * each for each in prices)]
    assert min(counts[3], at(counts, COST), at(counts, COST_SQUARES)) > 2**64
    pane = Pane(cells={"cn-open/en": counts}, models={"deepseek-chat": counts}, stamp=1)
    for level, start in ((HOUR, HERE), (MIDDLE, pane_start(MIDDLE, NOW))):
        made.apply(pane_key(1, PaneKey(level, start)), encode_pane(pane, 1))
    history = History(made, CATALOG)

    shift = shift_of(ask(made, history), "origin", "cn-open", measure, window)
    assert shift.statistics.share > 0.2
    (split, *_) = [each for each in (moved(made, history, shift).models,) if each is not None]
    assert split.shift == pytest.approx(shift.statistics.shift, abs=1e-9)
