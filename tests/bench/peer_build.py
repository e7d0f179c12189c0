"""Build the peers, which are Java, with Maven; peers.py describes them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import apache

if TYPE_CHECKING:
    from collections.abc import Iterable


SOURCES = Path(__file__).with_name("peers")

#: Jars whose versions belong to a figure.
JARS = (
    "kafka-streams",
    "flink-streaming-java",
    "flink-connector-kafka",
    "kafka-clients",
    "dsl-json",
)


def build(pom: str) -> Path:
    """Return the directory with a pom's jars and classes, built on first use.

    Raises apache.MissingToolError.
    """
    if shutil.which("javac") is None:
        raise apache.MissingToolError(
            "javac is not installed (Debian package openjdk-17-jdk-headless)"
        )
    files = [*sorted(SOURCES.glob("*.java")), SOURCES / f"{pom}.xml"]
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    # Where Kafka's jars are too: never in the tree.
    cache = apache.jars().parent
    target = cache / f"peers-{pom}-{content[:16]}"
    with apache.locked(f"peers-{pom}", cache):
        if not target.is_dir():
            _build(pom, target)
    return target


def _build(pom: str, target: Path) -> None:
    for stale in target.parent.glob(f"peers-{pom}-*"):
        shutil.rmtree(stale)
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        fresh = Path(directory) / "build"
        (fresh / "src").mkdir(parents=True)
        shutil.copy(SOURCES / f"{pom}.xml", fresh / "pom.xml")
        for source in SOURCES.glob("*.java"):
            # What only the other one's jars can compile is left out.
            if source.stem.lower().startswith(pom) or not source.stem.startswith(
                ("Streams", "Flink")
            ):
                shutil.copy(source, fresh / "src")
        command = ["mvn", "-q", "-B", "-Dstyle.color=never", "compile"]
        subprocess.run(
            [*command, "dependency:copy-dependencies", "-DoutputDirectory=libs"],
            cwd=fresh,
            check=True,
            # What stdout gets is the report.
            stdout=sys.stderr,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        fresh.rename(target)


def jar_versions(built: Iterable[Path]) -> dict[str, str]:
    """Return the versions of the jars that matter, by artifact; Flink's client is another one."""
    libraries = [directory / "libs" for directory in built]
    return {
        name: ", ".join(
            sorted(
                {
                    jar.stem.removeprefix(f"{name}-")
                    for libs in libraries
                    for jar in libs.glob(f"{name}-[0-9]*.jar")
                }
            )
        )
        for name in JARS
    }
