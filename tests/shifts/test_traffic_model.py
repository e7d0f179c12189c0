"""Simulated traffic is held to the statistics of real traffic.

The bounds are those of ServeGen's pools (Alibaba Cloud, 14 days each) and of 91 days of
OpenRouter's shares, widened by what gateways differ in. A statistic of a gateway is the median of
its large keys, and what is held to a bound is the median of some gateways.
"""

from __future__ import annotations

import numpy as np
import pytest
import traffic_model as model
from real_shares import servegen
from traffic_model import DAY_PANES, HOUR_PANES, TENANTS, Change, Gateway
from traffic_statistics import statistics

GATEWAYS, DAYS = range(1, 8), 70
BOUNDS = {
    # 1.23 to 2.04 at ServeGen
    "hours_apart": (1.23, 2.04),
    # 0.38 to 0.63 at ServeGen
    "days_apart": (0.38, 0.63),
    # 0.16 to 0.52
    "top_tenant": (0.16, 0.52),
    # 0.21 to 0.50
    "top_tenant_of_an_hour": (0.21, 0.50),
    # 1 to 7
    "tenants_of_half": (1, 7),
    # 8 to 39
    "tenants_of_most": (8, 39),
    # 21 of 34, 20 of 24, 14 of 17 of those with half a percent
    "always_on": (0.5, 0.85),
    # 0.79 to 0.88
    "hour_to_hour": (0.79, 0.90),
    # 0.31 to 0.45
    "hour_a_day_before": (0.28, 0.48),
    # 5.1 to 8.5 points at ServeGen
    "hour_spread": (0.04, 0.085),
    # 2.3 to 5.4 at ServeGen, 2.7 to 3.4 at OpenRouter
    "day_spread": (0.023, 0.054),
    # 2.4 to 2.8 at OpenRouter
    "day_to_day": (0.022, 0.045),
}


@pytest.fixture(scope="module")
def gateways():
    return [statistics(_sent(Gateway(seed, 10.0, DAYS))) for seed in GATEWAYS]


def _sent(gateway: Gateway) -> np.ndarray:
    """Return the requests that a gateway is going to have, [hours, tenants, keys] of origins."""
    plan = gateway.plan()
    mix = plan.mixes["origin"]
    hours = plan.rates.reshape(-1, HOUR_PANES, TENANTS).sum(axis=1)
    found = np.zeros((len(hours), TENANTS, len(mix.keys)))
    for cell, (tenant, key) in enumerate(zip(mix.tenant, mix.key, strict=True)):
        found[:, tenant, key] += hours[:, tenant] * mix.weights[:, cell]
    return found


@pytest.mark.parametrize("name", BOUNDS)
def test_simulated_traffic_is_like_real_traffic(gateways, name):
    low, high = BOUNDS[name]

    assert low <= np.median([np.median(getattr(each, name)) for each in gateways]) <= high


def test_tenants_that_come_and_go_are_idle_for_a_part_of_their_hours(gateways):
    parts = [part for each in gateways for part in each.idle if part]

    # 7 to 20 % of hours at two pools, 36 % at the third
    assert 0.07 <= np.median(parts) <= 0.36


def test_shares_of_weekends_differ(gateways):
    largest = [max(map(abs, each.weekends)) for each in gateways]

    # row-proprietary -3.5, cn-open +1.7 and row-open +1.5 points
    assert 0.015 <= np.median(largest) <= 0.045


def test_real_traffic_is_within_the_same_bounds():
    real = servegen(101)
    tokens = real.tokens.reshape(-1, HOUR_PANES, *real.tokens.shape[1:]).sum(axis=1)
    found = statistics(tokens)

    for name in ("hours_apart", "top_tenant", "tenants_of_most", "top_tenant_of_an_hour"):
        low, high = BOUNDS[name]
        assert low <= getattr(found, name) <= high
    assert min(found.hour_spread) >= 0.04
    assert min(found.day_spread) >= 0.02


def test_tokens_of_a_request_are_as_spread_and_as_large_as_real_ones():
    tokens = model.TOKENS

    # 1.1 to 2.6 at ServeGen, 0.67 to 1.3 elsewhere
    assert 1.1 <= tokens.variance**0.5 / tokens.mean <= 2.6
    # Kish's n_eff / n is 0.21 to 0.69
    assert 0.2 <= tokens.mean**2 / tokens.square <= 0.69
    # 1.4 k to 350 k; 14 k at OpenRouter
    assert 10_000 <= tokens.mean <= 20_000
    assert model.CAP > 2_200_000


def test_a_launch_grows_for_two_weeks_and_is_gone_in_a_day():
    gateway = Gateway(1, 100.0, 63)
    plan = gateway.plan()
    since, until = 40 * DAY_PANES, 54 * DAY_PANES
    change = Change(since, until, "origin", "row-open", 0.2, ramp=until - since)
    shares = []
    for each in (None, change):
        rng = np.random.default_rng(1)
        drawn = plan.draw("origin", rng, 39 * DAY_PANES, 56 * DAY_PANES, each)
        tokens = model.timeline("origin", drawn).panes.tokens.reshape(17, DAY_PANES, -1).sum(axis=1)
        shares.append(tokens[:, drawn.mix.keys.index("row-open")] / tokens.sum(axis=1))
    added = shares[1] - shares[0]

    assert added[0] == pytest.approx(0, abs=0.02)
    assert added[7] == pytest.approx(0.1, abs=0.03)
    assert added[14] == pytest.approx(0.2, abs=0.04)
    assert added[15] == pytest.approx(0, abs=0.02)
