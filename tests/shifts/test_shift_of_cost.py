"""A share of cost shifts where prices or models change, and not where prices begin to be reported.

The same traffic each hour: origin `a` has 3 requests of 4, and costs a tenth of `b` a request.
"""

from __future__ import annotations

import numpy as np
import pytest
from shift_inputs import DAY, HOUR, NOW, PANE, grid

from streams.classify.origin.values import ORIGINS
from streams.shifts import alert_rules
from streams.shifts.baseline import baseline_of
from streams.shifts.live import shifted
from streams.shifts.series import Prices, Series, Tenants
from streams.shifts.shift import Shifts, Traffic, shifts

DAYS = 41
HERE, LAST = NOW // HOUR * HOUR, NOW // PANE * PANE
BEGIN = HERE - (DAYS * 24 - 1) * HOUR
FIRST_PANE = LAST - 299 * PANE
#: Requests a pane and micro-dollars a request, of `a` and `b`.
REQUESTS, PRICE = np.array([300.0, 100.0]), np.array([100.0, 1000.0])


def series(start, seconds, number, price, coverage) -> Series:
    """Return rows of the traffic, with the price and the priced part of each at its start."""
    times = start + seconds * np.arange(number)
    requests = np.tile(REQUESTS * seconds / PANE, (number, 1))
    # The running hour is not over.
    requests[times + seconds > LAST + PANE] *= (LAST + PANE - HERE) / HOUR
    of_price, priced = (
        np.array([of(at) for at in times.tolist()]).reshape(number, 2) for of in (price, coverage)
    )
    held = requests * priced
    plain = grid(requests, seconds=seconds, start=start)
    prices = Prices(held * of_price, held * of_price**2, held, held)
    return Series(
        *(plain.keys, start, seconds, plain.requests, plain.tokens, plain.squares), prices=prices
    )


def usual_price(_):
    return PRICE


def everything(_):
    return [1.0, 1.0]


def from_on(at, before, after):
    """Return what is `before` up to a time, and `after` from it on."""
    return lambda time: after if time >= at else before


def told(price=usual_price, coverage=everything, tenants=None) -> dict[tuple[str, str], Shifts]:
    hours = series(BEGIN, HOUR, DAYS * 24, price, coverage)
    panes = series(FIRST_PANE, PANE, 300, price, coverage)
    measures = alert_rules.measures_of("origin")
    baselines = {each: baseline_of(hours, each, HERE) for each in measures}
    said = shifts(Traffic("origin", panes, hours, tenants), baselines, NOW)
    return {(each.measure, each.window): each for each in said}


def alerts(said: dict[tuple[str, str], Shifts]) -> set[tuple[str, str, str]]:
    return {
        (measure, window, key)
        for (measure, window), table in said.items()
        for key in shifted(table, None if measure == "tokens" else said["tokens", window])
    }


def key(said, window, place=0):
    return said["cost", window].keys[place]


def test_cost_is_looked_at_by_origin_only():
    assert alert_rules.measures_of("origin") == ("tokens", "requests", "cost")
    assert alert_rules.measures_of("language") == ("tokens", "requests")
    assert alert_rules.measures_of("developer") == ("tokens",)
    assert len(ORIGINS) < 12


@pytest.mark.parametrize("window", ["1h", "24h", "7d"])
def test_a_share_of_cost_is_one_of_dollars_and_not_of_tokens(window):
    said = told()

    assert key(said, window).share == pytest.approx(30_000 / 130_000)
    assert key(said, window).baseline == pytest.approx(30_000 / 130_000)
    assert said["tokens", window].keys[0].share == pytest.approx(0.75)
    assert not alerts(said)


def test_the_same_tokens_at_another_price_are_a_shift_of_cost_alone():
    said = told(price=from_on(NOW - DAY, PRICE, PRICE * [4.0, 1.0]))

    assert key(said, "24h").shift == pytest.approx(120 / 220 - 30 / 130, abs=0.005)
    assert alerts(said) == {("cost", "24h", "a"), ("cost", "24h", "b")}


def test_evidence_is_the_requests_with_a_price():
    said = told(coverage=lambda _: [0.8, 0.5])

    assert key(said, "1h").evidence_requests == pytest.approx(300 * 12 * 0.8)
    assert said["requests", "1h"].keys[0].evidence_requests == pytest.approx(300 * 12)


def test_without_prices_there_is_no_share_of_cost():
    said = told(coverage=lambda _: [0.0, 0.0])

    for window in ("1h", "24h", "7d"):
        assert key(said, window).share is None
        assert key(said, window).shift is None
        assert key(said, window).zscore is None
    assert said["cost", "24h"].baseline_days == 0
    assert said["tokens", "24h"].baseline_days > 30


