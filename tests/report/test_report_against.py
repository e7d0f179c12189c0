"""A report beside as many days before, or the same days of the year before."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest
from report_inputs import A_DAY, MONDAY, event, ndjson, report_of, run

from streams.report import html
from streams.report.against import against, other_period, share_then
from streams.report.summary import Period


def at(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


@pytest.fixture
def year(tmp_path):
    """A file of four days in January of two years: qwen has a tenth, then a fifth, then half."""
    path = tmp_path / "year.ndjson"
    before, day_0 = at("2025-01-05"), MONDAY
    events = [
        *((before, "qwen3-32b", 10), (before, "gpt-4o", 90)),
        *((day_0, "qwen3-32b", 20), (day_0 + A_DAY, "gone-1", 20), (day_0 + A_DAY, "gpt-4o", 60)),
        *((day_0 + 2 * A_DAY, "qwen3-32b", 50), (day_0 + 3 * A_DAY, "gpt-4o", 50)),
    ]
    path.write_bytes(
        ndjson(
            *(
                event(model=model, prompt=tokens, completion=0, ts=moment)
                for moment, model, tokens in events
            )
        )
    )
    return path


JANUARY = ("--since", "2026-01-07", "--until", "2026-01-09")


def told(*arguments):
    done = run(*arguments)
    assert done.exit_code == 0, done.stderr
    return done


def beside(path, kind, *more):
    return orjson.loads(told(path, *JANUARY, "--against", kind, "--json", *more).stdout)["against"]


@pytest.mark.parametrize("by", ["day", "week"])
def test_the_days_before_are_as_many_as_those_of_the_period(year, by):
    found = beside(year, "before", "--by", by)

    assert (found["first"], found["last"], found["days"]) == ("2026-01-05", "2026-01-06", 2)
    assert (found["tokens"], found["requests"]) == (100, 3)
    assert found["origin"]["cn-open"] == 0.2
    changes = {(each["dimension"], each["key"]): each["change"] for each in found["movers"]}
    assert changes["origin", "cn-open"] == pytest.approx(0.3)
    assert changes["model", "qwen3-32b"] == pytest.approx(0.3)
    # What is gone has moved as well.
    assert changes["model", "gone-1"] == pytest.approx(-0.2)


def test_the_same_days_of_the_year_before_are_of_the_calendar(year):
    since, until = at("2026-01-05"), at("2026-01-08")
    found = orjson.loads(
        told(year, "--since", since, "--until", until, "--against", "year", "--json").stdout
    )["against"]

    assert (found["first"], found["last"], found["days"]) == ("2025-01-05", "2025-01-07", 1)
    assert found["origin"]["cn-open"] == 0.1


@pytest.mark.parametrize(
    ("since", "until", "kind", "found"),
    [
        ("2026-01-07", "2026-01-09", "before", ("2026-01-05", "2026-01-07")),
        # The running day counts in full, and so there is one more before.
        ("2026-01-07", "2026-01-09T15:00", "before", ("2026-01-04", "2026-01-07")),
        ("2026-02-01", "2026-03-01", "year", ("2025-02-01", "2025-03-01")),
        ("2028-02-29", "2028-03-01", "year", ("2027-02-28", "2027-03-01")),
        ("2026-01-07", None, "before", ("2026-01-04", "2026-01-07")),
    ],
)
def test_the_other_period(since, until, kind, found):
    period = Period.of(at(since), None if until is None else at(until))

    assert other_period(period, kind, at("2026-01-09T12:00")) == tuple(map(at, found))


def test_the_terminal_says_against_what_and_has_the_shares_of_then(year):
    said = told(year, *JANUARY, "--against", "before").stdout

    flat = " ".join(said.split())
    assert (
        "Against the 2 days before (2026-01-05 to 2026-01-06): 100 tokens in 3 requests then; "
        "Chinese open models 20.0 %, now 50.0 % (+30.0 points)." in flat
    )
    assert "Chinese open 50.0 % 20.0 % +30.0" in flat
    assert "What has moved most against the 2 days before, by model" in flat


def test_other_forms_have_it_too(year, tmp_path):
    page = tmp_path / "r.html"
    told(year, *JANUARY, "--against", "before", "--html", page)

    for said in (
        page.read_text().replace("&nbsp;", " "),
        told(year, *JANUARY, "--against", "before", "--markdown").stdout,
    ):
        assert "Chinese open models 20.0 %, now 50.0 %" in said.replace("\\", "")


def test_what_is_not_there_is_said_and_not_taken_for_a_change(year):
    done = told(year, *JANUARY, "--against", "year")

    assert "Against the same days a year before (2025-01-07 to 2025-01-08): no traffic then." in (
        " ".join(done.stdout.split())
    )
    assert "against the same days" not in done.stdout
    found = beside(year, "year")
    assert (found["days"], found["movers"]) == (0, [])


def test_days_without_traffic_are_counted(year):
    said = told(year, "--since", "2026-01-08", "--until", "2026-01-13", "--against", "before")

    assert "3 requests then" not in said.stdout
    assert "4 requests then, on 3 of 5 days" in " ".join(said.stdout.split())


def test_requests_of_both_periods_are_not_left_out(year):
    done = told(year, *JANUARY, "--against", "before")

    assert "2 requests outside the period left out." in done.stderr


def test_a_key_that_may_be_among_others_is_not_known():
    then = report_of(event(0, "qwen3-32b"), by="day")
    now = report_of(event(1, "gpt-4o"), by="day")
    found = against(now, then, "before", (MONDAY, MONDAY + A_DAY))

    assert share_then(found, "model", "gpt-4o") == 0.0
    assert share_then(found, "model", "qwen3-32b") == 1.0
    rows = {**found.rows, "model": {"qwen3-32b": 0.9, "other": 0.1}}
    assert share_then(type(found)("before", 0, 1, 1, found.whole, rows, ()), "model", "x") is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--against", "before"), "--against before needs --since"),
        ((*JANUARY, "--against", "month"), "'before', 'year'"),
        ((*JANUARY, "--against", "before", "--csv"), "--csv has the steps of one period"),
        (("--since", "2030-01-01", "--against", "before"), "the period has no day"),
        (("--since", "1970-02-01", "--against", "before"), "begins before 1970"),
    ],
)
def test_what_cannot_be_compared_is_explained(year, arguments, said):
    done = run(year, *arguments)

    assert done.exit_code == 2
    assert said in done.stderr


def test_a_report_of_one_period_has_none():
    assert report_of(event()).against is None
    assert "before" not in html.page(report_of(event()))
