"""A wrong value is explained in plain words, and choices may be written in any case."""

from __future__ import annotations

from typing import get_args

import pytest

from streams.settings import ENV_PREFIX, Settings, SettingsError, load
from streams.settings.messages import in_its_case

CHOICES = {
    name: choices
    for name, field in Settings.model_fields.items()
    if (choices := [each for each in get_args(field.annotation) if isinstance(each, str)])
}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WEB_PORT", "x", "it has to be a whole number, and is 'x'"),
        ("WEB_PORT", "70000", "it has to be at most 65535, and is '70000'"),
        ("DETECT_LANGUAGE", "maybe", "it has to be true or false, and is 'maybe'"),
        ("LOG_LEVEL", "loud", "it has to be DEBUG, INFO, WARNING or ERROR, and is 'loud'"),
        ("DEDUPE_RECORDS", "1.5", "it has to be a whole number, and is '1.5'"),
        ("LOGIN_REFUSED_SECONDS", "soon", "it has to be a number, and is 'soon'"),
        ("LOGIN_REFUSED_SECONDS", "-1", "it has to be at least 0, and is '-1'"),
        ("WEB_PORT", "9" * 100, "9…'"),
    ],
)
def test_what_is_wrong_with_a_value(monkeypatch, name, value, said):
    monkeypatch.setenv(ENV_PREFIX + name, value)

    with pytest.raises(SettingsError) as caught:
        load()

    assert str(caught.value).startswith(f"{ENV_PREFIX}{name}: ")
    assert said in str(caught.value)


def test_no_setting_speaks_as_the_library_does(monkeypatch):
    for name, field in Settings.model_fields.items():
        if field.annotation in {int, float, bool} or name in CHOICES:
            monkeypatch.setenv(ENV_PREFIX + name.upper(), "what?")
            with pytest.raises(SettingsError) as caught:
                load()
            assert "it has to be" in str(caught.value), name
            assert "nput" not in str(caught.value), name
            monkeypatch.delenv(ENV_PREFIX + name.upper())


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_taken_in_any_case(name):
    annotation = Settings.model_fields[name].annotation
    for choice in CHOICES[name]:
        for written in (choice, choice.lower(), choice.upper(), f" {choice.title()} "):
            assert in_its_case(annotation, written) == choice
    assert in_its_case(annotation, "what?") == "what?"


def test_a_level_is_taken_in_any_case(monkeypatch):
    monkeypatch.setenv("TOKENSHARE_LOG_LEVEL", "debug")
    monkeypatch.setenv("TOKENSHARE_LOG_FORMAT", "JSON")

    assert (load().log_level, load().log_format) == ("DEBUG", "json")
