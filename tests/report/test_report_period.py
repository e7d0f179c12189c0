"""A report of a period: the days from `--since` on that begin before `--until`."""

from __future__ import annotations

import orjson
import pytest
from report_inputs import A_DAY, MONDAY, event, ndjson, run


@pytest.fixture
def month(tmp_path):
    """A file of 28 days, with one request a day of 120 tokens and more."""
    path = tmp_path / "month.ndjson"
    path.write_bytes(ndjson(*(event(day, prompt=100 + day) for day in range(28))))
    return path


def starts(*arguments):
    done = run(*arguments, "--json", "--by", "day")
    assert done.exit_code == 0, done.stderr
    report = orjson.loads(done.stdout)
    return [(each["start"] - MONDAY) // A_DAY for each in report["steps"]], report["read"]


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-01-07", "2026-01-09", [2, 3]),
        ("2026-01-07", None, range(2, 28)),
        (None, "2026-01-07", [0, 1]),
        (str(MONDAY + 2 * A_DAY), str(MONDAY + 4 * A_DAY), [2, 3]),
        (f"{MONDAY + 2 * A_DAY}.5", f"{MONDAY + 3 * A_DAY}.5", [2, 3]),
        # A day counts in full.
        ("2026-01-07T15:00Z", "2026-01-08T15:00:00+00:00", [2, 3]),
        # 23:00 UTC of the day before.
        ("2026-01-07T01:00+02:00", "2026-01-09T01:00+02:00", [1, 2, 3]),
        ("20260107", "2026-01-09T00", [2, 3]),
        ("2025-01-01", "2027-01-01", range(28)),
        ("2030-01-01", None, []),
    ],
)
def test_only_days_of_the_period_are_reported(month, since, until, days):
    asked = [*(("--since", since) if since else ()), *(("--until", until) if until else ())]
    found, read = starts(month, *asked)

    assert found == [*days]
    assert (read["counted"], read["outside"]) == (28, 28 - len(found))


def test_what_is_left_out_is_said(month):
    done = run(month, "--since", "2026-01-07")

    assert "2 requests outside the period left out." in done.stderr
    assert "outside" not in run(month).stderr


def test_a_week_has_only_its_days_of_the_period(month):
    report = orjson.loads(run(month, "--since", "2026-01-07", "--json").stdout)

    assert report["weeks"] == 4
    assert report["steps"][0]["requests"] == 5
    assert report["steps"][0]["start"] == MONDAY


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "2026-11-28T20:00"),
        (("--since", "1767571200000"), "1767571200"),
        (("--until", ""), "2026-11-28T20:00"),
        (("--since", "2026-01-09", "--until", "2026-01-07"), "--since is not before --until"),
        (("--since", "2026-01-09", "--until", "2026-01-09"), "--since is not before --until"),
    ],
)
def test_a_wrong_period_is_explained(month, arguments, said):
    done = run(month, *arguments)

    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_questions_to_a_worker_have_no_period_and_no_measure():
    for arguments in (("--since", "2026-01-07"), ("--until", "7d"), ("--measure", "cost")):
        done = run("--unknown", *arguments)
        assert done.exit_code == 2
        assert arguments[0] in done.stderr
