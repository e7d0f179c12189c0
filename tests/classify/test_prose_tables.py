"""Rows of a table are no prose; a sentence with a tab in it is one."""

from __future__ import annotations

import pytest

from streams.classify.language.detect import detect

pytest.importorskip("pycld2")

QUESTION = "Please write a short let\tter to my t\teacher, and thank her for the help."


@pytest.mark.parametrize(
    "table",
    [
        "a\tb\tc\n1\t2\t3",
        "name\tcity\tage\nAnna Berg\tOslo\t34\nJan de Wit\tUtrecht\t51",
        "id\t\tstatus\n17\t\tdone",
    ],
)
def test_rows_of_cells_between_tabs_have_no_language(table):
    assert detect(table).language == "und"


def test_a_sentence_with_tabs_in_it_has_its_language():
    assert detect(QUESTION).language == "en"


def test_a_question_about_a_table_decides():
    assert detect(f"{QUESTION}\nname\tcity\tage\nAnna\tOslo\t34").language == "en"
