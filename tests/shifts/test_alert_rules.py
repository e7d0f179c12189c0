"""Prometheus and `tokenshare backtest` fire at the same minutes when they see the same figures."""

from __future__ import annotations

import re

import numpy as np
import pytest
import rules_in_use
from laws import some
from test_alerts import RULE_GROUPS, run, tool

from streams.shifts.alert_rules import LASTING_SECONDS, SHIFT_WINDOWS, UNCLASSIFIED, Gauges, met
from streams.shifts.alert_rules import RULES as SHIFT_RULES
from streams.shifts.backtest.alerts import spans
from streams.shifts.backtest.conditions import least_of_last
from streams.shifts.series import SHIFT_MEASURES, Measure

STEPS = 900
BLOCK = 15
#: A drift waits for hours, so it is looked at ten times as seldom.
STEP_MINUTES = {"1h": 1, "24h": 1, "7d": 10}
ALERTS = {"24h": "LLMShareShiftDay", "1h": "LLMShareShiftHour", "7d": "LLMShareDrift"}
#: What Prometheus calls each figure; those of no key stand last.
NAMES = {
    "zscore": "llm_share_shift_zscore",
    "shift": "llm_share_shift_ratio",
    "share": "llm_share_ratio",
    "baseline": "llm_share_baseline_ratio",
    "without_top_tenant": "llm_share_shift_without_top_tenant_ratio",
    "evidence": "llm_share_evidence_requests",
    "effective": "llm_window_effective_requests",
    "days": "llm_share_baseline_seconds",
}


def drawn(seed: int, measure: str, window: str) -> Gauges:
    """Return figures by the step that cross each threshold now and then."""
    draw = np.random.default_rng(seed)
    blocks = STEPS // BLOCK
    zscore_from = 1.2 if window == "7d" else 2.8

    def steps(low: float, high: float) -> np.ndarray:
        return np.repeat(np.round(draw.uniform(low, high, blocks), 4), BLOCK)

    side = np.repeat(np.where(np.arange(blocks) // 20 % 2, -1.0, 1.0), BLOCK)
    baseline = steps(0.02, 0.08)
    # Where tokens say what requests say, an alert on requests waits in vain.
    says = np.repeat(np.random.default_rng([seed, 2]).uniform(size=blocks) < 0.1, BLOCK)
    tokens = np.round(side * np.where(says, 4.5, 1.9), 4)
    shift = np.round(side * steps(0.004, 0.06), 4)
    zscore = np.round(side * steps(zscore_from, 6.0), 4)
    lasting = least_of_last(zscore[:, None], LASTING_SECONDS // 60)[:, 0]
    return Gauges(
        zscore=zscore,
        shift=shift,
        share=np.round(np.maximum(baseline + shift, 0.0), 4),
        baseline=baseline,
        without_top_tenant=np.round(shift * steps(0.4, 1.0), 6),
        evidence=np.where(steps(0, 1) < 0.05, 19.0, 50.0),
        effective=np.where(steps(0, 1) < 0.05, 20.0, 200.0),
        days=np.full(STEPS, 21.0),
        tokens_zscore=tokens if measure != "tokens" else np.array(np.nan),
        lasting_zscore=lasting if (measure, window) == ("tokens", "24h") else np.array(np.nan),
    )


def series(gauges: Gauges, window: str, measure: str) -> list[dict]:
    found = []
    for field, name in NAMES.items():
        labels = 'job="tokenshare", instance="a:6066"'
        if field != "days":
            labels += f', dimension="origin", measure="{measure}", window="{window}"'
            labels += "" if field == "effective" else ', key="cn-open"'
        scale = 86_400 if field == "days" else 1
        values = " ".join(str(value * scale) for value in getattr(gauges, field).tolist())
        found.append({"series": f"{name}{{{labels}}}", "values": values})
    if measure != "tokens":
        values = " ".join(map(str, gauges.tokens_zscore.tolist()))
        name = next(each["series"] for each in found if each["series"].startswith(NAMES["zscore"]))
        found.append({"series": name.replace(f'"{measure}"', '"tokens"'), "values": values})
    return found


def firing_by_step(
    gauges: Gauges, window: str, measure: Measure
) -> dict[int, list[dict[str, str]]]:
    """Return the alerts that fire at some steps, as the conditions of the backtest have it."""
    firing: dict[int, list[dict[str, str]]] = {step: [] for step in range(5, STEPS, 13)}
    seconds = 60 * STEP_MINUTES[window]
    count = 0
    for rule in SHIFT_RULES:
        if rule is UNCLASSIFIED or rule.window != window:
            continue
        holds = met(rule, "origin", gauges)
        for span in spans(holds, rule, measure, seconds):
            if span.firing is None:
                continue
            count += 1
            end = STEPS if span.resolved is None else span.resolved
            for step, alerts in firing.items():
                if span.firing <= step < end:
                    alerts.append({"direction": rule.direction, "alertname": rule.alert})
    # A test of nothing but silence would prove little.
    assert count or measure != "tokens"
    return firing


def expected(alert: dict[str, str], window: str, measure: str) -> dict[str, dict[str, str]]:
    return {
        "exp_labels": {
            "job": "tokenshare",
            "dimension": "origin",
            "key": "cn-open",
            "measure": measure,
            "window": window,
            "severity": "warning" if window == "1h" else "ticket",
            "direction": alert["direction"],
            **({} if window == "7d" else {"origin": "cn-open"}),
        }
    }


def evaluated_each(minutes: int) -> list[dict]:
    """Return all rules at another interval, without texts: those are tested elsewhere."""
    return [
        {
            **group,
            "interval": f"{minutes}m",
            "rules": [
                {name: value for name, value in rule.items() if name != "annotations"}
                for rule in group["rules"]
            ],
        }
        for group in RULE_GROUPS
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "window"),
    [
        (measure, window)
        for measure in SHIFT_MEASURES
        for window in SHIFT_WINDOWS
        # Cost has no tenants, and so no alert on the hour.
        if measure != "cost" or window != "1h"
    ],
)
@pytest.mark.parametrize("seed", some([1, 2]))
def test_rules_and_conditions_fire_at_the_same_minutes(tmp_path, window, measure, seed):
    gauges = drawn(seed, measure, window)
    minutes = STEP_MINUTES[window]
    ready = {"series": 'tokenshare_ready{job="tokenshare", instance="a:6066"}'}
    test = {
        "interval": f"{minutes}m",
        "input_series": [ready | {"values": f"1x{STEPS}"}, *series(gauges, window, measure)],
        "alert_rule_test": [
            {
                "eval_time": f"{step * minutes}m",
                "alertname": ALERTS[window],
                "exp_alerts": [expected(alert, window, measure) for alert in alerts],
            }
            for step, alerts in firing_by_step(gauges, window, measure).items()
        ],
    }
    body = {"evaluation_interval": f"{minutes}m", "tests": [test]}

    path = rules_in_use.write(tmp_path, body, evaluated_each(minutes))
    assert re.search("SUCCESS", run(tool("promtool"), "test", "rules", path))
