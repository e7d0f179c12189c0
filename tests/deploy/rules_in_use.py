"""The rules that a test of rules needs: promtool evaluates each rule of a file at each minute."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def rules_for(names: Iterable[str], groups: Iterable[dict]) -> list[dict]:
    """Return the groups with only the rules of these names, and those whose records they read."""
    groups = list(groups)
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    # Annotations ask for records as well.
    reads = defaultdict(set)
    for rule in rules:
        for text in (rule["expr"], *rule.get("annotations", {}).values()):
            reads[_name(rule)] |= recorded & set(re.findall(r"[\w:]+", text))
    wanted: set[str] = set()
    found = set(names)
    while found:
        wanted |= found
        found = set().union(*(reads[name] for name in found)) - wanted
    kept = [
        {**group, "rules": [rule for rule in group["rules"] if _name(rule) in wanted]}
        for group in groups
    ]
    return [group for group in kept if group["rules"]]


def tests_by_subject(path: Path) -> Iterator[tuple[str, dict]]:
    """Yield the first word of the tests' names in a file, and a file of the tests that share it."""
    whole = yaml_text.loaded(path.read_text())
    by_subject = defaultdict(list)
    for test in whole["tests"]:
        by_subject[test["name"].split(" ")[0]].append(test)
    for subject, tests in by_subject.items():
        yield subject, {**whole, "tests": tests}


def write(folder: Path, test: dict, groups: Iterable[dict]) -> Path:
    """Write a file of tests with the rules that they need; return its path."""
    names = set()
    for each in test["tests"]:
        names |= {point["alertname"] for point in each.get("alert_rule_test", ())}
        for point in each.get("promql_expr_test", ()):
            names |= set(re.findall(r"[\w:]+", point["expr"]))
    needed = rules_for(names, groups)
    # JSON is YAML, and faster to write.
    (folder / "rules.yml").write_text(json.dumps({"groups": needed}))
    order = [group["name"] for group in needed]
    to_run = {**test, "rule_files": ["rules.yml"], "group_eval_order": order}
    (folder / "test.yml").write_text(json.dumps(to_run))
    return folder / "test.yml"


def _name(rule: dict) -> str:
    return rule.get("alert") or rule["record"]
