"""What checks a change elsewhere: the hooks of a commit, and the hosted workflow."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
HOOKS = ROOT / ".pre-commit-config.yaml"


def run(*command: object) -> str:
    done = subprocess.run(
        [str(each) for each in command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def actionlint() -> str:
    found = shutil.which("actionlint") or shutil.which(
        "actionlint", path=str(Path(sys.executable).parent)
    )
    if found is None:
        if os.environ.get("CI") and shutil.which("go"):
            pytest.fail("actionlint is missing: .ci/run builds it where Go is installed")
        pytest.skip("actionlint is not installed")
    return found


def test_actionlint_finds_nothing_in_the_workflow():
    # Without other linters, which may or may not be installed.
    assert run(actionlint(), "-shellcheck=", "-pyflakes=", WORKFLOW) == ""


def test_actionlint_finds_an_expression_that_leads_nowhere(tmp_path):
    text = WORKFLOW.read_text()
    (tmp_path / "wrong.yml").write_text(text.replace("github.ref", "github.reference"))
    done = subprocess.run(
        [actionlint(), "-shellcheck=", "-pyflakes=", tmp_path / "wrong.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "github.reference" in text.replace("github.ref", "github.reference")
    assert done.returncode == 1
    assert "reference" in done.stdout


def test_the_workflow_keeps_to_the_schema():
    run(
        *(sys.executable, "-m", "check_jsonschema"),
        *("--builtin-schema", "vendor.github-workflows", WORKFLOW),
    )


def test_the_workflow_runs_what_has_to_pass_and_has_no_rights():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    (job,) = workflow["jobs"].values()

    assert {"run": ".ci/run"} in job["steps"]
    assert workflow["permissions"] == {"contents": "read"}
    # YAML reads `on` as a truth value.
    assert {"push", "pull_request"} <= workflow[True].keys()


def test_hooks_run_the_linters_of_this_environment():
    (repo,) = yaml.safe_load(HOOKS.read_text())["repos"]
    modules = []
    for hook in repo["hooks"]:
        python, option, module, *_ = shlex.split(hook["entry"])
        assert (python, option, hook["language"]) == (".venv/bin/python", "-m", "system")
        modules.append(module)

    assert repo["repo"] == "local"
    assert modules == ["ruff", "ruff", "mypy"]
    for module in set(modules):
        assert module in run(sys.executable, "-m", module, "--version")


def test_hooks_are_such_as_pre_commit_reads():
    run(sys.executable, "-m", "pre_commit", "validate-config", HOOKS)


def test_hooks_check_what_is_linted():
    # `make lint` runs the same three; hooks differ from it in which files they are given.
    makefile = (ROOT / "Makefile").read_text()
    (repo,) = yaml.safe_load(HOOKS.read_text())["repos"]

    for hook in repo["hooks"]:
        command = " ".join(shlex.split(hook["entry"])[2:]).removesuffix(" --force-exclude")
        assert f"$(RUN) {command}" in makefile
