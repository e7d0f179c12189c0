"""The compiled passes over characters do what those in Python do, and signs miss no code."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from laws import examples

from streams.classify.language import blocks, compiled, prose, script, signs, words

letters = compiled.letters

pytestmark = pytest.mark.skipif(letters is None, reason="the passes are not compiled here")

PIECES = st.sampled_from(
    [
        *(
            "the ",
            "привет",
            "你好",
            "國",
            "国",
            "あ",
            "ß",
            "e\u0301",
            "\u2019",
            "\ud800",
            "\U00010400",
        ),
        *("\n", " ", "   ", "\t", "\u2028", "\x1f", "\x7f", "x" * 70, "1", "aB", "a.b", "f(", "$x"),
        *(
            "```",
            "~~~",
            "<b>",
            "`",
            "{",
            "}",
            ";",
            "\\",
            "--",
            "-x",
            "- k:",
            "a:",
            "::",
            "->",
            "<-",
        ),
        *("&&", "&", "=", "|", "#", "%d", "@", "_", "/", "//", "/*", ".", ",", ", ", "'", '"', "("),
        *("Error", "Exception", "JOIN", "if ", "select ", "return x", "File ", "use", "SELECT"),
    ]
)
TEXTS = st.lists(PIECES | st.characters(exclude_categories=()), max_size=60).map("".join)
#: What prose is made of, and what is a sign of code only beside other pieces.
PROSE = st.sampled_from(
    [
        *("word", "a", "The", "E", "JOIN", "Error", "if", "File", "12", "7", "é", "你", "x" * 66),
        *(" ", " ", " ", " ", ", ", ". ", ".", ",", "?", "!", "(", ")", "'", '"', "-", " - ", "\n"),
        *("\u00a0", "\u2019", "—", "\U0001f600"),
    ]
)
LABELS = st.sampled_from(
    [
        *("Note", "note", "Main.java", "main", "_", "- ", "A", "a", ".", "-", "1", "7", "E"),
        *(
            ": ",
            ":",
            ":12:",
            ": In ",
            " ",
            "true",
            '"a"',
            "{",
            "x y z",
            "\n",
            "Error",
            "else",
            "Caused by: ",
        ),
    ]
)
TABLE = dict.fromkeys(
    ["the", "привет", "ß", "x1", "k", "i", "i\u0307", "a\u03c3", "हैं", "don't"], ""
)
WORDS = st.sampled_from([*TABLE, *map(str.upper, TABLE), "\u0130", "\u212a", "3a", "9", "\u03a3"])
MANY = settings(max_examples=examples(300), deadline=None)


@MANY
@given(TEXTS | st.lists(PROSE | LABELS, max_size=30).map("".join))
@example("text   \n\t,, ")
@example(f"a {'x' * 65} b")
@example("a 'b'\nuse c")
@example("1,5 kg\u00a0ou 2,5 kg")
def test_both_find_the_same_signs(text):
    assert letters.signs(text) == signs.signs(text)
    for line in text.split("\n"):
        assert letters.may_be_code(line) == signs.may_be_code(line)


@MANY
@given(TEXTS, st.sampled_from([*range(40), 256, sys.maxsize]))
def test_both_replace_the_same_words(text, most):
    def marked(run: str) -> str:
        return f"<{run}>"

    found = letters.without_names(text, marked, most)
    assert found[:most] == prose.without_each_name(text, marked, most)


@MANY
@given(TEXTS, st.integers(0, len(blocks.NAMES) - 1))
def test_both_find_the_same_letters(text, number):
    assert letters.scripts(text) == script.scripts(text)
    assert letters.only(text, number) == script.only_number(text, number)
    assert letters.traditional(text) == script.traditional(text)


@pytest.mark.parametrize("is_ascii", [False, True])
@MANY
@given(
    text=st.lists(WORDS | PIECES | st.characters(exclude_categories=()), max_size=60).map("".join),
    most=st.integers(1, 40),
)
@example("\u212a \u0130a A\u03a3 3a", 9)
def test_both_find_the_same_words(is_ascii, text, most):
    found = letters.Words(TABLE, is_ascii=is_ascii).found(text, most)

    assert found == words.PythonWords(TABLE, is_ascii=is_ascii).found(text, most)


@MANY
@given(TEXTS | st.lists(LABELS, min_size=1, max_size=9).map("".join))
def test_a_line_or_a_word_without_a_sign_is_none_of_code(text):
    for line in text.split("\n"):
        assert signs.may_be_code(line) or not prose.is_code(line.strip())
    for run in signs.RUN.findall(text):
        if not signs.may_be_name(run) and any(map(str.isalpha, run)):
            assert prose.without_name(run) == run


def test_a_label_with_a_capital_is_no_sign_of_code():
    assert not signs.may_be_code("Question: how late is it?")
    assert signs.may_be_code("question: how late is it?")
    assert signs.may_be_code("Main.java:12: the class has no such method")


def test_every_code_point_of_the_first_plane_is_in_the_same_script():
    text = "".join(map(chr, range(blocks.BMP)))

    assert letters.scripts(text) == script.scripts(text)
    for number in range(len(blocks.NAMES)):
        assert letters.only(text, number) == script.only_number(text, number)
