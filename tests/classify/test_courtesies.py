"""Turns of a word or two, and requests to play a title."""

from __future__ import annotations

import pytest
from test_detect import needs_detectors

from streams.classify.language.courtesies import _LANGUAGES, _TURNS, LONGEST, courtesy
from streams.classify.language.detect import detect_messages
from streams.classify.language.tags import canonical


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("fr", "Merci !"),
        ("fr", "d’accord"),
        ("es", "¿Por qué?"),
        ("pt", "não"),
        ("hi", "धन्यवाद"),
        ("sv", "tack så mycket"),
    ],
)
def test_a_courtesy_is_of_its_language(tag, text):
    assert detect_messages([{"role": "user", "content": text}]).language == tag


def test_no_courtesy_is_of_two_languages_or_too_long():
    turns = [turn for each in _TURNS.values() for turn in each.split(",")]

    assert len(turns) == len(_LANGUAGES)
    assert all(courtesy(turn) for turn in _LANGUAGES)
    assert max(map(len, _LANGUAGES)) < LONGEST
    assert all(canonical(tag) == tag for tag in _TURNS)


@needs_detectors
@pytest.mark.parametrize(("turn", "tag"), _LANGUAGES.items())
def test_no_detector_is_sure_of_another_language(turn, tag):
    assert detect_messages([{"role": "user", "content": turn}]).language == tag
    assert detect_messages(turn).language == tag


def test_other_short_turns_are_no_courtesy():
    assert courtesy("ok") is None
    assert courtesy("") is None


@needs_detectors
@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("it", "metti The Sound of Silence dei Disturbed"),
        ("sv", "spela Take On Me av Toto"),
        ("nl", "speel Knockin' on Heaven's Door van Guns N' Roses"),
        ("fr", "Traduis ça en français : The museum is closed on Mondays and public holidays."),
    ],
)
def test_what_is_said_around_english_decides(tag, text):
    assert detect_messages([{"role": "user", "content": text}]).language == tag
