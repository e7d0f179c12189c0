"""What a shift is in a sentence: how far, since when, and what moved it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.shifts.attribution import Part, attribute
from streams.shifts.movers import Moved
from streams.shifts.sentence import leading, sentence
from streams.shifts.shift import KeyShift

OPEN = KeyShift("cn-open", 0.49, 0.01, 0.4, 0.091, 0.02, 4.2, 0.06, None, 300.0)
#: Of 1,000 tokens.
NOW = {"hy3:free": 102, "glm-5.2": 210, "mimo": 89, "other": 90}
BEFORE = {"glm-5.2": 200, "mimo": 120, "other": 80}


def moved(now=NOW, before=BEFORE, joint=None):
    parts = [Part(each, sum(each.values()), 1000) for each in (now, before)]
    return Moved(attribute(parts[0], parts[1]), joint, None)


def test_the_largest_that_pushed_come_first_and_what_held_against_it_is_left_out():
    said = sentence("origin", "24h", OPEN, moved())

    assert said == (
        "Chinese open +9.1 points in 24 hours: hy3:free +10.2, glm-5.2 +1.0, "
        "models not kept by name +1.0"
    )


def test_a_fall_is_told_by_what_fell():
    said = sentence("origin", "1h", OPEN, moved(BEFORE, NOW))

    assert said.replace("\N{MINUS SIGN}", "-").startswith(
        "Chinese open -9.1 points in the last hour: hy3:free -10.2"
    )
    assert "mimo" not in said


def test_points_of_cost_are_called_so():
    said = sentence("origin", "24h", OPEN, moved(), measure="cost")

    assert said.startswith("Chinese open +9.1 points of cost in 24 hours: hy3:free +10.2")
    assert "of" not in sentence("origin", "24h", OPEN, measure="requests")


def test_a_drift_says_since_when():
    drifted = replace(OPEN, since=1_783_382_400.0)

    assert sentence("origin", "7d", drifted) == "Chinese open +9.1 points since Tue 7 Jul"


def test_a_language_is_moved_by_origins_with_their_names():
    joint = attribute(Part({"cn-open": 90}, 90, 1000), Part({"cn-open": 10}, 10, 1000))
    of_language = Moved(None, joint, None)
    russian = replace(OPEN, key="ru")

    assert leading(of_language, "language") == (("Chinese open", pytest.approx(0.08)),)
    assert sentence("language", "24h", russian, of_language).startswith("Russian +8.0 points")


def test_a_model_is_named_with_its_developer_and_its_origin():
    model = replace(OPEN, key="hy3:free", share=0.11, shift=0.1)
    model = replace(model, developer="Tencent", origin="cn-open")

    assert sentence("model", "24h", model) == (
        "hy3:free +10.0 points in 24 hours, to 11.0% (Tencent, Chinese open)"
    )


def test_a_shift_that_is_not_known_or_not_explained_is_no_more_than_that():
    assert sentence("origin", "24h", replace(OPEN, shift=None)) == ""
    assert sentence("origin", "24h", OPEN) == "Chinese open +9.1 points in 24 hours"
    assert leading(None, "origin") == ()
    assert leading(Moved(None, None, None), "origin") == ()
