"""Adds up rows of random keys with the compiled code, and compares with one row after the other.

Runs within `sanitize.py`, which builds the code that watches its memory. numpy's arrays have
exactly the length of the rows.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np

#: About the sizes at which the hash table grows, and none.
ROWS = (0, 1, 2, 511, 512, 513, 2_048, 2_049, 2_050, 5_000)
#: Bounds of the keys: all rows fall together, some do, none does.
KEYS = (1, 300, 2**40)
#: Sums have to fit in 64 bits.
LARGEST = 2**40


def load(path):
    """Return the module in a file."""
    spec = importlib.util.spec_from_file_location("streams.counting.group", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(group, rows, bound, random):
    """Add up rows. Raises AssertionError where the sums are wrong."""
    first, second = (random.integers(-bound, bound, rows) for _ in range(2))
    first[:1], second[-1:] = -(2**63), 2**63 - 1
    columns = [random.integers(0, LARGEST, rows) for _ in range(2)]
    sums: dict[tuple[int, int], list[int]] = {}
    lists = (each.tolist() for each in (first, second, *columns))
    for one, other, *values in zip(*lists, strict=True):
        mine = sums.setdefault((one, other), [0, 0])
        mine[:] = [a + b for a, b in zip(mine, values, strict=True)]
    firsts, seconds, found = group(first, second, columns)
    keys = list(zip(firsts.tolist(), seconds.tolist(), strict=True))
    assert keys == list(sums), "wrong keys"
    assert np.array(found).T.tolist() == list(sums.values()), "wrong sums"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    chosen = parser.parse_args()
    group, random = load(chosen.module).group, np.random.default_rng(chosen.seed)
    for number in range(chosen.runs):
        check(group, ROWS[number % len(ROWS)], KEYS[number % len(KEYS)], random)
    print(f"{chosen.runs} additions of rows")


if __name__ == "__main__":
    main()
