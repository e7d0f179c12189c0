"""`tokenshare decode`, as somebody types it who wants to know what is read in a record."""

from __future__ import annotations

import json

from documents import ROOT, section
from test_cli import called

RECORD = {"model": "gpt-4o", "prompt_tokens": 12, "completion_tokens": 3, "prompt": "Aurora"}


def test_a_record_is_printed_without_its_texts():
    done = called("decode", "--redact", "-", stdin=json.dumps(RECORD))

    assert json.loads(done.stdout) == RECORD | {"prompt": "x1"}
    assert (done.returncode, done.stderr) == (0, "")


def test_what_cannot_be_parsed_is_not_printed(tmp_path):
    (tmp_path / "bad.json").write_text('{"prompt": "Aurora')
    (tmp_path / "good.json").write_text("{}")
    done = called(
        "decode", "--redact", *(str(tmp_path / name) for name in ("bad.json", "good.json"))
    )

    assert (done.returncode, done.stdout) == (2, "{}\n")
    assert "bad.json cannot be redacted: neither JSON" in done.stderr
    assert "Aurora" not in done.stderr


def test_a_broken_line_is_reported():
    done = called("decode", "--redact", stdin=json.dumps(RECORD) + '\n{"prompt": "Aur\n')

    assert "lines that are not JSON are left out: 1" in done.stderr
    assert "Aur" not in done.stdout + done.stderr


def test_a_record_is_explained_beside_what_is_read():
    done = called("decode", "--explain", stdin=json.dumps(RECORD))
    found = json.loads(done.stdout)

    assert found["events"][0]["prompt_tokens"] == 12
    assert found["explained"]["items"][0]["prompt_tokens"] == {
        "count": 12,
        "keys": [{"key": "prompt_tokens", "value": 12, "sign": 1}],
    }
    assert "prompt_tokens 12: prompt_tokens (12)" in done.stderr
    assert "Aurora" not in done.stdout + done.stderr


def test_without_the_option_nothing_is_explained():
    done = called("decode", stdin=json.dumps(RECORD))

    assert "explained" not in json.loads(done.stdout)
    assert done.stderr == ""


def test_a_record_is_explained_or_redacted():
    done = called("decode", "--explain", "--redact", stdin="{}")

    assert (done.returncode, done.stdout) == (2, "")


def test_the_manual_shows_what_is_printed():
    shown = section("docs/cli.md", "## Why a record counts what it counts")
    shown = shown.split("```\n")[2]
    done = called("decode", "--explain", str(ROOT / "tests/formats/litellm/alias.json"))

    printed = {line.strip() for line in done.stderr.splitlines()}
    expected = {line.strip() for line in shown.splitlines()[1:]}
    # Which detector decides is a matter of its version.
    assert {line for line in expected if not line.startswith("language")} <= printed
