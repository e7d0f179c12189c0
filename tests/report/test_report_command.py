"""`tokenshare report`: its inputs, its remedies and its exit codes."""

from __future__ import annotations

import gzip
import re

import orjson
import pytest
from report_inputs import event, ndjson, run

from streams.report import content as page


def test_plain_gzip_and_standard_input_say_the_same(traffic, tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(traffic.read_bytes()))
    plain = run(traffic, "--json")

    report = orjson.loads(plain.stdout)
    assert plain.exit_code == 0
    assert report["read"]["records"] == 91
    assert report["read"]["rejected"]["not_json"]["first"] == [{"file": str(traffic), "line": 91}]
    for other in (run(packed, "--json"), run("-", "--json", stdin=traffic.read_bytes())):
        assert orjson.loads(other.stdout)["steps"] == report["steps"]
    both = orjson.loads(run(traffic, packed, "--json").stdout)
    assert both["tokens"] == 2 * report["tokens"]
    assert [each["file"] for each in both["read"]["rejected"]["not_json"]["first"]] == [
        str(traffic),
        str(packed),
    ]


def test_what_does_not_count_is_said_beside_the_report_and_not_in_it(traffic):
    for form in ([], ["--markdown"], ["--csv"], ["--json"]):
        done = run(traffic, *form)
        assert done.exit_code == 0
        assert re.search(rf"1 rejected as not_json \(\S*{re.escape(traffic.name)}:91", done.stderr)
    assert "rejected" not in run(traffic).stdout + run(traffic, "--csv").stdout


def test_a_report_of_little_gives_a_remedy(tmp_path, traffic):
    path = tmp_path / "array.json"
    path.write_bytes(orjson.dumps([event(0), event(1)], option=orjson.OPT_INDENT_2))
    assert "one record a line" in run(path).stderr

    path.write_bytes(orjson.dumps([event(0), event(1)]))
    assert "one record a line" not in run(path).stderr
    assert "`--by day`" in run(path, "--markdown").stderr
    assert "`--by day`" not in run(path, "--by", "day").stderr + run(traffic).stderr


@pytest.mark.parametrize("content", [b"", b"\n\n", b"bad\n", b"[]\n", gzip.compress(b"", mtime=0)])
def test_without_events_every_form_says_so(content, tmp_path):
    path = tmp_path / "none.ndjson"
    path.write_bytes(content)

    assert page.NOTHING in run(path).stdout
    assert page.NOTHING in run(path, "--markdown").stdout
    assert len(run(path, "--csv").stdout.splitlines()) == 1
    assert orjson.loads(run(path, "--json").stdout)["weeks"] == 0
    # Nothing to count is no fault, and what could not be read is one.
    assert run(path, "--html", tmp_path / "r.html").exit_code == (content == b"bad\n")
    assert page.NOTHING in (tmp_path / "r.html").read_text()


def test_one_week_goes_in_every_form(tmp_path):
    path = tmp_path / "week.ndjson"
    path.write_bytes(ndjson(event(0), event(1, "qwen3-32b")))

    for form in ([], ["--markdown"], ["--csv"], ["--json"], ["--html", tmp_path / "r.html"]):
        assert run(path, *form).exit_code == 0
    assert (tmp_path / "r.html").read_text().count("<polygon") == 2


def test_a_gzip_that_breaks_off_is_reported_and_ends_with_1(traffic, tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(traffic.read_bytes())[:-12])
    done = run(path, "--json")

    assert done.exit_code == 1
    report = orjson.loads(done.stdout)
    assert 0 < report["read"]["counted"] <= 90
    assert "end early after line" in done.stderr
    assert str(path) in report["read"]["broken"][0]


def test_a_file_that_is_given_twice_is_read_once(traffic, tmp_path):
    again = tmp_path / "again.ndjson"
    again.symlink_to(traffic)
    once, twice = run(traffic, "--json"), run(traffic, again, traffic, "--json")

    assert twice.stdout == once.stdout
    assert twice.stderr.count("is given twice and read once") == 2
    assert "given twice" not in once.stderr


def test_mistakes_are_named(tmp_path, traffic):
    for arguments, said in (
        ([tmp_path / "none"], "does not exist"),
        ([tmp_path], "is a directory"),
        ([traffic, "--url", "http://127.0.0.1:1"], "--url"),
        ([traffic, "--unknown"], "running worker"),
        (["--unknown", "--csv"], "--json"),
        ([traffic, "--html", tmp_path / "no" / "r.html"], "cannot be written"),
        ([traffic, "--by", "month"], "month"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
