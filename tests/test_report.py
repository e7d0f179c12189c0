"""Weekly shares and comparisons, from histories as a worker gives them."""

from __future__ import annotations

import pytest

from streams.report import (
    Difference,
    counted_cells,
    differences,
    expected_cells,
    weekly,
    weekly_json,
)


def history(*weeks):
    return {
        "points": [
            {
                "start": number * 604800,
                "tokens": sum(cells.values()),
                "requests": len(cells),
                "cells": {key: [tokens, 1, tokens, 0] for key, tokens in cells.items()},
            }
            for number, cells in enumerate(weeks)
        ]
    }


def test_first_highest_last_and_average_are_of_weekly_shares():
    report = weekly(
        history({"cn-open": 1, "row-open": 99}, {"cn-open": 300, "row-open": 700}, {"row-open": 5}),
        history({"en": 80, "zh-Hans": 20}, {"en": 900, "zh-Hans": 100}, {"en": 5}),
    )

    course = report.origins["cn-open"]
    assert (course.first, course.highest, course.last) == (0.01, 0.3, 0.0)
    assert course.average == pytest.approx((0.01 + 0.3 + 0) / 3)
    assert report.weeks == 3
    assert report.languages["en"] == pytest.approx(985 / 1105)
    assert list(report.languages) == ["en", "zh-Hans"]


def test_without_tokens_there_is_nothing_to_tell():
    report = weekly(history(), history())

    assert weekly_json(report, simulated=True) == {
        "simulated": True,
        "weeks": 0,
        "tokens": 0,
        "requests": 0,
        "origin": {},
        "language": {},
    }


def manifest(tokens):
    cell = {"origin": "cn-open", "language": "zh-Hans", "requests": 1}
    return {"cells": [cell | {"tokens": tokens, "prompt_tokens": tokens, "completion_tokens": 0}]}


def test_manifests_add_up():
    assert expected_cells([manifest(5), manifest(7)]) == {"cn-open/zh-Hans": [12, 2, 12, 0]}


def test_a_difference_of_one_token_is_found_and_named():
    counted = counted_cells(history({"cn-open/zh-Hans": 5, "row-open/en": 0}))

    assert differences(expected_cells([manifest(6)]), counted) == [
        Difference("cn-open", "zh-Hans", "tokens", 6, 5),
        Difference("cn-open", "zh-Hans", "prompt_tokens", 6, 5),
        Difference("row-open", "en", "requests", 0, 1),
    ]
