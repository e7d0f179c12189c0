"""A report by each measure, of who served, and of what is not known."""

from __future__ import annotations

import csv
import io
import re

import orjson
import pytest
from report_inputs import event, ndjson, report_of, run

from streams.report import content as page
from streams.report import formatting, html
from streams.report.summary import summary
from streams.shares.measures import MEASURES


def served(provider, cost=None, **more):
    """Return what a priced native event says besides its tokens."""
    return {"provider": provider} | ({} if cost is None else {"cost": cost}) | more


EVENTS = [
    event(0, "qwen3-32b", 300, 100, **served("deepseek", 0.25, cached_tokens=200)),
    event(1, "gpt-4o", 400, 100, **served("openai", 1.75)),
    event(2, "mine", 90, 10),
    event(8, "qwen3-32b", 700, 100, **served("openai", 0.5)),
    event(9, "gpt-4o", 100, 100, **served("openai", 0.5)),
]
TOKENS = 400 + 500 + 100 + 800 + 200
PRICED = 400 + 500 + 800 + 200


@pytest.fixture
def priced(tmp_path):
    path = tmp_path / "priced.ndjson"
    path.write_bytes(ndjson(*EVENTS))
    return path


def test_native_events_give_shares_by_each_measure(priced):
    ratios = {
        measure: orjson.loads(run(priced, "--json", "--measure", measure).stdout)["model"][
            "qwen3-32b"
        ]
        for measure in MEASURES
    }

    of = ratios["tokens"]
    assert of["tokens_ratio"] == pytest.approx(1200 / TOKENS)
    assert of["requests_ratio"] == pytest.approx(2 / 5)
    assert of["output_tokens_ratio"] == pytest.approx(200 / 410)
    assert of["uncached_tokens_ratio"] == pytest.approx(1000 / (TOKENS - 200))
    assert of["cost_ratio"] == pytest.approx(0.75 / 3.0)
    assert (of["uncached_tokens"], of["cost"]) == (1000, 0.75)
    # The course is that of the measure.
    lasts = {measure: each["last"] for measure, each in ratios.items()}
    assert lasts == {
        "tokens": 0.8,
        "requests": 0.5,
        "output_tokens": 0.5,
        "uncached_tokens": 0.8,
        "cost": 0.5,
    }


def test_tokens_are_the_default(priced):
    assert run(priced).stdout == run(priced, "--measure", "tokens").stdout
    assert run(priced, "--measure", "money").exit_code == 2


@pytest.mark.parametrize("measure", MEASURES)
def test_every_form_says_what_its_shares_are_of(priced, measure, tmp_path):
    words = measure.replace("_", " ")
    path = tmp_path / "r.html"
    asked = (priced, "--measure", measure)
    assert run(*asked, "--html", path).exit_code == 0

    for said in (run(*asked).stdout, run(*asked, "--markdown").stdout, path.read_text()):
        assert f" of {words}" in said.replace("&nbsp;", " ")
        assert f"{words.capitalize()} by origin" in said
        assert f"{words.capitalize()} by provider" in said
    assert f"Shares of {words}" in path.read_text()
    assert orjson.loads(run(*asked, "--json").stdout)["measure"] == measure


def test_columns_of_csv_are_added_at_the_end(priced):
    text = run(priced, "--csv").stdout
    rows = [*csv.DictReader(io.StringIO(text))]

    assert text.splitlines()[0] == (
        "start,dimension,key,name,tokens,requests,prompt_tokens,completion_tokens,tokens_ratio,"
        "requests_ratio,uncached_tokens,cost,output_tokens_ratio,uncached_tokens_ratio,cost_ratio"
    )
    mine = next(row for row in rows if row["key"] == "mine")
    # No price was stated, which is no price of zero.
    assert (mine["tokens"], mine["cost"], mine["cost_ratio"]) == ("100", "", "")
    cheap = next(row for row in rows if row["key"] == "qwen3-32b")
    assert (cheap["uncached_tokens"], cheap["cost"], cheap["cost_ratio"]) == (
        "200",
        "0.25",
        "0.125",
    )
    assert run(priced, "--csv", "--measure", "requests").stdout.splitlines()[0] in text


def test_who_served_is_shown_where_it_is_known(priced, traffic):
    said, without = run(priced).stdout, run(traffic).stdout

    for title in ("Tokens by provider", "Tokens by jurisdiction", "Tokens by origin and"):
        assert title in said
        assert title not in without
    assert "Served from China: 0.0 % of tokens in the last week" in re.sub(r"\s+", " ", said)
    assert "Served from" not in without


