"""At every moment of a history the statistics are those that a worker has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backtest_histories import DAY, HOUR, PANE, history
from traffic_model import DAY_PANES, START, Change

from streams.shifts.alert_rules import HOUR_UP, Gauges, measures_of, met, rules_of
from streams.shifts.backtest.conditions import watch
from streams.shifts.backtest.timeline import by_hour
from streams.shifts.baseline import baseline_of
from streams.shifts.series import Prices, Series, Tenants
from streams.shifts.shift import Traffic, shifts


def as_a_worker_has_it(timeline, moment: int) -> Traffic:
    """Return what a worker knows a second before `moment`: panes, hours and tenants until then."""
    panes = timeline.panes
    end = (moment - panes.start) // PANE
    first = max(0, end - 300)
    hours = -(-end // 12)

    def until(values, rows):
        padded = np.zeros((hours * 12, values.shape[1]))
        padded[:end] = values[:end]
        return padded.reshape(hours, 12, -1).sum(axis=1) if rows == "hours" else values[first:end]

    def counted(start, seconds, rows):
        columns = [until(each, rows) for each in (panes.requests, panes.tokens, panes.squares)]
        prices = Prices(*(until(each, rows) for each in panes.of_prices))
        return Series(panes.keys, start, seconds, *columns, prices=prices)

    by_tenant, keys = timeline.by_tenant, len(panes.keys)
    begin = max(0, hours - 216)
    spans_ = [(hour * 12, min((hour + 1) * 12, end)) for hour in range(begin, hours)]
    requests, tokens = (
        np.stack([by_tenant.sums(each, [span], keys) for span in spans_])
        for each in ("requests", "tokens")
    )
    tenants = Tenants(by_tenant.tenants, panes.start + begin * HOUR, requests, tokens)
    return Traffic(
        timeline.dimension,
        counted(panes.start + first * PANE, PANE, "panes"),
        counted(panes.start, HOUR, "hours"),
        tenants,
        replace(timeline, hours=counted(panes.start, HOUR, "hours")).days,
    )


def with_prices(timeline):
    """Return the history with a price of nine of ten requests, and of fewer of each further key."""
    panes = timeline.panes
    each = np.arange(1, len(panes.keys) + 1)
    part = 0.9 ** (each * np.random.default_rng(3).uniform(0.5, 1.0, panes.tokens.shape))
    prices = Prices(
        panes.tokens * part * each,
        panes.squares * part * each**2,
        panes.requests * part,
        panes.tokens * part,
    )
    priced = replace(panes, prices=prices)
    return replace(timeline, panes=priced, hours=by_hour(priced))


def gauges_of(said, tokens) -> Gauges:
    columns = (
        [np.nan if value is None else value for value in column]
        for column in zip(
            *(
                (
                    key.zscore,
                    key.shift,
                    key.share,
                    key.baseline,
                    key.without_top_tenant,
                    key.evidence_requests,
                )
                for key in said.keys
            ),
            strict=True,
        )
    )
    whole = (said.effective_requests, said.baseline_days)
    beside = np.nan if tokens is None else [key.zscore for key in tokens.keys]
    gauges = Gauges(*map(np.array, (*columns, *whole)))
    return gauges._replace(tokens_zscore=np.array(beside))


@pytest.mark.slow
def test_at_every_moment_the_statistics_are_those_of_a_worker():
    change = Change(23 * DAY_PANES + 12 * 12, dimension="origin", key="cn-open", points=0.2)
    timeline = with_prices(history(change=change))
    watched = {(each.rule, each.measure): each for each in watch(timeline, START + 23 * DAY)}
    moments = START + 23 * DAY + np.arange(1, 2 * DAY, 5 * PANE + PANE * 2) // PANE * PANE
    fires = 0
    for moment in moments[1:].tolist():
        traffic = as_a_worker_has_it(timeline, moment)
        hour = (moment - 1) // HOUR * HOUR
        baselines = {
            each: baseline_of(traffic.hours, each, hour, days=traffic.days)
            for each in measures_of("origin")
        }
        told = shifts(traffic, baselines, moment - 1)
        of_tokens = {each.window: each for each in told if each.measure == "tokens"}
        for said in told:
            tokens = of_tokens[said.window] if said.measure != "tokens" else None
            for rule in rules_of("origin"):
                if rule.window != said.window or not rule.direction:
                    continue
                mine = watched[rule, said.measure]
                row = (moment - mine.first) // PANE
                assert [key.zscore for key in said.keys] == pytest.approx(mine.zscore[row].tolist())
                assert [key.shift for key in said.keys] == pytest.approx(mine.shift[row].tolist())
                holds = met(rule, "origin", gauges_of(said, tokens)).tolist()
                assert holds == mine.met[row].tolist()
                fires += sum(holds)
    # A test of nothing but silence would prove little.
    assert fires > 20


def test_nothing_is_watched_before_21_days():
    timeline = history(rate=1.0, days=22)
    watched = watch(timeline)

    assert {each.first for each in watched} == {START + 21 * DAY}
    assert watch(history(rate=1.0, days=20)) == []


@pytest.mark.slow
def test_the_guard_silences_one_tenant_and_no_shift_of_all():
    # The largest tenant sends 30 times as much of its own mix, or all send more to one key.
    since = 24 * DAY_PANES + 144
    for change, is_one in (
        (Change(since, until=since + 36, tenant=0, times=30.0), True),
        (Change(since, dimension="origin", key="cn-open", points=0.45), False),
    ):
        timeline = history(rate=30.0, change=change)
        first = START + since * PANE
        (hour,) = (
            each
            for each in watch(timeline, first)
            if each.rule is HOUR_UP and each.measure == "tokens"
        )
        assert (hour.zscore[:36] >= 4.0).any()
        assert hour.met[:36].any() is not np.bool_(is_one)
        # Where nobody says who sends, nobody can tell the two apart.
        (without,) = (
            each
            for each in watch(replace(timeline, by_tenant=None), first)
            if each.rule is HOUR_UP and each.measure == "tokens"
        )
        assert not without.met.any()
