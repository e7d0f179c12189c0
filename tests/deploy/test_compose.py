"""The compose file: what it says, and its services run as processes, with only addresses mapped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.demo.broker import free_port
from streams.settings import table
from streams.web import hosts

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))
sys.path.insert(0, str(Path(__file__).parents[1] / "compose"))

import images
import manual_lines
from apache import ApacheKafka, MissingToolError, jars
from processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE = (DEPLOY / "Dockerfile").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
DEFAULTS = {name: default for name, default, _ in table()}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = sorted(
    name
    for name, service in SERVICES.items()
    if service["image"].partition(":")[0] == PROJECT["name"]
)
WORKERS = [name for name in OURS if name.startswith("worker")]
#: What ends by itself, or has no port to be asked on.
UNASKED = {"topics", "gateway"}
SECRETS = {"TOKENSHARE_BRIDGE_TOKEN": "a-token-of-the-test", "GRAFANA_ADMIN_PASSWORD": "a-password"}

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


class MissingVariableError(Exception):
    """Compose would refuse: a variable that it demands is not set."""


def interpolated(value: Any, variables: dict[str, str]) -> Any:
    """Return a value of the file as Compose reads it: ${NAME}, ${NAME:-default}, ${NAME:?why}."""

    def one(match: re.Match[str]) -> str:
        name, mark, rest = match.group(1, 2, 3)
        if variables.get(name):
            return variables[name]
        if mark == ":?":
            raise MissingVariableError(f"{name}: {rest}")
        return rest or ""

    match value:
        case str():
            return re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", one, value)
        case list():
            return [interpolated(each, variables) for each in value]
        case dict():
            return {key: interpolated(each, variables) for key, each in value.items()}
        case _:
            return value


def mounts(service: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return (source, target, read-only) of a service's volumes, in either form."""
    found = []
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            source, target, *mode = volume.split(":")
            found.append((source, target, mode == ["ro"]))
        else:
            found.append((volume["source"], volume["target"], volume.get("read_only", False)))
    return found


def waited_for(service: dict[str, Any]) -> dict[str, str]:
    """Return the services that a service waits for, each with the condition."""
    match service.get("depends_on", {}):
        case list() as names:
            return dict.fromkeys(names, "service_started")
        case needs:
            return {name: how["condition"] for name, how in needs.items()}


def test_it_keeps_to_the_schema_of_compose_files():
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_services_are_those_of_the_whole_flow():
    assert set(SERVICES) == {
        *("kafka", "topics", "worker", "worker-2", "bridge", "gateway"),
        *("prometheus", "alertmanager", "grafana"),
    }


@every_service
def test_images_are_pinned(name):
    _, _, tag = SERVICES[name]["image"].rpartition(":")

    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_the_version_of_the_project(name):
    assert SERVICES[name]["image"] == f"{PROJECT['name']}:{PROJECT['version']}"


@pytest.mark.parametrize("name", OURS)
def test_our_image_is_looked_for_in_no_registry(name):
    assert SERVICES[name]["pull_policy"] == "never"


@pytest.mark.parametrize("name", OURS)
def test_our_services_end_as_asked_without_an_init(name):
    # tests/deploy/test_process_one.py runs them as process 1.
    assert "init" not in SERVICES[name]


