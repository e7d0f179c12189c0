"""What commands say of mistakes: all of them at once, what lacks, and with which exit code."""

from __future__ import annotations

import gzip

import pytest
from test_cli import called

from streams.classify.language import detect
from streams.classify.language.detect import Detection
from streams.settings import extras


def test_catalog_check_names_what_is_odd_beside_faults(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text('[models."a"]\norigin = "mars"\n[models."b"]\norigin = "unknown"\n')

    for done in (
        called("catalog", "check", str(path)),
        called("catalog", "check", TOKENSHARE_CATALOG_OVERRIDES=str(path)),
    ):
        assert done.returncode == 1
        assert "origin 'mars'" in done.stderr
        assert "still says unknown" in done.stdout


def test_what_only_needs_a_look_is_called_no_contradiction(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text('[models."b"]\norigin = "unknown"\n')

    done = called("catalog", "check", str(path))

    assert done.stdout.endswith(" 1 overrides: 1 finding\n")
    assert done.returncode == 1


def test_language_without_a_model_says_what_lacks(monkeypatch):
    text = "Guten Morgen, wie geht es Ihnen heute?"
    assert called("language", text).stderr == ""

    monkeypatch.setattr(detect, "HAS_MODEL", False)
    monkeypatch.setattr(detect, "detect_messages", lambda _: Detection("und", 0.0, "none"))
    done = called("language", text)

    assert "texts are told by their script only" in done.stderr
    assert extras.advice("language") in done.stderr
    assert called("language", "--tags", "de").stderr == ""


@pytest.mark.parametrize(
    ("records", "code"),
    [
        (["bad"], 1),
        (["bad", "{"], 1),
        (["bad", '{"model": "a", "prompt_tokens": 1, "completion_tokens": 2}'], 0),
        (['{"model": "a", "prompt_tokens": 1, "completion_tokens": 2}'], 0),
        # Ordinary traffic that has nothing to count.
        (['{"resourceSpans": []}'], 0),
    ],
)
def test_decode_ends_as_report_does_where_all_is_rejected(tmp_path, records, code):
    paths = [tmp_path / f"{number}.json" for number in range(len(records))]
    for path, record in zip(paths, records, strict=True):
        path.write_text(record)

    assert called("decode", *map(str, paths)).returncode == code


@pytest.mark.parametrize(
    "command",
    [
        ("report", "FILE"),
        ("decode", "FILE"),
        ("backtest", "FILE"),
        ("catalog", "check", "FILE"),
        ("catalog", "coverage", "FILE"),
        ("catalog", "diff", "built-in", "FILE"),
        ("report", "--compare", "FILE"),
    ],
)
def test_a_file_that_is_not_there_is_a_mistake_on_the_command_line(tmp_path, command):
    missing = str(tmp_path / "none.ndjson")
    done = called(*(missing if each == "FILE" else each for each in command))

    assert done.returncode == 2
    assert "none.ndjson" in done.stderr


def test_compressed_data_without_a_whole_line_say_so(tmp_path):
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(b'{"model": "a"}\n' * 9)[:20])
    done = called("report", str(path))

    assert done.returncode == 1
    assert "end early before the end of the first line. Copy the file again" in done.stderr
    assert "line 0" not in done.stderr
