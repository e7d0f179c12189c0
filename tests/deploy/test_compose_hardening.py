"""Rights, ports, limits and passwords in the compose file: no more than is needed."""

from __future__ import annotations

import json
import re

import pytest
from compose_file import (
    ROOT,
    SECRETS,
    SERVICES,
    UNASKED,
    WORKERS,
    MissingVariableError,
    every_service,
    interpolated,
)


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
