"""The configuration of Prometheus, and the scripts that make and check everything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml_text

from streams.settings import table

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yml"


def test_every_variable_in_configuration_files_is_a_setting():
    known = {name for name, _, _ in table()}
    texts = [path.read_text() for path in DEPLOY.rglob("*.y*ml")]
    used = {name for text in texts for name in re.findall(r"\bTOKENSHARE_[A-Z_]+\b", text)}

    assert used
    assert used <= known


@pytest.mark.parametrize("name", ["Makefile", ".ci/run"])
def test_scripts_are_there(name):
    assert (ROOT / name).is_file()


def test_ci_is_a_script_that_bash_reads():
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_make_without_a_target_lists_the_targets():
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    for target in ("demo", "test", "lint", "bench", "format", "clean", "help"):
        assert re.search(rf"^  {target} +\w", listed, flags=re.MULTILINE)


def test_an_old_python_is_refused_with_the_version_that_is_needed(tmp_path):
    old = tmp_path / "python-of-old"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" || exit 1\n')
    old.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run(
        ["make", "test", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "needs Python 3.11 or later" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_no_bridge_is_scraped_until_a_file_names_one():
    jobs = yaml_text.loaded((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    (bridges,) = [each for each in jobs if each["job_name"] == "tokenshare-bridge"]
    (files,) = bridges["file_sd_configs"]

    assert "static_configs" not in bridges
    assert files["files"] == ["targets/*.yml"]
    # The example is of no use before somebody gives it that name.
    assert [*(DEPLOY / "prometheus/targets").glob("*.yml")] == []


def test_the_demo_that_make_installs_detects_languages():
    assert "pip install --quiet -e '.[demo,language]'" in re.sub(
        r"\$\(PIP\)", "pip", (ROOT / "Makefile").read_text()
    )
