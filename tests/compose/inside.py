"""Use everything of the image that is loaded only when it is needed; runs in a container of it."""

import importlib
import json
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import streams
from streams.decode import compiled
from streams.web import assets

#: Of extras that the image does not have: Parquet files, the callback, the demo's terminal.
EXTRAS = {"pyarrow", "litellm"}
EVENT = {
    "ts": "2026-01-05T12:00:00Z",
    "model": "qwen/qwen3-32b",
    "prompt_tokens": 8,
    "completion_tokens": 2,
}


def tokenshare(*arguments: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(["tokenshare", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def missing() -> set[str]:
    """Import every module of ours; return the packages that some of them lack."""
    lacking = set()
    for module in pkgutil.walk_packages(streams.__path__, "streams."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            lacking.add((error.name or "").partition(".")[0])
    return lacking


def main() -> None:
    """Check all of it."""
    lacking = missing()
    assert lacking <= EXTRAS, lacking
    assert not (Path(streams.__file__).parents[1] / "pip").exists()
    assert shutil.which("cc") is None
    assert compiled.IS_COMPILED
    assert assets.chart_library() is not None
    text = "Wie spät ist es eigentlich gerade in Tokio, weißt du das vielleicht?"
    assert '"language":"de"' in tokenshare("language", text)
    assert '"de"' in tokenshare("language", "--tags", "German")
    with tempfile.TemporaryDirectory() as name:
        events = Path(name) / "events.ndjson"
        events.write_text("".join(json.dumps(EVENT) + "\n" for _ in range(100)))
        report = Path(name) / "report.html"
        tokenshare("report", str(events), "--html", str(report))
        assert "<svg" in report.read_text()
    print(f"{len(sys.modules)} modules loaded; the image lacks {', '.join(sorted(lacking))}")


if __name__ == "__main__":
    main()
