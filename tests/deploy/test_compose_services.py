"""The services of the compose file: images, start, health and order."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from compose_file import FILE, OURS, PROJECT, ROOT, SERVICES, UNASKED, WORKERS, every_service


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
