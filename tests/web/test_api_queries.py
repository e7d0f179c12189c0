"""Queries to the API: their parameters, their answers, and what is refused with a remedy."""

from __future__ import annotations

import csv
from types import MappingProxyType

import pytest
from server_client import GOOD_QUESTION, answered, ask

from streams.classify.keys import ALL_DIMENSIONS

NO_WINDOWS = {"as_of": 1.5, "windows": {}}


def test_shares_are_the_body_that_the_source_gives():
    body = MappingProxyType(
        {"windows": MappingProxyType({"5m": {"origin": ({"key": "unknown"},)}})}
    )

    answer = ask("/api/v1/shares", shares=lambda _: body)

    assert answer.status == 200
    assert answer.json == {"windows": {"5m": {"origin": [{"key": "unknown"}]}}}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", set(ALL_DIMENSIONS)),
        ("?dimensions=", set(ALL_DIMENSIONS)),
        ("?dimensions=origin", {"origin"}),
        ("?dimensions=joint,origin&format=csv", {"joint", "origin"}),
    ],
)
def test_shares_are_asked_for_by_dimension(query, wanted):
    asked = []

    ask(f"/api/v1/shares{query}", shares=lambda dimensions: asked.append(dimensions) or NO_WINDOWS)

    assert asked == [wanted]


@pytest.mark.parametrize("query", ["dimensions=customer", "dimensions=origin,", "dimension=origin"])
def test_shares_of_no_dimension_are_a_bad_question(query):
    answer = ask(f"/api/v1/shares?{query}")

    assert answer.status == 400
    assert "dimensions" in answer.json["remedy"]


def test_a_history_question_arrives_with_its_times_as_numbers():
    answer = ask(f"{GOOD_QUESTION}&start=1763856000&end=1763900000.5")

    assert answer.json == {"asked": ["origin", "1h", 1763856000.0, 1763900000.5]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2025-11-23", 1763856000.0),
        ("2025-11-23T00:00:00Z", 1763856000.0),
        ("2025-11-23T01:30:00%2B01:30", 1763856000.0),
        ("2025-11-23T01:30:00+01:30", 1763856000.0),
        ("2025-11-23T00:00", 1763856000.0),
    ],
)
def test_a_time_may_be_written_as_people_write_it(text, seconds):
    assert ask(f"{GOOD_QUESTION}&start={text}").json["asked"][2] == seconds


@pytest.mark.parametrize(
    "query",
    [
        "shares?language=en&provider=openai",
        "history?dimension=language&step=1h&provider=openai",
        "history?dimension=model&step=1h&language=en",
    ],
)
def test_what_is_not_counted_together_is_refused_as_a_conflict(query):
    answer = ask(f"/api/v1/{query}")

    assert answer.status == 409
    assert "language" in answer.json["detail"]
    assert answer.json["remedy"]


def test_a_filter_arrives_with_the_keys_chosen():
    asked = []

    async def part(which):
        asked.append(which.chosen)
        return NO_WINDOWS

    assert ask("/api/v1/shares?provider=a/b&origin=cn-open", part=part).status == 200
    assert asked == [(("origin", "cn-open"), ("provider", "a/b"))]
    assert ask("/api/v1/shares?provider=other", part=part).status == 400


def test_a_history_question_may_leave_its_ends_open():
    assert ask(f"{GOOD_QUESTION}&start=").json == {"asked": ["origin", "1h", None, None]}


