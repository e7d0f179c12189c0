"""What the alerts find on real shares, held to what was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import numpy as np
import pytest
from mover_rates import by_model
from real_launches import NEW_MODEL, Launch, launched, launches, withdrawn
from real_rates import LARGE_KEYS, drift, fired, quiet, step
from real_shares import GROUPS, developer_of, openrouter, servegen
from traffic_model import DAY_PANES

from streams.shifts.backtest.alerts import alerts
from streams.shifts.backtest.conditions import watch

#: In the place of what is notified without a step: no test looks at it, and it takes a replay.
NOTHING: list[int] = []


def test_openrouters_days_are_whole_and_named_by_origin():
    real = openrouter()
    daily = real.tokens.reshape(60, DAY_PANES, len(real.keys)).sum(axis=1)

    assert real.keys[:2] == ("cn-open", "row-proprietary")
    assert real.days == 60
    shares = daily / daily.sum(axis=1, keepdims=True)
    assert shares[:, 0].min() > 0.35
    course = openrouter(course=True)
    whole = course.tokens.reshape(60, DAY_PANES, -1).sum(axis=(1, 2))
    assert whole == pytest.approx(daily.sum(axis=1), rel=0.02)


def test_tenants_of_servegen_use_three_keys_and_add_up():
    real = servegen(101)
    timeline = real.timeline()

    assert timeline.panes.keys == GROUPS
    assert real.days == 42
    by_tenant = timeline.by_tenant
    assert by_tenant.tokens.sum() == pytest.approx(timeline.panes.tokens.sum())


@pytest.mark.parametrize("points", [0.1, -0.1])
def test_an_added_shift_moves_one_share_and_no_total(points):
    real = openrouter()
    since = np.arange(len(real.tokens)) >= 30 * DAY_PANES
    moved = real.moved("cn-open", points * since)
    shares = [each.tokens[:, 0] / each.tokens[:, 0].sum(axis=1)[:, None] for each in (real, moved)]

    assert moved.tokens.sum(axis=(1, 2)) == pytest.approx(real.tokens.sum(axis=(1, 2)))
    assert (shares[1] - shares[0])[:, 0] == pytest.approx(points * since)
    others = shares[1][:, 1:] / (1 - shares[1][:, :1])
    assert others == pytest.approx(shares[0][:, 1:] / (1 - shares[0][:, :1]))


@pytest.mark.slow
@pytest.mark.parametrize("course", [False, True], ids=["even", "course"])
def test_few_alerts_start_on_real_shares(course):
    starts = quiet(openrouter(course=course))["starts_a_series_week"]

    assert 0 < starts["LLMShareShiftDay"] <= 0.15
    # Chinese open models went from 42 to 65 % in these weeks.
    assert 0 < starts["LLMShareDrift"] <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("key", ["row-open", "cn-open", "row-proprietary"])
def test_ten_points_of_a_large_key_are_found_within_a_day(key):
    found = step(openrouter(), key, 0.10, 24, NOTHING)

    assert found["found"] >= 11
    assert found["notifications"] <= 1.5


@pytest.mark.slow
def test_shares_that_moved_for_weeks_are_found_and_one_that_jumped_is_no_drift():
    drifts = [each for each in fired(openrouter()) if each.rule.alert == "LLMShareDrift"]

    # The fall of proprietary models is what this rise leaves.
    assert {(each.key, each.direction) for each in drifts} == {("cn-open", "up")}
    real = openrouter()
    since = np.arange(len(real.tokens)) >= 30 * DAY_PANES
    jumped = fired(real.moved("row-open", 0.1 * since), real.start + 28 * 86400)
    # From day 48 on this share rises by itself.
    of_jump = [each for each in jumped if each.firing < real.start + 48 * 86400]
    assert {each.rule.alert for each in of_jump if each.key == "row-open"} == {"LLMShareShiftDay"}


@pytest.mark.slow
@pytest.mark.parametrize("key", ["row-open", "cn-open"])
def test_a_drift_of_twenty_points_in_eight_weeks_is_found_within_two(key):
    assert drift(openrouter(course=True), key)["found_after_days"] <= 14


@pytest.mark.slow
def test_launches_and_withdrawals_that_happened_are_found_on_their_day():
    timeline = replace(openrouter(developer_of).timeline(), dimension="developer")
    found = {
        (alert.key, alert.direction, f"{datetime.fromtimestamp(alert.firing, UTC):%m-%d}")
        for each in watch(timeline)
        for alert in alerts(each)
        if alert.firing is not None
    }

    for event in (
        ("z-ai", "up", "06-16"),
        ("openrouter", "down", "06-30"),
        ("tencent", "up", "07-07"),
        ("tencent", "down", "07-21"),
    ):
        assert event in found


@pytest.mark.slow
def test_five_points_of_a_large_key_are_found_within_three_days():
    found = [step(openrouter(), key, 0.05, 72, NOTHING) for key in LARGE_KEYS]

    assert sum(each["found"] for each in found) >= 0.7 * sum(each["of"] for each in found)
    assert np.mean([each["notifications"] for each in found]) <= 1.5


@pytest.mark.slow
def test_launches_and_withdrawals_of_five_points_are_found_within_a_day():
    found = launches(openrouter(str, course=True), Launch(0.05))

    assert found["launches"]["found"] >= 0.9 * found["launches"]["of"]
    assert found["withdrawals"]["found"] >= 0.9 * found["withdrawals"]["of"]


@pytest.mark.slow
def test_a_model_that_moved_a_share_is_named_first_also_by_few_requests():
    found = [each.is_right for each in islice(by_model(0.1), 12)]

    assert np.mean(found) >= 0.9


def test_a_launch_and_a_withdrawal_move_no_total():
    real = openrouter(str)
    whole = real.tokens.sum(axis=(1, 2))
    launched_, end = launched(real, Launch(0.1, ramp=2), 30 * DAY_PANES)
    gone = withdrawn(real, "openrouter/owl-alpha", 30 * DAY_PANES)

    assert launched_.tokens.sum(axis=(1, 2)) == pytest.approx(whole)
    assert gone.tokens.sum(axis=(1, 2)) == pytest.approx(whole)
    part = launched_.tokens[:, 0, launched_.keys.index(NEW_MODEL)] / whole
    assert end == 39 * DAY_PANES
    assert part[31 * DAY_PANES - 1] == pytest.approx(0.05)
    assert (part[32 * DAY_PANES], part[end]) == (pytest.approx(0.1), 0)
    assert not gone.tokens[30 * DAY_PANES :, 0, real.keys.index("openrouter/owl-alpha")].any()
