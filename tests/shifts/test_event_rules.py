"""Prometheus and the backtest see models and developers come and go at the same minutes."""

from __future__ import annotations

import re

import numpy as np
import pytest
import rules_in_use
from test_alert_rules import NAMES, evaluated_each
from test_alerts import run, tool

from streams.shifts.alert_rules import Gauges, met, rules_of
from streams.shifts.backtest.alerts import spans

MINUTES, BLOCK = 900, 15
#: For so many blocks a share is up, then down.
SIDE = 20
FIELDS = NAMES | {"error": "llm_share_standard_error_ratio", "peak": "llm_share_peak_ratio"}


def drawn(seed: int) -> Gauges:
    """Return figures by the minute that cross each threshold now and then."""
    draw = np.random.default_rng(seed)
    blocks = MINUTES // BLOCK

    def steps(low: float, high: float, every: int = 1) -> np.ndarray:
        values = draw.uniform(low, high, -(-blocks // every))
        return np.round(np.repeat(values, BLOCK * every), 4)[:MINUTES]

    is_up = np.repeat(np.arange(blocks) // SIDE % 2 == 0, BLOCK)
    low, high = steps(0.01, 0.03, 4), steps(0.06, 0.12, 4)
    share, baseline = np.where(is_up, high, low), np.where(is_up, low, high)
    side = np.where(is_up, 1.0, -1.0)
    return Gauges(
        zscore=np.round(side * steps(3.45, 6.0, 6), 4),
        shift=np.round(share - baseline, 4),
        share=share,
        baseline=baseline,
        without_top_tenant=np.full(MINUTES, np.nan),
        evidence=np.where(steps(0, 1) < 0.02, 19.0, 50.0),
        effective=np.where(steps(0, 1) < 0.02, 20.0, 200.0),
        days=np.full(MINUTES, 21.0),
        error=steps(0.001, 0.015, 5),
        peak=np.round(share * steps(0.1, 0.22, 3), 4),
    )


def series(gauges: Gauges, dimension: str) -> list[dict[str, str]]:
    found = []
    job = 'job="tokenshare", instance="a:6066"'
    key = f'{job}, dimension="{dimension}", key="k"'
    for field, name in FIELDS.items():
        values = getattr(gauges, field) * (86_400 if field == "days" else 1)
        if np.isnan(values).all() or (field == "zscore" and dimension == "model"):
            continue
        labels = job if field == "days" else f'{key}, measure="tokens", window="24h"'
        labels = labels.replace(', key="k"', "") if field == "effective" else labels
        found.append(
            {"series": f"{name}{{{labels}}}", "values": " ".join(map(str, values.tolist()))}
        )
    info = f'llm_share_key_info{{{key}, developer="d", origin="cn-open"}}'
    return [*found, {"series": info, "values": f"1x{MINUTES}"}]


def expected(gauges: Gauges, dimension: str) -> list[dict]:
    """Return the tests of each alert, at some minutes."""
    points, count = [], 0
    minutes = range(5, MINUTES, 23)
    by_alert: dict[str, dict[int, list[str]]] = {}
    for rule in rules_of(dimension):
        at = by_alert.setdefault(rule.alert, {minute: [] for minute in minutes})
        for span in spans(met(rule, dimension, gauges), rule, "tokens", 60):
            if span.firing is None:
                continue
            count += 1
            end = MINUTES if span.resolved is None else span.resolved
            for minute in minutes:
                if span.firing <= minute < end:
                    at[minute].append(str(rule.direction))
    for alert, at in by_alert.items():
        for minute, directions in at.items():
            labels = {
                "job": "tokenshare",
                "dimension": dimension,
                "key": "k",
                "measure": "tokens",
                "window": "24h",
                "severity": "ticket",
                "developer": "d",
                "origin": "cn-open",
            }
            alerts = [{"exp_labels": labels | {"direction": each}} for each in directions]
            points.append({"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": alerts})
    # A test of nothing but silence would prove little.
    assert count
    return points


@pytest.mark.slow
@pytest.mark.parametrize(("dimension", "seed"), [("model", 1), ("developer", 2)])
def test_rules_and_conditions_of_events_fire_at_the_same_minutes(tmp_path, dimension, seed):
    gauges = drawn(seed)
    ready = 'tokenshare_ready{job="tokenshare", instance="a:6066"}'
    test = {
        "interval": "1m",
        "input_series": [
            {"series": ready, "values": f"1x{MINUTES}"},
            *series(gauges, dimension),
        ],
        "alert_rule_test": expected(gauges, dimension),
    }
    body = {"evaluation_interval": "1m", "tests": [test]}

    path = rules_in_use.write(tmp_path, body, evaluated_each(1))
    assert re.search("SUCCESS", run(tool("promtool"), "test", "rules", path))
