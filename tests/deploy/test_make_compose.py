"""`make compose` runs the lines of the manual, with images that stand in for those of others."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from compose_file import IMAGE, OPERATIONS, OURS, SERVICES, mounts

sys.path.insert(0, str(Path(__file__).parents[1] / "compose"))

import images
import manual_lines


def test_kafka_leaves_no_anonymous_volume_behind():
    # What the image declares as volumes; Docker mounts a new one for each that the
    # service does not mount.
    declared = {"/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"}
    stand_in = (images.HERE / "kafka.Dockerfile").read_text()
    kafka = SERVICES["kafka"]
    mounted = {target for _, target, _ in mounts(kafka)}

    assert declared == set(json.loads(re.search(r"^VOLUME (.+)$", stand_in, re.MULTILINE)[1]))
    assert declared <= mounted | {each.partition(":")[0] for each in kafka["tmpfs"]}


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
