"""A fault is exact, reported or wrong; nothing that is silent passes."""

from __future__ import annotations

import pytest
from truth import Gap
from verdict import Outcome, State, verdict

LOST = Gap(lost=3, wrong_tokens=90)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State("a", is_ready=True), Outcome.EXACT),
        (State("a", is_ready=True, gap=LOST), Outcome.WRONG),
        (State("a", is_ready=True, gap=LOST, words="the topic was cut"), Outcome.WRONG),
        (State("a", is_ready=True, gap=LOST, reported_lost=3), Outcome.REPORTED),
        (State("a", is_ready=True, gap=LOST, reported_lost=2), Outcome.WRONG),
        (State("a", is_ready=True, gap=Gap(1, 1), reported_lost=1), Outcome.WRONG),
        (State("a", gap=LOST, words="the topic was cut"), Outcome.REPORTED),
        (State("a", words="the topic was cut"), Outcome.REPORTED),
        (State("a", gap=LOST, words="the changelog is being read"), Outcome.WRONG),
        (State("a", words="assigned", logged="ERROR the topic was cut"), Outcome.WRONG),
        (State("a", exit_code=1, words="The topic was CUT"), Outcome.REPORTED),
        (State("a", exit_code=70, words="Traceback"), Outcome.WRONG),
        (State("a", exit_code=0, words="the topic was cut"), Outcome.WRONG),
    ],
)
def test_a_worker_is_exact_or_reports_what_is_wrong(state, expected):
    assert state.outcome("was cut") is expected


def test_without_a_cause_to_name_only_exact_counts_are_right():
    assert State("a", words="anything").outcome("") is Outcome.WRONG


def test_the_worst_worker_decides():
    good, said, bad = (
        State("a", is_ready=True),
        State("b", words="cut"),
        State("c", is_ready=True, gap=LOST),
    )
    assert verdict([good], explained="cut").outcome is Outcome.EXACT
    assert verdict([good, said], explained="cut").outcome is Outcome.REPORTED
    assert verdict([good, bad, said], explained="cut").outcome is Outcome.WRONG


def test_what_was_wrong_on_the_way_counts():
    assert verdict([State("a", is_ready=True)], faults=["a mixture"]).outcome is Outcome.WRONG


def test_no_worker_is_not_right():
    assert verdict([]).outcome is Outcome.WRONG
