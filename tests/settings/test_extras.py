"""The advice how to install an extra is of where tokenshare came from."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from streams.settings import extras

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ("", "pip install 'tokenshare[plot]'"),
        ("no JSON", "pip install 'tokenshare[plot]'"),
        ("[]", "pip install 'tokenshare[plot]'"),
        (
            '{"url": "file:///src/a%20b", "dir_info": {"editable": true}}',
            "pip install -e '/src/a b[plot]'",
        ),
        ('{"url": "file:///src/t", "dir_info": {}}', "pip install '/src/t[plot]'"),
        (
            '{"url": "file:///w/tokenshare-0.1.0-py3-none-any.whl", "archive_info": {}}',
            "pip install '/w/tokenshare-0.1.0-py3-none-any.whl[plot]'",
        ),
        (
            '{"url": "https://git.example/t.git", "vcs_info": {"vcs": "git"}}',
            "pip install 'tokenshare[plot] @ git+https://git.example/t.git'",
        ),
    ],
)
def test_the_advice_names_where_it_came_from(origin, command):
    assert extras._advice("plot", origin) == command


def test_here_it_is_the_checkout():
    *start, what = shlex.split(extras.advice("demo"))

    assert start[:2] == ["pip", "install"]
    assert what == f"{ROOT}[demo]"


def test_nothing_else_advises_a_package_of_an_index():
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("streams", "docs", "deploy")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".js", ".html", ".yaml", ".yml"}
        and "install 'tokenshare" in path.read_text()
    }
    assert found == set()
    assert "install 'tokenshare" not in (ROOT / "README.md").read_text()
