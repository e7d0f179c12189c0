"""The compiled passes over characters do what those in Python do, and signs miss no code."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from laws import examples

from streams.classify.language import blocks, compiled, prose, script, signs

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
MANY = settings(max_examples=examples(300), deadline=None)


@MANY
@given(TEXTS)
@example("text   \n\t,, ")
def test_both_find_the_same_signs(text):
    assert letters.signs(text) == signs.signs(text)
    for line in text.split("\n"):
        assert letters.may_be_code(line) == signs.may_be_code(line)


@MANY
@given(TEXTS)
def test_both_replace_the_same_words(text):
    def marked(run: str) -> str:
        return f"<{run}>"

    assert letters.without_names(text, marked) == prose.without_each_name(text, marked)


@MANY
@given(TEXTS, st.integers(0, len(blocks.NAMES) - 1))
def test_both_find_the_same_letters(text, number):
    assert letters.scripts(text) == script.scripts(text)
    assert letters.only(text, number) == script.only_number(text, number)
    assert letters.traditional(text) == script.traditional(text)


@MANY
@given(TEXTS)
def test_a_line_or_a_word_without_a_sign_is_none_of_code(text):
    for line in text.split("\n"):
        assert signs.may_be_code(line) or not prose.is_code(line.strip())
    for run in signs.RUN.findall(text):
        if not signs.may_be_name(run) and any(map(str.isalpha, run)):
            assert prose.without_name(run) == run


def test_every_code_point_of_the_first_plane_is_in_the_same_script():
    text = "".join(map(chr, range(blocks.BMP)))

    assert letters.scripts(text) == script.scripts(text)
    for number in range(len(blocks.NAMES)):
        assert letters.only(text, number) == script.only_number(text, number)
