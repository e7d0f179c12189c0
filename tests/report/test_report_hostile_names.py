"""Names from outside stay text in every form of a report."""

from __future__ import annotations

import csv
import io
import re

import pytest
from report_inputs import event, ndjson, run
from report_page import read_page

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "a|b|c",
    "[x](http://evil.example)",
    "`code`*bold*_it_",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe",
    "x" * 5000,
]


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "hostile.ndjson"
    path.write_bytes(ndjson(*(event(0, name, language=name) for name in HOSTILE), event(1)))
    return path


def test_hostile_names_are_text_in_html(hostile, tmp_path):
    path = tmp_path / "report.html"
    assert run(hostile, "--html", path).exit_code == 0

    found = read_page(path.read_text("utf-8"))
    assert not {"script", "img"} & set(found.tags)
    assert "onerror" not in {name for name, _ in found.attributes}
    assert "alert(1)" in "".join(found.text)


def test_hostile_names_are_text_in_markdown(hostile):
    said = run(hostile, "--markdown").stdout

    table = said.partition("## Tokens by model")[2].partition("\n## ")[0].strip().split("\n")[2:]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(cells) == 1
    assert not re.search(r"(?<!\\)[<`]", said)
    assert not re.search(r"(?<!\\)\]\(", said)
    assert "http://" not in said


def test_hostile_names_are_no_formulas_in_csv(hostile):
    for row in csv.reader(io.StringIO(run(hostile, "--csv").stdout)):
        assert not [each for each in row if each.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("form", [(), ("--markdown",)])
def test_hostile_names_do_not_steer_the_terminal(hostile, form):
    done = run(hostile, *form)

    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)
    assert "x" * 200 not in done.stdout


def test_a_file_name_does_not_steer_the_terminal_either(tmp_path):
    path = tmp_path / "\x1b[31m.ndjson"
    path.write_bytes(b"bad\n")

    assert "\x1b" not in run(path).stderr
