"""The images that the compose file and the Dockerfile name, made of packages."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BASE = "debian:trixie-slim"
BUILDS_AT_ONCE = 3
#: For pip and apt in a build, as they are set up on this machine.
COPIED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")


def named() -> dict[str, str]:
    """Return the images that are not ours, by the name of their Dockerfile here."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    built = {each["image"] for each in services.values() if "build" in each}
    others = {name: each["image"] for name, each in services.items() if each["image"] not in built}
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    return {"python": re.search(r"^ARG BASE=(\S+)", dockerfile, re.MULTILINE)[1]} | others


def ours() -> str:
    """Return the tag of the image that the compose file builds."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    (tag,) = {each["image"] for each in services.values() if "build" in each}
    return tag


def build(environment: Mapping[str, str], directory: Path, jars: Path | None) -> None:
    """Build all of them; `jars` are Kafka's, and without them only what ours is built on."""
    tar = directory / "debian.tar"
    copies = [
        f"--customize-hook=copy-in {file} {Path(file).parent}"
        for file in COPIED
        if Path(file).is_file()
    ]
    engine.run(
        *("mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates,netbase,tzdata"),
        # As in the official image: they spare half of the time of each package.
        *("--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"'),
        *(*copies, engine.RELEASE, str(tar), engine.source()),
    )
    engine.run("docker", "import", str(tar), BASE, env=environment)
    tar.unlink()
    # Most of the time they wait for packages.
    builds = []
    with ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:
        for name, image in named().items():
            if jars is not None or name == "python":
                print(f"building {image} of packages", flush=True)
                builds.append(pool.submit(_build, environment, name, image, jars or HERE))
    for each in builds:
        each.result()


def _build(environment: Mapping[str, str], name: str, image: str, jars: Path) -> None:
    engine.run(
        *("docker", "build", "--quiet", "--tag", image, "--file", f"{HERE}/{name}.Dockerfile"),
        *("--build-context", f"jars={jars}", str(HERE)),
        env=environment,
    )
