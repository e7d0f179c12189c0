"""The command line, as a newcomer types it."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import orjson
import pytest
from click.testing import CliRunner

from streams import cli
from streams.classify.language.tags import canonical


@dataclass(frozen=True)
class Done:
    """What a command has returned and printed."""

    returncode: int
    stdout: str
    stderr: str


def called(*arguments: str, stdin: str | None = None, **environment: str) -> Done:
    """Run a command in this process: starting Python for each would take a second."""
    done = CliRunner().invoke(
        cli.cli, arguments, input=stdin, env=environment, catch_exceptions=False
    )
    return Done(done.exit_code, done.stdout, done.stderr)


def tokenshare(
    *arguments: str, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, with all that happens before and after it."""
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_help_names_every_command_and_imports_none():
    heavy = {"aiokafka", "faust", "kafka", "numpy", "pydantic", "msgspec"}
    script = "import sys, streams.cli as c\ntry: c.cli(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True
    )

    assert all(f"\n  {name} " in done.stdout for name in cli.COMMANDS)
    assert not re.search(r"\w\.\.\.", done.stdout)
    assert not heavy & {*done.stdout.splitlines()[-1].split()}


def test_a_shell_completes_commands_options_and_values():
    def completed(*words: str) -> list[str]:
        done = tokenshare(
            _TOKENSHARE_COMPLETE="bash_complete",
            COMP_WORDS=" ".join(("tokenshare", *words)),
            COMP_CWORD=str(len(words)),
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("to") == ["top", "topics"]
    assert completed("top", "--by", "lang") == ["language"]
    assert "--window" in completed("top", "--w")
    assert completed("--v") == ["--version"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_tokenshare(shell):
    script = called("completion", shell).stdout

    assert f"_TOKENSHARE_COMPLETE={shell}_complete" in script
    assert called("completion", SHELL=f"/usr/bin/{shell}").stdout == script
    assert called("completion", SHELL="/bin/csh").returncode == 2
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, timeout=300, check=True)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_the_help_has_the_first_sentence_of_each_command(command):
    found = cli.cli.get_command(click.Context(cli.cli), command)

    assert found.help.split("\n\n")[0].replace("\n", " ") == cli.COMMANDS[command][1]


@pytest.mark.parametrize(
    ("written", "meant"), [("worke", "worker"), ("deadletters", "dead-letters"), ("xyzzy", None)]
)
def test_a_misspelt_command_is_answered_with_its_like(written, meant):
    result = CliRunner().invoke(cli.cli, [written])

    assert result.exit_code == 2
    assert f"No such command '{written}'." in result.output
    assert ("Did you mean" in result.output) == (meant is not None)
    assert meant is None or f"Did you mean '{meant}'?" in result.output


@pytest.mark.parametrize("command", [None, *cli.COMMANDS])
def test_every_command_explains_itself(command):
    arguments = [command, "--help"] if command else ["--help"]
    result = CliRunner().invoke(cli.cli, arguments)

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["schema"],
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (["topics"], ["classify", "gpt-4o"], ["report"])
        ),
    ],
)
def test_output_that_has_no_room_is_reported_without_a_traceback(arguments, tmp_path):
    (tmp_path / "usage.ndjson").write_bytes(b'{"model": "a"}\n')
    files = [str(tmp_path / "usage.ndjson"), "--csv"] if arguments == ["report"] else []
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "streams", *arguments, *files],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )

    assert done.returncode == 1
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.slow
def test_where_the_locale_has_no_such_letter_the_answer_comes_nevertheless(tmp_path):
    (tmp_path / "usage.ndjson").write_text(
        '{"model": "模型", "ts": 1767571200, "prompt_tokens": 1, "completion_tokens": 1}\n'
    )
    for form in ([], ["--markdown"]):
        done = tokenshare(
            "report", str(tmp_path / "usage.ndjson"), *form, PYTHONIOENCODING="latin-1"
        )
        assert done.returncode == 0
        assert "?" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["classify"],
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (["language"], ["decode"], ["report", "-"])
        ),
    ],
)
def test_a_command_that_reads_a_terminal_says_so(command):
    master, slave = pty.openpty()
    try:
        os.write(master, b"\x04")
        done = subprocess.run(
            [sys.executable, "-m", "streams", *command],
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)

    # Nothing is a record of no content, which is rejected; a report of nothing is one.
    assert done.returncode == (1 if command == ["decode"] else 0)
    assert "reading what you type; Ctrl-D ends it" in done.stderr


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


