"""The services of the compose file run as processes, with only addresses mapped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from apache import ApacheKafka, MissingToolError, jars
from compose_file import DEPLOY, IMAGE, ROOT, SECRETS, SERVICES, WORKERS, interpolated, mounts
from processes import wait_until

from streams.demo.broker import free_port


class ComposeKafka(ApacheKafka):
    """A broker whose settings the image's own start code makes from the service's environment."""

    def configure(self) -> None:
        addresses = {
            "kafka:19092": self.bootstrap,
            "INTERNAL://:19092": f"INTERNAL://{self.bootstrap}",
            "HOST://:9092": f"HOST://127.0.0.1:{self.properties['host-port']}",
            "HOST://127.0.0.1:9092": f"HOST://127.0.0.1:{self.properties['host-port']}",
            "localhost:9093": f"127.0.0.1:{self.controller_port}",
            "/var/lib/kafka/data": str(self.data),
        }
        environment = {}
        for name, value in SERVICES["kafka"]["environment"].items():
            for there, here in addresses.items():
                value = value.replace(there, here)  # noqa: PLW2901 - one after the other
            environment[name] = value
        empty = self._directory / "empty"
        empty.mkdir()
        # As /etc/kafka/docker/launch of the image does; the last directory is the empty tmpfs.
        done = subprocess.run(
            [
                *("java", "-cp", f"{self._jars}/*", "kafka.docker.KafkaDockerWrapper", "setup"),
                *("--default-configs-dir", str(empty), "--mounted-configs-dir", str(empty)),
                *("--final-configs-dir", str(self._directory)),
            ],
            env={"PATH": os.environ["PATH"], "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def kafka():
    try:
        jars()
    except MissingToolError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with ComposeKafka({"host-port": str(free_port())}) as broker:
        yield broker


class Container:
    """A service of ours as a process: the image's command and settings, and the service's."""

    def __init__(self, name: str, bootstrap: str, directory: Path) -> None:
        service = interpolated(SERVICES[name], SECRETS)
        self.name = name
        self.port = free_port()
        self.log = directory / f"{name}.log"
        self.arguments = service.get(
            "command", json.loads(re.search(r"^CMD (.+)$", IMAGE, re.MULTILINE)[1])
        )
        self.healthcheck = service["healthcheck"].get("test", [])
        settings = dict(re.findall(r"\b(TOKENSHARE_\w+)=(\S+)", IMAGE.partition("ENV ")[2]))
        settings |= service["environment"]
        for source, target, _ in mounts(service):
            settings = {
                key: value.replace(target, str(ROOT / source)) for key, value in settings.items()
            }
        settings["TOKENSHARE_BOOTSTRAP_SERVERS"] = bootstrap
        kind = "BRIDGE" if name == "bridge" else "WEB"
        settings[f"TOKENSHARE_{kind}_PORT"] = str(self.port)
        self.environment = os.environ | settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Container:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", *self.arguments],
                env=self.environment,
                cwd=self.log.parent,
                stdout=log,
                stderr=log,
            )
        return self

    def is_healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        _, _, script = self.healthcheck
        assert script == re.search(r"COPY .*deploy/healthcheck\.py (\S+)", IMAGE)[1]
        asked = subprocess.run(
            [sys.executable, DEPLOY / "healthcheck.py"],
            env=self.environment,
            capture_output=True,
            check=False,
        )
        return asked.returncode == 0

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}

    def counted(self) -> int:
        records = self.ask("/api/v1/shares")[1]["pipeline"]["records"]
        return sum(row["count"] for row in records if row["result"] == "counted")

    def owned(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(
            int(float(value))
            for value in re.findall(r"^tokenshare_partition_owned\{.*\} (\S+)$", text, re.MULTILINE)
        )

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def container(kafka, tmp_path):
    """Return a function that makes a service of ours; those still running are ended."""
    made: list[Container] = []

    def make(name: str) -> Container:
        made.append(Container(name, kafka.bootstrap, tmp_path))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def prometheus_targets(directory: Path, addresses: dict[str, str]) -> dict[str, str]:
    """Run Prometheus as its service does, and return the health of each target of ours."""
    own = f"127.0.0.1:{free_port()}"
    shutil.copytree(DEPLOY / "prometheus", directory / "etc")
    for file in (directory / "etc").rglob("*.yml"):
        text = file.read_text().replace("/etc/prometheus", str(directory / "etc"))
        for there, here in addresses.items():
            text = text.replace(f'"{there}"', f'"{here}"')
        file.write_text(
            text.replace("15s", "1s").replace("scrape_timeout: 5s", "scrape_timeout: 1s")
        )
    command = [
        each.replace("/etc/prometheus", str(directory / "etc")).replace(
            "=/prometheus", f"={directory / 'data'}"
        )
        for each in SERVICES["prometheus"]["command"]
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *command, f"--web.listen-address={own}"], stdout=log, stderr=log
        )

    def found() -> dict[str, str] | None:
        assert process.poll() is None, (directory / "prometheus.log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://{own}/api/v1/targets", timeout=5) as answer:
                targets = json.loads(answer.read())["data"]["activeTargets"]
        except OSError:
            return None
        ours = {each["labels"]["instance"]: each["health"] for each in targets}
        ours = {
            address: health for address, health in ours.items() if address in addresses.values()
        }
        return ours if ours and "unknown" not in ours.values() else None

    try:
        return dict(wait_until(found, "targets of Prometheus"))
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.kafka
def test_the_services_work_together_as_the_file_sets_them_up(container, tmp_path):
    topics = container("topics").start()
    assert topics.process.wait(60) == 0, topics.said()
    assert "created" in topics.said()

    workers = [container(name).start() for name in WORKERS]
    bridge = container("bridge").start()
    for each in (*workers, bridge):
        wait_until(each.is_healthy, f"health of {each.name}")
    wait_until(lambda: [each.owned() for each in workers] == [2, 2], "two partitions each")

    event = json.dumps({"model": "qwen/qwen3-32b", "prompt_tokens": 8, "completion_tokens": 2})
    assert bridge.ask("/v1/events", event.encode())[0] == 401
    token = f"Bearer {SECRETS['TOKENSHARE_BRIDGE_TOKEN']}"
    status, answer = bridge.ask("/v1/events", event.encode(), Authorization=token)
    assert (status, answer["accepted"]) == (202, 1)
    wait_until(lambda: all(each.counted() == 1 for each in workers), "the event on both pages")

    gateway = container("gateway").start()
    wait_until(lambda: all(each.counted() > 20 for each in workers), "simulated traffic")
    gateway.stop()

    if shutil.which("prometheus"):
        inside = {
            name: port["ports"][0].split(":")[2]
            for name, port in SERVICES.items()
            if "ports" in port
        }
        addresses = {
            f"{each.name}:{inside[each.name]}": f"127.0.0.1:{each.port}"
            for each in (*workers, bridge)
        }
        health = prometheus_targets(tmp_path, addresses)
        assert set(health.values()) == {"up"}

    # What one of them leaves the other one takes, and nothing is lost.
    time.sleep(1.0)
    counted = workers[1].counted()
    assert workers[0].stop() == 0, workers[0].said()
    wait_until(lambda: workers[1].owned() == 4, "all partitions on the other worker")
    assert workers[1].counted() >= counted
    assert [each.stop() for each in (workers[1], bridge)] == [0, 0]
