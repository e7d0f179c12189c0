"""Files, classes and functions of streams/ and tests/ are short enough to be read at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for folder in ("streams", "tests") for path in (ROOT / folder).rglob("*.py"))

MAX_FILE_LINES = 500
MAX_CLASS_LINES = 350
MAX_FUNCTION_LINES = 60


def too_long(name: str, text: str) -> set[str]:
    """Return the file, and the classes and functions in it, that have too many lines."""
    found = {name} if len(text.splitlines()) > MAX_FILE_LINES else set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            limit = MAX_CLASS_LINES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit = MAX_FUNCTION_LINES
        else:
            continue
        assert node.end_lineno is not None
        if node.end_lineno - node.lineno + 1 > limit:
            found.add(f"{name}: {node.name}")
    return found


def test_nothing_is_too_long():
    found = set()
    for path in MODULES:
        found |= too_long(path.relative_to(ROOT).as_posix(), path.read_text())

    assert not found, "split these"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * MAX_FILE_LINES, set()),
        ("x = 1\n" * (MAX_FILE_LINES + 1), {"a.py"}),
        ("async def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1), set()),
        ("async def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES, {"a.py: f"}),
        ("class C:\n" + "    x = 1\n" * MAX_CLASS_LINES, {"a.py: C"}),
    ],
)
def test_what_is_too_long_is_found(text, found):
    assert too_long("a.py", text) == found
