"""The image, the compose file and the configuration of Prometheus, as far as they go unrun."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from streams.settings import table

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yml"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
WORKER_PORT = "6066"

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def normalised(name: str) -> str:
    """Return a distribution's name as two spellings of it are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def instructions(name: str) -> list[str]:
    """Return the arguments of every instruction of a kind in the Dockerfile."""
    return re.findall(rf"^{name} (.+)$", DOCKERFILE.replace("\\\n", ""), flags=re.MULTILINE)


def test_compose_has_kafka_worker_and_prometheus():
    assert set(SERVICES) == {"kafka", "worker", "prometheus"}


@every_service
def test_images_are_pinned(name):
    _, _, tag = SERVICES[name]["image"].rpartition(":")

    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


def test_the_image_is_built_on_a_pinned_one():
    bases = [line.split()[0] for line in instructions("FROM")]

    assert bases
    assert all(re.fullmatch(r"[\w./-]+:\d[\w.-]+", base) for base in bases)


def test_the_image_carries_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert SERVICES["worker"]["image"] == f"{project['name']}:{project['version']}"


@every_service
def test_ports_are_published_on_the_loopback_only(name):
    ports = SERVICES[name]["ports"]

    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


@every_service
def test_services_are_checked_and_started_again(name):
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"


@every_service
def test_volumes_are_declared_or_in_the_repository(name):
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).exists()


def test_the_log_of_kafka_outlives_its_container():
    kafka = SERVICES["kafka"]

    assert f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}" in kafka["volumes"]


def test_every_variable_of_the_worker_is_a_setting():
    known = {name for name, _, _ in table()}
    texts = [
        DOCKERFILE,
        *(path.read_text() for path in DEPLOY.rglob("*.yml")),
        (ROOT / "docker-compose.yml").read_text(),
    ]
    used = {name for text in texts for name in re.findall(r"TOKENSHARE_[A-Z_]+", text)}

    assert used
    assert used <= known


def test_defaults_in_compose_are_those_of_the_settings():
    defaults = {name: default for name, default, _ in table()}
    given = [
        value
        for value in SERVICES["worker"]["environment"].values()
        if isinstance(value, str) and value.startswith("${")
    ]
    pairs = [re.fullmatch(r"\$\{(\w+):-(.*)\}", value).groups() for value in given]

    assert pairs
    assert all(defaults[name] == default for name, default in pairs)


def test_the_worker_finds_the_broker_where_it_listens():
    broker = SERVICES["worker"]["environment"]["TOKENSHARE_BOOTSTRAP_SERVERS"]
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]

    assert f"INTERNAL://{broker}" in advertised.split(",")
    assert SERVICES["worker"]["depends_on"]["kafka"]["condition"] == "service_healthy"


def test_the_worker_runs_without_rights_that_it_does_not_need():
    worker = SERVICES["worker"]

    assert worker["read_only"] is True
    assert worker["tmpfs"] == ["/tmp"]
    assert worker["cap_drop"] == ["ALL"]
    assert [user.split(":")[0] for user in instructions("USER")][-1].isdecimal()
    assert instructions("USER")[-1] != "0"


def test_the_worker_is_healthy_when_it_is_ready():
    test = SERVICES["worker"]["healthcheck"]["test"]

    assert test[:3] == ["CMD", "python", "-c"]
    compile(test[3], "healthcheck", "exec")
    assert f"http://127.0.0.1:{WORKER_PORT}/readyz" in test[3]


def test_the_port_of_the_worker_is_the_same_everywhere():
    defaults = {name: default for name, default, _ in table()}
    jobs = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    targets = [
        target for job in jobs for config in job["static_configs"] for target in config["targets"]
    ]

    assert defaults["TOKENSHARE_WEB_PORT"] == WORKER_PORT
    assert instructions("EXPOSE") == [WORKER_PORT]
    assert SERVICES["worker"]["ports"] == [f"127.0.0.1:{WORKER_PORT}:{WORKER_PORT}"]
    assert targets == [f"worker:{WORKER_PORT}"]


def test_what_the_image_copies_is_there_and_not_ignored():
    allowed = re.findall(
        r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), flags=re.MULTILINE
    )
    sources = [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]

    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert source in allowed


def test_the_image_installs_a_pinned_version_of_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (DEPLOY / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pinned = {normalised(name) for name in pins}
    needed = {
        normalised(re.split(r"[\[<>=~!; ]", each, maxsplit=1)[0])
        for each in project["dependencies"]
    }

    assert needed - pinned == set(), "run: make requirements"


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)
def test_prometheus_takes_its_configuration():
    done = subprocess.run(
        ["promtool", "check", "config", str(PROMETHEUS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Makefile", ".ci/run"])
def test_scripts_are_there(name):
    assert (ROOT / name).is_file()


def test_ci_is_a_script_that_bash_reads():
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_make_without_a_target_lists_the_targets():
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    for target in ("demo", "test", "lint", "bench", "format", "clean", "help"):
        assert re.search(rf"^  {target} +\w", listed, flags=re.MULTILINE)


def test_an_old_python_is_refused_with_the_version_that_is_needed(tmp_path):
    old = tmp_path / "python-of-old"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" || exit 1\n')
    old.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run(
        ["make", "test", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "needs Python 3.11 or later" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert not (tmp_path / ".venv").exists()
