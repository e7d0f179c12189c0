"""Checks of the compose file's services on an engine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import engine
import images
from manual_lines import pages

if TYPE_CHECKING:
    from pathlib import Path

#: Apart from the project of somebody who runs the compose file on the same engine.
PROJECT = "tokenshare-readme"
COMPOSE = ("docker", "compose", "--profile", "demo")
WORKERS = ("worker", "worker-2")
#: The services that end when they have done their work.
ENDING = {"topics"}
COUNT_SECONDS = 120.0


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
        """Run a line as a shell does. Raises SystemExit with what it printed where it fails."""
        print(f"$ {line}", flush=True)
        began = time.monotonic()
        self._ask("sh", "-c", line)
        print(f"  exit 0 after {time.monotonic() - began:.1f} s", flush=True)

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

    def counts(self, *workers: str, after: str, more_than: int = 0) -> int:
        """Check that these workers count every event of the topic once; return how many."""
        self._ask(*COMPOSE, "stop", "gateway")
        for worker in workers:
            deadline = time.monotonic() + COUNT_SECONDS
            while (found := self._probe(worker))["counted"] != found["end_offsets"]:
                assert time.monotonic() < deadline, (worker, after, found)
                time.sleep(1.0)
            assert found["counted"] > more_than, (worker, after, found)
            print(
                f"after {after}, {worker}: {found['counted']:,} counted = end offsets", flush=True
            )
        return found["counted"]

    def survives(self) -> None:
        """Check the counts after each fault, with live traffic while it happens."""
        counted = self.counts(*WORKERS, after="the lines")
        for other, worker, how in (
            ("worker-2", "worker", ("stop",)),
            ("worker", "worker-2", ("kill", "--signal", "KILL")),
        ):
            self._traffic(worker, counted)
            self._ask(*COMPOSE, *how, worker)
            code = self._exit_code(worker)
            assert code == (0 if how == ("stop",) else 137), (worker, how, code)
            after = f"{' '.join(how)} {worker}"
            counted = self.counts(other, after=after, more_than=counted)
            self.line(f"docker compose up --detach --wait {worker}")
            self.counts(worker, after=f"{after} and a new start")
        self._traffic("worker", counted)
        self.line("docker compose restart kafka")
        self.line("docker compose --profile demo up --detach --wait")
        counted = self.counts(*WORKERS, after="restart kafka", more_than=counted)
        self.line("docker compose --profile demo down")
        self.line("docker compose up --detach --wait")
        assert self.counts(*WORKERS, after="down and up") == counted

    def _traffic(self, worker: str, counted: int) -> None:
        """Start the gateway and wait for events beyond those that have been counted."""
        self._ask(*COMPOSE, "start", "gateway")
        deadline = time.monotonic() + COUNT_SECONDS
        while self._probe(worker)["counted"] <= counted:
            assert time.monotonic() < deadline, "no traffic"
            time.sleep(0.5)

    def _exit_code(self, service: str) -> int:
        listed = self._ask(*COMPOSE, "ps", "--all", "--format", "json", service)
        return int(documents(listed)[0]["ExitCode"])

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
