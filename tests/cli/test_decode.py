"""`tokenshare decode`, as somebody types it who wants to know what is read in a record."""

from __future__ import annotations

import json

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
