"""The arguments that all fuzzers have."""

from __future__ import annotations

import argparse
from random import SystemRandom


def chosen(document: str, runs: int) -> argparse.Namespace:
    """Return runs, seed and seconds; `document` is the program's docstring."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**9))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    return parser.parse_args()
