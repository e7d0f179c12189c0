"""A report in the terminal and as CSV."""

from __future__ import annotations

import csv
import io
import itertools
import re

import pytest
from report_inputs import event, report_of, run
from rich.console import Console

from streams.report import content as page
from streams.report import formatting, text


def test_the_table_reads_like_the_study(traffic):
    said = run(traffic).stdout

    order = [
        "Chinese open models:",
        "Languages of prompts:",
        "Tokens by origin",
        "Tokens by prompt language",
        "Tokens by developer",
        "Tokens by model",
        "each week",
    ]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    assert "Alibaba" in said


@pytest.mark.parametrize("width", [60, 80, 104, 200])
def test_a_terminal_of_any_width_shows_whose_the_numbers_are(width):
    report = report_of(
        *(event(7 * week, "qwen3-32b" if week < 9 else "gpt-4o", 10**6) for week in range(54))
    )
    written = io.StringIO()
    console = Console(width=width, file=written)
    for each in text.for_terminal(report, width):
        console.print(each)
    said = written.getvalue()

    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    for whole in ("Proprietary, rest of world", "gpt-4o", "2026-01-05", "100.0 %"):
        assert whole in said
    last = said.splitlines()[-1]
    assert last.split()[0] == "2027-01-11"
    assert ("course" in said) == (width >= 80)
    assert not re.search(r"^ ?%", said, re.MULTILINE)


def test_one_step_has_no_course():
    for by, when in (("week", "Week of 2026-01-05 (UTC): "), ("day", "2026-01-05 (UTC): ")):
        report = report_of(event(0), by=by)
        assert page.sentences(report)[0] == f"{when}120 tokens in 1 request."
        for table in page.tables(report)[:4]:
            assert table.columns[1:] == ("tokens", "requests")
        assert page.tables(report)[4].columns == ("tokens", "all")


def test_csv_has_a_row_a_step_and_key(traffic):
    for by, steps in (("week", 5), ("day", 30)):
        found = [*csv.DictReader(io.StringIO(run(traffic, "--csv", "--by", by).stdout))]
        models = [each for each in found if each["dimension"] == "model"]
        assert len(models) == steps * 3
        assert sum(int(each["tokens"]) for each in models) == sum(3 * (120 + d) for d in range(30))
        assert found[0]["start"] == "2026-01-05T00:00:00Z"


def test_a_sparkline_has_a_mark_a_step_up_to_its_width():
    assert formatting.sparkline([0.0, 0.5, 1.0]) == " ▅█"
    assert formatting.sparkline([0.0, 0.0]) == ""
    for steps in (1, 24, 25, 730):
        assert len(formatting.sparkline([1.0] * steps)) == min(24, steps)
    assert len(set(itertools.chain(formatting.sparkline([0.1] * 100)))) == 1