def test_a_series_has_cost_where_a_request_has_a_price():
    assert not series(BEGIN, HOUR, 3, usual_price, lambda _: [0.0, 0.0]).has("cost")
    assert series(BEGIN, HOUR, 3, usual_price, lambda _: [0.0, 0.1]).has("cost")
    assert not grid([[1.0]]).has("cost")
    assert grid([[1.0]]).has("tokens")


@pytest.mark.parametrize(("days", "has_statement"), [(1, False), (20.5, False), (22, True)])
def test_prices_of_three_weeks_are_needed(days, has_statement):
    said = told(coverage=from_on(NOW - days * DAY, [0.0, 0.0], [1.0, 1.0]))

    for window in ("1h", "24h"):
        assert (key(said, window).zscore is not None) == has_statement
        assert (key(said, window).detectable is not None) == (has_statement and window != "1h")
    assert said["cost", "24h"].baseline_days == pytest.approx(days, abs=0.05)
    assert not alerts(said)


@pytest.mark.parametrize("part", [0.0, 0.2, 0.49])
def test_a_window_with_less_than_half_of_its_tokens_priced_has_no_shift(part):
    said = told(coverage=from_on(NOW - DAY - HOUR, [1.0, 1.0], [part, part]))

    for window in ("1h", "24h"):
        assert key(said, window).baseline is None
        assert key(said, window).shift is None
        assert key(said, window).zscore is None
    assert not alerts(said)


def test_a_baseline_with_less_than_half_of_its_tokens_priced_is_none():
    said = told(coverage=from_on(NOW - DAY - HOUR, [0.2, 0.2], [1.0, 1.0]))

    assert key(said, "24h").share == pytest.approx(30_000 / 130_000)
    assert key(said, "24h").baseline is None
    assert not alerts(said)


#: The parts of `a` and `b` that have a price, before and after: over half of all tokens in each.
CHANGES = {
    "the-dear-one-begins": ([1.0, 0.0], [1.0, 1.0]),
    "the-dear-one-ceases": ([1.0, 1.0], [1.0, 0.0]),
    "half-of-the-cheap-one-begins": ([0.5, 1.0], [1.0, 1.0]),
    "half-of-the-cheap-one-ceases": ([1.0, 1.0], [0.5, 1.0]),
    "a-tenth-of-the-dear-one-begins": ([1.0, 0.9], [1.0, 1.0]),
    "all-begin-to-double": ([0.55, 0.55], [1.0, 1.0]),
    "one-for-the-other": ([1.0, 0.5], [0.7, 1.0]),
}


@pytest.mark.parametrize("hours", [1, 2, 12, 24, 60, 24 * 5, 24 * 10, 24 * 20])
@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_prices_that_begin_or_cease_are_no_shift(before, after, hours):
    said = told(coverage=from_on(NOW - hours * HOUR, before, after))

    assert not alerts(said)
    for window, least in (("1h", 1.5), ("24h", 1.5), ("7d", 2.0)):
        for each in said["cost", window].keys:
            assert abs(each.zscore or 0.0) < least


def test_a_shift_of_cost_is_found_beside_a_small_change_of_coverage():
    at = NOW - DAY
    said = told(
        price=from_on(at, PRICE, PRICE * [6.0, 1.0]),
        coverage=from_on(at, [0.97, 0.97], [1.0, 1.0]),
    )

    assert ("cost", "24h", "a") in alerts(said)


def test_what_is_free_costs_nothing_and_is_no_fault():
    said = told(price=lambda _: [0.0, 0.0])

    assert key(said, "24h").share is None
    assert not alerts(said)


def test_the_hour_of_cost_is_without_tenants_and_so_without_alerts():
    hours = 9 * 24
    # Half of each origin is one tenant's.
    counts = np.tile(REQUESTS * 6, (hours, 2, 1))
    tenants = Tenants(("t1", "t2"), HERE - (hours - 1) * HOUR, counts, counts)
    said = told(price=from_on(NOW - 2 * HOUR, PRICE, PRICE * [9.0, 1.0]), tenants=tenants)

    assert said["tokens", "1h"].keys[0].without_top_tenant is not None
    assert key(said, "1h").zscore > 4
    assert key(said, "1h").without_top_tenant is None
    assert key(said, "1h").detectable is None
    assert not any(window == "1h" for _, window, _ in alerts(said))


def test_by_another_dimension_there_are_no_prices():
    with pytest.raises(ValueError, match="no prices"):
        grid([[1.0]]).counts("cost")


def test_a_price_that_creeps_up_is_a_drift_of_cost():
    def creeping(time):
        passed = np.clip((time - (NOW - 30 * DAY)) / (30 * DAY), 0.0, 1.0)
        return PRICE * [1.0 + 2.0 * passed, 1.0]

    said = told(price=creeping)

    assert key(said, "7d").shift > 0.02
    assert ("cost", "7d", "a") in alerts(said)
    assert not any(measure == "tokens" for measure, _, _ in alerts(said))
