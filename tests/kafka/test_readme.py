"""The manual's commands, run as they are but for addresses: on a real broker, in its order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from documents import ROOT, blocks
from processes import wait_until

from streams.classify import tenant_names
from streams.demo.broker import free_port

pytestmark = [pytest.mark.kafka, pytest.mark.any_broker]

BLOCKS = [body.splitlines() for _, body in blocks("sh")]

#: What a line begins with that is not run here, and why.
ELSEWHERE = {
    "docker": "no container engine: test_compose_processes.py runs the services as processes",
    "TOKENSHARE_SIMULATED=true docker": "likewise",
    "python3 -m venv": "make has done so, to run this",
    ". .venv/bin/activate": "likewise",
    "pip install": "likewise",
    "make test": "this is part of it",
    "tokenshare top": "follows its keys; tests/cli/test_top_terminal.py runs it in a terminal",
    "tokenshare classify --provider": "tests/docs/test_docs.py runs the example of its page",
    "make lint": ".ci/run runs it",
    "make format": "changes the tree; .ci/run runs its check",
    "make bench": "takes a quarter of an hour",
    "make faults": ".ci/run runs a short form",
    "make fuzz": ".ci/run runs a short form",
    "make sanitize": "part of make fuzz",
    "make kafka": "runs until Ctrl-C; tests/kafka/apache.py is the broker of .ci/run",
    "make alerts": "takes minutes; tests/deploy/test_alerts.py runs the rules",
    "make e2e": "tests/kafka/test_end_to_end.py is it",
    "make compose": "takes a Docker engine, or some minutes to make one",
    "make image": "likewise; .ci/run runs both",
    "make coverage": ".ci/run runs it",
    "make manifests": "tests/deploy/test_kubernetes.py and test_helm.py are it",
    "make rules": "changes the tree; tests/deploy compares what it writes",
    "tokenshare dead-letters": "tests/kafka/test_dead_letters.py, with letters to be sent again",
    ".venv/bin/python -m pre_commit install": "changes the clone; tests/docs checks its hooks",
}
#: What make tells the makes that it starts.
MAKES = ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "ARGS")
#: What a command prints, among other things.
PRINTS = {
    "curl -s 'http://127.0.0.1:6066/api/v1/history?dimension=origin&step=1d'": r'"cn-open":\[\d+,',
    "curl -s http://127.0.0.1:6066/metrics | grep '^llm_share_ratio.*window=\"1h\"'": (
        r'dimension="origin",key="cn-open",measure="tokens",window="1h"\} 0\.\d+'
    ),
    'make demo ARGS="--study --once"': r"Weeks of 2024-11-04 to 2025-11-24, 56 weeks with traffic",
    "tokenshare decode tests/formats/litellm/alias.json": r'"model":"gpt-4o-2024-08-06"',
    "tokenshare classify qwen/qwen3-32b prod-chat": r'"origin":"cn-open".*\n.*"origin":"unknown"',
    "tokenshare report --unknown": r"prod-chat",
    "tokenshare catalog check": r"\d+ families, .*: no contradictions",
    "tokenshare report usage-*.ndjson.gz": r"Chinese open +100\.0 %",
    "tokenshare report --markdown": r"\| *Chinese open *\|",
    "tokenshare report --compare m.json": r"100,000|100000",
}


def is_elsewhere(line: str) -> bool:
    return any(line.startswith(start) for start in ELSEWHERE)


class Shell:
    """Runs lines in a folder of their own, where `tokenshare` and `make` are those of this tree."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.web, self.bridge = str(free_port()), str(free_port())
        scripts = folder / "bin"
        scripts.mkdir()
        for name, command in {
            "tokenshare": f"{sys.executable} -m streams",
            "make": f"{shutil.which('make')} --no-print-directory -C {ROOT}",
        }.items():
            (scripts / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (scripts / name).chmod(0o755)
        # A make that runs these tests hands its own arguments on to every make below it.
        ours = {name: value for name, value in os.environ.items() if not name.startswith(MAKES)}
        self.environment = ours | {
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "120",
            "TOKENSHARE_WEB_PORT": self.web,
            "TOKENSHARE_BRIDGE_PORT": self.bridge,
            "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "2",
            **{f"TOKENSHARE_{name.upper()}": value for name, value in settings.items()},
        }
        self._servers: list[subprocess.Popen[bytes]] = []

    def _here(self, line: str) -> str:
        # `sed` rewrites the address itself.
        if line.startswith("sed"):
            return line
        return line.replace(":6066", f":{self.web}").replace(":6067", f":{self.bridge}")

    def said(self, line: str, *, code: int = 0) -> str:
        """Run a line to its end; returns what it printed."""
        done = subprocess.run(
            ["bash", "-c", self._here(line)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{line}\n{said}"
        return said

    def run(self, line: str) -> str:
        """Run a line and hold it to what it has to print."""
        said = self.said(line)
        assert re.search(PRINTS.get(line, ""), said), f"{line}\n{said}"
        return said

    def serve(self, line: str, port: str) -> None:
        """Start a line that goes on, and wait until it is ready."""
        with (self.folder / f"{port}.log").open("wb") as log:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._here(line)}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._servers.append(process)

        def is_ready() -> bool:
            assert process.poll() is None, (self.folder / f"{port}.log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            except OSError:
                return False
            return True

        wait_until(is_ready, f"{line}\n{(self.folder / f'{port}.log').read_text()}", 120)

    def end(self) -> list[int]:
        """Press Ctrl-C on everything that goes on; returns the exit codes."""
        for process in self._servers:
            os.killpg(process.pid, signal.SIGINT)
        codes = [process.wait(30) for process in self._servers]
        self._servers.clear()
        return codes


@pytest.fixture
def shell(tmp_path):
    """Return a function that opens shells with settings, which end with the test."""
    opened: list[Shell] = []

    def open_shell(**settings: str) -> Shell:
        folder = tmp_path / f"shell-{len(opened)}"
        folder.mkdir()
        opened.append(Shell(folder, **settings))
        return opened[-1]

    yield open_shell
    for each in opened:
        for process in each._servers:
            # One that ended by itself is gone, its group with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def block_of(line: str) -> list[str]:
    """Return the lines of the one block that has a line."""
    (lines,) = (lines for lines in BLOCKS if line in lines)
    return lines


def lines_of(start: str) -> list[str]:
    """Return all lines that start so."""
    return sorted({line for lines in BLOCKS for line in lines if line.startswith(start)})


def line_of(start: str) -> str:
    """Return the one line that starts so."""
    (line,) = lines_of(start)
    return line


def test_the_demo_is_shown_asked_and_ended_by_ctrl_c(shell):
    here = shell()
    here.serve("make demo", here.web)
    for line in block_of(line_of("curl -s 'http://127.0.0.1:6066/api/v1/history")):
        # The traffic of the weeks before takes some seconds to come through Kafka.
        wait_until(lambda line=line: re.search(PRINTS[line], here.said(f"{line} || true")), line)

    # make itself ends with 130 where it is interrupted.
    assert here.end() in ([0], [130], [-signal.SIGINT])


def test_the_study_is_replayed(shell):
    said = shell().run('make demo ARGS="--study --once"')

    assert "29." in said or "30." in said


def test_a_topic_of_ones_own_is_connected_asked_and_checked(shell, bootstrap, tmp_path):
    here = shell(bootstrap_servers=bootstrap, topic="llm-usage", group="readme")
    (here.folder / "tests/formats/litellm").mkdir(parents=True)
    shutil.copy(ROOT / "tests/formats/litellm/alias.json", here.folder / "tests/formats/litellm")

    connect = block_of("tokenshare doctor")
    exports = [line for line in connect if line.startswith("export ")]
    assert [line.partition("=")[0] for line in exports] == [
        "export TOKENSHARE_BOOTSTRAP_SERVERS",
        "export TOKENSHARE_TOPIC",
    ]
    # The brokers of the example are nobody's, so only the setting itself is looked at.
    said = here.run("\n".join([*exports, "tokenshare settings"]))
    assert "kafka-2:9092" in said
    assert "does not exist" in here.said("tokenshare doctor", code=1)
    here.run("tokenshare doctor --fix")
    here.run("tokenshare doctor")
    here.serve("tokenshare worker", here.web)

    for line in lines_of("tokenshare decode"):
        here.run(line)
    fields = line_of("export TOKENSHARE_FIELDS")
    assert "llm.usage.in" in here.run(f"{fields}\ntokenshare settings")

    here.serve("tokenshare bridge", here.bridge)
    post = line_of("curl -s http://127.0.0.1:6067/ -d")
    assert json.loads(here.run(post)) == {"accepted": 1, "skipped": 0, "rejected": []}
    here.run(post.replace("qwen/qwen3-32b", "prod-chat"))
    wait_until(
        lambda: "prod-chat" in here.said("tokenshare report --unknown || true"), "the post counted"
    )
    for line in block_of(line_of("tokenshare classify qwen")):
        here.run(line)

    report = block_of("tokenshare report --markdown")
    write_usage(here.folder)
    for line in report:
        here.run(line)
    assert (here.folder / "report.html").read_text().startswith("<!doctype html>")
    assert here.end() == [0, 0]

    # A topic without other traffic, as the manual asks for.
    other = shell(bootstrap_servers=bootstrap, topic="readme-compared", group="readme-compared")
    other.serve("tokenshare worker", other.web)
    for line in block_of(line_of("tokenshare simulate --events 100000")):
        other.run(line)


def write_usage(folder: Path) -> None:
    """Write three weeks of usage, plain and compressed."""
    event = {"model": "qwen/qwen3-32b", "prompt_tokens": 812, "completion_tokens": 64}
    lines = [json.dumps(event | {"ts": 1_763_900_000 + 86_400 * day}) for day in range(21)]
    (folder / "usage.ndjson").write_text("\n".join(lines))
    shutil.copy(folder / "usage.ndjson", folder / "usage-1.ndjson")
    subprocess.run(["gzip", "usage-1.ndjson"], cwd=folder, check=True)


def test_secrets_are_written_as_the_manual_says(shell):
    here = shell()
    here.run(line_of("(umask"))
    written = here.folder / ".env"
    assert written.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(
        r"TOKENSHARE_BRIDGE_TOKEN=[0-9a-f]{48}\nGRAFANA_ADMIN_PASSWORD=[0-9a-f]{24}\n",
        written.read_text(),
    )


def test_names_of_tenants_are_written_as_the_manual_says(shell):
    here = shell(tenant_salt="s" * 32)
    (here.folder / "customers.csv").write_text("acme,Berlin\nbeta,Paris\ngamma,Rome\n")
    found = []
    for line in block_of(line_of("tokenshare tenant --toml")):
        here.run(line)
        found.append(tenant_names.read(here.folder / "tenants.toml"))

    assert [[*names.by_hash.values()] for names in found] == [
        ["acme", "beta"],
        ["acme", "beta", "gamma"],
    ]


def test_every_line_of_the_manual_is_run_or_has_its_reason():
    here = {
        "make demo",
        'make demo ARGS="--study --once"',
        *block_of(line_of("curl -s 'http://127.0.0.1:6066/api/v1/history")),
        *block_of("tokenshare doctor"),
        *lines_of("tokenshare decode"),
        line_of("export TOKENSHARE_FIELDS"),
        "tokenshare bridge",
        line_of("curl -s http://127.0.0.1:6067/ -d"),
        *block_of(line_of("tokenshare classify qwen")),
        *block_of("tokenshare report --markdown"),
        *block_of(line_of("tokenshare tenant --toml")),
        *block_of(line_of("tokenshare simulate --events 100000")),
        # Run by tests/deploy/test_address_links.py.
        line_of("make links"),
    }
    lines = {line for lines in BLOCKS for line in lines}
    missing = {
        line for line in lines - here if not is_elsewhere(line) and not line.startswith("(umask")
    }

    assert missing == set()
    assert [start for start in ELSEWHERE if not any(line.startswith(start) for line in lines)] == []
    assert all(line in lines for line in PRINTS), "a line of PRINTS is no longer in the manual"
