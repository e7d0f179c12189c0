"""Prometheus and `tokenshare backtest` fire at the same minutes when they see the same figures."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml
from test_alerts import PROMETHEUS, RULE_TESTS, run, tool

from streams.shifts.alert_rules import RULES as SHIFT_RULES
from streams.shifts.alert_rules import UNCLASSIFIED, Gauges, met
from streams.shifts.backtest.alerts import spans
from streams.shifts.series import Measure

MINUTES = 900
BLOCK = 15
#: A drift waits for hours, so its figures change ten times as seldom.
SLOWER = {"1h": 1, "24h": 1, "7d": 10}
#: What Prometheus calls each figure; those of no key stand last.
NAMES = {
    "zscore": "llm_share_shift_zscore",
    "shift": "llm_share_shift_ratio",
    "share": "llm_share_ratio",
    "baseline": "llm_share_baseline_ratio",
    "without_top_tenant": "llm_share_shift_without_top_tenant_ratio",
    "evidence": "llm_share_evidence_requests",
    "effective": "llm_window_effective_requests",
    "days": "llm_share_baseline_days",
}


def drawn(seed: int, slower: int, measure: str) -> Gauges:
    """Return figures by the minute that cross each threshold now and then."""
    draw = np.random.default_rng(seed)
    blocks = MINUTES // BLOCK

    def steps(low: float, high: float) -> np.ndarray:
        return np.repeat(np.round(draw.uniform(low, high, blocks), 4), BLOCK * slower)

    side = np.repeat(np.where(np.arange(blocks) // 20 % 2, -1.0, 1.0), BLOCK * slower)
    baseline = steps(0.02, 0.08)
    # Tokens seldom say what requests say: then an alert on requests waits in vain.
    tokens = np.round(side * np.where(steps(0, 1) < 0.1, 2.5, 1.9), 4)
    shift = np.round(side * steps(0.004, 0.06), 4)
    return Gauges(
        zscore=np.round(side * steps(2.8, 6.0), 4),
        shift=shift,
        share=np.round(np.maximum(baseline + shift, 0.0), 4),
        baseline=baseline,
        without_top_tenant=np.round(shift * steps(0.4, 1.0), 6),
        evidence=np.where(steps(0, 1) < 0.05, 19.0, 50.0),
        effective=np.where(steps(0, 1) < 0.05, 20.0, 200.0),
        days=np.full(MINUTES * slower, 21.0),
        tokens_zscore=tokens if measure == "requests" else np.array(np.nan),
    )


def series(gauges: Gauges, window: str, measure: str) -> list[dict]:
    found = []
    for field, name in NAMES.items():
        labels = 'job="tokenshare", instance="a:6066"'
        if field != "days":
            labels += f', dimension="origin", measure="{measure}", window="{window}"'
            labels += "" if field == "effective" else ', key="cn-open"'
        values = " ".join(str(value) for value in getattr(gauges, field).tolist())
        found.append({"series": f"{name}{{{labels}}}", "values": values})
    if measure == "requests":
        values = " ".join(map(str, gauges.tokens_zscore.tolist()))
        name = next(each["series"] for each in found if each["series"].startswith(NAMES["zscore"]))
        found.append({"series": name.replace('"requests"', '"tokens"'), "values": values})
    return found


def firing_by_minute(
    gauges: Gauges, window: str, measure: Measure
) -> dict[int, list[dict[str, str]]]:
    """Return the alerts that fire at some minutes, as the conditions of the backtest have it."""
    minutes = MINUTES * SLOWER[window]
    firing: dict[int, list[dict[str, str]]] = {
        minute: [] for minute in range(5, minutes, 13 * SLOWER[window])
    }
    count = 0
    for rule in SHIFT_RULES:
        if rule is UNCLASSIFIED or rule.window != window:
            continue
        holds = met(rule, "origin", gauges)
        for span in spans(holds, rule, measure, 60):
            if span.firing is None:
                continue
            count += 1
            end = minutes if span.resolved is None else span.resolved
            for minute, alerts in firing.items():
                if span.firing <= minute < end:
                    alerts.append({"direction": rule.direction, "alertname": rule.alert})
    # A test of nothing but silence would prove little.
    assert count or measure == "requests"
    return firing


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["tokens", "requests"])
@pytest.mark.parametrize("window", ["1h", "24h", "7d"])
@pytest.mark.parametrize("seed", [1, 2])
def test_rules_and_conditions_fire_at_the_same_minutes(tmp_path, window, measure, seed):
    gauges = drawn(seed, SLOWER[window], measure)
    firing = firing_by_minute(gauges, window, measure)

    head = yaml.safe_load(RULE_TESTS[0].read_text())
    alert = {"24h": "LLMShareShiftDay", "1h": "LLMShareShiftHour", "7d": "LLMShareDrift"}[window]
    # Texts are tested elsewhere; here each alert says nothing, so that only its minutes count.
    rules = yaml.safe_load((PROMETHEUS / "alerts" / "share_shift.yml").read_text())
    for group in rules["groups"]:
        for each in group["rules"]:
            each["annotations"] = {}
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules))
    (tmp_path / "recording.yml").write_text((PROMETHEUS / "recording.yml").read_text())
    ready = {"series": 'tokenshare_ready{job="tokenshare", instance="a:6066"}'}
    body = {
        "rule_files": ["recording.yml", "alerts.yml"],
        "evaluation_interval": "1m",
        "group_eval_order": head["group_eval_order"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    ready | {"values": f"1x{MINUTES * SLOWER[window]}"},
                    *series(gauges, window, measure),
                ],
                "alert_rule_test": [
                    {
                        "eval_time": f"{minute}m",
                        "alertname": alert,
                        "exp_alerts": [
                            {
                                "exp_labels": {
                                    "job": "tokenshare",
                                    "dimension": "origin",
                                    "key": "cn-open",
                                    "measure": measure,
                                    "window": window,
                                    "severity": "warning" if window == "1h" else "ticket",
                                    "direction": each["direction"],
                                    **({} if window == "7d" else {"origin": "cn-open"}),
                                }
                            }
                            for each in alerts
                        ],
                    }
                    for minute, alerts in firing.items()
                ],
            }
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(body))
    assert re.search("SUCCESS", run(tool("promtool"), "test", "rules", path))
