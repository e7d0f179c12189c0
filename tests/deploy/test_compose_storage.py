"""What the services of the compose file keep: volumes, and file systems in memory."""

from __future__ import annotations

import re

from compose_file import COMPOSE, ROOT, SERVICES, every_service, mounts


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


def test_grafana_keeps_the_plugins_that_come_with_it():
    # On a read-only file system an update stops a plugin and then fails (grafana issue 132528).
    environment = SERVICES["grafana"]["environment"]

    assert environment["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
