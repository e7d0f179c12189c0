"""Checks of the image alone: its size, what is in it, and how it ends."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import engine
import images

if TYPE_CHECKING:
    from pathlib import Path

WAIT_SECONDS = 60.0
#: Of ours, without the base image.
MOST_BYTES = 220_000_000


class Image:
    """The image of a tree on an engine."""

    def __init__(self, used: engine.Engine, tree: Path) -> None:
        self._environment = dict(used.environment)
        self._tree = tree
        self._tag = images.ours()

    def build(self) -> None:
        """Build it as its Dockerfile says."""
        began = time.monotonic()
        when = engine.run("git", "log", "-1", "--format=%ct", cwd=images.ROOT).strip()
        self._docker(
            *("build", "--quiet", "--file", "deploy/Dockerfile", "--tag", self._tag),
            *("--build-arg", f"SOURCE_DATE_EPOCH={when}", "."),
        )
        print(f"{self._tag} built in {time.monotonic() - began:.0f} s", flush=True)

    def check(self) -> None:
        """Check all of it; prints what it is."""
        base = self._size(images.named()["python"])
        size = self._size(self._tag)
        ours = size - base
        print(f"{self._tag}: {size / 1e6:.0f} MB, of which {ours / 1e6:.0f} MB ours", flush=True)
        assert ours < MOST_BYTES
        print(self._run("--version").strip(), flush=True)
        script = (images.HERE / "inside.py").read_text()
        print(self._run("-c", script, entrypoint="python").strip(), flush=True)
        user = self._run("-c", "id -u; touch /etc/x || true", entrypoint="sh")
        assert user.split() == ["10001"], user
        for command in ("worker", "bridge"):
            self._stops(command)

    def _docker(self, *command: str) -> str:
        return engine.run("docker", *command, env=self._environment, cwd=self._tree)

    def _size(self, tag: str) -> int:
        return int(self._docker("image", "inspect", "--format", "{{.Size}}", tag))

    def _run(self, *command: str, entrypoint: str = "tokenshare") -> str:
        confined = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none")
        return self._docker(
            "run", "--rm", *confined, "--entrypoint", entrypoint, self._tag, *command
        )

    def _stops(self, command: str) -> None:
        """Check that it ends as asked while it waits for Kafka, as process 1 without an init."""
        settings = ("--env", "TOKENSHARE_BRIDGE_TOKEN=of-a-test")
        name = self._docker(
            *("run", "--detach", "--network", "none", *settings, self._tag, command)
        ).strip()
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while "no Kafka at" not in (log := self._log(name)):
                assert time.monotonic() < deadline, log
                time.sleep(0.2)
            began = time.monotonic()
            self._docker("stop", "--time", "30", name)
            seconds = time.monotonic() - began
            code = self._docker("inspect", "--format", "{{.State.ExitCode}}", name).strip()
            assert code == "0", (command, code, self._log(name))
            print(f"{command} without Kafka: exit 0, {seconds:.1f} s after SIGTERM", flush=True)
        finally:
            self._docker("rm", "--force", name)

    def _log(self, name: str) -> str:
        asked = ["docker", "logs", name]
        done = subprocess.run(
            asked, env=self._environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr
