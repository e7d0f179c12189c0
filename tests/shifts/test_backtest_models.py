"""Alerts on models and developers in the backtest: launches and withdrawals that happened."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import numpy as np
import orjson
import pytest
from backtest_histories import line, read
from click.testing import CliRunner
from laws import some
from real_shares import catalog, openrouter_cells
from traffic_model import START

from streams.cli import cli
from streams.shifts.backtest.history_file import HistoryError
from streams.shifts.backtest.model_timelines import model_timelines
from streams.shifts.backtest.replay import replay
from streams.shifts.backtest.worker_history import models_of_worker

#: Models and developers that won or lost 5 points within two days, and the day.
HAPPENED = (
    ("Z.ai", "up", "06-16"),
    ("openrouter/owl-alpha", "down", "06-30"),
    ("tencent/hy3-20260706:free", "up", "07-07"),
    ("Xiaomi", "up", "07-11"),
    ("tencent/hy3-20260706", "up", "07-21"),
    ("tencent/hy3-20260706:free", "down", "07-21"),
)


@cache
def of_openrouter(course: bool):
    return replay(openrouter_cells(course=course), catalog())


def day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%m-%d}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "course", some([True, False]), ids=lambda each: "course" if each else "even"
)
def test_launches_and_withdrawals_that_happened_are_notified_on_their_day(course):
    found = of_openrouter(course)
    sent = {
        (alert.key, alert.direction, day(at))
        for alert, at in found.notified.items()
        if at is not None and alert.dimension in {"model", "developer"}
    }

    assert set(HAPPENED) <= sent
    # Smaller launches, replaced models and falls that last are among the others.
    others = [each for each in sent if each[:2] not in {event[:2] for event in HAPPENED}]
    assert len(others) / found.weeks <= 2


@pytest.mark.slow
def test_a_launch_is_one_notification_that_names_the_model_first():
    found = of_openrouter(course=False)
    launch = [each for each in found.notices if day(each.at) == "07-07"]
    first = launch[0].alerts[0]

    assert (first.rule.alert, first.key) == ("LLMModelNew", "tencent/hy3-20260706:free")
    fired = {alert.key for alert in found.alerts if alert.firing and day(alert.firing) == "07-07"}
    assert {"Tencent", "cn-open"} <= fired
    assert not {"Tencent", "cn-open"} & {
        a.key
        for each in launch
        for a in each.alerts
        if a.belongs and a.rule.alert != "LLMShareDrift"
    }


def cells(**share):
    """Return 30 days of hours of one model, and of another one from day 25 on."""
    lines = []
    for hour in range(30 * 24):
        amounts = {"gpt-4o": 900, "mystery-1": 100} if hour < 600 else share
        for model, amount in amounts.items():
            origin = "unknown" if model == "mystery-1" else "row-proprietary"
            lines.append(
                line(
                    start=START + hour * 3600,
                    seconds=3600,
                    origin=origin,
                    model=model,
                    tenant=None,
                    requests=amount,
                    tokens=amount * 10,
                    tokens_squared=amount * 250,
                )
            )
    return lines


def test_a_model_that_is_withdrawn_is_gone_by_its_name_and_its_origin():
    found = replay(read(*cells(**{"gpt-4o": 1000})), catalog())
    (gone,) = [
        each
        for each in found.alerts
        if (each.rule.alert, each.dimension) == ("LLMModelGone", "model")
    ]

    assert gone.key == "mystery-1"
    assert gone.labels.items() >= {("origin", "unknown"), ("direction", "down")}
    assert 12 <= (gone.firing - START - 600 * 3600) / 3600 <= 13
    assert np.isnan(gone.zscore)


def test_lines_without_a_model_have_no_alerts_of_models():
    bare = [
        orjson.dumps({k: v for k, v in orjson.loads(each).items() if k != "model"})
        for each in cells(**{"gpt-4o": 1000})
    ]

    assert {each.dimension for each in replay(read(*bare), catalog()).timelines} == {
        "origin",
        "language",
    }


def test_requests_without_a_model_are_other_and_developers_are_of_the_catalogue():
    history = read(
        line(model="deepseek-chat", tokens=600),
        line(model=None, tokens=300),
        line(model="gpt-4o", origin="row-proprietary", tokens=100),
    )
    developer, model = model_timelines(history, catalog())

    assert developer.panes.keys == ("DeepSeek", "OpenAI", "other")
    assert developer.panes.tokens.sum(axis=0).tolist() == [600, 100, 300]
    assert model.panes.keys == ("deepseek-chat", "gpt-4o", "other")
    assert dict(model.belongs["gpt-4o"]) == {"developer": "OpenAI", "origin": "row-proprietary"}


def test_the_command_prints_alerts_of_models_as_json_and_as_a_table(tmp_path):
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"\n".join(cells(**{"gpt-4o": 1000})))
    said = CliRunner().invoke(cli, ["backtest", "--json", str(path)]).stdout
    found = [each for each in map(orjson.loads, said.splitlines()) if each["dimension"] == "model"]

    assert [(each["alert"], each["key"], each["z"]) for each in found] == [
        ("LLMModelGone", "mystery-1", None)
    ]
    table = CliRunner().invoke(cli, ["backtest", str(path)], env={"COLUMNS": "160"}).stdout
    assert "model: mystery-1" in table


def test_a_workers_history_by_model_has_origins_of_the_catalogue():
    point = {"start": START, "cells": {"deepseek-chat": [10, 1, 6, 4], "other": [5, 1, 5, 0]}}
    found = models_of_worker({"seconds": 3600, "points": [point]}, catalog())

    assert found.models == ("deepseek-chat",)
    assert {*found.model.tolist()} == {0, -1}
    assert "cn-open" in found.origins
    with pytest.raises(HistoryError, match="no history yet"):
        models_of_worker({"seconds": 3600, "points": []}, catalog())


def test_a_model_that_is_no_text_is_refused_with_its_line():
    with pytest.raises(HistoryError, match="line 1"):
        read(line(model=5))
