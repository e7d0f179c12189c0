"""Comparisons with a manifest, from a history as a worker gives it."""

from __future__ import annotations

from streams.report.compare import (
    Difference,
    counted_cells,
    differences,
    expected_cells,
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
