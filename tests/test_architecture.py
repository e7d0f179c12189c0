"""Imports run one way, down the flow, and frameworks stay at the edge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import streams

ROOT = Path(streams.__file__).parent

#: A module imports from modules further left only. One group may not import within itself unless
#: it is a package of its own.
FLOW = [
    [
        "streams.event",
        "streams.pane",
        "streams.settings",
        "streams.language",
        "streams.tenant",
    ],
    [
        "streams.packing",
        "streams.client",
        "streams.counted",
        "streams.conditions",
        "streams.spreadsheet",
    ],
    ["streams.record", "streams.past"],
    ["streams.guard", "streams.measured", "streams.attribution"],
    ["streams.shift"],
    [
        "streams.formats",
        "streams.origin",
        "streams.state",
        "streams.dead_letter",
        "streams.tls",
    ],
    ["streams.classify", "streams.topics", "streams.report", "streams.large_batch"],
    ["streams.reading"],
    ["streams.tally", "streams.window", "streams.doctor", "streams.dedupe"],
    ["streams.partition"],
    ["streams.view"],
    ["streams.transport", "streams.table", "streams.snapshot"],
    ["streams.history", "streams.metrics", "streams.terminal"],
    ["streams.live_shifts", "streams.summary"],
    ["streams.movers", "streams.backtest"],
    ["streams.web"],
    ["streams.app"],
    ["streams.process"],
    ["streams.gateway"],
    ["streams.demo"],
    ["streams.cli"],
    ["streams.__main__"],
]

BRIDGE = {"streams.gateway.bridge", "streams.gateway.bridge_http"}

#: The only places that know a framework.
EDGES = {
    "faust": {"streams.transport", "streams.table", "streams.app"},
    "mode": {"streams.table", "streams.app"},
    "prometheus_client": {"streams.metrics", "streams.gateway.bridge_metrics"},
    "kafka": {
        "streams.topics",
        "streams.doctor",
        "streams.process",
        "streams.gateway.producer",
    },
    "aiohttp": {
        "streams.web.guard",
        "streams.web.live",
        "streams.web.respond",
        "streams.web.runner",
        "streams.web.server",
        *BRIDGE,
    },
    "litellm": {"streams.gateway.litellm"},
    "click": {
        "streams.cli",
        "streams.cli.ask",
        "streams.cli.backtest",
        "streams.cli.catalog",
        "streams.cli.common",
        "streams.cli.operate",
        "streams.cli.report",
        "streams.cli.run",
    },
}

MODULES = sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = ["streams", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
            if node.module.startswith("streams"):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def place(name: str) -> tuple[int, str] | None:
    for index, group in enumerate(FLOW):
        for member in group:
            if name == member or name.startswith(member + "."):
                return index, member
    return None


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_down_the_flow(path):
    name = name_of(path)
    if name == "streams":
        assert not {each for each in imports(path) if each.startswith("streams")}
        return
    mine = place(name)
    assert mine is not None, f"{name} has no place in the flow"
    for other in imports(path):
        theirs = place(other)
        if theirs is not None and theirs[1] != mine[1]:
            assert theirs[0] < mine[0], f"{name} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_frameworks_stay_at_the_edge(path):
    name = name_of(path)
    for framework, places in EDGES.items():
        used = any(each.split(".")[0] == framework for each in imports(path))
        assert not used or name in places, f"{name} imports {framework}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_with_a_sentence(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.split("\n\n")[0].rstrip()[-1] in ".?:"
