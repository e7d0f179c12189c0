"""Rules and alerts: as promtool reads them, and as the runbook explains them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import rules_in_use
import yaml
import yaml_text
from laws import some
from share_conditions import CONDITIONS, LASTING, SILENT, Condition

from streams.cli import COMMANDS
from streams.gateway.bridge import metrics as bridge_metrics
from streams.settings import table
from streams.shifts.alert_rules import (
    LASTING_SECONDS,
    LASTING_ZSCORE,
    UNCLASSIFIED_MEASURE,
    Rule,
    rules_of,
)
from streams.shifts.alert_rules import RULES as SHIFT_CONDITIONS
from streams.shifts.series import SHIFT_MEASURES
from streams.web.metric_definitions import DEFINITIONS, exposed_name

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "deploy" / "runbook.md").read_text()
SHIFT_RULES = PROMETHEUS / "alerts" / "share_shift.yml"
RULE_FILES = [PROMETHEUS / "recording.yml", *sorted((PROMETHEUS / "alerts").glob("*.yml"))]
RULE_TESTS = sorted((ROOT / "tests" / "rules").glob("*.yml"))


def _groups(path: Path) -> list[dict]:
    return yaml_text.loaded(path.read_text())["groups"]


RULE_GROUPS = [group for path in RULE_FILES for group in _groups(path)]
RULES = [rule for group in RULE_GROUPS for rule in group["rules"]]
RECORDS = [rule for rule in RULES if "record" in rule]
ALERTS = [rule for rule in RULES if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
#: What was lost or is corrupt stays so: there is nothing to wait for.
AT_ONCE = {"TokenshareRecordsLost", "TokenshareCorruptBatch", "TokenshareStateLost"}

SHOWN = {exposed_name(each) for each in (*DEFINITIONS, *bridge_metrics.DEFINITIONS)}

every_name = pytest.mark.parametrize("name", NAMES)
every_alert = pytest.mark.parametrize(
    "alert", ALERTS, ids=[":".join([rule["alert"], *rule["labels"].values()]) for rule in ALERTS]
)


def tool(*names: str) -> str:
    """Return the first of a tool's names that is installed."""
    for name in names:
        if found := shutil.which(name):
            return found
    reason = f"{names[0]} is not installed (Debian: prometheus, prometheus-alertmanager)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str | Path) -> str:
    """Run a tool that has to be content; returns what it says."""
    done = subprocess.run(
        list(map(str, command)),
        # promtool spends a third of its time on garbage, of which there is little.
        env=os.environ | {"GOGC": "800"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- the rules as they stand


def test_prometheus_takes_the_rules_and_the_configuration():
    promtool = tool("promtool")

    run(promtool, "check", "rules", "--lint-fatal", *RULE_FILES)
    said = run(promtool, "check", "config", PROMETHEUS / "prometheus.yml")

    assert {path.name for path in RULE_FILES} <= set(re.findall(r"[\w.]+\.yml", said))


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [
        pytest.param({**test, "tests": some(test["tests"])}, id=f"{path.stem}-{subject}")
        for path in RULE_TESTS
        for subject, test in rules_in_use.tests_by_subject(path)
    ],
)
def test_each_rule_does_what_its_tests_say(tmp_path, test):
    run(tool("promtool"), "test", "rules", rules_in_use.write(tmp_path, test, RULE_GROUPS))


def test_the_tests_of_rules_read_the_files_that_are_deployed():
    for path in RULE_TESTS:
        test = yaml_text.loaded(path.read_text())
        read = {(path.parent / each).resolve() for each in test["rule_files"]}
        assert read <= set(RULE_FILES)
        deployed = [group["name"] for file in RULE_FILES if file in read for group in _groups(file)]
        assert [name for name in deployed if name in test["group_eval_order"]] == (
            test["group_eval_order"]
        )


def test_rules_for_a_name_are_those_whose_records_it_reads():
    groups = [
        {
            "name": "records",
            "rules": [{"record": "a:b", "expr": "x"}, {"record": "c:d", "expr": "y"}],
        },
        {"name": "sums", "rules": [{"record": "e:f", "expr": "sum(a:b)"}]},
        {
            "name": "alerts",
            "rules": [{"alert": "A", "expr": "e:f > 1"}, {"alert": "B", "expr": "c:d"}],
        },
        {
            "name": "texts",
            "rules": [{"alert": "C", "expr": "x", "annotations": {"t": "{{ c:d }}"}}],
        },
    ]

    def needed(name):
        return [
            [rule.get("alert", rule.get("record")) for rule in group["rules"]]
            for group in rules_in_use.rules_for([name], groups)
        ]

    assert needed("A") == [["a:b"], ["e:f"], ["A"]]
    assert needed("B") == [["c:d"], ["B"]]
    assert needed("C") == [["c:d"], ["C"]]


@cache
def groups() -> list[dict]:
    """Return all tests of rules."""
    return [test for path in RULE_TESTS for test in yaml_text.loaded(path.read_text())["tests"]]


def groups_of(name: str) -> list[dict]:
    """Return the tests of an alert."""
    return [test for test in groups() if test["name"].split(" ")[0] == name]


@every_name
def test_each_alert_is_tested_to_fire_and_not_to_fire(name):
    named = [group["name"] for group in groups_of(name)]

    assert any(re.search(r"\bfires\b", each) for each in named)
    assert any("does not fire" in each for each in named)
    for group in groups_of(name):
        points = group["alert_rule_test"]
        assert {point["alertname"] for point in points} == {name}
        fires = any(point["exp_alerts"] for point in points)
        assert fires == bool(re.search(r"\bfires\b", group["name"])), group["name"]


@every_alert
def test_each_alert_is_tested_the_minute_before_and_at_the_end_of_its_wait(alert):
    labels = {name: text for name, text in alert["labels"].items() if "{{" not in text}
    edges = []
    for group in groups_of(alert["alert"]):
        points = group["alert_rule_test"]
        for before, after in pairwise(points):
            minutes = [int(point["eval_time"].removesuffix("m")) for point in (before, after)]
            fired = [each["exp_labels"].items() for each in after["exp_alerts"]]
            if minutes[1] - minutes[0] == 1 and not before["exp_alerts"]:
                edges += [each for each in fired if labels.items() <= each]

    assert edges
    assert ("for" in alert) != (alert["alert"] in AT_ONCE)


@every_alert
def test_each_alert_says_what_a_person_on_call_needs(alert):
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["labels"]["severity"] in {"critical", "warning", "ticket"}
    # No link that leads nowhere: the place in the repository, until `make links` has set another.
    assert alert["annotations"]["runbook_url"] == f"deploy/runbook.md#{alert['alert'].lower()}"


#: Where no command of ours has the first step, and why.
NO_COMMAND = {
    "TokenshareClockWrong": "the clock is that of the machine",
    "TokenshareLateData": "whose delay it is, gateways and log shippers know",
    "TokenshareBridgeRefusing": "what a bridge refuses is counted on its metrics only",
}


@every_alert
def test_each_alert_has_a_first_step_that_is_a_command_of_ours_and_in_the_runbook(alert):
    name, description = alert["alert"], alert["annotations"]["description"]
    steps = "".join(description.partition("First step")[1:])
    commands = re.findall(r"`tokenshare ([\w-]+)", steps)

    assert steps, "say what to do first"
    assert bool(commands) == (name not in NO_COMMAND)
    assert {*commands} <= {*COMMANDS}
    section = RUNBOOK.partition(f"## {name}\n")[2].partition("\n## ")[0]
    first_look = section.partition("**First look.**")[2].partition("**Likely causes.**")[0]
    assert {*commands} <= {*re.findall(r"tokenshare ([\w-]+)", first_look)}


#: A label that holds a key.
_KEY = r"\{\{ \$labels\.(?:key|origin|jurisdiction)\b[^}]*\}\}"


@every_alert
def test_keys_are_shown_by_their_names(alert):
    for part in ("summary", "description"):
        text = alert["annotations"][part]
        # Links, commands, and where the name is not known.
        text = re.sub(r"https?://.*|`[^`]*`|\{\{ else \}\}" + _KEY, "", text)
        # Models and developers are their own names.
        text = text.replace('"{{ $labels.key }}"', "")
        assert not re.search(_KEY, text)


def test_a_name_that_clients_choose_is_in_no_command():
    for alert in ALERTS:
        for command in re.findall(r"`(tokenshare [^`]*)`", alert["annotations"]["description"]):
            # Only keys that a worker has a name of: those of origins and languages.
            free = re.sub(r"\{\{ with [^}]*name_info.*?\{\{ end \}\}", "", command)
            assert "$labels.key" not in free


def test_a_shift_wakes_nobody():
    of_shares = {
        alert["labels"]["severity"] for alert in ALERTS if alert["alert"].startswith("LLM")
    }

    assert of_shares == {"warning", "ticket"}


def _yaml_of(path: Path) -> str:
    return yaml.safe_dump(yaml_text.loaded(path.read_text()), width=10_000)


#: What the page takes to open one shift: see streams/web/static/view.js.
OF_A_SHIFT = ("dimension", "key", "measure", "window")


def test_an_alert_on_one_share_links_to_its_shift():
    linked = set()
    for group in groups():
        for point in group.get("alert_rule_test", []):
            for each in point["exp_alerts"]:
                labels, text = each["exp_labels"], each["exp_annotations"]["description"]
                if "key" not in labels:
                    continue
                (link,) = re.findall(r"https?://\S+", text)
                of_shift = {name: labels[name] for name in OF_A_SHIFT}
                said = parse_qsl(urlsplit(link).fragment, strict_parsing=True)
                assert dict(said) == {"view": "shift", **of_shift}, group["name"]
                linked.add(point["alertname"])

    assert linked == {rule.alert for rule in SHIFT_CONDITIONS}


# -- several workers


def test_what_workers_show_alike_is_taken_once():
    for rule in RECORDS:
        level, metric, _ = rule["record"].split(":")
        if level == "gateway" and "gateway:" not in rule["expr"]:
            counted_apart = metric.startswith("tokenshare_bridge_")
            taken = "sum" if counted_apart else "(max|min)"
            assert re.match(rf"{taken} without \(instance, pod\) ", rule["expr"]), rule["record"]


def test_alerts_on_shares_read_nothing_of_single_workers():
    for alert in ALERTS:
        if alert["alert"].startswith("LLM"):
            metrics = re.findall(r"[\w:]*\b(?:llm|tokenshare)_\w+", _without_comments(alert))
            assert metrics
            assert all(name.startswith(("gateway:", "policy:")) for name in metrics)


# -- the policy


def test_the_policy_has_its_numbers_in_one_place_and_none_is_in_force():
    rules = _groups(PROMETHEUS / "alerts" / "policy.yml")[0]["rules"]
    of_policy = [rule for rule in rules if "record" in rule]

    assert rules[: len(of_policy)] == of_policy
    for rule in of_policy:
        assert rule["expr"] == ("vector(Inf)" if rule["record"].endswith(":limit") else "vector(0)")
    for rule in rules[len(of_policy) :]:
        # 0 and 1 are no thresholds: nothing, and what is in force.
        assert not set(re.findall(r"(?<![\w\"])[\d.]+(?![\w\"])", rule["expr"])) - {"0", "1"}


# -- names


def _without_comments(rule: dict) -> str:
    return re.sub(r"#.*", "", rule["expr"])


def names_in(text: str) -> set[str]:
    """Return the names of metrics and of recorded series in a text."""
    return set(re.findall(r"(?<![\w:])(?:\w+:)?(?:llm|tokenshare)_\w+(?::\w+)?", text))


def test_every_metric_in_the_rules_exists():
    recorded = {rule["record"] for rule in RECORDS}
    texts = [*map(_without_comments, RULES)]
    texts += [text for alert in ALERTS for text in alert["annotations"].values()]
    names = set().union(*map(names_in, texts))

    assert {name for name in names if ":" in name} <= recorded
    assert {name for name in names if ":" not in name} <= SHOWN
    for name in recorded:
        for metric in name.split(":")[1].split("_per_"):
            assert {metric, f"{metric}_total"} & SHOWN


def test_every_recorded_series_is_read_by_an_alert_or_tested_itself():
    tested = (ROOT / "tests" / "rules" / "recording.yml").read_text()
    texts = [text for alert in ALERTS for text in alert["annotations"].values()]
    read = names_in("\n".join([*map(_without_comments, RULES), *texts]))

    assert {rule["record"] for rule in RECORDS} - read - names_in(tested) == set()


def test_every_metric_command_and_setting_in_the_runbook_exists():
    code = " ".join(re.findall(r"`([^`\n]+)`", RUNBOOK))
    settings = {name for name, _, _ in table()}
    commands = re.findall(r"(?:^|`)tokenshare ([\w-]+)", RUNBOOK, flags=re.MULTILINE)

    assert names_in(code)
    assert names_in(code) <= SHOWN
    assert set(re.findall(r"TOKENSHARE_\w+", RUNBOOK)) <= settings
    assert commands
    assert set(commands) <= COMMANDS.keys()


# -- the runbook


def test_the_runbook_has_a_heading_for_each_alert_and_no_other():
    assert sorted(re.findall(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)) == NAMES


@every_name
def test_the_runbook_says_of_each_alert_what_it_means_and_when_to_ignore_it(name):
    section = RUNBOOK.partition(f"## {name}\n")[2].partition("\n## ")[0]
    parts = re.findall(r"^\*\*([\w ]+?)\.?\*\*", section, flags=re.MULTILINE)

    # The first look names most remedies; a longer one has a part of its own.
    remedy = ["Remedy"] if "Remedy" in parts else []
    assert parts == ["Meaning", "First look", "Likely causes", *remedy, "Ignore it when"]


def test_the_commands_of_the_runbook_are_whole():
    blocks = re.findall(r"^```sh\n(.*?)^```$", RUNBOOK, flags=re.MULTILINE | re.DOTALL)

    assert blocks
    assert all(shlex.split(block) for block in blocks)


# -- thresholds


COMPARISON = re.compile(
    r"gateway:(?P<metric>\w+):\w+(?:\{(?P<labels>[^}]*)\})?\s*(?P<relation>>=|<=|>|<)\s*"
    r"(?P<number>-?[\d.]+)(?:\s*\*\s*gateway:(?P<times>\w+):\w+)?"
)


def conditions(alert: dict) -> set[Condition]:
    """Return what a rule compares."""
    found = set()
    for each in COMPARISON.finditer(_without_comments(alert)):
        dimension = re.search(r'dimension="(\w+)"', each["labels"] or "")
        found.add(
            Condition(
                each["metric"],
                dimension[1] if dimension else "",
                each["relation"],
                float(each["number"]),
                each["times"] or "",
            )
        )
    return found


def seconds(text: str) -> int:
    """Return a duration of Prometheus in seconds."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


def test_the_thresholds_of_the_rules_on_shares_are_these():
    for alert in ALERTS:
        if alert["alert"].startswith(("LLMShare", "LLMModel")):
            labels = alert["labels"]
            key = alert["alert"], labels.get("direction") or labels.get("cause", "")
            expected = CONDITIONS[key]
            if labels.get("measure") == "cost":
                expected = {each for each in expected if each.dimension != "language"}
            others = SILENT if labels.get("measure") in {"requests", "cost"} else LASTING
            assert conditions(alert) == expected | others.get(key, set())


def test_a_rise_that_has_lasted_is_one_of_as_many_hours_as_in_backtest():
    looks_back = {
        (*key, each["labels"]["measure"]): re.findall(
            r"(?:\[|offset )(\w+)\]?\)? >= ([\d.]+)", _without_comments(each)
        )
        for each in ALERTS
        for key in [(each["alert"], each["labels"].get("direction"))]
        if key in LASTING
    }

    assert {measure: len(found) for (*_, measure), found in looks_back.items()} == {
        "tokens": 2,
        "requests": 0,
        "cost": 0,
    }
    for length, z in looks_back["LLMShareShiftDay", "up", "tokens"]:
        assert (seconds(length), float(z)) == (LASTING_SECONDS, LASTING_ZSCORE)


def _measures(rule: Rule) -> tuple[str, ...]:
    if rule in {*rules_of("developer"), *rules_of("model")}:
        return ("tokens",)
    if not rule.direction:
        return (UNCLASSIFIED_MEASURE,)
    # Cost has no tenants, and so no alert on the hour.
    return tuple(each for each in SHIFT_MEASURES if each != "cost" or rule.window != "1h")


def test_the_rules_wait_and_stay_as_long_as_those_of_backtest():
    found = {
        (alert["alert"], alert["labels"].get("direction"), measure): (
            seconds(alert["for"]),
            seconds(alert["keep_firing_for"]),
        )
        for alert in ALERTS
        for measure in [alert["labels"].get("measure", UNCLASSIFIED_MEASURE)]
        if alert["alert"] in {rule.alert for rule in SHIFT_CONDITIONS}
    }

    assert found == {
        (rule.alert, rule.direction, measure): (rule.wait(measure), rule.keep_firing_for_seconds)
        for rule in SHIFT_CONDITIONS
        for measure in _measures(rule)
    }
