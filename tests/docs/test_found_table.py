"""docs/alerts.md says what the results of `make alerts` say."""

from __future__ import annotations

import json

import found_table
import rates


def test_the_table_of_what_is_found_is_that_of_the_results():
    assert found_table.written() == found_table.PAGE.read_text(), (
        "write it: python tests/shifts/found_table.py"
    )


def test_the_results_have_what_the_program_measures_today():
    found = json.loads(rates.RESULTS.read_text())
    seeds = len(found["conditions"]["seeds"])

    assert set(found) == {*rates.PARTS, "conditions"}
    assert [(row["shift"], row["trials"]) for row in found["shifts"]] == [
        (name, seeds * (rates.TRIALS if hours <= 72 else rates.TRIALS // 2))
        for name, hours in rates.WITHIN.items()
        for _ in rates.RATES
    ]
