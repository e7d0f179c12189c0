"""The READMEs of deploy/gateways: links, settings, metrics and commands in them."""

from __future__ import annotations

import re
import shlex

import orjson
import pytest
from click.testing import CliRunner
from gateway_files import CONFIGURATIONS, GATEWAYS, READMES, ROOT, every_sample

from streams.cli import cli
from streams.settings import table
from streams.web.metric_definitions import DEFINITIONS, exposed_name

every_readme = pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)


@every_readme
def test_its_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#]+)", path.read_text())

    assert links
    assert all((path.parent / link).is_file() for link in links)


def test_the_table_has_every_configuration():
    linked = re.findall(r"\]\(([^)]+\.yaml)\)", (GATEWAYS / "README.md").read_text())

    assert sorted(linked) == sorted(str(path.relative_to(GATEWAYS)) for path in CONFIGURATIONS)


@every_readme
def test_the_variables_of_tokenshare_in_it_are_settings_too(path):
    known = {name for name, _, _ in table()}

    assert set(re.findall(r"TOKENSHARE_[A-Z_]+", path.read_text())) <= known


@every_readme
def test_the_metrics_in_it_are_there(path):
    known = {exposed_name(each) for each in DEFINITIONS} | {"tokenshare_bridge_events_total"}
    named = set(re.findall(r"tokenshare_[a-z_]+", path.read_text()))

    assert "tokenshare_records_total" in named
    assert named <= known


@every_sample
def test_the_command_in_its_readme_shows_what_is_counted(name, monkeypatch):
    (command,) = re.findall(
        "`tokenshare (decode [^`]+)`", (GATEWAYS / name / "README.md").read_text()
    )
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, shlex.split(command))

    assert done.exit_code == 0
    assert len(orjson.loads(done.stdout)["events"]) == 1


@every_readme
def test_it_says_that_the_language_is_lost(path):
    assert "`und`" in path.read_text()
