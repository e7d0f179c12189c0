"""The arguments that all fuzzers have."""

from __future__ import annotations

import argparse
from random import SystemRandom


def parser(document: str, runs: int) -> argparse.ArgumentParser:
    """Return a parser of runs, seed and seconds; `document` is the program's docstring."""
    of_all = argparse.ArgumentParser(description=document.splitlines()[0])
    of_all.add_argument("--runs", type=int, default=runs)
    of_all.add_argument("--seed", type=int, default=SystemRandom().randrange(10**9))
    of_all.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    return of_all
