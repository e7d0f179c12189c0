"""kustomize and helm as programs: what they build of our files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml_text

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
CHART = ROOT / "deploy/helm/tokenshare"


def program(name: str) -> str:
    """Return the path of a program that `make manifests` builds; skips the test without it."""
    own = Path(sys.executable).parent / name
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        if os.environ.get("CI") and shutil.which("go"):
            pytest.fail(f"{name} is missing: `make manifests` builds it where Go is installed")
        pytest.skip(f"{name} is not installed")
    return found


def run(name: str, *arguments: str, code: int = 0) -> str:
    """Run a program and return what it prints; it has to end with a code."""
    done = subprocess.run(
        [program(name), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    if code == 0:
        assert done.stderr == ""
    return done.stdout + done.stderr


def built(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that kustomize builds of a folder."""
    return objects(run("kustomize", "build", str(folder)))


def with_tenant_files(directory: Path) -> list[dict[str, Any]]:
    """Return the objects of the example with the component of files that name tenants."""
    # kustomize takes only paths that are relative.
    up = Path(os.path.relpath(KUBERNETES, directory.resolve()))
    (directory / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{up / 'example'}]\ncomponents: [{up / 'tenant-files'}]\n"
    )
    return built(directory)


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects in YAML documents."""
    return yaml_text.all_loaded(text)
