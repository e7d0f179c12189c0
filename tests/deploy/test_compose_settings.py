"""Settings and addresses in the compose file are those of tokenshare and of each other."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from compose_file import DEFAULTS, DEPLOY, FILE, OURS, SERVICES

from streams.web import hosts


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
    bridges = yaml.safe_load((DEPLOY / "compose/targets/bridges.yml").read_text())
    targets |= {target for each in bridges for target in each["targets"]}
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


def test_alertmanager_says_at_its_start_that_nobody_is_notified_as_shipped(tmp_path):
    (script,) = SERVICES["alertmanager"]["command"]
    warning, _, _ = script.partition("exec ")
    for config, is_said in (
        ((DEPLOY / "alertmanager" / "alertmanager.yml").read_text(), True),
        (
            "receivers:\n  - name: team\n    webhook_configs:\n      - url: https://a.example/\n",
            False,
        ),
    ):
        path = tmp_path / "alertmanager.yml"
        path.write_text(config)
        said = subprocess.run(
            ["sh", "-c", warning.replace("/etc/alertmanager/alertmanager.yml", str(path))],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("nobody is notified" in said.stderr) == is_said
