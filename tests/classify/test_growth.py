"""No text makes an expression slow: the cost of each grows with the text, not with its square."""

from __future__ import annotations

import importlib
import re
import time
from pathlib import Path

import pytest

import streams.classify.language as package

#: Characters of the texts: as many as are read of a prompt, and four times that.
SHORT, LONG = 512, 2048
#: Seconds that a text may take without being tried at four times the length.
QUICK = 0.0004
#: Four times the text may take so many times as long: sixteen would be the square.
MOST = 9
TRIES = 3

STARTS = (
    *("", "for ", "if ", "let ", "import ", "from ", "class ", "return ", "print ", "case "),
    *("select a from ", "update a set ", "SELECT ", "docker ", "while (", "int ", "- ", "x("),
    *("<a", "<script", "```", "@@ -1", "[", "[a for ", "redacted", "/*", "'''", '"', "Traceback ("),
)
UNITS = (
    *("a", "a ", "a, ", "a.", "in ", ",", "(", ")", "<", "=", "a=", "a(", "a:", ":", "{", "-", "_"),
    *(
        "aB",
        "/a",
        "1",
        "\t",
        "a\t",
        "   ",
        "a   b",
        "\n",
        "\n+",
        "a\n",
        "#",
        "'",
        "`",
        "\\",
        "[",
        "&",
    ),
    *("|", ";", "a;", "import ", "a@a.", "::", "é", "你", " x in y ", " = ", "a: b\n"),
)
TEXTS = [(start, unit, end) for start in STARTS for unit in UNITS for end in ("", "!")]
#: Expressions that are asked at the beginning of a text only; the others search, or replace.
AT_START = {
    "prose._CODE_LINE",
    "prose._KEY",
    "prose._ITEM",
    "prompt._BEGINS_JSON",
    "prompt._REDACTED",
    "romanised._WITH_DIGIT",
    "signs._FIRST_WORD",
    "signs._LINE",
    "tags._TAG",
    "turns._CLIENT",
}
#: Runs over words of at most 64 characters.
OF_WORDS = {"prose._TOKEN"}


def expressions() -> dict[str, re.Pattern[str]]:
    found = {}
    for path in sorted(Path(package.__file__).parent.glob("*.py")):
        module = importlib.import_module(f"{package.__name__}.{path.stem}")
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                found[f"{path.stem}.{name}"] = value
    return found


EXPRESSIONS = expressions()


def seconds(name: str, text: str) -> float:
    expression = EXPRESSIONS[name]
    start = time.process_time()
    if name in AT_START:
        expression.match(text)
        expression.fullmatch(text)
    else:
        expression.sub("", text)
    return time.process_time() - start


def text_of(start: str, unit: str, end: str, size: int) -> str:
    return (start + unit * size)[: size - len(end)] + end


def test_there_are_expressions_and_the_names_are_theirs():
    assert EXPRESSIONS.keys() >= AT_START | OF_WORDS
    assert len(EXPRESSIONS) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_cost_of_an_expression_grows_with_the_text(name):
    short, long = (16, 64) if name in OF_WORDS else (SHORT, LONG)
    for parts in TEXTS:
        if seconds(name, text_of(*parts, short)) < QUICK:
            continue
        few, many = (
            min(seconds(name, text_of(*parts, size)) for _ in range(TRIES))
            for size in (short, long)
        )
        assert many < max(MOST * few, QUICK), parts
