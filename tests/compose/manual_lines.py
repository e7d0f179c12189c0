"""The manual's lines for Docker, and the pages that are there afterwards."""

from __future__ import annotations

import re
from pathlib import Path

OPERATIONS = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()

#: What makes the files readable after a checkout with umask 077.
READABLE = re.search(r"umask 077, run `([^`]+)`", OPERATIONS)[1]


def lines() -> list[str]:
    """Return the lines of the only block with `docker compose`."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
    (block,) = (each for each in blocks if "docker compose" in each)
    return block.splitlines()


def pages() -> list[str]:
    """Return the addresses that follow that block in its section."""
    section = OPERATIONS.partition("docker compose")[2].partition("\n## ")[0]
    return re.findall(r"<(http://127\.0\.0\.1:\d+/)>", section)
