"""The table of scenarios is whole: names, descriptions, and which ones are known to be wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scenarios import BY_NAME, KNOWN_WRONG, SCENARIOS

RUN = Path(__file__).with_name("run.py")


def listed(*arguments):
    command = [sys.executable, RUN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_scenario_has_its_own_name_and_says_what_it_does():
    assert len(BY_NAME) == len(SCENARIOS)
    assert all(each.does.endswith(".") for each in SCENARIOS)


def test_only_scenarios_are_known_to_be_wrong():
    assert KNOWN_WRONG.keys() <= BY_NAME.keys()


def test_the_list_names_each_scenario():
    lines = listed("--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*BY_NAME]


def test_an_unknown_scenario_is_refused():
    found = listed("--scenario", "rain")
    assert found.returncode == 2
    assert "rain" in found.stderr
