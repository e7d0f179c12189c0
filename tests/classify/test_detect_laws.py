"""Whatever a prompt holds, its language is a tag, at a bounded cost."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from unittest import mock

import pytest
from detect_texts import CHINESE, OF_SHARED_SCRIPTS, THAI
from hypothesis import example, given
from hypothesis import strategies as st
from prompts import COUNTED, FOLDER, Prompts, Watch, check
from steps import steps
from test_detect import needs_detectors

from streams.classify.language import detect as detection
from streams.classify.language.detect import (
    PREFIX_CHARACTERS,
    detect,
    detect_messages,
    language_of_last,
)
from streams.classify.language.tags import canonical

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=600)
WORDS = st.sampled_from(
    ["the", "привет", "你好", "```", "\n", " ", "def f(x):", "{", "}", ";", "a.b", "<b>", "\\", "ß"]
)
SENTENCES = st.lists(
    st.sampled_from(" ".join(OF_SHARED_SCRIPTS.values()).split()) | WORDS, max_size=90
).map(" ".join)
#: What sets parts of a turn apart, or makes it weak.
MARKS = st.sampled_from(
    [
        *("Question: ", "# Frage：", "\n\n", "\r\n", "<context>", "</context>", "~~~\n", "[INST]"),
        *("[Request interrupted by user]", "continue", "redacted", "{", ">", "The Beatles", "國"),
        *('"Shape of You"', "„", "»"),
    ]
)
TURNS = st.lists(
    SENTENCES | MARKS | st.sampled_from([*OF_SHARED_SCRIPTS.values(), CHINESE, THAI]), max_size=12
).map(" ".join) | st.lists(MARKS | SENTENCES, max_size=12).map("\n".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT | st.sampled_from([CHINESE, THAI]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "parts",
                    "messages",
                    "input",
                    "prompt",
                    "system",
                ]
            ),
            inner | st.sampled_from(["user", "system", "text", "tool"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(ANY_TEXT | st.lists(WORDS, max_size=200).map("".join))
def test_no_text_raises_and_each_answer_is_a_canonical_tag(text):
    found = detect(text)

    assert canonical(found.language) == found.language
    assert 0 <= found.confidence <= 1
    assert (found.language == "und") == (found.method == "none") == (found.confidence == 0)


@needs_detectors
@given(ANY_TEXT | SENTENCES)
def test_the_compiled_shortcut_changes_nothing(text):
    found = detect(text)
    with mock.patch.object(detection, "_quick", return_value=None):
        assert detect(text) == found


@needs_detectors
@given(TURNS)
@example("Show me every title of the singer please")
@example("This session is being continued from a previous conversation that ran out of context.")
@example(f"{OF_SHARED_SCRIPTS['en'] * 9} Frage: wie spät ist es jetzt in Berlin?")
@example(f"{OF_SHARED_SCRIPTS['en'] * 3}\n{'x' * 255}"[-511:])
@example("\n" + OF_SHARED_SCRIPTS["en"] * 9)
@example("[REDACTED] the rest of it is here")
@example("再见 means goodbye")
def test_the_shortcut_of_a_message_changes_nothing(text):
    last = [{"role": "user", "content": text}]
    found = detect_messages(last)
    with mock.patch.object(detection, "_quick", return_value=None):
        assert detect_messages(last) == found
    assert language_of_last(text) in {None, found.language}


@needs_detectors
@pytest.mark.parametrize("tag", OF_SHARED_SCRIPTS)
def test_the_shortcut_answers_for_plain_turns(tag, monkeypatch):
    monkeypatch.setattr(detection, "_of_text", None)
    monkeypatch.setattr(detection, "read", None)
    text = " ".join([OF_SHARED_SCRIPTS[tag]] * 8)

    assert language_of_last(text) == detect_messages([{"content": text, "role": "user"}]).language


@given(ANY_TEXT, ANY_TEXT)
def test_what_follows_the_prefix_changes_nothing(text, rest):
    start = (text + "-" * PREFIX_CHARACTERS)[:PREFIX_CHARACTERS]

    assert detect(start + rest) == detect(start)


@given(JSON)
def test_no_logged_value_raises(logged):
    found = detect_messages(logged)

    assert canonical(found.language) == found.language


@given(JSON.filter(lambda value: isinstance(value, list | dict)), st.integers(0, 400))
def test_no_piece_of_json_raises(logged, end):
    detect_messages(json.dumps(logged)[:end])


def test_a_long_text_takes_the_steps_of_its_beginning():
    text = OF_SHARED_SCRIPTS["en"] * 20
    detect(text)

    assert steps(FOLDER, detect, text * 1000) == steps(FOLDER, detect, text) > 0


def test_texts_of_all_planes_in_prompts_of_any_shape_keep_the_rules(monkeypatch):
    prompts, watch = Prompts(Random(20_261_129)), Watch(monkeypatch.setattr)
    for run in range(1_000):
        text = prompts.text()
        check(text, prompts.shaped(text), watch, is_counted=run % COUNTED == 0)

    assert 0 < watch.opinion <= watch.prose


@needs_detectors
def test_what_composing_lengthens_is_read_up_to_the_same_length(monkeypatch):
    watch = Watch(monkeypatch.setattr)

    detect("\ufb2c" * 20 + " Bitte schreib a short letter to my teacher. " * 9)
    detect("\ufb2c" * 5 + " the of --help a.b <b> привет как the of привет ß " * 9)
    watch.check()


def test_blanks_before_a_prompt_are_not_searched_to_their_end():
    blanks = " " * 1_000_000
    start = time.process_time()
    for _ in range(20):
        detect_messages(blanks)

    assert time.process_time() - start < 0.1


def test_the_committed_accuracy_keeps_its_promises():
    results = Path(__file__).parents[1] / "accuracy" / "results" / "languages.json"
    found = json.loads(results.read_text(encoding="utf-8"))

    assert found["conditions"]["part"] == "measure"
    assert found["sentences"]["macro_f1"] >= 0.988
    assert found["by_length"]["English"]["<16"]["wrong"] <= 0.02
    assert found["code"]["undetermined"] >= 0.80
    assert found["speed_texts_per_cpu_second"]["80 characters"] >= 20_000
    assert found["speed_texts_per_cpu_second"]["800 characters"] >= 8_000
    assert found["memory_mb"]["detector and catalogue"] <= 60