def answers(done):
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_language_answers_a_line_a_json_string():
    texts = [
        "How do I mend a bicycle tyre that loses air every night?",
        "这个模型的上下文窗口有多大？",
        "",
        "cut off \ud83d here",
        [{"role": "user", "content": "Расскажи мне, пожалуйста, о погоде в Москве"}],
    ]
    stdin = "".join(json.dumps(text) + "\n" for text in texts)

    found = answers(called("language", "-", stdin=stdin))

    assert [each["language"] for each in found] == [
        "en",
        "zh-Hans",
        "und",
        found[3]["language"],
        "ru",
    ]
    assert all(set(each) == {"language", "confidence", "method"} for each in found)
    assert found[2] == {"language": "und", "confidence": 0.0, "method": "none"}


def test_language_reads_a_text_as_a_worker_reads_a_prompt():
    template = "Answer only from the context.\n\nContext: Pets are welcome for a fee of 15 euros."
    text = f"{template}\n\nQuestion: можно ли приехать с собакой и сколько это стоит?"

    (found,) = answers(called("language", text))

    assert found["language"] == "ru"


def test_language_reads_declared_tags_in_order():
    tags = ["zh_TW", "en-US,en;q=0.9", "iw", "", None, "\ud83d", "no", "tlh-" * 3000]
    stdin = "".join(json.dumps(tag) + "\n" for tag in tags)

    done = called("language", "--tags", "-", stdin=stdin)

    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["tag"] for each in found] == tags
    assert [each["language"] for each in found] == [
        *("zh-Hant", "en", "he", "und", "und", "und", "nb", "und")
    ]


def test_language_reads_a_line_that_is_not_json_as_text():
    done = called("language", "-", stdin="Wie wird das Wetter morgen in Hamburg?\n[[[[\n")

    assert [each["language"] for each in answers(done)] == ["de", "und"]


def test_the_catalogue_of_the_package_has_no_contradictions():
    done = called("catalog", "check")

    assert done.stdout.splitlines()[-1].endswith("no contradictions")
    assert done.returncode == 0


def test_catalog_check_names_what_is_odd_in_an_overrides_file(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text('[models."gpt-4o"]\nsame_as = "gpt-4o"\n[models."a"]\nsame_as = "nobodys"\n')

    done = called("catalog", "check", str(path))

    assert "the catalogue says the same" in done.stdout
    assert "'nobodys' is itself unknown" in done.stdout
    assert done.returncode == 1


def test_catalog_check_takes_a_file_without_entries_for_overrides(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text("")

    done = called("catalog", "check", str(path))

    assert done.stdout.endswith(" 0 overrides: no contradictions\n")
    assert done.returncode == 0


def test_catalog_coverage_groups_the_unknown_ids_by_what_they_lack():
    ids = "# list\nqwen/qwen3-32b\nprod-router\ngoogle/zork\nlab/zork-7b\nlab/zork-8b\n\ngpt-4o\n"
    done = called("catalog", "coverage", "-", stdin=ids + "gpt-4o\n")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2 of 6 ids are answered (33.3%)"
    assert lines[1] == "  Chinese open: 1"
    assert [line for line in lines[6:] if line.startswith("  ")] == [
        "  Google: google/zork",
        "  lab: lab/zork-7b, lab/zork-8b",
        "  prod: prod-router",
    ]


def test_catalog_coverage_prints_a_json_line_per_unknown_id():
    done = called("catalog", "coverage", "-", "--json", stdin="gpt-4o\nlab/zork-7b\n")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "model": "lab/zork-7b",
            "lacks": "developer",
            "key": "lab",
            "matched_by": "unknown: no known name",
        }
    ]


def test_catalog_coverage_of_no_ids_is_whole():
    done = called("catalog", "coverage", "-", stdin="\n")
    assert done.stdout.startswith("0 of 0 ids are answered (100.0%)")


def test_catalog_diff_says_which_ids_change(tmp_path):
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text("")
    new.write_text('[models."prod-chat"]\nsame_as = "deepseek-chat"')

    done = called(
        *("catalog", "diff", str(old), str(new), "--ids", "-"), stdin="prod-chat\ngpt-4o\n"
    )

    assert done.stdout.splitlines() == [
        "prod-chat: unknown -> cn-open (DeepSeek, CN)",
        "1 of 2 ids are classified differently",
    ]


