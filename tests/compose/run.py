"""Run the manual's compose lines on a Docker engine, and check what they promise.

Takes the engine of this machine where one answers, with a project of its own beside others there,
and the tag of the image is this tree's from then on. Otherwise root on Debian sets one up from
packages (see engine.py), with images made of packages as well (images.py): they prove the project's
own files, not those of Kafka, Prometheus or Grafana. Anywhere else it says why it does nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engine
import images
from manual_lines import lines, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = images.ROOT
#: Apart from the project of somebody who runs the compose file on the same engine.
PROJECT = "tokenshare-readme"
COMPOSE = ("docker", "compose", "--profile", "demo")
#: The services that end when they have done their work.
ENDING = {"topics"}
COUNT_SECONDS = 60.0


@contextmanager
def an_engine(directory: Path) -> Iterator[engine.Engine | None]:
    """Yield this machine's engine, or one of our own with its images, or None."""
    asked = [["docker", "compose", "version"], ["docker", "info"]]
    if shutil.which("docker") and not any(
        subprocess.run(each, capture_output=True, check=False).returncode for each in asked
    ):
        yield engine.Engine(dict(os.environ))
    elif reason := engine.why_none_can_be_set_up():
        print(f"skipped: no Docker engine answers, and none can be set up here ({reason})")
        yield None
    else:
        engine.install({"java": "openjdk-17-jre-headless", "mvn": "maven"})
        sys.path.insert(0, str(ROOT / "tests/kafka"))
        from apache import jars

        with engine.started(directory) as own:
            images.build(own.environment, directory, jars())
            yield own


def copied_tree(directory: Path) -> Path:
    """Return a copy of what git knows of the tree, since the lines write a file .env."""
    listed = engine.run(
        *("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=ROOT
    )
    tree = directory / "tree"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    return tree


class Check:
    """The lines on an engine, in a copy of the tree."""

    def __init__(self, used: engine.Engine, tree: Path) -> None:
        self._inside = used.inside
        self._tree = tree
        kept = {
            name: value
            for name, value in used.environment.items()
            if not name.startswith("TOKENSHARE_")
        }
        self._environment = kept | {"COMPOSE_PROJECT_NAME": PROJECT}

    def line(self, line: str) -> None:
        """Run a line as a shell does. Raises SystemExit where it fails."""
        print(f"$ {line}", flush=True)
        began = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", line], cwd=self._tree, env=self._environment, check=False
        )
        print(f"  exit {done.returncode} after {time.monotonic() - began:.1f} s", flush=True)
        if done.returncode:
            raise SystemExit(f"the line ends with {done.returncode}: {line}")

    def _ask(self, *command: str) -> str:
        return engine.run(*command, env=self._environment, cwd=self._tree)

    def health(self) -> None:
        """Check that every service is healthy, or has done what it was for."""
        print(self._ask(*COMPOSE, "ps", "--all"), flush=True)
        listed = self._ask(*COMPOSE, "ps", "--all", "--format", "json")
        found = {each["Service"]: each for each in documents(listed)}
        assert set(found) == set(self._ask(*COMPOSE, "config", "--services").split())
        for name, each in found.items():
            if name in ENDING:
                assert (each["State"], each["ExitCode"]) == ("exited", 0), each
            else:
                assert (each["State"], each["Health"]) == ("running", "healthy"), each

    def pages(self) -> None:
        """Check that the pages answer on this machine."""
        ask = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10)"
        for page in pages():
            self._ask(*self._inside, sys.executable, "-c", ask, page)
            print(f"{page} answers")

    def volumes(self) -> None:
        """Check that no volume is left that has no name."""
        containers = self._ask(*COMPOSE, "ps", "--all", "--quiet").split()
        inspected = json.loads(self._ask("docker", "inspect", *containers))
        mounts = [mount for each in inspected for mount in each["Mounts"]]
        volumes = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
        assert all(name.startswith(f"{PROJECT}_") for name in volumes), volumes

    def counts(self) -> None:
        """Check that both workers count every event of the topic once."""
        self._ask(*COMPOSE, "stop", "gateway")
        for worker in ("worker", "worker-2"):
            deadline = time.monotonic() + COUNT_SECONDS
            while (found := self._probe(worker))["counted"] != found["end_offsets"]:
                assert time.monotonic() < deadline, (worker, found)
                time.sleep(1.0)
            assert found["counted"] > 0
            print(f"{worker}: {found['counted']:,} events counted, as many as the topic has")

    def _probe(self, worker: str) -> dict[str, int]:
        script = (images.HERE / "probe.py").read_text()
        return json.loads(self._ask(*COMPOSE, "exec", "-T", worker, "python", "-c", script))

    def compose(self, *command: str) -> None:
        """Run a command of Compose and print what it prints, whatever comes of it."""
        subprocess.run([*COMPOSE, *command], cwd=self._tree, env=self._environment, check=False)


def documents(text: str) -> list[dict[str, Any]]:
    """Return what Compose lists: an array, or in newer versions an object a line."""
    parsed = [json.loads(line) for line in text.splitlines() if line]
    return parsed[0] if parsed and isinstance(parsed[0], list) else parsed


def main() -> int:
    """Run all lines and all checks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tokenshare-compose-") as name:
        directory = Path(name)
        with an_engine(directory) as used:
            if used is None:
                return 0
            check = Check(used, copied_tree(directory))
            try:
                for line in lines():
                    check.line(line)
                check.health()
                check.pages()
                check.volumes()
                check.counts()
            except (AssertionError, SystemExit):
                check.compose("ps", "--all")
                check.compose("logs", "--tail=20")
                raise
            finally:
                check.compose("down", "--volumes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
