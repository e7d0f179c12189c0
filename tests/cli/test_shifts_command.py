"""`tokenshare shifts`: what has shifted on a worker, one sentence each."""

from __future__ import annotations

import orjson
import pytest
from click.testing import CliRunner
from shift_answers import moved, shift

from streams.cli import cli

SHIFTED = shift()
QUIET = shift(
    key="row-open", name="Open", shift=-0.01, zscore=-0.5, is_shifted=False, sentence=None
)
MODEL = shift(dimension="model", key="hy3", name="hy3", zscore=None, sentence="hy3 +10.2 points")


@pytest.fixture
def run(monkeypatch):
    def called(*arguments, shifts=(QUIET, SHIFTED, MODEL), days=28.0):
        body = {"baseline_days": days, "needed_days": 21, "shifts": list(shifts)}
        monkeypatch.setattr("streams.cli.client.get", lambda *_: body)
        return CliRunner().invoke(cli, ["shifts", *arguments])

    return called


def test_models_come_first_and_what_is_usual_is_left_out(run):
    assert run().stdout.splitlines() == [
        "model      24h tokens    hy3 +10.2 points",
        "origin     24h tokens    Chinese open +9.1 points in 24 hours: hy3 +10.2",
    ]


def test_a_sentence_is_printed_with_its_note(run):
    said = f"{SHIFTED['sentence']}; note of Mon 6 Jul 09:00 UTC: hy3 is free"

    assert run(shifts=(shift(sentence=said),)).stdout == f"origin     24h tokens    {said}\n"


def test_all_and_json_have_what_has_not_shifted_last(run):
    assert run("--all").stdout.splitlines()[-1] == "origin     24h tokens    Open −1.0 points"
    lines = [orjson.loads(each) for each in run("--json", "--all").stdout.splitlines()]
    assert [each["key"] for each in lines] == ["hy3", "cn-open", "row-open"]


def test_nothing_and_too_little_history_are_said(run):
    assert run(shifts=(QUIET, shift(shift=None))).stdout == "Nothing has shifted.\n"
    assert "2.5 of 21 days" in run(shifts=(QUIET,), days=2.5).stdout


def test_a_worker_that_is_not_there_ends_it():
    done = CliRunner().invoke(cli, ["shifts", "--url", "http://127.0.0.1:1"])

    assert done.exit_code == 1
    assert "No worker answers" in done.stderr


def test_only_what_is_asked_for_is_listed(run):
    assert run("origin").stdout.splitlines() == run(shifts=(SHIFTED,)).stdout.splitlines()
    assert run("--window", "1h").stdout == "Nothing has shifted.\n"
    assert run("--measure", "cost").stdout == "Nothing has shifted.\n"


@pytest.fixture
def take_apart(monkeypatch):
    def called(*arguments, width=80, **given):
        asked = []

        def get(_url, path, **query):
            asked.append((path, query))
            return moved(**given)

        monkeypatch.setattr("streams.cli.client.get", get)
        monkeypatch.setenv("COLUMNS", str(width))
        done = CliRunner().invoke(cli, ["shifts", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout, asked

    return called


@pytest.mark.parametrize("width", [60, 80])
def test_a_share_is_taken_apart_with_the_names_of_tenants(take_apart, width):
    said, asked = take_apart("origin", "cn-open", width=width)
    lines = [" ".join(line.split()) for line in said.replace("│", " ").splitlines()]

    assert asked == [
        (
            "/api/v1/shifts/movers",
            {"dimension": "origin", "key": "cn-open", "measure": "tokens", "window": "24h"},
        )
    ]
    assert lines[0] == f"{moved()['sentence']}."
    for line in (
        "hy3[b] 0.0 % 10.2 % +10.2",
        "3 others −1.1",
        "Chinese (Simplified) 0.0 % 8.0 % +8.0",
        "not kept by name 0.0 % 1.1 % +1.1",
        "Acme, search 0.0 % 9.1 % +9.1",
    ):
        assert line in lines
    assert lines.count("the shift +9.1") == 3
    assert max(map(len, said.splitlines())) <= width


def test_what_is_not_counted_is_left_out_or_said(take_apart):
    note = "Tenants are counted by tokens and requests, not by cost."
    said, asked = take_apart(
        *("origin", "cn-open", "--measure", "cost", "--window", "7d"),
        models=None,
        tenants=None,
        tenants_note=note,
    )

    assert asked[0][1]["measure"] == "cost"
    assert asked[0][1]["window"] == "7d"
    assert note in said
    assert said.count("the shift") == 1


def test_a_share_taken_apart_is_json_where_that_is_asked_for(take_apart):
    said, _ = take_apart("origin", "cn-open", "--json")

    assert orjson.loads(said)["tenants"]["movers"][0]["name"] == "Acme, search"
