"""A folder of streams/ imports only what this table lists, and frameworks stay at the edge."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import streams

ROOT = Path(streams.__file__).parent

#: What a folder (or a module beside them) may import, besides itself. All of it is further up.
LAYERS = {
    "settings": "",
    "process": "settings",
    "classify": "",
    "kafka": "settings",
    "state": "classify",
    "decode": "kafka classify settings",
    "shares": "state classify",
    "counting": "decode state classify",
    "shifts": "shares state classify",
    "web": "shifts shares state classify",
    "worker": "web shifts shares counting state decode classify kafka settings process",
    "gateway": "web decode classify kafka settings process",
    "report": "counting decode kafka shares state classify settings",
    "demo": "worker report web shares classify settings process",
    "cli": "demo report gateway worker web shifts shares decode classify kafka settings process",
    "__main__": "cli",
}

#: The only places that know a framework: folders or modules.
FRAMEWORKS = {
    "faust": "kafka.faust_transport state.table worker",
    "mode": "state.follower worker",
    "aiokafka": "settings kafka state worker gateway.bridge report.topic demo.sender",
    "kafka": "kafka worker gateway.delivery",
    "prometheus_client": "web.metrics web.partition_metrics web.exposition gateway.bridge.metrics",
    "aiohttp": "web gateway.bridge",
    "litellm": "gateway.litellm",
    "click": "cli",
}

#: An import of Python in Cython: `cimport` is of C.
PLAIN_IMPORT = r"^(?:from \S+ )?import (?:[\w., ]+$|\([^)]*\))"

MODULES = sorted(path for path in ROOT.rglob("*") if path.suffix in {".py", ".pyx", ".pxi"})


def name_of(path: Path) -> str:
    """Return a module's name without `streams.`, "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def imports(path: Path) -> set[str]:
    """Return the names of all modules that a module imports, wherever in it."""
    text = path.read_text()
    if path.suffix != ".py":
        text = "\n".join(re.findall(PLAIN_IMPORT, text, flags=re.MULTILINE))
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0, "a relative import hides where it leads"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layers_of(path: Path) -> set[str]:
    """Return the layers of streams/ that a module imports, without its own."""
    ours = [each.split(".") for each in imports(path) if each.startswith("streams.")]
    return {each[1] for each in ours} - {name_of(path).split(".")[0]}


def is_at(name: str, places: str) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places.split())


def test_the_table_runs_one_way():
    above: set[str] = set()
    for layer, allowed in LAYERS.items():
        assert set(allowed.split()) <= above, f"{layer} may import what comes after it"
        above.add(layer)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_what_it_may(layer):
    allowed = {layer, *LAYERS[layer].split()}
    modules = [each for each in MODULES if name_of(each).split(".")[0] == layer]

    assert modules, "the table names what is not there"
    too_much = {name_of(each): layers_of(each) - allowed for each in modules}
    assert not {name: found for name, found in too_much.items() if found}


def test_every_module_has_a_place_in_the_table():
    assert {name_of(each).split(".")[0] for each in MODULES} - {""} <= LAYERS.keys()
    assert not layers_of(ROOT / "__init__.py")


def test_frameworks_stay_at_the_edge():
    used = {(name_of(path), each.split(".")[0]) for path in MODULES for each in imports(path)}

    assert not {
        (name, each)
        for name, each in used
        if each in FRAMEWORKS and not is_at(name, FRAMEWORKS[each])
    }


def opening_of(path: Path) -> str:
    """Return what a module says of itself at its beginning."""
    text = path.read_text()
    if path.suffix == ".py":
        return ast.get_docstring(ast.parse(text)) or ""
    if path.suffix == ".pyx":
        return text.partition('"""')[2].partition('"""')[0]
    # A part of a Cython module has no docstring of its own.
    return re.sub(r"^# ?", "", re.split(r"\n(?!#)", text)[0], flags=re.MULTILINE)


def test_each_module_opens_with_a_sentence():
    openings = {name_of(path): opening_of(path).split("\n\n")[0].rstrip() for path in MODULES}

    assert not {name for name, opening in openings.items() if opening[-1:] not in {*".?:"}}
