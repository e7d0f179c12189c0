"""The command line, as a newcomer types it."""

from __future__ import annotations

import os
import subprocess
import sys

import orjson
import pytest
from click.testing import CliRunner

from streams import cli
from streams.language.tags import canonical


def tokenshare(*arguments: str, stdin: str | None = None, **environment: str):
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize("command", [None, *cli.cli.commands])
def test_every_command_explains_itself(command):
    arguments = [command, "--help"] if command else ["--help"]
    result = CliRunner().invoke(cli.cli, arguments)

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_classify_answers_a_line_a_name():
    done = tokenshare("classify", "-", stdin="deepseek-chat\nopenai/gpt-4o\n\nprod-chat\n")

    answers = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [answer["origin"] for answer in answers] == [
        "cn-open",
        "row-proprietary",
        "unknown",
        "unknown",
    ]
    assert set(answers[0]) == {
        *("model", "developer", "country", "openness", "origin", "base", "matched_by")
    }


def test_the_schema_is_json():
    assert orjson.loads(tokenshare("schema").stdout)["title"] == "tokenshare usage event"


def test_topics_prints_commands_of_kafkas_own_tool():
    done = tokenshare("topics", "--partitions", "12", TOKENSHARE_GROUP="team")

    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "--topic llm-usage --partitions 12" in lines[0]
    assert "--topic team-panes-changelog --partitions 12" in lines[1]
    assert "cleanup.policy=compact" in lines[1]
    assert "--topic llm-usage-dead-letter --partitions 1" in lines[2]


def test_settings_are_shown_with_secrets_masked():
    done = tokenshare("settings", TOKENSHARE_SASL_PASSWORD="hush", TOKENSHARE_TOPIC="usage")

    assert "TOKENSHARE_TOPIC=usage" in done.stdout
    assert "TOKENSHARE_SASL_PASSWORD=********" in done.stdout
    assert "hush" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["worker"], {"TOKENSHARE_WEB_PORT": "x"}, 1, "TOKENSHARE_WEB_PORT"),
        (["doctor"], {"TOKENSHARE_BOOTSTRAP_SERVERS": "x"}, 1, "TOKENSHARE_BOOTSTRAP_SERVERS"),
        (["doctor", "--bootstrap", "127.0.0.1:1"], {}, 1, "No Kafka at 127.0.0.1:1"),
        (["report", "--url", "http://127.0.0.1:1"], {}, 1, "No worker answers"),
        (["report", "--url", "ftp://x"], {}, 1, "no address"),
        (["report", "--compare", "pyproject.toml"], {}, 2, "does not exist"),
        (["simulate", "--bootstrap", "127.0.0.1:1"], {}, 3, "No Kafka"),
        (["simulate", "--events", "0"], {}, 2, "--events"),
        (["demo", "--json"], {}, 2, "--study"),
        (["classify", "x"], {"TOKENSHARE_CATALOG_OVERRIDES": "/nowhere.toml"}, 1, "nowhere"),
    ],
)
def test_a_mistake_is_named_without_a_traceback(arguments, environment, code, said):
    done = tokenshare(*arguments, **environment)

    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_that_is_no_manifest_is_named(tmp_path):
    for content in ("{}", "[]", "nonsense", '{"cells": [{}]}'):
        path = tmp_path / "m.json"
        path.write_text(content)
        done = tokenshare("report", "--compare", str(path))
        assert done.returncode == 2
        assert "no manifest" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.kafka
def test_the_study_is_replayed_and_comes_out_as_published():
    done = tokenshare("demo", "--study", "--once", "--json")

    assert done.returncode == 0, done.stderr
    report = orjson.loads(done.stdout)
    origin, language = report["origin"], report["language"]
    assert (report["simulated"], report["weeks"]) == (True, 56)
    assert origin["cn-open"]["first"] == pytest.approx(0.012, abs=0.002)
    assert 0.28 <= origin["cn-open"]["highest"] <= 0.31
    assert origin["cn-open"]["average"] == pytest.approx(0.130, abs=0.003)
    assert origin["row-open"]["average"] == pytest.approx(0.137, abs=0.003)
    assert origin["row-proprietary"]["average"] == pytest.approx(0.70, abs=0.007)
    published = {"en": 0.8287, "zh-Hans": 0.0495, "ru": 0.0247, "es": 0.0143, "th": 0.0103}
    for tag, share in published.items():
        assert language[tag] == pytest.approx(share, abs=0.002)
    assert sorted(language, key=language.get)[-2] == "zh-Hans"
    assert all(canonical(tag) == tag for tag in language)