@pytest.mark.parametrize(
    ("query", "error", "remedy"),
    [
        (
            "step=1h",
            "dimension is missing",
            ", ".join(ALL_DIMENSIONS),
        ),
        (
            "dimension=customer&step=1h",
            "'customer'",
            ", ".join(ALL_DIMENSIONS),
        ),
        ("dimension=origin", "step is missing", "10s, 5m, 1h, 1d, 1w"),
        ("dimension=origin&step=2h", "'2h'", "10s, 5m, 1h, 1d, 1w"),
        ("dimension=origin&step=1h&start=yesterday", "start is not a time", "2026-11-01"),
        ("dimension=origin&step=1h&end=2026-13-01", "end is not a time", "unix seconds"),
        ("dimension=origin&step=1h&start=nan", "start is out of range", "unix seconds"),
        ("dimension=origin&step=1h&end=inf", "end is out of range", "unix seconds"),
        ("dimension=origin&step=1h&end=1e300", "end is out of range", "unix seconds"),
        ("dimension=origin&step=1h&start=-1", "start is out of range", "unix seconds"),
        ("dimension=origin&step=1h&start=1763856000000", "start is out of range", "unix seconds"),
        ("dimension=origin&step=1h&step=1d", "step is given 2 times", "once"),
        ("dimension=origin&step=1h&from=1", "'from'", "dimension, step, start, end, origin"),
    ],
)
def test_a_bad_query_is_answered_with_its_parameter_and_the_allowed_values(query, error, remedy):
    answer = ask(f"/api/v1/history?{query}")

    assert answer.status == 400
    assert error in answer.json["detail"]
    assert remedy in answer.json["remedy"]


def test_a_question_that_the_history_itself_refuses_is_a_bad_question():
    async def history(_):
        raise ValueError("10s is kept for 70 minutes only")

    answer = ask(GOOD_QUESTION, history=history)

    assert answer.status == 400
    assert answer.json["detail"] == "10s is kept for 70 minutes only"


def test_unknown_models_are_asked_for_by_window():
    assert ask("/api/v1/unknown").json == {"window": "7d"}
    assert ask("/api/v1/unknown?window=1h").json == {"window": "1h"}


@pytest.mark.parametrize("query", ["window=2h", "window=", "window=1h&window=5m", "days=3"])
def test_a_window_that_does_not_exist_is_a_400_with_a_remedy(query):
    answer = ask(f"/api/v1/unknown?{query}")

    assert answer.status == 400
    assert answer.json["remedy"]


def test_history_is_a_download_as_csv():
    body = {
        "dimension": "language",
        "step": "1d",
        "points": [
            {
                "start": 1763856000,
                "tokens": 400,
                "requests": 4,
                "completion_tokens": 10,
                "uncached_tokens": 200,
                "cost": 0.5,
                "cells": {
                    "zh-Hans": [100, 1, 90, 10, 50, 0.5],
                    "=1+1": [300, 3, 300, 0, 150, None],
                },
            }
        ],
    }
    question = "/api/v1/history?dimension=language&step=1d&format=csv"

    answer = ask(question, history=answered(lambda _: body))

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="tokenshare-language-1d.csv"'
    )
    rows = list(csv.reader(answer.body.decode().splitlines()))
    assert rows[0] == [
        *("start", "language", "name", "tokens", "requests", "tokens_ratio", "requests_ratio"),
        *("output_tokens", "uncached_tokens", "cost"),
        *("output_tokens_ratio", "uncached_tokens_ratio", "cost_ratio"),
    ]
    assert rows[1] == [
        *("2025-11-23T00:00:00Z", "zh-Hans", "Chinese (Simplified)", "100", "1", "0.25", "0.25"),
        *("10", "50", "0.5", "1.0", "0.25", "1.0"),
    ]
    # A price that is not known is an empty field, and no zero.
    assert rows[2][-4:] == ["", "0.0", "0.75", ""]
    # No spreadsheet takes a name from outside for a formula.
    assert rows[2][1] == "'=1+1"


MOVERS = "/api/v1/shifts/movers?dimension=origin&key=cn-open&measure=tokens&window=24h"


def test_what_moved_a_share_is_asked_by_its_key():
    assert ask("/api/v1/shifts").json == {"shifts": []}
    assert ask(MOVERS).json == {"key": "cn-open"}


def test_a_shift_that_is_not_there_is_a_404():
    answer = ask(MOVERS, movers=answered(lambda _: None))

    assert answer.status == 404
    assert "'cn-open'" in answer.json["detail"]


@pytest.mark.parametrize(
    "query",
    ["", "?dimension=joint&key=a&measure=tokens&window=1h", MOVERS.split("?")[1] + "&window=1h"],
)
def test_a_bad_question_for_movers_is_a_400(query):
    assert ask(f"/api/v1/shifts/movers?{query.lstrip('?')}").status == 400
    assert ask("/api/v1/shifts?key=a").status == 400
