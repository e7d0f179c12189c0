"""A Docker engine of Debian's packages: unpacked, not installed, and in namespaces of its own.

All of it, its containers included, descends from one process, and ends with it. What is left are a
rule of the firewall and empty control groups, which are removed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What the engine needs of this machine, with the package that brings it.
TOOLS = {"runc": "runc", "iptables": "iptables", "ip": "iproute2", "mmdebstrap": "mmdebstrap"}
#: The release of the images. Its runc wants a newer C library than an older Debian has.
RELEASE = "trixie"
#: A pattern for apt: the package is called like a registry's host, which no file may name.
DAEMON = "?name(^docker[.]io$)"
PACKAGES = ("containerd", DAEMON, "docker-buildx", "docker-cli", "docker-compose", "tini")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
START_SECONDS = 60.0
#: All images, with what they are built from.
DISK_BYTES = 8_000_000_000
GROUPS = Path("/sys/fs/cgroup")
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True)
class Engine:
    """How to reach an engine: the client's environment, and what runs a command in its network."""

    environment: Mapping[str, str]
    inside: tuple[str, ...] = ()


def why_none_can_be_set_up(directory: Path) -> str | None:
    """Return what is missing for an engine of our own with its files in a directory, or None."""
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("apt-get") is None or platform.freedesktop_os_release()["ID"] != "debian":
        return "not Debian"
    # In a container without rights of its own root may do neither.
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode:
        return "no right to make namespaces"
    if not any(os.access(group, os.W_OK) for group in (GROUPS, *GROUPS.glob("*/"))):
        return "no control groups"
    if shutil.disk_usage(directory).free < DISK_BYTES:
        return f"less than {DISK_BYTES / 1e9:.0f} GB of disk"
    return None


def install(tools: Mapping[str, str]) -> None:
    """Install the packages of those tools that are missing."""
    packages = [package for tool, package in tools.items() if shutil.which(tool) is None]
    if packages:
        print("installing", *packages, flush=True)
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=quiet)


def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command and return what it prints. Raises SystemExit with its errors if it fails."""
    done = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(
            f"{' '.join(command)}: {done.returncode}\n{(done.stdout + done.stderr)[-5000:]}"
        )
    return done.stdout


def source() -> str:
    """Return apt's line for the images' release, from where this machine gets its own release."""
    own = platform.freedesktop_os_release()["VERSION_CODENAME"]
    targets = run(
        "apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"
    )
    mirrors = dict(line.split(" ", 1) for line in targets.splitlines())
    mirror = mirrors.get(own) or mirrors.get("stable")
    if mirror is None:
        raise SystemExit(f"apt has no source of {own}")
    return f"deb [signed-by={KEYRING}] {mirror} {RELEASE} main"


def _unpack(directory: Path) -> Path:
    """Return a directory with the engine's files, from packages that are downloaded."""
    debs, root = directory / "debs", directory / "root"
    for each in (debs / "partial", directory / "state" / "lists" / "partial"):
        each.mkdir(parents=True)
    (directory / "sources.list").write_text(f"{source()}\n")
    settings = {
        "Dir::Etc::SourceList": directory / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": directory / "state",
        "Dir::Cache": directory / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    run(*apt, "update")
    run(*apt, "download", *PACKAGES, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        run("dpkg-deb", "-x", str(deb), str(root))
    plugins = directory / "client" / "cli-plugins"
    plugins.parent.mkdir()
    plugins.symlink_to(root / "usr/libexec/docker/cli-plugins")
    return root


def _wait(process: subprocess.Popen[bytes], environment: Mapping[str, str], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    asked = ["docker", "version"]
    while subprocess.run(asked, env=environment, capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the engine does not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)


@contextmanager
def _way_out(inside: tuple[str, ...], pid: int) -> Iterator[None]:
    """Lead what the engine's network sends elsewhere through this machine's."""
    # 198.18.0.0/15 is for tests of networks; two engines at once differ by their process.
    third, fourth = divmod(pid % 16384 * 4, 256)
    net = f"198.18.{third}"
    name = f"compose{pid}"[:15]
    rule = ("POSTROUTING", "--source", f"{net}.{fourth}/30", "--jump", "MASQUERADE")
    run("ip", "link", "add", name, "type", "veth", "peer", "name", "out", "netns", str(pid))
    run("ip", "address", "add", f"{net}.{fourth + 1}/30", "dev", name)
    run("ip", "link", "set", name, "up")
    run(*inside, "ip", "address", "add", f"{net}.{fourth + 2}/30", "dev", "out")
    run(*inside, "ip", "link", "set", "out", "up")
    run(*inside, "ip", "route", "add", "default", "via", f"{net}.{fourth + 1}")
    forwarding = FORWARDING.read_text()
    FORWARDING.write_text("1")
    run("iptables", "--table", "nat", "--append", *rule)
    try:
        yield
    finally:
        run("iptables", "--table", "nat", "--delete", *rule)
        FORWARDING.write_text(forwarding)


def _remove_groups(name: str) -> None:
    for top in GROUPS.rglob(name):
        for group, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(group).rmdir()


@contextmanager
def started(directory: Path) -> Iterator[Engine]:
    """Run an engine whose files and data are in a directory."""
    install(TOOLS)
    root = _unpack(directory)
    environment = os.environ | {
        "PATH": f"{root}/usr/bin:{root}/usr/sbin:{os.environ['PATH']}",
        "DOCKER_HOST": f"unix://{directory}/docker.sock",
        "DOCKER_CONFIG": str(directory / "client"),
    }
    command = [
        *NAMESPACES,
        *("sh", "-c", 'ip link set lo up && exec dockerd "$@"', "dockerd"),
        *("--host", environment["DOCKER_HOST"], "--pidfile", f"{directory}/pid"),
        *("--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec"),
        *("--userland-proxy-path", f"{root}/usr/sbin/docker-proxy"),
        *("--init-path", f"{root}/usr/bin/tini-static"),
        *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{directory.name}"),
    ]
    log = directory / "engine.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait(process, environment, log)
        inside = ("nsenter", f"--net=/proc/{process.pid}/ns/net", "--")
        with _way_out(inside, process.pid):
            yield Engine(environment, inside)
    finally:
        process.kill()
        process.wait()
        _remove_groups(directory.name)
