"""The compose file, as Compose reads it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.settings import table

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE = (DEPLOY / "Dockerfile").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
DEFAULTS = {name: default for name, default, _ in table()}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = sorted(
    name
    for name, service in SERVICES.items()
    if service["image"].partition(":")[0] == PROJECT["name"]
)
WORKERS = [name for name in OURS if name.startswith("worker")]
#: What ends by itself, or has no port to be asked on.
UNASKED = {"topics", "gateway"}
SECRETS = {"TOKENSHARE_BRIDGE_TOKEN": "a-token-of-the-test", "GRAFANA_ADMIN_PASSWORD": "a-password"}

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


class MissingVariableError(Exception):
    """Compose would refuse: a variable that it demands is not set."""


def interpolated(value: Any, variables: dict[str, str]) -> Any:
    """Return a value of the file as Compose reads it: ${NAME}, ${NAME:-default}, ${NAME:?why}."""

    def one(match: re.Match[str]) -> str:
        name, mark, rest = match.group(1, 2, 3)
        if variables.get(name):
            return variables[name]
        if mark == ":?":
            raise MissingVariableError(f"{name}: {rest}")
        return rest or ""

    match value:
        case str():
            return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", one, value)
        case list():
            return [interpolated(each, variables) for each in value]
        case dict():
            return {key: interpolated(each, variables) for key, each in value.items()}
        case _:
            return value


def mounts(service: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return (source, target, read-only) of a service's volumes, in either form."""
    found = []
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            source, target, *mode = volume.split(":")
            found.append((source, target, mode == ["ro"]))
        else:
            found.append((volume["source"], volume["target"], volume.get("read_only", False)))
    return found