def test_every_tag_of_ours_is_built_by_one_service_that_all_others_wait_for():
    builders = [name for name, service in SERVICES.items() if "build" in service]
    tags = Counter(SERVICES[name]["image"] for name in builders)

    # Compose builds services at once, and current engines refuse the second image of one tag.
    assert tags == {SERVICES[name]["image"]: 1 for name in OURS}
    for name in builders:
        build = SERVICES[name]["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    for name in set(OURS) - set(builders):
        assert set(builders) & set(SERVICES[name]["depends_on"])


@every_service
def test_ports_are_published_on_the_loopback_only(name):
    ports = SERVICES[name].get("ports", [])

    assert ports or name in UNASKED
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert SERVICES[name].get("network_mode") is None


def test_no_two_services_are_published_on_one_port():
    published = [port.split(":")[1] for each in SERVICES.values() for port in each.get("ports", [])]

    assert len(set(published)) == len(published)


@every_service
def test_no_service_has_a_right_that_it_does_not_need(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert not {"cap_add", "privileged", "pid", "ipc", "devices"} & set(service)


@every_service
def test_every_service_has_a_limit(name):
    limits = SERVICES[name]["deploy"]["resources"]["limits"]

    assert set(limits) == {"cpus", "memory", "pids"}
    assert re.fullmatch(r"\d+[mg]", limits["memory"])


def test_a_worker_may_use_more_memory_than_was_ever_measured():
    bench = json.loads((ROOT / "tests/bench/results/apache.json").read_text())["figures"]
    most = max(
        value
        for figure in bench.values()
        if isinstance(figure, dict)
        for name, value in figure.items()
        if name == "peak_rss_mb"
    )

    assert most > 500
    for name in WORKERS:
        assert SERVICES[name]["deploy"]["resources"]["limits"]["memory"] == "1g"
    assert most * 1.5 < 1024


@every_service
def test_services_are_checked_and_started_again(name):
    service = SERVICES[name]
    if name == "topics":
        assert service["restart"].startswith("on-failure")
    else:
        assert service["restart"] == "unless-stopped"
    if name not in UNASKED:
        assert service["healthcheck"]["start_period"]


@every_service
def test_every_service_that_goes_on_has_a_health_check(name):
    # `up --wait` refuses a service without one, unless another one waits for its end.
    completed = {
        needed
        for service in SERVICES.values()
        for needed, how in waited_for(service).items()
        if how == "service_completed_successfully"
    }
    healthcheck = SERVICES[name]["healthcheck"]

    if name in completed:
        assert healthcheck == {"disable": True}
    else:
        assert healthcheck["test"][0] == "CMD"
        assert not healthcheck.get("disable")


def test_the_health_check_of_kafka_asks_its_listener_without_a_jvm():
    kafka = SERVICES["kafka"]
    port = re.search(r"INTERNAL://:(\d+)", kafka["environment"]["KAFKA_LISTENERS"])[1]
    connect = f"exec 3<>/dev/tcp/localhost/{port}"

    assert kafka["healthcheck"]["test"] == ["CMD", "bash", "-c", connect]


@every_service
def test_volumes_are_declared_or_in_the_repository(name):
    for source, _, is_read_only in mounts(SERVICES[name]):
        if source in COMPOSE["volumes"]:
            continue
        if name != "alertmanager":
            assert (ROOT / source).is_dir()
        assert re.fullmatch(r"\./deploy/[a-z/]+", source)
        assert is_read_only
    for volume in SERVICES[name].get("volumes", []):
        if not isinstance(volume, str):
            # Without it Docker makes an empty directory, owned by root, of a misspelt one.
            assert volume["bind"] == {"create_host_path": False}


def test_every_declared_volume_is_used():
    used = {source for each in SERVICES.values() for source, _, _ in mounts(each)}

    assert set(COMPOSE["volumes"]) <= used


def test_the_log_of_kafka_outlives_its_container():
    kafka = SERVICES["kafka"]

    assert ("kafka-data", kafka["environment"]["KAFKA_LOG_DIRS"], False) in mounts(kafka)


def test_kafka_can_run_the_libraries_that_it_unpacks():
    options = dict(each.split(":", 1) for each in SERVICES["kafka"]["tmpfs"])

    assert "exec" in options["/tmp"].split(",")
    assert {"/opt/kafka/config", "/opt/kafka/logs"} <= set(options)


@every_service
def test_a_service_can_write_to_what_it_keeps_in_memory(name):
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    for line in service.get("tmpfs", []):
        target, _, options = line.partition(":")
        # Over a directory of the image a tmpfs takes its mode, but belongs to root. Anybody may
        # write to /tmp.
        if target != "/tmp":
            assert {f"uid={user}", f"gid={group}"} <= set(options.split(",")), line


def test_kafka_leaves_no_anonymous_volume_behind():
    # What the image declares as volumes; those that the service does not mount are created anew.
    declared = {"/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"}
    stand_in = (images.HERE / "kafka.Dockerfile").read_text()
    kafka = SERVICES["kafka"]
    mounted = {target for _, target, _ in mounts(kafka)}

    assert declared == set(json.loads(re.search(r"^VOLUME (.+)$", stand_in, re.MULTILINE)[1]))
    assert declared <= mounted | {each.partition(":")[0] for each in kafka["tmpfs"]}


def test_grafana_keeps_the_plugins_that_come_with_it():
    # On a read-only file system an update stops a plugin and then fails (grafana issue 132528).
    environment = SERVICES["grafana"]["environment"]

    assert environment["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


@pytest.mark.parametrize("name", OURS)
def test_our_variables_are_settings(name):
    used = set(SERVICES[name]["environment"])

    assert used
    assert used <= set(DEFAULTS)


def test_defaults_in_the_file_are_those_of_the_settings():
    pairs = re.findall(r"(TOKENSHARE_\w+): \$\{(TOKENSHARE_\w+):-([^}]*)\}", FILE.read_text())

    assert pairs
    for name, variable, default in pairs:
        assert name == variable
        assert DEFAULTS[name] == default


def test_clients_find_the_broker_where_it_listens():
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    for name in OURS:
        broker = SERVICES[name]["environment"]["TOKENSHARE_BOOTSTRAP_SERVERS"]
        assert f"INTERNAL://{broker}" in advertised
    assert f"HOST://{DEFAULTS['TOKENSHARE_BOOTSTRAP_SERVERS']}" in advertised


def test_topics_are_there_before_anybody_needs_them():
    needs = {"topics": {"condition": "service_completed_successfully"}}
    for name in set(OURS) - {"topics"}:
        assert SERVICES[name]["depends_on"] == needs
        assert SERVICES[name]["environment"]["TOKENSHARE_CREATE_TOPICS"] == "false"
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert SERVICES["topics"]["command"] == ["doctor", "--fix"]


def test_workers_differ_in_nothing_but_their_port():
    first, *others = [
        {key: value for key, value in SERVICES[name].items() if key != "ports"} for name in WORKERS
    ]

    assert others == [first]


def test_a_worker_has_time_to_write_what_it_has_counted():
    from streams.gateway.bridge.run import DRAIN_SECONDS
    from streams.process import STOP_SECONDS

    for name in WORKERS:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    bridge = int(SERVICES["bridge"]["stop_grace_period"].removesuffix("s"))
    assert bridge > DRAIN_SECONDS + STOP_SECONDS


def test_only_the_demo_has_a_simulated_gateway():
    assert [name for name, each in SERVICES.items() if "profiles" in each] == ["gateway"]


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_nothing_starts_without_the_secrets(secret):
    with pytest.raises(MissingVariableError, match=secret):
        interpolated(SERVICES, SECRETS | {secret: ""})


def test_every_password_comes_from_whoever_starts_it():
    given = {
        name: value
        for service in interpolated(SERVICES, SECRETS).values()
        for name, value in service.get("environment", {}).items()
        if re.search("PASSWORD|TOKEN(?!SHARE)|SECRET", name)
    }

    assert given == {
        "TOKENSHARE_BRIDGE_TOKEN": SECRETS["TOKENSHARE_BRIDGE_TOKEN"],
        "GF_SECURITY_ADMIN_PASSWORD": SECRETS["GRAFANA_ADMIN_PASSWORD"],
        # For whoever wants one on the page as well.
        "TOKENSHARE_WEB_TOKEN": "",
    }


def test_what_prometheus_speaks_to_are_services_at_their_ports():
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    parsed = yaml.safe_load(text)
    jobs = parsed["scrape_configs"] + parsed.get("alerting", {}).get("alertmanagers", [])
    targets = {
        target
        for job in jobs
        for config in job.get("static_configs", [])
        for target in config["targets"]
    } - {"localhost:9090"}
    inside = {
        f"{name}:{port.split(':')[2]}"
        for name, each in SERVICES.items()
        for port in each.get("ports", [])
    }

    assert f"worker:{DEFAULTS['TOKENSHARE_WEB_PORT']}" in targets
    assert targets <= inside
    # Without a token a worker answers to no other names.
    listed = hosts.known_names(SERVICES["worker"]["environment"]["TOKENSHARE_WEB_HOSTS"].split(","))
    for target in targets:
        if target.startswith("worker"):
            assert hosts.is_answered(target, listed)


def test_the_lines_of_the_manual_name_services_and_profiles_that_are_there():
    lines = re.findall(r"^(?:\w+=\S+ )?docker compose .+$", OPERATIONS, re.MULTILINE)
    profiles = {profile for each in SERVICES.values() for profile in each.get("profiles", [])}

    assert len(lines) >= 2
    assert set(re.findall(r"--profile (\w+)", "\n".join(lines))) <= profiles
    assert set(re.findall(r"compose exec (\S+)", "\n".join(lines))) <= set(SERVICES)
    given = re.findall(r"^(\w+)=\S+ docker", OPERATIONS, re.MULTILINE)
    assert all(f"${{{name}:-" in FILE.read_text() for name in given)


def test_make_compose_runs_all_lines_of_the_manual():
    secrets, *rest = manual_lines.lines()

    assert secrets.startswith("(umask 077; printf ")
    assert rest == re.findall(r"^(?:\w+=\S+ )?docker compose .+$", OPERATIONS, re.MULTILINE)
    ports = {port.split(":")[1] for each in SERVICES.values() for port in each.get("ports", [])}
    asked = {page.strip("/").rpartition(":")[2] for page in manual_lines.pages()}
    assert asked
    assert asked <= ports


def test_every_image_of_others_has_a_stand_in_for_make_compose():
    named = images.named()

    assert set(named.values()) == {
        *(each["image"] for name, each in SERVICES.items() if name not in OURS),
        *re.findall(r"^ARG BASE=(\S+)", IMAGE, re.MULTILINE),
    }
    for name in named:
        assert (images.HERE / f"{name}.Dockerfile").is_file()


def test_the_line_of_the_manual_makes_the_secrets_that_are_demanded(tmp_path):
    (line,) = re.findall(r"^\(umask 077; printf .+$", OPERATIONS, re.MULTILINE)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    made = dict(each.split("=", 1) for each in (tmp_path / ".env").read_text().splitlines())

    assert set(made) == set(re.findall(r"\$\{(\w+):\?", FILE.read_text()))
    assert all(len(value) >= 24 for value in made.values())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert interpolated(SERVICES, made)


def test_the_figures_that_sizing_rests_on_are_the_measured_ones():
    section = OPERATIONS.partition("\n## Sizing\n")[2].partition("\n## ")[0]
    figures = json.loads((ROOT / "tests/bench/results/apache.json").read_text())["figures"]
    plain = figures["whole path, 1 partition"]["events_per_cpu_second"]
    litellm = figures["whole path, LiteLLM"]["events_per_cpu_second"]
    language = figures["whole path, LiteLLM, language"]["events_per_cpu_second"]

    assert f"{round(figures['full state']['peak_rss_mb'], -1):.0f} MB with a full state" in section
    assert f"{round(figures['whole path, 28 days']['peak_rss_mb'], -1):.0f} MB at most" in section
    assert f"{plain / 1e6:.1f} million plain events" in section
    assert f"{litellm // 10_000 * 10_000:,} LiteLLM payloads" in section
    assert f"{language // 500 * 500:,} of them" in section


# The same services as processes.


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
