"""The dashboards of deploy/grafana as they are read: panels, variables and queries."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem.removeprefix("tokenshare-"): json.loads(file.read_text()) for file in FILES
}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

every_dashboard = pytest.mark.parametrize("name", sorted(DASHBOARDS))


def panels(name: str) -> list[dict[str, Any]]:
    """Return what is drawn on a dashboard: all but the headings of rows."""
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


def variables(name: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in DASHBOARDS[name]["templating"]["list"]}


class Query(NamedTuple):
    """A query as it stands in a file, with where it stands."""

    place: str
    expression: str
    is_instant: bool


def queries(name: str) -> list[Query]:
    """Return every query of a dashboard but those of its variables."""
    found = [
        Query(f"{name}: {panel['title']} ({target['refId']})", target["expr"], target["instant"])
        for panel in panels(name)
        for target in panel.get("targets", [])
    ]
    for annotation in DASHBOARDS[name]["annotations"]["list"]:
        if not annotation.get("builtIn"):
            place = f"{name}: annotation {annotation['name']}"
            found.append(Query(place, annotation["target"]["expr"], is_instant=False))
    return found


def put_in(text: str, values: dict[str, str]) -> str:
    """Return a query with its variables replaced; Grafana's own stand for a time in seconds."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values[match[1]], text)
