"""The documents that people read: README, CONTRIBUTING, SECURITY, CHANGELOG, docs/ and deploy/."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: What a user reads, in its order; its commands are run and its tables compared with the code.
MANUAL = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "connect",
            "formats",
            "gateways",
            "model-names",
            "providers",
            "settings",
            "metrics",
            "alerts",
            "api",
            "cli",
            "operations",
            "performance",
            "architecture",
        )
    ),
    "CONTRIBUTING.md",
)


@cache
def text(name: str) -> str:
    """Return a document; `name` is its path from the root."""
    return (ROOT / name).read_text()


def manual() -> str:
    """Return all of the manual as one text."""
    return "\n".join(map(text, MANUAL))


def blocks(language: str = r"\w+") -> list[tuple[str, str]]:
    """Return the fenced blocks of the manual as (language, body)."""
    pattern = rf"^```({language})\n(.*?)^```$"
    return re.findall(pattern, manual(), flags=re.MULTILINE | re.DOTALL)


def between(mark: str) -> str:
    """Return what the manual has between `<!-- mark -->` and `<!-- /mark -->`."""
    found = re.findall(f"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", manual(), flags=re.DOTALL)
    assert len(found) == 1
    return found[0].strip()


def block(mark: str) -> str:
    """Return the body of the one fenced block between two marks."""
    return re.sub(r"^```\w*$", "", between(mark), flags=re.MULTILINE).strip()


def section(name: str, heading: str) -> str:
    """Return the part of a document below a heading, up to the next one of its level."""
    _, _, rest = text(name).partition(f"\n{heading}\n")
    assert rest, f"{name} has no {heading!r}"
    level = heading.partition(" ")[0]
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tracked_files() -> list[Path]:
    """Return the files of the repository, those that are not committed yet among them."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this tree is no clone: git does not say what belongs to it")
    paths = (ROOT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]
