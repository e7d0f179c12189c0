"""What an application puts before and behind a person's words decides nothing, however long."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from test_detect import needs_detectors

from streams.classify.language.detect import detect_messages
from streams.classify.language.tool_blocks import without_blocks

DETAILS = "<{0}>\n# Visible files\nsrc/App.tsx\n\n# Current mode\nThe agent may act now.\n</{0}>"
WORDS = "el botón de guardar no hace nada cuando el formulario tiene errores"
NAMES = (
    *("environment_details", "system-reminder", "context", "documents", "file", "attachments"),
    *("local-command-stdout", "ide_opened_file", "file_content", "search_results", "user_info"),
)


def language_of(content):
    return detect_messages([{"role": "user", "content": content}]).language


@needs_detectors
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lines", [1, 400])
def test_a_block_with_paragraphs_of_its_own_decides_nothing(name, lines):
    block = DETAILS.format(name).replace("src/App.tsx\n", "src/App.tsx\n" * lines)

    assert language_of(f"{WORDS}\n\n{block}\n") == "es"
    assert language_of(f"{block}\n\n{WORDS}") == "es"
    assert language_of(f"{block}\n{WORDS}\n{block}") == "es"


@needs_detectors
def test_a_part_that_is_a_block_leaves_the_decision_to_the_others():
    parts = [WORDS, DETAILS.format("environment_details")]

    assert language_of([{"type": "text", "text": each} for each in parts]) == "es"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("close it with </context>", "close it with </context>"),
        ("<context>never closed", "<context>never closed"),
        ("<user_query>hola</user_query>", "<user_query>hola</user_query>"),
        ("<file path='a'>x</file> hola <file>y</file>", "hola"),
        ("<FILE>x</FILE>", ""),
    ],
)
def test_only_whole_blocks_of_applications_are_taken_off(text, left):
    assert without_blocks(text) == left


@given(st.text("<>/ \ncontextfile", max_size=200))
@settings(max_examples=examples(500))
def test_what_is_left_is_a_part_of_the_text(text):
    assert without_blocks(text) in text


@needs_detectors
@pytest.mark.parametrize(
    ("text", "language"),
    [
        # LlamaIndex: the question is at the beginning, and the context behind it.
        (
            (
                "The original query is as follows: jakie dokumenty są potrzebne do auta?\n"
                "We have an existing answer: You need the purchase contract.\n"
                "Given the new context, refine the original answer to better answer the query."
            ),
            "pl",
        ),
        (
            (
                "Summarize the text delimited by triple backticks in at most 30 words.\n\n```\n"
                "정부는 내년부터 청년 전세 대출의 소득 기준을 완화하고 금리를 낮추기로 했다.\n```"
            ),
            "ko",
        ),
        ("What does this do?\n\n```\nprint('Привет')  # вывод\nx = 1\n```", "en"),
        (json.dumps({"target": "en", "text": "कृपया ध्यान दें, गाड़ी देरी से चल रही है।"}), "hi"),
        (json.dumps({"model": "gpt-4o", "note": "bonjour"}), "und"),
    ],
)
def test_words_that_a_template_puts_elsewhere_are_found(text, language):
    assert language_of(text) == language


@needs_detectors
@pytest.mark.parametrize(
    "text",
    [
        (
            'Exception in thread "main" java.lang.NullPointerException: Cannot invoke "a.B.c()"\n'
            "\tat com.acme.App.main(App.java:12)"
        ),
        '<div class="card"><h2>{{ title }}</h2> <button @click="add">Add to cart</button></div>',
    ],
)
def test_traces_and_pages_alone_are_undetermined(text):
    assert language_of(text) == "und"