@pytest.mark.parametrize(
    "arguments",
    [("check", "nowhere.toml"), ("diff", "built-in", "nowhere.toml")],
)
def test_a_catalogue_that_is_not_there_is_named(arguments):
    done = called("catalog", *arguments)

    assert done.returncode == 2
    assert "nowhere.toml: cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_is_json():
    assert orjson.loads(called("schema").stdout)["title"] == "tokenshare usage event"


def test_topics_prints_commands_of_kafkas_own_tool():
    done = called("topics", "--partitions", "12", TOKENSHARE_GROUP="team")

    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "--topic llm-usage --partitions 12" in lines[0]
    assert "--topic team-panes-changelog --partitions 12" in lines[1]
    assert "cleanup.policy=compact" in lines[1]
    assert "--topic llm-usage-dead-letter --partitions 1" in lines[2]


def test_settings_are_shown_with_secrets_masked():
    done = called("settings", TOKENSHARE_SASL_PASSWORD="hush", TOKENSHARE_TOPIC="usage")

    assert "TOKENSHARE_TOPIC=usage" in done.stdout
    assert "TOKENSHARE_SASL_PASSWORD=********" in done.stdout
    assert "hush" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["report", "--url", "http://127.0.0.1:1"], {}, 1, ":1 (Connection refused)"),
        (["report"], {"TOKENSHARE_WEB_PORT": "1"}, 1, "127.0.0.1:1 (Connection refused)"),
        (["report"], {"TOKENSHARE_WEB_PORT": "1"}, 1, "Or give files to read."),
        (["catalog", "check", "none.toml"], {}, 2, "none.toml: cannot be read (No such file"),
        (["report", "--url", "ftp://x"], {}, 1, "not an address"),
        (["report", "--compare", "pyproject.toml"], {}, 2, "does not exist"),
        (["demo", "--json"], {}, 2, "--study"),
        (
            ["classify", "x"],
            {"TOKENSHARE_CATALOG_OVERRIDES": "/nowhere.toml"},
            1,
            "(No such file or",
        ),
    ],
)
def test_a_mistake_is_named_without_a_traceback(arguments, environment, code, said):
    is_named(called(*arguments, **environment), code, said)


def is_named(done, code, said):
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["worker"], {"TOKENSHARE_WEB_PORT": "x"}, 1, "TOKENSHARE_WEB_PORT"),
        (["doctor"], {"TOKENSHARE_BOOTSTRAP_SERVERS": "x"}, 1, "TOKENSHARE_BOOTSTRAP_SERVERS"),
        (["doctor", "--bootstrap", "127.0.0.1:1"], {}, 1, "No Kafka at 127.0.0.1:1"),
        (["simulate", "--bootstrap", "127.0.0.1:1"], {}, 3, "No Kafka"),
        (["simulate", "--events", "0"], {}, 2, "--events"),
        (["simulate", "--rate", "5", "--hours", "1"], {}, 2, "leave --hours out"),
        (["simulate", "--manifest", "/none/m.json"], {}, 2, "cannot be written"),
    ],
)
def test_a_mistake_of_what_sets_up_its_logging_is_named(arguments, environment, code, said):
    is_named(tokenshare(*arguments, **environment), code, said)


def test_a_file_that_is_not_a_manifest_is_named(tmp_path):
    for content in ("{}", "[]", "nonsense", '{"cells": [{}]}'):
        path = tmp_path / "m.json"
        path.write_text(content)
        done = called("report", "--compare", str(path))
        assert done.returncode == 2
        assert "not a manifest" in done.stderr
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


def test_settings_name_a_misspelt_variable():
    done = called("settings", TOKENSHARE_TOPC="x", TOKENSHARE_XYZZY="y")

    assert done.returncode == 1
    assert "TOKENSHARE_TOPIC=llm-usage" in done.stdout
    assert "TOKENSHARE_TOPC is not a setting. Did you mean TOKENSHARE_TOPIC?" in done.stderr
    assert "TOKENSHARE_XYZZY is not a setting. Remove it." in done.stderr
    assert called("settings").returncode == 0
