"""Reads broken record batches through the real entry point, and compares with the code in Python.

Runs within `sanitize.py`, which builds the scanner that watches its memory. Every buffer that the
scanner is given is a copy of exactly its length: behind it lies memory that nobody may touch.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import mmap
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np

#: Batches that one reader reads: what it has learnt from them must not matter.
READER_BATCHES = 200
#: Values that are read as lines of a file, as often as one batch in so many.
LINES = 8
LIMIT = 10_000


class WrongError(AssertionError):
    """A batch was read wrongly."""


def load(path):
    """Load a scanner from its file, in the place of the installed one."""
    import streams.decode as package

    spec = importlib.util.spec_from_file_location("streams.decode.scan", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = package.scan = module
    spec.loader.exec_module(module)
    return module


class ExactScan:
    """The scanner's module, whose scanners read copies of exact length."""

    def __init__(self, scan):
        self._scan = scan

    def __getattr__(self, name):
        return getattr(self._scan, name)

    def Scanner(self, *arguments):  # noqa: N802 - as the module calls it
        return ExactScanner(self._scan.Scanner(*arguments), self._scan.Scanner(*arguments))


class ExactScanner:
    """A scanner that reads copies of exact length, and a spare one that reads them once more."""

    def __init__(self, scanner, spare):
        self._scanner, self._spare = scanner, spare
        self._read: list[tuple] = []

    def __getattr__(self, name):
        return getattr(self._scanner, name)

    def records(self, data, *arguments):
        found = self._scanner.records(exact(data), *arguments)
        # Only now: some are refused, and would be again.
        self._read.append((bytes(data), arguments))
        return found

    def read_damaged(self, random, count, note):
        """Read the largest batch since the last call in so many damaged forms.

        Return how many, and how many events they had. Nothing is compared, and what the spare
        scanner learns stays its own.
        """
        read, self._read = self._read, []
        if not read:
            return 0, 0
        from broken_batches import damaged

        (data, arguments), events = max(read, key=lambda each: len(each[0])), 0
        for _ in range(count):
            worse = damaged(data, random)
            note(worse)
            # The start of its records is given, and lies within what is left.
            start = min(arguments[0], len(worse))
            row, *_ = self._spare.records(exact(worse), start, *arguments[1:])
            events += row - arguments[-1]
        return count, events


def exact(data):
    """Return a copy of bytes in memory of exactly that length."""
    return np.frombuffer(data, dtype=np.uint8).copy() if len(data) else np.empty(0, np.uint8)


def is_watched():
    """Return whether the byte behind a buffer is one that the sanitizer reports."""
    data = exact(b"x" * 61)
    is_poisoned = ctypes.CDLL(None).__asan_address_is_poisoned
    is_poisoned.argtypes = [ctypes.c_void_p]
    at = data.ctypes.data
    return not is_poisoned(at + 60) and bool(is_poisoned(at + 61))


class Readers:
    """A reader of compiled code and one of Python, with the same classifier and options."""

    def __init__(self, random, catalog):
        from streams.classify.classifier import Classifier
        from streams.decode.options import Options, language_of
        from streams.decode.reader import Reader

        options = Options(
            random.choice((LIMIT, LIMIT, 200)),
            format=random.choice(("auto", "auto", "native")),
            detect=random.choice((None, language_of)),
        )
        self.classifier = Classifier(catalog)
        with_ids = random.random() < 0.5
        self.compiled = Reader(self.classifier, options, with_ids=with_ids)
        with in_python():
            self.python = Reader(self.classifier, options, with_ids=with_ids)

    @property
    def scanner(self) -> ExactScanner:
        """The scanner of the compiled reader."""
        return cast("ExactScanner", self.compiled._scanner)

    def check(self, raws, start, end, *, is_compared):
        """Return what compiled code reads, compared with Python. Raises WrongError."""
        found = self._facts(self.compiled.read(start, end, raws))
        with in_python():
            expected = self._facts(self.python.read(start, end, raws))
        if not is_compared:
            return found
        for name, mine in found.items():
            if mine != expected[name]:
                raise WrongError(f"{name} differ: {mine!r} is {expected[name]!r} in Python")
        return found

    def check_lines(self, values):
        """Compare what both read in values without records around them. Raises WrongError."""
        found = [self._facts(each) for each in self.compiled.values(0, values)]
        with in_python():
            expected = [self._facts(each) for each in self.python.values(0, values)]
        if found != expected:
            raise WrongError(f"lines differ: {found!r} is {expected!r} in Python")

    def _facts(self, reading):
        rows, tables = reading.rows, self.classifier.keys.pairs()
        return {
            "offsets": rows.offsets.tolist(),
            "times": [None if np.isnan(ts) else ts for ts in rows.ts.tolist()],
            "counts": [rows.prompt.tolist(), rows.completion.tolist()],
            "names": [tables.model[rows.pair].tolist(), tables.cell[rows.pair].tolist()],
            "tenants": rows.tenant.tolist(),
            "formats": rows.format.tolist(),
            "ids": _places(rows.id.tolist()),
            "rejected": [(at, each.reason) for at, each in reading.rejected],
            "skipped": dict(reading.skipped),
            "corrupt": [(each.first, each.last) for each in reading.corrupt],
        }


