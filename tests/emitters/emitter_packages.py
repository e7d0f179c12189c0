"""The packages that write to us, in the versions that files beside this one pin.

They come from the registries once, into the user's cache directory, where Kafka's jars are too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from apache import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
FETCH_SECONDS = 500


class MissingPackagesError(RuntimeError):
    """A tool is not installed, or the packages cannot be fetched; the message says which."""


def python() -> Path:
    """Return the interpreter of an environment with the Python packages."""
    files = [REQUIREMENTS]
    target = _cached(f"emitters-python{sys.version_info[1]}", files, _make_environment)
    return target / "bin/python"


def modules() -> Path:
    """Return a directory with Node's packages and the program beside them."""
    _need("npm", "npm")
    return _cached("emitters-node", [*(HERE / "node").iterdir()], _make_modules)


def jars() -> Path:
    """Return a directory with the program's classes and its jars in `libs`."""
    _need("javac", "openjdk-17-jdk-headless")
    _need("mvn", "maven")
    return _cached("emitters-java", [*(HERE / "java").iterdir()], _make_classes)


def _need(tool: str, package: str) -> None:
    if shutil.which(tool) is None:
        raise MissingPackagesError(f"{tool} is not installed (Debian package {package})")


def _cached(name: str, files: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """Return a directory of the cache that `make` has filled from files, anew if they changed."""
    content = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokenshare"
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{name}-{content[:16]}"
    with locked(name, cache):
        if (target / "whole").exists():
            return target
        for stale in cache.glob(f"{name}-*"):
            shutil.rmtree(stale)
        # An environment cannot be moved, so a mark says that nothing was cut off.
        target.mkdir()
        for file in files:
            shutil.copy(file, target)
        make(target)
        (target / "whole").touch()
    return target


def _make_environment(target: Path) -> None:
    # With this interpreter's own pip: to install one there takes longer than to have it fail.
    _run([sys.executable, "-m", "venv", "--without-pip", str(target)], target)
    pip = ["-m", "pip", "--python", str(target / "bin/python"), "--disable-pip-version-check"]
    _run([sys.executable, *pip, "install", "--quiet", "--no-deps", "-r", REQUIREMENTS.name], target)


def _make_modules(target: Path) -> None:
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], target)


def _make_classes(target: Path) -> None:
    sources = target / "src"
    sources.mkdir()
    for source in target.glob("*.java"):
        source.rename(sources / source.name)
    copying = ["dependency:copy-dependencies", "-DoutputDirectory=libs"]
    _run(["mvn", "-q", "-B", "-Dstyle.color=never", "compile", *copying], target)


def _run(command: Sequence[str], where: Path) -> None:
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command,
            cwd=where,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            timeout=FETCH_SECONDS,
        )
        if done.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace")[-2000:]
            raise MissingPackagesError(f"{Path(command[0]).name} cannot get the packages:\n{last}")
