"""Build the image, run the manual's compose lines on a Docker engine, and check what they promise.

`run.py image` builds the image and uses it; `run.py compose` does all of it.

Takes the engine of this machine where one answers, with a project of its own beside others there,
and the tag of the image is this tree's from then on. Otherwise root on Debian sets one up from
packages (see engine.py), with images made of packages as well (images.py): they prove the project's
own files, not those of Kafka, Prometheus or Grafana. Anywhere else it says why it does nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import images
from deployment import Check
from image import Image
from manual_lines import READABLE, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = images.ROOT


@contextmanager
def an_engine(directory: Path, *, is_for_compose: bool) -> Iterator[engine.Engine | None]:
    """Yield this machine's engine, or one of our own with its images, or None."""
    asked = [["docker", "compose", "version"], ["docker", "info"]]
    if shutil.which("docker") and not any(
        subprocess.run(each, capture_output=True, check=False).returncode for each in asked
    ):
        yield engine.Engine(dict(os.environ))
    elif reason := engine.why_none_can_be_set_up(directory):
        print(f"skipped: no Docker engine answers, and none can be set up here ({reason})")
        yield None
    else:
        with engine.started(directory) as own:
            images.build(own.environment, directory, _jars() if is_for_compose else None)
            yield own


def _jars() -> Path:
    engine.install({"java": "openjdk-17-jre-headless", "mvn": "maven"})
    sys.path.insert(0, str(ROOT / "tests/kafka"))
    from apache import jars

    return jars()


def copied_tree(directory: Path) -> Path:
    """Return a copy of what git knows of the tree, since the lines write a file .env.

    Nobody else may read it, as in a checkout with umask 077.
    """
    listed = engine.run(
        *("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=ROOT
    )
    tree = directory / "tree"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    engine.run("chmod", "--recursive", "go-rwx", str(tree))
    return tree


def main(target: str) -> int:
    """Run all lines and all checks, or those of the image alone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tokenshare-compose-") as name:
        directory = Path(name)
        with an_engine(directory, is_for_compose=target == "compose") as used:
            if used is None:
                return 0
            print(f"an engine with images after {time.monotonic() - began:.0f} s", flush=True)
            tree = copied_tree(directory)
            image = Image(used, tree)
            if target == "image":
                image.build()
                image.check()
            else:
                _compose(Check(used, tree), image)
    print(f"all passed after {time.monotonic() - began:.0f} s")
    return 0


def _compose(check: Check, image: Image) -> None:
    try:
        check.line(READABLE)
        for line in lines():
            check.line(line)
        image.check()
        check.health()
        check.pages()
        check.volumes()
        check.survives()
    except (AssertionError, SystemExit):
        check.compose("ps", "--all")
        check.compose("logs", "--tail=20")
        raise
    finally:
        check.compose("down", "--volumes")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
