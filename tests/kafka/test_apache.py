"""Kafka's jars come once, whoever asks, and however many ask at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_two_that_want_the_jars_at_once_fetch_them_once(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "java").write_text("#!/bin/sh\n")
    # Takes long enough for the other one to come.
    (tools / "mvn").write_text(
        f"#!/bin/sh\necho fetched >> {tmp_path}/fetches\nmkdir libs\nsleep 0.5\ntouch libs/a.jar\n"
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", "from apache import jars; print(*jars().iterdir())"],
            cwd=HERE,
            env=environment,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    found = [each.communicate(timeout=300)[0].strip() for each in asking]
    assert found[0] == found[1]
    assert found[0].endswith(b"a.jar")
    assert (tmp_path / "fetches").read_text() == "fetched\n"