def _places(ids):
    """Return where each id comes first, None for none: both kinds of reader hash in their way."""
    return [ids.index(each) if each else None for each in ids]


@contextmanager
def in_python():
    """Read without compiled code."""
    from streams.decode import compiled

    compiled.IS_COMPILED = False
    try:
        yield
    finally:
        compiled.IS_COMPILED = True


def check_outcomes(found, broken, start, end):
    """Compare the offsets that have an outcome with those that were read. Raises WrongError."""
    corrupt = [at for first, last in found["corrupt"] for at in range(first, last + 1)]
    read = {*found["offsets"], *(at for at, _ in found["rejected"])}
    if not read.isdisjoint(corrupt) or len({*corrupt}) < len(corrupt):
        raise WrongError("an offset has two outcomes")
    missing = {*range(start, end)} - read - {*corrupt}
    # A skipped record has no offset in a reading; one record may hold several skipped items.
    if len(missing) > sum(found["skipped"].values()):
        raise WrongError(f"{len(missing)} offsets have no outcome")
    if not missing <= {*range(broken.first, broken.last + 1)}:
        raise WrongError("a neighbour has no outcome")


def check(readers, broken, random):
    """Read a broken batch between two sound ones. Raises WrongError."""
    from broken_batches import NEIGHBOURS, sound

    end = broken.last + 1 + NEIGHBOURS
    start = random.choice((0, 0, random.randrange(end)))
    raws = [sound(0), broken.raw, sound(broken.last + 1)]
    views = [memoryview(exact(each)) for each in raws]
    found = readers.check(views, start, end, is_compared=broken.keeps_base)
    if broken.keeps_offsets:
        check_outcomes(found, broken, start, end)
    return found


def run(runs, damages, seed, seconds, note):
    """Read so many broken batches, each after a call of `note` with it; return the totals.

    The records of each are read in `damages` more forms, by compiled code alone: that takes an
    `ExactScanner`.
    """
    from broken_batches import BatchMutator

    from streams.classify.origin.catalog import Catalog

    random, catalog, began = Random(seed), Catalog.load(), time.monotonic()
    mutator = BatchMutator(random)
    totals = {"batches": 0, "events": 0, "corrupt": 0, "damaged": 0, "events in damaged": 0}
    while totals["batches"] < runs and time.monotonic() - began < seconds:
        if totals["batches"] % READER_BATCHES == 0:
            readers = Readers(random, catalog)
        broken = mutator.next()
        note(broken.raw)
        found = check(readers, broken, random)
        if totals["batches"] % LINES == 0:
            lines = [mutator.value()[0] for _ in range(LINES)]
            note(b"\n\n".join(lines))
            readers.check_lines(lines)
        totals["batches"] += 1
        if damages:
            count, events = readers.scanner.read_damaged(random, damages, note)
            totals["damaged"] += count
            totals["events in damaged"] += events
        totals["events"] += len(found["offsets"])
        totals["corrupt"] += len(found["corrupt"])
    return totals


def noted_in(path, size=4 << 20):
    """Return a function that keeps bytes in a file, which outlives this process."""
    path.write_bytes(bytes(size))
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), size)

    def note(data):
        memory[:8] = min(len(data), size - 8).to_bytes(8, "big")
        memory[8 : 8 + len(data)] = data[: size - 8]

    return note


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scanner", type=Path)
    parser.add_argument("last", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--damages", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    chosen = parser.parse_args()
    scan = load(chosen.scanner)
    if not is_watched():
        sys.exit("the sanitizer does not watch the memory behind a buffer")
    from streams.decode import compiled

    compiled.scan = cast("Any", ExactScan(scan))
    note = noted_in(chosen.last)
    totals = run(chosen.runs, chosen.damages, chosen.seed, chosen.seconds, note)
    print(", ".join(f"{count} {name}" for name, count in totals.items()))


if __name__ == "__main__":
    main()
