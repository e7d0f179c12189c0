"""`tokenshare backtest` prints the alerts and notifications that a history would have had."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from backtest_histories import DAY, HOUR, PANE, history, line
from click.testing import CliRunner
from traffic_model import DAY_PANES, START, Change

from streams.cli import backtest, cli
from streams.settings import extras
from streams.shifts.backtest import history_file
from streams.shifts.backtest.replay import replay


@pytest.fixture(scope="module")
def with_a_shift(tmp_path_factory) -> Path:
    """A history of 24 days whose last has 25 points more of Chinese open models."""
    timeline = history(
        days=24,
        change=Change(23 * DAY_PANES, dimension="origin", key="cn-open", points=0.25),
        seed=7,
    )
    by_tenant, panes = timeline.by_tenant, timeline.panes
    path = tmp_path_factory.mktemp("history") / "history.ndjson"
    with path.open("wb") as stream:
        for row in range(len(by_tenant.pane)):
            tokens = int(by_tenant.tokens[row])
            stream.write(
                line(
                    start=panes.start + int(by_tenant.pane[row]) * PANE,
                    origin=panes.keys[by_tenant.key[row]],
                    language="en",
                    tenant=by_tenant.tenants[by_tenant.tenant[row]],
                    requests=int(by_tenant.requests[row]),
                    tokens=tokens,
                    tokens_squared=tokens * tokens,
                )
                + b"\n"
            )
    return path


def run(*arguments):
    return CliRunner().invoke(cli, ["backtest", *map(str, arguments)])


@pytest.fixture(scope="module")
def printed(with_a_shift):
    """Return what is printed of it as JSON: a replay takes seconds."""
    return run(with_a_shift, "--json")


@pytest.mark.slow
def test_a_shift_is_printed_as_lines_of_json(printed):
    lines = [orjson.loads(each) for each in printed.stdout.splitlines()]

    assert printed.exit_code == 0
    assert all(
        [*each]
        == [
            *("alert", "dimension", "key", "measure", "direction", "pending", "firing"),
            *("resolved", "z", "shift", "notified"),
        ]
        for each in lines
    )
    first = next(each for each in lines if each["notified"])
    assert (first["dimension"], first["key"], first["direction"]) == ("origin", "cn-open", "up")
    assert START + 23 * DAY < first["pending"] < first["firing"] < START + 24 * DAY
    assert first["notified"] == first["firing"] + 120
    assert first["shift"] > 0.01
    assert [each["firing"] or each["pending"] for each in lines] == sorted(
        each["firing"] or each["pending"] for each in lines
    )


@pytest.mark.slow
def test_a_shift_is_printed_as_a_table_with_alerts_a_week_and_drawn(
    with_a_shift, monkeypatch, tmp_path
):
    monkeypatch.setenv("COLUMNS", "160")
    path = tmp_path / "shares.png"
    result = run(with_a_shift, "--plot", path)

    assert result.exit_code == 0
    assert "Chinese open" in result.stdout
    assert "a week" in result.stdout
    assert "notifications" in result.stdout
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_table_of_alerts_is_whole_in_a_terminal_of_80_columns(with_a_shift, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = run(with_a_shift).stdout
    table = said[: said.index("alerts fired")]

    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 80
    for whole in ("LLMShareShiftDay", "Chinese", "tokens", "notified", "points"):
        assert whole in table


@pytest.mark.slow
def test_several_files_in_any_order_are_one_history(with_a_shift, printed, tmp_path):
    lines = with_a_shift.read_bytes().splitlines(keepends=True)
    early, late = tmp_path / "early.ndjson", tmp_path / "late.ndjson"
    early.write_bytes(b"".join(lines[: len(lines) // 2]))
    late.write_bytes(b"".join(lines[len(lines) // 2 :]))

    assert run(late, early, "--json").stdout == printed.stdout


@pytest.mark.slow
def test_an_alert_names_the_notes_of_its_time(with_a_shift, tmp_path):
    notes = tmp_path / "notes.toml"
    launch = datetime.fromtimestamp(START + 23 * DAY, UTC)
    notes.write_text(
        f'[[notes]]\nat = {launch.isoformat()}\ntext = "a launch, $1"\n'
        f'[[notes]]\nfrom = 2000-01-01\nuntil = {launch.date()}\ntext = "{"long " * 20}"\n'
        '[[notes]]\nat = 2000-01-01\ntext = "long ago"\n'
    )
    plot = tmp_path / "shares.png"
    lines = run(with_a_shift, "--json", "--notes", notes).stdout.splitlines()
    table = run(with_a_shift, "--notes", notes, "--plot", plot).stdout

    found = [orjson.loads(each) for each in lines]
    of_launch = [each for each in found if each["notes"]]
    assert {each["notes"][0]["text"] for each in of_launch} == {"a launch, $1"}
    assert of_launch[0]["notes"][0]["start"] == START + 23 * DAY
    assert all(each["pending"] > START + 22 * DAY for each in of_launch)
    assert "cn-open" in {each["key"] for each in of_launch}
    assert "LLMShareShiftDay origin: Chinese open, tokens: note of " in table
    assert "long ago" not in table
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_file_of_notes_with_a_fault_ends_it(with_a_shift, tmp_path):
    notes = tmp_path / "notes.toml"
    notes.write_text('[[notes]]\ntext = "when?"\n')
    result = run(with_a_shift, "--notes", notes)

    assert result.exit_code == 2
    assert f"{notes}: line 1: note 1: has no time. Remedy: " in result.stderr


@pytest.mark.slow
def test_without_the_library_that_draws_it_says_how_to_get_it(with_a_shift, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("streams.shifts.backtest.plot.is_there", lambda: False)
    result = run(with_a_shift, "--plot", "shares.png")

    assert result.exit_code == 2
    assert extras.advice("plot") in result.stderr


def test_a_short_history_and_one_without_tenants_say_so(tmp_path):
    path = tmp_path / "short.ndjson"
    path.write_bytes(line(tenant=None) + b"\n")
    result = run(path)

    assert result.exit_code == 0
    assert "alerts begin after 21 days" in result.stdout
    assert "names its tenant" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give files, or --from-worker"),
        (("a.ndjson", "--from-worker", "http://127.0.0.1:1"), "give files, or --from-worker"),
        (("missing.ndjson",), "missing.ndjson cannot be read: No such file"),
        ((".",), "is a directory"),
        (("--from-worker", "http://127.0.0.1:1"), "No worker answers"),
        (("--from-worker", "127.0.0.1:6066"), "is not an address: write it as http://host:port"),
    ],
)
def test_a_users_mistake_is_reported_in_a_line(arguments, said):
    result = run(*arguments)

    assert result.exit_code in {1, 2}
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_workers_own_history_is_replayed_hour_by_hour(monkeypatch):
    points = [
        {
            "start": START + hour * HOUR,
            "cells": {
                "cn-open/en": [60_000 if hour < 24 * 30 else 300_000, 3000, 0, 0],
                "row-open/en": [180_000, 9000, 0, 0],
            },
        }
        for hour in range(24 * 31)
    ]
    asked = []

    def get(url, path, **query):
        asked.append((url, path, query))
        if query["dimension"] == "model":
            steady = [each | {"cells": {"gpt-4o": [1, 1, 1, 0]}} for each in points]
            return {"seconds": HOUR, "points": steady}
        return {"seconds": HOUR, "points": points}

    monkeypatch.setattr("streams.cli.client.get", get)
    result = run("--from-worker", "http://127.0.0.1:6066", "--json")
    found = [orjson.loads(each) for each in result.stdout.splitlines()]

    assert asked == [
        ("http://127.0.0.1:6066", "/api/v1/history", {"dimension": dimension, "step": "1h"})
        for dimension in ("joint", "model")
    ]
    # Without tenants there is no alert of the hour; a shift of 37 points is seen by the day.
    rises = [each for each in found if each["notified"] and each["direction"] == "up"]
    assert {(each["key"], each["measure"]) for each in rises} == {("cn-open", "tokens")}
    assert {each["alert"] for each in rises} == {"LLMShareShiftDay"}
    assert START + 30 * DAY < rises[0]["firing"] < START + 30 * DAY + 8 * HOUR
    said = run("--from-worker", "http://127.0.0.1:6066").stdout
    assert "no alerts of the hour" in " ".join(said.split())
    assert "no sums of squared tokens" in " ".join(said.split())


def test_a_bad_line_ends_it_with_its_number(tmp_path):
    path = tmp_path / "bad.ndjson"
    path.write_bytes(line() + b"\n" + line(tokens=-1) + b"\n")
    result = run(path)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"tokenshare: {path}, line 2: a count is negative")


@pytest.mark.slow
def test_a_replay_holds_together(with_a_shift):
    with with_a_shift.open("rb") as stream:
        found = replay(history_file.read([("h", stream)]))

    assert found.series == 2 * sum(len(each.panes.keys) for each in found.timelines)
    assert found.weeks == pytest.approx(3 / 7, abs=0.01)
    assert found.fired >= found.notifications >= 1
    assert {each for notice in found.notices for each in notice.alerts} <= set(found.alerts)
    assert all(
        each.pending + each.rule.for_seconds <= each.firing
        for each in found.alerts
        if each.firing is not None
    )


def test_of_a_worker_it_is_said_for_how_long_its_api_has_tenants():
    history: Any = SimpleNamespace(tenants=(), has_squares=True)
    found: Any = SimpleNamespace(weeks=1.0)

    (of_worker,) = backtest._cautions(history, found, is_worker=True)
    (of_file,) = backtest._cautions(history, found, is_worker=False)
    assert of_worker.startswith("A worker's API has tenants for nine days only")
    assert of_file.startswith("No request names its tenant")
