"""Print which part of lines and branches the last run under coverage reached, by folder."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from coverage import Coverage


def by_folder(files: dict[str, dict[str, dict[str, int]]]) -> dict[str, Counter[str]]:
    """Return the sums of coverage's figures by the folder below streams/, and of all."""
    sums: dict[str, Counter[str]] = {}
    for path, found in sorted(files.items()):
        parts = Path(path).parts
        folder = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
        for each in (folder, "all"):
            sums.setdefault(each, Counter()).update(
                {name: value for name, value in found["summary"].items() if isinstance(value, int)}
            )
    return sums


def percent(part: int, whole: int) -> str:
    """Return a part in percent, as text."""
    return f"{100 * part / whole:6.1f} %" if whole else "       -"


def main() -> None:
    """Read .coverage and print a line a folder."""
    measured = Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "coverage.json"
        measured.json_report(outfile=str(path))
        files = json.loads(path.read_text())["files"]
    print(f"{'folder':24}   lines  branches")
    sums = by_folder(files)
    for folder, each in sorted(sums.items(), key=lambda pair: (pair[0] == "all", pair[0])):
        lines = percent(each["covered_lines"], each["num_statements"])
        branches = percent(each["covered_branches"], each["num_branches"])
        print(f"{folder:24}{lines}  {branches}")


if __name__ == "__main__":
    main()
