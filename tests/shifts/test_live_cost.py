"""What moved a share of cost: models and languages that add up to it, and no tenants."""

from __future__ import annotations

import pytest
from test_live import CATALOG, HERE, KEYS, NOW, amounts, ask, copy, moved, put, shift_of, view

from streams.shares.history import History
from streams.shifts.live import LiveShifts
from streams.state.pane import DAY, HOUR, TENANTS, pane_start
from streams.web import responses

__all__ = ["view"]


#: An hour of which nothing has a price, with more traffic than others.
UNPRICED = {"cn-open/fr": 600_000}


@pytest.mark.parametrize("window", ["1h", "24h", "7d"])
def test_hours_without_prices_are_in_no_baseline_of_cost_and_movers_add_up(view, window):
    made = copy(view)
    for hour in (40, 100, 300, 500):
        put(made, HOUR, HERE - hour * 3600, UNPRICED, partition=1)
    for day in range(1, 60):
        put(made, DAY, pane_start(DAY, HERE) - day * 86400, amounts(0.2))
    history = History(made, CATALOG)
    shifts = LiveShifts(made, history)
    found = shifts.shifts(shifts.panes(NOW), KEYS, NOW)
    shift = shift_of(found, measure="cost", window=window)
    answer = moved(made, history, shift)

    # Chinese models have a fifth of the tokens, at a fifteenth of the price.
    assert shift.statistics.baseline == pytest.approx(0.2 * 20 / (0.2 * 20 + 0.8 * 300), abs=0.004)
    for split in (answer.models, answer.joint):
        assert split.shift == pytest.approx(shift.statistics.shift, abs=1e-9)
        assert sum(each.contribution for each in split.movers) + split.rest == split.shift
    # Of tokens, these hours are in the baseline of the weeks before.
    if window == "7d":
        assert shift_of(found, window=window).statistics.baseline > 0.2


def test_tenants_are_counted_by_tokens_and_cost_says_so(view):
    made = copy(view)
    for hour in range(9 * 24, -1, -1):
        tenants = {"a/o/cn-open": [240, 24_000, 0, 2_400_000]}
        put(made, TENANTS, HERE - hour * 3600, {}, tenants=tenants)
    history = History(made, CATALOG)
    found = ask(made, history)
    of_tokens, of_cost = (shift_of(found, measure=each) for each in ("tokens", "cost"))

    assert moved(made, history, of_tokens).tenants is not None
    assert moved(made, history, of_cost).tenants is None
    body = responses.moved(of_cost, moved(made, history, of_cost))
    assert (body["tenants"], body["tenants_note"]) == (None, responses.NO_TENANTS_OF_COST)
    assert " points of cost in 24 hours" in body["sentence"]
    assert responses.moved(of_tokens, moved(made, history, of_tokens))["tenants_note"] is None


def test_without_any_price_no_shifts_of_cost_are_computed(view):
    made = copy(view, lambda start: start < HERE)
    for hour in range(30 * 24, 0, -1):
        put(made, HOUR, HERE - hour * 3600, UNPRICED)

    assert {each.measure for each in ask(made)} == {"tokens", "requests", "cost"}
    made = copy(view, lambda _: True)
    for hour in range(30 * 24, -1, -1):
        put(made, HOUR, HERE - hour * 3600, UNPRICED)
    assert {each.measure for each in ask(made)} == {"tokens", "requests"}
