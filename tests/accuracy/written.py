"""Figures about languages: measured, printed and written as results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streams.classify.language.detect import HAS_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable


def write(figures: Callable[[], object], documentation: str | None, results: Path) -> None:
    """Measure, print, and write the results. Raises SystemExit without the detectors."""
    parser = argparse.ArgumentParser(description=(documentation or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, default=results, metavar="FILE")
    given = parser.parse_args()
    if not HAS_MODEL:
        sys.exit("the detectors are missing: pip install 'tokenshare[language]'")
    written = json.dumps(figures(), indent=1)
    print(written)
    given.json.write_text(written + "\n", encoding="utf-8")