def test_origin_by_jurisdiction_adds_up(priced):
    report = orjson.loads(run(priced, "--json").stdout)
    tokens = {(each["origin"], each["jurisdiction"]): each["tokens"] for each in report["law"]}

    assert tokens == {
        ("cn-open", "us"): 800,
        ("cn-open", "cn"): 400,
        ("row-proprietary", "us"): 700,
        ("unknown", "unknown"): 100,
    }
    assert sum(each["tokens_ratio"] for each in report["law"]) == pytest.approx(1)
    rows = [*csv.DictReader(io.StringIO(run(priced, "--csv").stdout))]
    law = [row for row in rows if row["dimension"] == "law"]
    assert sum(int(row["tokens"]) for row in law) == TOKENS
    assert {row["key"]: row["name"] for row in law}["cn-open/us"] == "Chinese open / United States"

    table = next(each for each in page.tables(report_of(*EVENTS)) if "origin and" in each.title)
    assert table.columns == ("origin", "United States", "China", "Unknown", "all")
    assert table.rows[0] == ("Chinese open", "40.0 %", "20.0 %", "0.0 %", "60.0 %")


def test_what_part_has_a_price_is_said(priced, traffic):
    known = f"Cost: $3.00; prices known for {PRICED / TOKENS:.0%}".replace("%", " % of tokens.")

    assert known in re.sub(r"\s+", " ", run(priced).stdout)
    assert known in page.sentences(report_of(*EVENTS))
    assert orjson.loads(run(priced, "--json").stdout)["priced_ratio"] == PRICED / TOKENS
    assert "prices known" not in run(traffic).stdout


def test_nearly_all_is_not_said_to_be_all():
    report = report_of(event(0, prompt=10**6, cost=1), event(0, "mine", 10, 0))

    assert "prices known for >99 % of tokens" in " ".join(page.sentences(report))


def test_without_a_price_cost_is_not_known_and_never_zero(traffic, tmp_path):
    path = tmp_path / "r.html"
    asked = (traffic, "--measure", "cost")
    assert run(*asked, "--html", path).exit_code == 0
    report = orjson.loads(run(*asked, "--json").stdout)

    for said in (run(*asked).stdout, path.read_text()):
        assert "Cost is not known: no request states a price." in re.sub(r"\s+", " ", said)
    assert (report["cost"], report["priced_ratio"]) == (None, 0)
    assert report["origin"]["cn-open"] == dict.fromkeys(("first", "highest", "last", "average"))
    assert report["movers"] == []
    (origins, *_) = page.tables(
        report_of(*map(orjson.loads, [orjson.dumps(event())]), measure="cost")
    )
    assert {row[1] for row in origins.rows} <= {"–", "0.0 %"}
    assert "<polygon" not in path.read_text()


def test_a_week_without_prices_is_left_out_of_the_course():
    report = report_of(
        event(0, "qwen3-32b", cost=1),
        event(7, "qwen3-32b"),
        event(14, "qwen3-32b", cost=1),
        event(14, "gpt-4o", cost=3),
        event(21, "gpt-4o"),
        measure="cost",
    )
    row = next(row for row in report.dimensions["model"] if row.key == "qwen3-32b")

    assert row.shares == (1.0, None, 0.25, None)
    assert row.course == (1.0, 1.0, None, 0.625)
    assert "share of cost not known in the last week" in page.sentences(report)[1]
    assert formatting.sparkline(row.shares) == "█·▃·"
    # Two of four weeks are drawn, with nothing between them.
    assert html.page(report).count("<polygon") == 3


def test_a_worker_of_before_prices_has_no_cost_and_no_uncached_tokens():
    cells = {"cn-open": [120, 1, 100, 20], "row-proprietary": [60, 1, 50, 10]}
    points = [
        {
            "start": 1_767_571_200,
            "tokens": 180,
            "requests": 2,
            "prompt_tokens": 150,
            "completion_tokens": 30,
            "cells": cells,
        }
    ]
    of = {each: points if each == "origin" else [] for each in ("origin", "language", "developer")}
    for measure in MEASURES:
        report = summary(of, "week", measure=measure)
        first = report.dimensions["origin"][0]
        known = measure in {"tokens", "requests", "output_tokens"}
        assert (first.ratio(measure) is None) == (not known)
        assert page.sentences(report)
    assert report.whole.uncached_tokens is None


@pytest.mark.parametrize("measure", MEASURES)
def test_rows_are_in_the_order_of_the_measure(measure):
    report = report_of(*EVENTS, measure=measure)
    values = [row.sums.value(measure) for row in report.dimensions["model"]]

    assert values == sorted(values, key=lambda value: -(value or 0))
